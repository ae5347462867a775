"""The chain of the book over a run folder: look, check, rate, train, read the curves, verdict."""
