"""How far each parameter lies from the output, in layers."""

from torch import nn

from trainwell.parameters import is_norm


def distances(model: nn.Module) -> dict[int, int]:
    """Layers between each parameter and the last layer, by the `id` of the parameter: 0 for the head.

    Layers come in the order in which the network holds them. A Sequential is opened, so that each of its members is a
    layer, and so is a network that holds nothing but one module; a residual block, or any other module, is one layer.
    A norm goes with the layer before it, and so does a module without parameters. Parameters that the network holds by
    itself (a class token) count as the first layer.

    Args:
        model: Read.
    """
    inside = model
    while len(children := [child for child in inside.children() if _has_parameters(child)]) == 1:
        inside = children[0]
    layers: list[list[nn.Module]] = []
    for module in _opened(inside) if children else [inside]:
        if layers and is_norm(module):
            layers[-1].append(module)
        else:
            layers.append([module])
    found: dict[int, int] = {}
    for distance, layer in enumerate(reversed(layers)):
        for parameter in (p for module in layer for p in module.parameters()):
            found.setdefault(id(parameter), distance)
    for parameter in model.parameters():
        found.setdefault(id(parameter), len(layers) - 1)
    return found


def _opened(module: nn.Module) -> list[nn.Module]:
    """The members of a module that have parameters, those of Sequentials and lists in their place."""
    found = []
    for child in module.children():
        if isinstance(child, nn.Sequential | nn.ModuleList):
            found += _opened(child)
        elif _has_parameters(child):
            found.append(child)
    return found


def _has_parameters(module: nn.Module) -> bool:
    return next(module.parameters(), None) is not None
