"""What a run leaves behind: its directory, checkpoints and provenance."""
