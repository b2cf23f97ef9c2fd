"""The command line: flags, modes, and messages about mistakes."""
