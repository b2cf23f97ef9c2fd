"""The `Task` protocol, and what experiments of one kind share."""
