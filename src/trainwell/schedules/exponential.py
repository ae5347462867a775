"""Exponential: the rate falls by the same factor in every epoch."""

from trainwell.schedules import schedules


@schedules.add(
    "exponential",
    paper="https://doi.org/10.1109/ICASSP.2013.6638963",
    tune={"final": (0.001, 0.1, "log")},
    limits={"final": "(0, 1]"},
    needs_loss=False,
    own_warmup=False,
)
def exponential(progress: float, *, final: float = 0.01) -> float:
    """The rate falls by the same factor in every step.

    Definition: final^progress, which is gamma^t with gamma = final^(1 / T) after t of T steps.

    Reach for it when the rate has to sweep several decades, as when it is not known which of them is right.

    Leave it when the peak is right: it leaves it at once and spends half of the run below sqrt(final) of it. `cosine`
    and `linear` stay high for longer.

    Cost: nothing; the end is to be chosen, and matters more than with `cosine` and `linear`.

    Args:
        progress: In [0, 1].
        final: Multiplier at the end.

    Returns:
        In [final, 1].

    Reference:
        Senior, Heigold, Ranzato, Yang, "An empirical study of learning rates in deep neural networks for speech
        recognition", 2013.
    """
    return final**progress
