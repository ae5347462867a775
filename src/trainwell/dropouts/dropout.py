"""Dropout: switch units off at random."""

from typing import Literal

import torch
from torch import Tensor, nn

from trainwell.dropouts import Masking, dropouts


class Dropout(Masking):
    """Each value is dropped by itself; what is kept is scaled in training."""

    def forward(self, values: Tensor) -> Tensor:
        """The values, masked in training."""
        return self.masked(values) if self.active else values


class PlainDropout(Masking):
    """Each value is dropped by itself; all are scaled in evaluation."""

    def forward(self, values: Tensor) -> Tensor:
        """The values, masked in training and multiplied by 1 - p in evaluation."""
        if self.active:
            return values * self.filled(torch.empty_like(values, requires_grad=False))
        return values if self.training else values * (1.0 - self.p)


@dropouts.add(
    "dropout",
    paper="https://jmlr.org/papers/v15/srivastava14a.html",
    tune={"p": (0.1, 0.6)},
    limits={"p": "[0, 1)"},
    keeps_moments=False,
)
def dropout(*, p: float = 0.5, scaling: Literal["training", "evaluation"] = "training") -> nn.Module:
    """Switch each value off by itself in training, with probability p.

    Training: y = m x / (1 - p), with m = 0 with probability p and 1 otherwise; evaluation: y = x. This is the inverted
    form. `scaling=evaluation` is the plain one: y = m x in training and y = (1 - p) x in evaluation. In both, the mean
    of y in training is y in evaluation; the variance of standardised inputs grows by 1 / (1 - p). p is the probability
    of dropping (the paper's p is that of keeping).

    Reach for it when the training score is far above the validation score, behind wide fully connected layers.

    Leave it when the network underfits, in front of a batch norm, whose running variance is then that of training and
    wrong in evaluation, with SELU (take alpha_dropout), or between convolutions (take channel_dropout).

    Cost: one random number a value, a mask in memory until the backward pass; longer training. Tune p.

    Args:
        p: Probability of dropping; 0 is the identity.
        scaling: When the factor 1 - p is made up for; `evaluation` is the original form, to be compared with.

    Returns:
        (any shape) -> (the same shape).

    Reference:
        Srivastava et al., "Dropout: A Simple Way to Prevent Neural Networks from Overfitting", 2014, section 4; section
        10 for the inverted form.
    """
    return Dropout(p) if scaling == "training" else PlainDropout(p)
