"""Lookahead: every few steps go back to a moving average, more firmly as the training ends."""

from torch import nn

from trainwell.averages import Average, averages


class Lookahead(Average):
    """Moving average to which the weights are set back.

    Args:
        every: Steps between two updates.
        decay: Share of the average that is kept at each step, at the end of the training.
        power: How late in the training the average gets its weight.
    """

    def __init__(self, every: int, decay: float, power: float) -> None:
        super().__init__()
        self.every = every
        self.decay = decay
        self.power = power

    def update(self, model: nn.Module, step: int, total_steps: int) -> None:
        """Take in the weights after a step and maybe set them back; see `Average.update`."""
        self.start(model)
        on_time = step % self.every == 0
        if on_time:
            self._blend(1.0 - self.decay**self.every * (step / total_steps) ** self.power)
        if on_time or step == total_steps:
            self._write_back()


@averages.add(
    "lookahead",
    paper="https://arxiv.org/abs/2404.00498",
    tune={"every": (2, 5, 10), "decay": (0.9, 0.99)},
    limits={"every": "[1, inf)", "decay": "[0, 1)", "power": "[0, inf)"},
    writes_back=True,
)
def lookahead(*, every: int = 5, decay: float = 0.95, power: float = 3.0) -> Average:
    """Every few steps the weights go back to their moving average, more firmly as the training ends.

    Definition: every k steps average <- a average + (1 - a) weights, then weights <- average, with
    a = decay^k (t / T)^power after t of T steps. At first the weights go their own way, at the end they are held to
    their average. After the last step the weights are the average. (The paper's optimizer has a = 1 - alpha throughout;
    the growing a is that of airbench.)

    Reach for it when a short run at a high rate has to end in quiet weights: it takes the noise out as a falling rate
    does, and lets the steps stay long.

    Leave it when the optimizer is `lookahead` already, or the path of the weights is to stay that of the optimizer
    alone: `ema` looks on and changes nothing.

    Cost: a second copy of the weights, and two passes over it every k steps.

    Args:
        every: k, steps between two updates.
        decay: Share of the average that is kept at each step at the end, when t = T.
        power: How late the average gets its weight.

    Returns:
        The average; its updates change the weights of the model.

    Reference:
        Zhang et al., "Lookahead Optimizer: k steps forward, 1 step back", 2019; with this ramp in Jordan, "94% on
        CIFAR-10 in 3.29 Seconds on a Single GPU", 2024, section 3.4.
    """
    return Lookahead(every, decay, power)
