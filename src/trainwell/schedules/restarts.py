"""Restarts: the rate falls along a cosine again and again."""

import bisect
import itertools

from trainwell.schedules import half_cosine, schedules


@schedules.add(
    "restarts",
    paper="https://arxiv.org/abs/1608.03983",
    tune={"cycles": (1, 2, 3, 4), "final": (0.0, 0.1)},
    limits={"cycles": "[1, 100]", "t_mult": "[1, 10]", "final": "[0, 1]"},
    needs_loss=False,
    own_warmup=False,
)
def restarts(progress: float, *, cycles: int = 3, t_mult: float = 2.0, final: float = 0.0) -> float:
    """The rate falls along a cosine, jumps back to its peak and falls again, more slowly each time (SGDR).

    Definition: `cosine` over cycles of the lengths 1, t_mult, t_mult^2, ... in proportion, which fill the run: with
    three cycles and t_mult 2 they end at 1/7, 3/7 and 1. Each ends at `final`.

    Reach for it when good weights are wanted before the end too: the end of each cycle is a place to stop, and the
    networks there can vote together.

    Leave it when only the end counts: the early cycles are spent, and one `cosine` of the whole length does as well or
    better.

    Cost: nothing; the number of cycles and their growth are to be chosen. The loss surges at each restart, which is no
    fault.

    Args:
        progress: In [0, 1].
        cycles: Number of cycles in the run.
        t_mult: How much longer each cycle is than the one before.
        final: Multiplier at the end of each cycle.

    Returns:
        In [final, 1].

    Reference:
        Loshchilov, Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts", 2017, equation 5 and section 3.
    """
    ends = [0.0, *itertools.accumulate(t_mult**cycle for cycle in range(cycles))]
    bounds = [end / ends[-1] for end in ends]
    cycle = min(bisect.bisect_right(bounds, progress), cycles)
    begin, end = bounds[cycle - 1], bounds[cycle]
    return half_cosine(1.0, final, (progress - begin) / (end - begin))
