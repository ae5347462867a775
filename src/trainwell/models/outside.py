"""Networks from outside the package: any function or class that gives a module."""

import inspect
import typing
from collections.abc import Callable
from typing import Any

from torch import nn

from trainwell.errors import BadValue

_SHAPE = "input_shape"
_OUTPUTS = ("num_outputs", "num_classes")


def adapted(id: str, factory: Callable[..., Any]) -> Callable[..., nn.Module]:
    """The factory with the signature of the models: shape and outputs first, all else keyword-only.

    The factory gets `input_shape` and `num_outputs` (or `num_classes`) if its signature names them. Its other
    parameters are its hyper-parameters; those whose default no recipe can hold, such as a class, stay out of reach and
    keep their default.

    Args:
        id: `package.module:factory`, for messages.
        factory: A function, or a class of modules.

    Returns:
        (input_shape, num_outputs, *, ...) -> nn.Module; raises `BadValue` where the factory gives something else.
    """
    try:
        parameters = dict(inspect.signature(factory).parameters)
    except (TypeError, ValueError) as error:
        raise BadValue(f"model {id!r} cannot be used: its signature cannot be read ({error}).") from error
    own = {name: p for name, p in parameters.items() if name not in (_SHAPE, *_OUTPUTS) and _is_settable(p)}

    def make(input_shape: tuple[int, ...], num_outputs: int, **hyper: Any) -> nn.Module:
        known = hyper | {_SHAPE: input_shape} | dict.fromkeys(_OUTPUTS, num_outputs)
        given = {name: known[name] for name in parameters if name in known}
        leading = [name for name in given if parameters[name].kind is inspect.Parameter.POSITIONAL_ONLY]
        try:
            built = factory(*[given.pop(name) for name in leading], **given)
        except Exception as error:
            raise BadValue(f"model {id!r} cannot be made: {type(error).__name__}: {error}") from error
        if not isinstance(built, nn.Module):
            raise BadValue(f"model {id!r} gave {type(built).__name__}, expected a torch.nn.Module.")
        return built

    first = [inspect.Parameter(n, inspect.Parameter.POSITIONAL_OR_KEYWORD) for n in (_SHAPE, _OUTPUTS[0])]
    rest = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in own.values()]
    make.__signature__ = inspect.Signature(first + rest)  # type: ignore[attr-defined]
    make.__annotations__ = {name: kind for name, kind in _hints(factory).items() if name in own}
    make.__doc__ = inspect.getdoc(factory)
    return make


def _is_settable(parameter: inspect.Parameter) -> bool:
    if parameter.kind in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD):
        return False
    default = parameter.default
    return (
        default is inspect.Parameter.empty or default is None or isinstance(default, bool | int | float | str | tuple)
    )


def _hints(factory: Callable[..., Any]) -> dict[str, Any]:
    """The types of the parameters; none where an annotation names something that is not there at run time."""
    try:
        return typing.get_type_hints(factory.__init__ if inspect.isclass(factory) else factory)
    except (NameError, TypeError):
        return {}
