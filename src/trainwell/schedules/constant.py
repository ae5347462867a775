"""Constant: the rate stays."""

from trainwell.schedules import schedules


@schedules.add("constant", paper="https://doi.org/10.1214/aoms/1177729586", needs_loss=False, own_warmup=False)
def constant(progress: float) -> float:  # noqa: ARG001
    """The rate stays as it is.

    Definition: 1 throughout.

    Reach for it when probing, in trials of a few steps, or together with an average of the weights (`swa`, `ema`),
    which takes the place of a falling rate.

    Leave it when the last bit of quality counts: at the end it leaves the noise of the mini-batches in the weights.

    Cost: nothing.

    Args:
        progress: Not needed.

    Returns:
        1.

    Reference:
        Robbins, Monro, "A Stochastic Approximation Method", 1951, on why rates have to fall.
    """
    return 1.0
