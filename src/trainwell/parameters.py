"""Which parameters are weights, and which belong to a norm: what decay, penalties and measurements go by.

Weights are learnt parameters of two or more dimensions. Biases, and scales and shifts of norms, are not: to pull them
towards 0 takes away what they are for and does not make a network simpler.
"""

import re
from collections.abc import Iterator

import torch
from torch import Tensor, nn

_NORM = re.compile(r"Norm(\dd)?$")


def is_norm(module: nn.Module) -> bool:
    """Whether the module is a normalisation: its class is called `...Norm`, `...Norm2d` or the like, as torch does."""
    return _NORM.search(type(module).__name__) is not None


def learnt(model: nn.Module) -> Iterator[tuple[nn.Module, str, nn.Parameter]]:
    """Every learnt parameter once, with the module that owns it and its name there; frozen ones are passed over."""
    seen = set()
    for module in model.modules():
        for name, parameter in module.named_parameters(recurse=False):
            if parameter.requires_grad and id(parameter) not in seen:
                seen.add(id(parameter))
                yield module, name, parameter


def weights_of(model: nn.Module) -> list[nn.Parameter]:
    """The learnt weights, in the order of the model: no biases, no parameter of a norm, nothing frozen."""
    return [parameter for module, _, parameter in learnt(model) if parameter.ndim >= 2 and not is_norm(module)]


def global_norm(tensors: list[Tensor]) -> Tensor:
    """L2 norm of all tensors taken as one vector, a scalar on their device; 0 where there are none.

    It is in float32, or in float64 where the tensors are.
    """
    if not tensors:
        return torch.zeros(())
    dtype = torch.float64 if tensors[0].dtype == torch.float64 else torch.float32
    return torch.linalg.vector_norm(torch.stack(torch._foreach_norm(tensors, 2.0, dtype)))
