"""How trials are run: in turn, side by side, fused into one training, or on a Ray cluster.

Every way trains what `work` and a `Trial` say, gives the same `Result` up to rounding, and goes by the same `Judge`.
The number of threads decides the last bits of a training: trials in turn take those of the recipe, side by side and on
Ray one each, and on one thread these three agree bit for bit. A fused training adds in an order of its own and agrees
in fp32 to about 1e-4 of a loss after a few epochs; like any rounding, a long training may amplify it.
"""
