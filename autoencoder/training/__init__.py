"""Training: one pure step, two executors, one loop."""
