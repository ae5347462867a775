"""One cycle: the rate rises, then falls to almost nothing."""

from trainwell.schedules import half_cosine, schedules


@schedules.add(
    "one_cycle",
    paper="https://arxiv.org/abs/1708.07120",
    tune={"rise": (0.1, 0.5), "div": (5.0, 50.0, "log")},
    limits={"rise": "(0, 1)", "div": "[1, inf)", "final_div": "[1, inf)"},
    needs_loss=False,
    own_warmup=True,
)
def one_cycle(progress: float, *, rise: float = 0.3, div: float = 25.0, final_div: float = 1e4) -> float:
    """The rate rises from a fraction of the peak to the peak, then falls to almost nothing, once.

    Definition: half a cosine from 1 / div to 1 over the share `rise` of the run, then half a cosine from 1 to
    1 / (div final_div). The paper has straight lines and lets the momentum go the other way; the cosines are those of
    fastai and torch, and the momentum stays as it is set.

    Reach for it when a run is short and the peak high: the long rise takes the weights to where a high rate holds.

    Leave it when the run may be stopped early or made longer, or a warm-up of a few per cent is enough: then `cosine`
    behind a warm-up has more steps near the peak.

    Cost: nothing; the peak may be several times that of other schedules and is worth a search.

    Args:
        progress: In [0, 1].
        rise: Share of the run in which the rate rises.
        div: The peak over the rate at the start.
        final_div: The rate at the start over that at the end.

    Returns:
        In [1 / (div final_div), 1].

    Reference:
        Smith, Topin, "Super-Convergence: Very Fast Training of Neural Networks Using Large Learning Rates", 2018.
    """
    if progress < rise:
        return half_cosine(1.0 / div, 1.0, progress / rise)
    return half_cosine(1.0, 1.0 / (div * final_div), (progress - rise) / (1.0 - rise))
