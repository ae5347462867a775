"""EMA: an exponential moving average of the weights."""

from torch import nn

from trainwell.averages import Average, averages


class Ema(Average):
    """Exponential moving average.

    Args:
        decay: Share of the average that is kept at each step.
        every: Steps between two updates.
    """

    def __init__(self, decay: float, every: int) -> None:
        super().__init__()
        self.decay = decay
        self.every = every

    def update(self, model: nn.Module, step: int, total_steps: int) -> None:  # noqa: ARG002
        """Take in the weights after a step; see `Average.update`."""
        self.start(model)
        if step % self.every == 0:
            self._blend(1.0 - min(self.decay, (1 + step) / (10 + step)) ** self.every)


@averages.add(
    "ema",
    paper="https://epubs.siam.org/doi/10.1137/0330046",
    tune={"decay": (0.99, 0.9999)},
    limits={"decay": "[0, 1)", "every": "[1, inf)"},
    writes_back=False,
)
def ema(*, decay: float = 0.999, every: int = 1) -> Average:
    """An exponential moving average of the weights: what is evaluated, while the weights themselves train on.

    Definition: average <- d average + (1 - d) weights with d = min(decay, (1 + t) / (10 + t)) after t steps. The
    smaller d of the beginning keeps the random first weights from lingering. It looks back over about 1 / (1 - decay)
    steps, which should be well under the length of the training.

    Reach for it when the scores of single epochs jump about: it takes the noise of the mini-batches out as a falling
    rate does, in every epoch and not only in the last.

    Leave it when the run is shorter than a few times 1 / (1 - decay) steps, or the rate falls to 0 anyway: then there
    is little noise left to take out.

    Cost: a second copy of the weights, and one pass over both in each update (1.1x a step of a tiny network). One
    number to tune, by the length of the run.

    Args:
        decay: Share of the average that is kept at each step.
        every: Steps between two updates, each then with d^every: cheaper, and hardly different while every is small
            beside 1 / (1 - decay).

    Returns:
        The average.

    Reference:
        Polyak, Juditsky, "Acceleration of Stochastic Approximation by Averaging", 1992; the start as in TensorFlow's
        `ExponentialMovingAverage`.
    """
    return Ema(decay, every)
