"""Constant: the rate stays."""

from trainwell.schedules import schedules


@schedules.add("constant")
def constant(progress: float) -> float:  # noqa: ARG001
    """Keep the rate: for probes and short trials; at the end it leaves the noise of the mini-batches in the weights.

    Args:
        progress: Not needed.

    Returns:
        1.

    Reference:
        Robbins, Monro, "A Stochastic Approximation Method", 1951, on why rates have to fall.
    """
    return 1.0
