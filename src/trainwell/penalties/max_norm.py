"""Max-norm: no unit's weights are longer than a limit."""

import torch
from torch import nn

from trainwell.parameters import weights_of
from trainwell.penalties import penalties


@penalties.add("max_norm", tune={"limit": (0.5, 8.0, "log")}, limits={"limit": "(0, inf)"}, constraint=True)
@torch.no_grad()
def max_norm(model: nn.Module, *, limit: float = 3.0) -> None:
    """Shorten the incoming weights of each unit to length `limit` where they are longer.

    Args:
        model: Changed in place; a unit is an output of a weight (out, ...).
        limit: Greatest L2 length.

    Reference:
        Srebro, Shraibman, "Rank, Trace-Norm and Max-Norm", 2005; Srivastava et al., "Dropout", 2014, section 5.1.
    """
    for weight in weights_of(model):
        lengths = torch.linalg.vector_norm(weight, dim=tuple(range(1, weight.ndim)), keepdim=True)
        weight.mul_(limit / lengths.clamp_min(limit))
