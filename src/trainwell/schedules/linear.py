"""Linear: the rate falls on a straight line."""

from trainwell.schedules import schedules


@schedules.add(
    "linear", paper="https://arxiv.org/abs/2310.07831", tune={"final": (0.0, 0.1)}, limits={"final": "[0, inf)"}
)
def linear(progress: float, *, final: float = 0.0) -> float:
    """Go from 1 to `final` on a straight line.

    Args:
        progress: In [0, 1].
        final: Multiplier at the end.

    Returns:
        1 + (final - 1) progress.

    Reference:
        Defazio et al., "Optimal Linear Decay Learning Rate Schedules and Further Refinements", 2023.
    """
    return 1.0 + (final - 1.0) * progress
