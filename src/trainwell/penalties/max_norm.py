"""Max-norm: no unit's weights are longer than a limit."""

import torch
from torch import nn

from trainwell.parameters import weights_of
from trainwell.penalties import penalties


@penalties.add(
    "max_norm",
    paper="https://jmlr.org/papers/v15/srivastava14a.html",
    tune={"limit": (0.5, 8.0, "log")},
    limits={"limit": "(0, inf)"},
    constraint=True,
    breaks_selu=True,
)
@torch.no_grad()
def max_norm(model: nn.Module, *, limit: float = 3.0) -> None:
    """Shorten the incoming weights of each unit to a greatest length after every step.

    Definition: w <- w min(1, limit / ||w||_2) for the incoming weights w of each unit: a row of a linear layer, a
    filter of a convolution, in general weight[i] of a weight (outputs, ...). It is the projection onto the ball, not a
    pull: units inside it are left alone.

    Reach for it when dropout and a high rate go together: weights may move far and yet do not grow without bound.

    Leave it when norms follow the layers, as they undo the length; not with SELU. Transposed convolutions have their
    outputs in the second dimension: there it bounds what an input sends out.

    Cost: one pass over the weights a step; one number to tune, usually 3 or 4.

    Args:
        model: Changed in place.
        limit: Greatest L2 length.

    Returns:
        None: the weights are changed in place.

    Reference:
        Srebro, Shraibman, "Rank, Trace-Norm and Max-Norm", 2005; Srivastava et al., "Dropout: A Simple Way to Prevent
        Neural Networks from Overfitting", 2014, section 5.1.
    """
    for weight in weights_of(model):
        lengths = torch.linalg.vector_norm(weight, dim=tuple(range(1, weight.ndim)), keepdim=True)
        weight.mul_(limit / lengths.clamp_min(limit))
