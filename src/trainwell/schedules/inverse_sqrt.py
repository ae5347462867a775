"""Inverse square root: the rate falls ever more slowly."""

import math

from trainwell.schedules import schedules


@schedules.add(
    "inverse_sqrt",
    paper="https://arxiv.org/abs/1706.03762",
    tune={"offset": (0.01, 1.0, "log")},
    limits={"offset": "(0, inf)"},
    needs_loss=False,
    own_warmup=False,
)
def inverse_sqrt(progress: float, *, offset: float = 0.1) -> float:
    """The rate falls as one over the square root of the steps, ever more slowly.

    Definition: 1 / sqrt(1 + progress / offset). Behind a warm-up of the share offset / (1 + offset) of the run it is
    the schedule of the Transformer, min(t / w, sqrt(w / t)) at step t of which w warm up: the default fits a warm-up of
    a tenth, nearly.

    Reach for it when the end of the run is not known, or the run may go on: in steps, what it does now does not depend
    on how many follow.

    Leave it when the length is known: the rate does not come near 0 (0.3 at the end by default), and the noise stays in
    the weights. `linear` and `cosine` end lower.

    Cost: nothing; the offset goes with the warm-up.

    Args:
        progress: In [0, 1].
        offset: Share of the run in which the rate falls to 1 / sqrt(2).

    Returns:
        In (0, 1].

    Reference:
        Vaswani et al., "Attention Is All You Need", 2017, section 5.3, equation 3.
    """
    return 1.0 / math.sqrt(1.0 + progress / offset)
