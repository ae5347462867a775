"""Warm up, hold, cut: the rate rises, stays while it goes well, and is cut when the loss stops falling."""

from collections.abc import Sequence

from trainwell.schedules import ramp, schedules
from trainwell.schedules.plateau import cut


@schedules.add(
    "warmup_hold_plateau",
    paper="https://arxiv.org/abs/1706.02677",
    tune={"warmup": (0.01, 0.2, "log"), "factor": (0.1, 0.5, "log"), "patience": (2, 5, 10)},
    limits={
        "warmup": "(0, 1)",
        "start": "[0, 1]",
        "factor": "(0, 1)",
        "patience": "[1, inf)",
        "threshold": "[0, 1)",
        "cooldown": "[0, inf)",
        "final": "[0, 1]",
    },
    needs_loss=True,
    own_warmup=True,
)
def warmup_hold_plateau(
    progress: float,
    losses: Sequence[float],
    *,
    warmup: float = 0.1,
    start: float = 0.01,
    factor: float = 0.5,
    patience: int = 5,
    threshold: float = 1e-4,
    cooldown: int = 0,
    final: float = 0.0,
) -> float:
    """The rate rises from near 0, stays at its peak while the loss falls, and is halved each time that it stops.

    Definition: start + (1 - start) progress / w up to progress w, the argument `warmup`; behind it what `plateau` makes
    of the losses so far. Epochs of the warm-up count among them; no cut shows before its end.

    Reach for it when a high peak needs a warm-up and it is not known how long the training will take.

    Leave it when the validation split is small, so that its loss jumps about, or when the length of the run is known:
    `cosine` behind a warm-up needs no loss.

    Cost: the steps of the warm-up, and the epochs that it waits before each cut; patience and factor are to be chosen.

    Args:
        progress: In [0, 1].
        losses: Monitored loss at the end of each epoch so far, the oldest first.
        warmup: Share of the run in which the rate rises.
        start: Multiplier at the start; not 0 by default, as the first step would then move nothing.
        factor: By what the rate is multiplied at each cut.
        patience: Epochs without improvement that bring a cut.
        threshold: Share of the best loss by which it has to fall to count as improved.
        cooldown: Epochs after a cut that are not counted.
        final: Least multiplier behind the warm-up.

    Returns:
        In [0, 1].

    Reference:
        The rise: Goyal et al., "Accurate, Large Minibatch SGD: Training ImageNet in 1 Hour", 2017, section 2.2. The
        cuts: Senior, Heigold, Ranzato, Yang, "An empirical study of learning rates in deep neural networks for speech
        recognition", 2013.
    """
    if progress < warmup:
        return ramp(progress, warmup, start)
    return cut(losses, factor, patience, threshold, cooldown, final)
