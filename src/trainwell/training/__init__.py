"""Training: the loop, checkpoints, precision and speed."""
