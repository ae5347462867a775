"""L2: the squares of the weights."""

import torch
from torch import Tensor, nn

from trainwell.parameters import weights_of
from trainwell.penalties import penalties


@penalties.add("l2", tune={"strength": (1e-6, 1e-2, "log")}, limits={"strength": "[0, inf)"})
def l2(model: nn.Module, *, strength: float = 1e-4) -> Tensor:
    """strength x the sum of the squared weights: many small weights rather than a few large ones.

    With plain SGD it is weight decay of 2 x strength; with Adam it is not, as the gradient is rescaled.

    Args:
        model: Read.
        strength: Factor.

    Returns:
        Scalar.

    Reference:
        Krogh, Hertz, "A Simple Weight Decay Can Improve Generalization", 1991; on Adam: Loshchilov, Hutter, "Decoupled
        Weight Decay Regularization", 2019, section 2.
    """
    sums = [weight.float().square().sum() for weight in weights_of(model)]
    return strength * torch.stack(sums).sum() if sums else torch.zeros(())
