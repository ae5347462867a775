"""Many trainings at once: what to try, how to run it, and what came of it.

A `Trial` says what is to be trained, a `Runner` trains trials (in turn, side by side, fused into one, or on a cluster),
a `Judge` says while they train which of them are not worth going on with, and a `Result` says what came of each.
"""
