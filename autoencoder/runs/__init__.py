"""Run directories: experiment, options, checkpoints, metrics, provenance."""
