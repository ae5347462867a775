"""Watching: what is seen of a training that somebody else's loop runs."""
