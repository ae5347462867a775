"""Frozen parts of a network: parameters that are not trained, and statistics that are not updated.

What is frozen stays in evaluation mode whatever calls `train()`, in copies of the network too, so that batch norm keeps
its running statistics and dropout drops nothing.
"""

import hashlib
import types
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from trainwell.errors import BadValue, Failed, UnknownName, nearest

_MARK = "frozen_names"  # attribute of a network: what of its state is frozen, as `state_dict` calls it


def freeze(model: nn.Module, names: Sequence[str]) -> list[str]:
    """Freeze modules and parameters; what is frozen already stays so.

    A module's parameters lose `requires_grad`, its buffers are held, and it stays in evaluation mode. A parameter that
    is named by itself loses `requires_grad`, and its module goes on as it did.

    Args:
        model: Changed in place.
        names: Modules, parameters or buffers as the network calls them: `layer1`, `conv1.weight`.

    Returns:
        All of the network's state that is frozen now, by its names in `state_dict`.

    Raises:
        BadValue: A name matches nothing, or nothing would be left to learn.
    """
    modules = dict(model.named_modules())
    state = _state(model)
    held = set(getattr(model, _MARK, ()))
    for name in names:
        if name in modules and name:
            held |= {key for key in state if key.startswith(f"{name}.")}
        elif name in state:
            held.add(name)
        else:
            near = nearest(name, {*modules, *state} - {""})
            parts = ", ".join(child for child, _ in model.named_children())
            raise BadValue(
                f"freeze={name} matches nothing: the network has no module or parameter of that name."
                f"{f' Did you mean {near!r}?' if near else ''} Its parts: {parts}; and what is inside them, as "
                "part.name."
            )
    kept = {id(state[name]) for name in held}
    if not any(value.requires_grad and id(value) not in kept for value in model.parameters()):
        raise BadValue(
            f"freeze={','.join(names)} leaves nothing to learn: it covers every parameter of the network. Name fewer."
        )
    for name in names:
        for module in modules[name].modules() if name in modules else ():
            module.train = types.MethodType(_stays, module)
            module.training = False
    for name in held:
        if isinstance(state[name], nn.Parameter):
            state[name].requires_grad_(False)
    frozen = [name for name in state if name in held]
    setattr(model, _MARK, tuple(frozen))
    return frozen


def all_but(model: nn.Module, name: str) -> list[str]:
    """The fewest names that cover everything in the network but one module: what `freeze` takes to train that alone.

    Args:
        model: Read.
        name: The module, `fc` or `classifier.6`.

    Raises:
        UnknownName: The network has no such module.
    """
    if not name or name not in dict(model.named_modules()):
        raise UnknownName("module of the network", name, {key for key, _ in model.named_modules()} - {""})
    found, place, inside = [], "", model
    for step in name.split("."):
        own = [*inside.named_parameters(recurse=False), *inside.named_buffers(recurse=False)]
        found += [f"{place}{key}" for key, _ in own]
        found += [f"{place}{key}" for key, _ in inside.named_children() if key != step]
        place, inside = f"{place}{step}.", inside.get_submodule(step)
    return found


def frozen_state(model: nn.Module) -> dict[str, Tensor]:
    """Copies of all that `freeze` froze, on the CPU, by name; empty where nothing is frozen."""
    state = _state(model)
    return {name: state[name].detach().cpu().clone() for name in getattr(model, _MARK, ())}


def fingerprint(tensors: dict[str, Tensor]) -> str:
    """SHA-256 of tensors with their names, types and shapes; 0 and -0 count as the same."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        value = (tensors[name].detach().cpu() + 0).contiguous()
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}\n".encode())
        digest.update(value.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def check_frozen(model: nn.Module, before: str, kept: Mapping[str, Tensor]) -> None:
    """Make sure that what is frozen is still what it was.

    Args:
        model: The network after training.
        before: `fingerprint` of its frozen state before.
        kept: The weights that were kept, by name.

    Raises:
        Failed: Something has changed.
    """
    now = frozen_state(model)
    same = all(torch.equal(kept[name].cpu(), value) for name, value in now.items() if name in kept)
    if fingerprint(now) != before or not same:
        raise Failed(
            "The frozen part of the network has changed in training: its parameters or the statistics of its norms "
            "are not what they were. Something in the network writes to them by itself, outside of the optimizer; "
            "the weights of this run are not to be trusted. Unfreeze that part, or take the writing out."
        )


def _state(model: nn.Module) -> dict[str, Tensor]:
    """Parameters and buffers by name; one that several modules share comes under each of its names."""
    return dict([*model.named_parameters(remove_duplicate=False), *model.named_buffers(remove_duplicate=False)])


def _stays(module: nn.Module, mode: bool = True) -> nn.Module:  # noqa: ARG001  # the signature of `train`
    """`train` of a frozen module: it stays in evaluation mode, and so does what is inside it."""
    module.training = False
    for child in module.children():
        child.train(False)
    return module
