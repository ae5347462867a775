"""SWA: the plain mean of the weights of the last part of a run."""

from torch import nn

from trainwell.averages import Average, averages


class Swa(Average):
    """Equal average of the weights from a step on.

    How many weights the average holds follows from the number of the step, so that the weights are all there is to
    save.

    Args:
        start_share: Share of the run at which averaging begins.
        every: Steps between two weights that are taken in.
    """

    def __init__(self, start_share: float, every: int) -> None:
        super().__init__()
        self.start_share = start_share
        self.every = every

    def update(self, model: nn.Module, step: int, total_steps: int) -> None:
        """Take in the weights after a step; see `Average.update`."""
        self.start(model)
        since = step - max(1, round(self.start_share * total_steps))
        if since <= 0:
            self._blend(1.0)
        elif since % self.every == 0:
            self._blend(1.0 / (since // self.every + 1))


@averages.add(
    "swa",
    paper="https://arxiv.org/abs/1803.05407",
    tune={"start": (0.5, 0.9)},
    limits={"start": "[0, 1]", "every": "[1, inf)"},
    writes_back=False,
)
def swa(*, start: float = 0.75, every: int = 1) -> Average:
    """The plain mean of the weights of the last part of the run, each counted alike.

    Definition: average <- average + (weights - average) / n for the n-th weights taken in: those after step s, the
    share `start` of the run, and after every `every` steps from there. Before s the average is the present weights. The
    running statistics of batch norm are averaged like weights, as all averages here do; the paper works them out anew
    with a pass over the training data.

    Reach for it when the rate stays high or goes in cycles to the end: the mean then lies in the middle of the flat
    region about which the weights wander.

    Leave it when the rate falls to near 0: weights that no longer move have nothing to average. `ema` forgets by itself
    and needs no start.

    Cost: a second copy of the weights, and one pass over both in each update (1.1x a step of a tiny network). `every`
    of a whole epoch, as in the paper, makes it free.

    Args:
        start: Share of the run at which averaging begins.
        every: Steps between two weights that are taken in.

    Returns:
        The average.

    Reference:
        Izmailov et al., "Averaging Weights Leads to Wider Optima and Better Generalization", 2018, section 3.2,
        algorithm 1.
    """
    return Swa(start, every)
