"""Penalties: what is added to the loss so that weights stay small, or a constraint that holds them.

A member takes the model and gives what is added to the loss::

    (model: nn.Module, *, ...) -> Tensor      # scalar, float32, 0 where there is nothing to penalise

With the fact `constraint=True` it is called after the optimizer's step instead, changes the weights in place without
gradient, and gives None. All act on the weights alone: biases and norms are left out (see `trainwell.parameters`).

Facts of a member:
    constraint: Whether it is called after the step.
    breaks_selu: Whether it pulls weights away from what SELU needs of them: mean 0 and, for each unit, a sum of squares
        of 1.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from trainwell.family import Family
from trainwell.parameters import weights_of

penalties = Family("penalties", __name__, "penalty")


def total(model: nn.Module, term: Callable[[Tensor], Tensor]) -> Tensor:
    """The sum of a term over the weights of a model, each in float32; 0 where there are none."""
    terms = [term(weight.float()) for weight in weights_of(model)]
    return torch.stack(terms).sum() if terms else torch.zeros(())
