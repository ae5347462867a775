"""Plateau: the rate is cut when the loss stops falling."""

import math
from collections.abc import Sequence

from trainwell.schedules import schedules


@schedules.add(
    "plateau",
    paper="https://doi.org/10.1109/ICASSP.2013.6638963",
    tune={"factor": (0.1, 0.5, "log"), "patience": (2, 5, 10)},
    limits={
        "factor": "(0, 1)",
        "patience": "[1, inf)",
        "threshold": "[0, 1)",
        "cooldown": "[0, inf)",
        "final": "[0, 1]",
    },
    needs_loss=True,
    own_warmup=False,
)
def plateau(
    progress: float,  # noqa: ARG001
    losses: Sequence[float],
    *,
    factor: float = 0.5,
    patience: int = 5,
    threshold: float = 1e-4,
    cooldown: int = 0,
    final: float = 0.0,
) -> float:
    """The rate is halved each time that the loss has not improved for some epochs.

    Definition: 1 at first, times `factor` after every `patience` epochs in a row of which none had a loss below
    best - threshold |best|, best being that of the last epoch that had one. As in Keras; torch's `ReduceLROnPlateau`
    waits for one epoch more at the same `patience`.

    Reach for it when it is not known how long the training will take: each cut comes when a rate has given what it can.

    Leave it when the validation split is small: its loss jumps about, and chance decides when the rate falls. The loss
    can also rise by overfitting, against which a lower rate does little. `cosine` needs no loss.

    Cost: nothing but the epochs that it waits; patience and factor are to be chosen.

    Args:
        progress: Not needed.
        losses: Monitored loss at the end of each epoch so far, the oldest first.
        factor: By what the rate is multiplied at each cut.
        patience: Epochs without improvement that bring a cut.
        threshold: Share of the best loss by which it has to fall to count as improved.
        cooldown: Epochs after a cut that are not counted.
        final: Least multiplier.

    Returns:
        In [final, 1]; 1 before the first epoch has ended.

    Reference:
        Senior, Heigold, Ranzato, Yang, "An empirical study of learning rates in deep neural networks for speech
        recognition", 2013, on performance scheduling.
    """
    return cut(losses, factor, patience, threshold, cooldown, final)


def cut(losses: Sequence[float], factor: float, patience: int, threshold: float, cooldown: int, final: float) -> float:
    """What the losses so far have cut the rate to; see `plateau`. Pure, and one pass, as it is asked in every step."""
    multiplier, below, waited, cooling = 1.0, math.inf, 0, 0
    for loss in losses:
        waited += 1
        if loss < below:
            below = loss - threshold * abs(loss)
            waited = 0
        if cooling:
            cooling -= 1
            waited = 0
        if waited >= patience:
            multiplier = max(final, multiplier * factor)
            cooling, waited = cooldown, 0
    return multiplier
