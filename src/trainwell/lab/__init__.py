"""The lab: claims of the book as experiments that anyone can run.

A claim is one file in `claims`; `carry_out` measures it and remembers what was measured; `records` holds what came out
when the whole of it was run.
"""
