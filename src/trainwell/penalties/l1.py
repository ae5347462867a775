"""L1: the sizes of the weights."""

import torch
from torch import Tensor, nn

from trainwell.parameters import weights_of
from trainwell.penalties import penalties


@penalties.add("l1", tune={"strength": (1e-7, 1e-3, "log")}, limits={"strength": "[0, inf)"})
def l1(model: nn.Module, *, strength: float = 1e-5) -> Tensor:
    """strength x the sum of the absolute weights: pulls weights that matter little towards 0.

    The gradient step makes them small and hardly ever exactly 0.

    Args:
        model: Read.
        strength: Factor.

    Returns:
        Scalar.

    Reference:
        Tibshirani, "Regression Shrinkage and Selection via the Lasso", 1996.
    """
    sums = [weight.float().abs().sum() for weight in weights_of(model)]
    return strength * torch.stack(sums).sum() if sums else torch.zeros(())
