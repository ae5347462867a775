"""Cosine: the rate falls slowly, then fast, then slowly."""

from trainwell.schedules import half_cosine, schedules


@schedules.add(
    "cosine",
    paper="https://arxiv.org/abs/1608.03983",
    tune={"final": (0.0, 0.1)},
    limits={"final": "[0, 1]"},
    needs_loss=False,
    own_warmup=False,
)
def cosine(progress: float, *, final: float = 0.0) -> float:
    """The rate falls along half a cosine: slowly, then fast, then slowly.

    Definition: final + (1 - final) (1 + cos(pi progress)) / 2.

    Reach for it when the length of the run is known: it stays long near the peak and settles long at the end.

    Leave it when the run may be stopped early or made longer: the weights in the middle of the run have a high rate
    behind them.

    Cost: nothing; nothing to tune but the peak.

    Args:
        progress: In [0, 1].
        final: Multiplier at the end.

    Returns:
        In [final, 1].

    Reference:
        Loshchilov, Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts", 2017, equation 5.
    """
    return half_cosine(1.0, final, progress)
