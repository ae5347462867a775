"""New samples, however they come, as the stored values that a run's data was read into.

Each kind of data is a file here (`images`, `tables`, `own`) that gives chunk after chunk, so that memory is bounded by
a chunk for files; `read` tells what came.
"""
