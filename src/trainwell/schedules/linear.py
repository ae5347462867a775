"""Linear: the rate falls on a straight line."""

from trainwell.schedules import schedules


@schedules.add(
    "linear",
    paper="https://arxiv.org/abs/2310.07831",
    tune={"final": (0.0, 0.1)},
    limits={"final": "[0, 1]"},
    needs_loss=False,
    own_warmup=False,
)
def linear(progress: float, *, final: float = 0.0) -> float:
    """The rate falls on a straight line.

    Definition: 1 + (final - 1) progress.

    Reach for it when the length of the run is known: in the comparison of Defazio et al. it does as well as any, and
    theory gives it for the last iterate of SGD.

    Leave it when the run may be stopped early or made longer: the weights in the middle of the run have a high rate
    behind them. `inverse_sqrt` and `plateau` do not need to know the end.

    Cost: nothing; nothing to tune but the peak.

    Args:
        progress: In [0, 1].
        final: Multiplier at the end.

    Returns:
        In [final, 1].

    Reference:
        Defazio et al., "Optimal Linear Decay Learning Rate Schedules and Further Refinements", 2023.
    """
    return 1.0 + (final - 1.0) * progress
