"""Step: the rate is cut at set times."""

from trainwell.errors import BadValue
from trainwell.schedules import schedules


@schedules.add(
    "step",
    paper="https://arxiv.org/abs/1512.03385",
    tune={"factor": (0.1, 0.5, "log")},
    limits={"factor": "(0, 1]"},
    needs_loss=False,
    own_warmup=False,
)
def step(progress: float, *, at: tuple[float, ...] = (0.5, 0.75), factor: float = 0.1) -> float:
    """The rate is cut to a tenth at set times, and stays in between.

    Definition: factor^m, m being the number of times in `at` that are reached. The default is the plan of ResNet on
    CIFAR-10: a tenth at half of the run and again at three quarters.

    Reach for it when following a paper that has it, or when the effect of each cut is to be seen in the curves.

    Leave it when there is no time to place the cuts: `cosine` and `linear` have none and do as well.

    Cost: nothing; the times and the factor are to be chosen.

    Args:
        progress: In [0, 1].
        at: Progress at each cut, each in [0, 1].
        factor: By what the rate is multiplied at each.

    Returns:
        In (0, 1].

    Raises:
        BadValue: A time is outside [0, 1].

    Reference:
        He, Zhang, Ren, Sun, "Deep Residual Learning for Image Recognition", 2016, section 4.2.
    """
    if not all(0.0 <= time <= 1.0 for time in at):
        raise BadValue(f"step.at={at} is not possible: expected shares of the run, each in [0, 1].")
    return factor ** sum(progress >= time for time in at)
