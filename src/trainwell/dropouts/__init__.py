"""Dropouts: take parts of the network away at random while it trains.

A member gives a module, or a module around another one::

    (*, ...) -> nn.Module                    # acts on what passes through it
    (wrapped: nn.Module, *, ...) -> nn.Module

What is kept is scaled up in training, so that evaluation is the identity. Masks come from draws keyed by (seed, step,
layer) once `attach` has been called, and from torch's default generator before.

Facts of a member:
    wraps: `layer` (its weights) or `branch` (a residual one); absent where it wraps nothing.
    keeps_moments: Whether inputs of mean 0 and variance 1 keep both, which SELU needs. The others keep the mean of
        whatever comes in, and raise the variance.
"""

import torch
from torch import Tensor, nn

from trainwell.draws import StepDraws
from trainwell.family import Family

dropouts = Family("dropouts", __name__, "dropout")


class Masking(nn.Module):
    """A module that draws masks: base of the members.

    Args:
        p: Probability of dropping, in [0, 1).
    """

    draws: StepDraws | None = None
    layer: int = 0

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    @property
    def active(self) -> bool:
        """Whether anything is dropped now."""
        return self.training and self.p > 0.0

    def filled(self, mask: Tensor) -> Tensor:
        """The tensor, filled in place with 0 with probability p and with 1 otherwise."""
        generator = None if self.draws is None else self.draws.generator(self.layer, mask.device)
        return mask.bernoulli_(1.0 - self.p, generator=generator)

    def masked(self, values: Tensor, mask_shape: tuple[int, ...] | None = None) -> Tensor:
        """The values, each 0 with probability p and otherwise divided by 1 - p.

        The factor is applied apart from the mask: in bf16 a mask of 1 / (1 - p) would be off by up to 0.4 %.

        Args:
            values: Any floating tensor.
            mask_shape: Shape of the mask where it is broadcast.
        """
        mask = torch.empty_like(values, requires_grad=False) if mask_shape is None else values.new_empty(mask_shape)
        return values * self.filled(mask) * (1.0 / (1.0 - self.p))

    def extra_repr(self) -> str:
        """The probability."""
        return f"p={self.p}"


def attach(model: nn.Module, draws: StepDraws | None) -> int:
    """Give every module that draws its source and its number, in the order of the model.

    Modules that draw are those with the attributes `draws` and `layer`, of whatever family.

    Args:
        model: Changed in place.
        draws: Source of all masks; None goes back to torch's default generator.

    Returns:
        How many modules there are.
    """
    drawing = [module for module in model.modules() if hasattr(module, "draws") and hasattr(module, "layer")]
    for number, module in enumerate(drawing):
        module.draws, module.layer = draws, number  # type: ignore[assignment]
    return len(drawing)
