"""Update ratio: how far a step moves the weights, beside their size."""

import torch
from torch import Tensor

from trainwell.measurements import Step, measurements
from trainwell.parameters import weights_of


@measurements.add("update_ratio", paper="https://cs231n.github.io/neural-networks-3/")
@torch.no_grad()
def update_ratio(step: Step) -> dict[str, Tensor]:
    """How far a step moves the weights beside their size, as the median over the layers; about 1e-3 is usual.

    Definition: the median over the weights of ||update|| / ||weight||, both L2 norms. The update is what the optimizer
    really added, its decay included. Of an even number of weights it is the lower median.

    Reach for it when the rate is in doubt: 1e-2 and more says that it is too high, 1e-4 and less too low.

    Leave it when weights start at 0 or are tiny, as heads are at first: the ratio is then large and says nothing.

    Cost: a copy of the weights and a few passes over it in the steps that measure.

    Args:
        step: Read.

    Returns:
        `update_ratio`: scalar, float32, at least 0; 0 where there are no weights.

    Reference:
        Karpathy et al., CS231n, "Neural Networks Part 3", section on the ratio of weights and updates.
    """
    weights: list[Tensor] = [weight.detach().float() for weight in weights_of(step.model)]
    if not weights:
        return {"update_ratio": torch.zeros(())}
    updates = [update.float() for update in step.updates]
    moved, size = (torch.stack(torch._foreach_norm(tensors, 2.0)) for tensors in (updates, weights))
    return {"update_ratio": (moved / size.clamp_min(1e-12)).median()}
