"""What `evaluate` is made of: which samples, what a run says to them, figures, tests, pictures and files."""
