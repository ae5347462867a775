"""`tune`: the chain of `fit`, with a search between the checks and the training. One stage or idea a file."""
