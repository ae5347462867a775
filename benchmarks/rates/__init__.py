"""The learning-rate range test against full sweeps: problems, trainings, and the rules of other programs."""
