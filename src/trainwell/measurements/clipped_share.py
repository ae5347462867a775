"""Clipped share: how much of the gradient the clipping takes away."""

import torch
from torch import Tensor

from trainwell.measurements import Step, measurements

_ROUNDING = 1e-5  # by which two norms of the same gradients may differ that were added up otherwise


@measurements.add("clipped_share", paper="https://arxiv.org/abs/1211.5063")
@torch.no_grad()
def clipped_share(step: Step) -> dict[str, Tensor]:
    """Whether the clipping acted in this step, and which share of the gradient's length it took.

    Definition: 1 - ||g after|| / ||g before||, and whether that is above 0. The mean of `clipped` over the lines of a
    record is the share of steps in which the clipping acted.

    Reach for it when gradients are clipped: a limit that cuts in nearly every step sets the rate in the rate's place,
    one that never cuts could as well be left out.

    Leave it when nothing is clipped: it says nothing.

    Cost: one pass over the gradients in the steps that measure.

    Args:
        step: Read.

    Returns:
        `clipped`, 0 or 1, and `clipped_share`, in [0, 1]: float32. Nothing where the recipe has no clipping.

    Reference:
        Pascanu, Mikolov, Bengio, "On the difficulty of training recurrent neural networks", 2013, algorithm 1.
    """
    if step.gradient_norm is None or step.clipped_norm is None:
        return {}
    before = step.gradient_norm.clamp_min(torch.finfo(torch.float32).tiny)
    taken = torch.where(step.gradient_norm > 0, 1.0 - step.clipped_norm / before, 0.0).clamp_min(0.0)
    acted = taken > _ROUNDING
    return {"clipped": acted.float(), "clipped_share": taken * acted}
