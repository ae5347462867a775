"""Alpha dropout: the dropout that goes with SELU."""

import torch
from torch import Tensor, nn

from trainwell.dropouts import Masking, dropouts

# Limit of SELU towards -infinity, -scale x alpha of its definition.
_LOWEST = -1.0507009873554804934193349852946 * 1.6732632423543772848170429916717


class AlphaDropout(Masking):
    """Dropped values become SELU's lower limit; an affine map then restores mean 0 and variance 1."""

    def forward(self, values: Tensor) -> Tensor:
        """The values, masked in training."""
        if not self.active:
            return values
        factor = ((1.0 - self.p) * (1.0 + self.p * _LOWEST**2)) ** -0.5
        shift = -factor * self.p * _LOWEST
        kept = self.filled(torch.empty_like(values, dtype=torch.bool, requires_grad=False))
        return torch.where(kept, values, _LOWEST) * factor + shift


@dropouts.add(
    "alpha_dropout",
    paper="https://arxiv.org/abs/1706.02515",
    tune={"p": (0.02, 0.2)},
    limits={"p": "[0, 1)"},
    keeps_moments=True,
)
def alpha_dropout(*, p: float = 0.5) -> nn.Module:
    """Switch values off to SELU's lower limit in training, and keep mean 0 and variance 1.

    Training: y = a (m x + (1 - m) l) + b, with m = 0 with probability p and 1 otherwise, l = -1.7581 (SELU towards
    -infinity), a = ((1 - p)(1 + p l^2))^(-1/2) and b = -a p l; evaluation: y = x. For inputs of mean 0 and variance 1
    the output has both again; the mean of other inputs is not kept.

    Reach for it when a SELU network overfits: plain dropout sets units to 0, which is no special value there, and
    changes the variance that SELU holds.

    Leave it when the activation is another, or its inputs are not near mean 0 and variance 1.

    Cost: as dropout. The paper takes p = 0.05 or 0.1, as a dropped unit disturbs more; the default is that of torch.

    Args:
        p: Probability of dropping; 0 is the identity.

    Returns:
        (any shape) -> (the same shape).

    Reference:
        Klambauer et al., "Self-Normalizing Neural Networks", 2017, section "New Dropout Technique".
    """
    return AlphaDropout(p)
