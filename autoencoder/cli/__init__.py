"""What `launch.py` does: flags, modes, and messages about mistakes."""
