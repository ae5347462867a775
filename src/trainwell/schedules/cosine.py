"""Cosine: the rate falls slowly, then fast, then slowly."""

import math

from trainwell.schedules import schedules


@schedules.add(
    "cosine", paper="https://arxiv.org/abs/1608.03983", tune={"final": (0.0, 0.1)}, limits={"final": "[0, 1]"}
)
def cosine(progress: float, *, final: float = 0.0) -> float:
    """Go from 1 to `final` on half a cosine.

    Args:
        progress: In [0, 1].
        final: Multiplier at the end.

    Returns:
        final + (1 - final) (1 + cos(pi progress)) / 2.

    Reference:
        Loshchilov, Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts", 2017, equation 5.
    """
    return final + (1.0 - final) * 0.5 * (1.0 + math.cos(math.pi * progress))
