"""The `Task` protocol, and functions that several experiments share."""
