"""Loss noise: how much the loss jumps from step to step."""

import torch
from torch import Tensor

from trainwell.measurements import Step, measurements


@measurements.add("loss_noise", paper="https://doi.org/10.1214/aoms/1177731677")
@torch.no_grad()
def loss_noise(step: Step) -> dict[str, Tensor]:
    """How much the loss jumps from step to step beside its size, over the recent steps.

    Definition: sqrt(mean (l_t - l_(t-1))^2 / 2) / mean |l|. For losses that are independent draws this is their
    standard deviation over their mean; a slow fall or rise, which would make the plain standard deviation large, hardly
    enters.

    Reach for it when a curve is jagged: a rate too high and a batch too small both show here.

    Leave it when the loss can be negative or is near 0, where the mean says nothing.

    Cost: a few operations on as many numbers as there are steps, in the steps that measure.

    Args:
        step: Read.

    Returns:
        `loss_noise`: float32, at least 0; about 1 where the loss jumps by as much as it is. Nothing before the second
        step.

    Reference:
        von Neumann, Kent, Bellinson, Hart, "The Mean Square Successive Difference", 1941.
    """
    if len(step.losses) < 2:
        return {}
    losses = torch.stack(list(step.losses)).float()
    jump = (losses.diff().square().mean() / 2).sqrt()
    return {"loss_noise": jump / losses.abs().mean().clamp_min(torch.finfo(torch.float32).tiny)}
