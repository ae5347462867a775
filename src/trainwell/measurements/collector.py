"""Collector: what the activations of a network do in one forward pass.

Modules are seen by hooks, which are on during the pass only, and functions (`F.relu`, `x.sigmoid()`) by a
`TorchFunctionMode`. Nothing of the pass changes: no number, no draw, no graph.

Not seen are activations inside a fused recurrent layer or a scripted module, and those written as comparisons
(`x.clamp(min=0)`). An output that is changed in place later in the pass is left out. The outputs are held until they
are let go, so that a pass keeps the memory of its activations even where checkpointing would free it.
"""

import contextlib
import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules import activation
from torch.overrides import TorchFunctionMode

from trainwell.measurements.slopes import few, relative_slopes

# Over several numbers at once: they have no slope, and their outputs are shares of one another.
_SEVERAL = {"softmin", "softmax", "softmax2d", "logsoftmax", "multiheadattention"}
_ACTIVATIONS = {name.lower() for name in activation.__all__} - _SEVERAL
_RECURRENT = {"lstm", "gru", "rnn_tanh", "rnn_relu"}
_PRODUCTS = {"linear", "bilinear", "matmul", "rmatmul", "mm", "bmm", "addmm", "einsum", "embedding"} | _RECURRENT


@dataclass(frozen=True, eq=False)
class _Seen:
    output: Tensor
    version: int
    inputs: Tensor | None  # a few, as they came in
    function: Callable[[Tensor], Any]
    module: nn.Module | None


class Collector:
    """Sees the activations of forward passes that run within `looking`.

    Args:
        model: Any network. What its modules are called is read once.
        slopes: Whether slopes are taken too.
        inside: Whether `looking` begins within the call of the network itself, whose own hooks are then running.

    Attributes:
        activations: Outputs of the last pass, each (N, ..., U), by name, in the order they ran.
        slopes: Slopes at some inputs of the last pass, each (M,), float32, as shares of the largest slope there is.
            Activations that make one number of several (GLU), and functions whose slope is drawn, are left out.
    """

    def __init__(self, model: nn.Module, *, slopes: bool = False, inside: bool = False) -> None:
        # Made once: to compiled parts of a network, hooks that are always the same ones are no reason to compile again.
        self._hooks = [
            (module, functools.partial(self._enter, name), functools.partial(self._leave, name))
            for name, module in model.named_modules()
            if not (isinstance(module, torch.jit.ScriptModule) or (inside and module is model))
        ]
        self.activations: dict[str, Tensor] = {}
        self.slopes: dict[str, Tensor] = {}
        self._functions = _Functions(self)
        self._keeps_inputs = slopes
        self._seen: dict[str, _Seen] = {}
        self._calls: dict[str, int] = {}
        self._path: list[str] = []
        self._waiting: Tensor | None = None
        self._inside: str | None = None  # which activation is running: what it calls is not seen again
        self._axis, self._width = 1, 0  # of the units behind the last layer

    @contextlib.contextmanager
    def looking(self) -> Iterator[None]:
        """See the forward pass that runs inside, and forget the one before."""
        self.forget()
        self._seen, self._calls, self._path, self._inside = {}, {}, [], None
        self._axis, self._width = 1, 0
        handles = []
        try:
            for module, enter, leave in self._hooks:
                handles.append(module.register_forward_pre_hook(enter))
                handles.append(module.register_forward_hook(leave))
            with self._functions:
                yield
        finally:
            for handle in handles:
                handle.remove()
        for name, seen in self._seen.items():
            if seen.output._version == seen.version:
                self.activations[name] = seen.output
            slopes = None if seen.inputs is None else relative_slopes(seen.function, seen.inputs, seen.module)
            if slopes is not None:
                self.slopes[name] = slopes
        self._seen = {}

    def forget(self) -> None:
        """Let go of all that was seen."""
        self.activations, self.slopes = {}, {}

    def _enter(self, name: str, module: nn.Module, inputs: tuple[Any, ...]) -> None:
        self._path.append(name)
        if self._inside is None and is_activation(module):
            self._inside, self._waiting = name, self._kept(inputs)

    def _leave(self, name: str, module: nn.Module, inputs: Any, output: Any) -> None:  # noqa: ARG002
        if self._inside == name:
            self._add(name, output, self._waiting, module.forward, module)  # no hooks of others
        left = None
        while left != name:  # above it lies what raised, where the network caught the error
            left = self._path.pop()
            self._inside = None if left == self._inside else self._inside

    def _run(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Call a function of torch, and see it."""
        name = getattr(function, "__name__", "").strip("_")
        if self._inside is not None or name.replace("_", "") not in _ACTIVATIONS:
            result = function(*args, **kwargs)
            self._see_layer(name, result)
            return result
        inputs = self._kept(args) if name != "rrelu" else None
        result = function(*args, **kwargs)
        owner = self._path[-1] if self._path else ""
        again = functools.partial(_call, function, args[1:], kwargs)
        self._add(f"{owner}.{name}()".removeprefix("."), result, inputs, again, None)
        return result

    def _see_layer(self, name: str, result: Any) -> None:
        result = result[0] if name in _RECURRENT else result
        if not isinstance(result, Tensor) or result.ndim < 2:
            return
        if name.startswith("conv"):
            self._axis, self._width = 1, result.shape[1]
        elif name in _PRODUCTS:
            self._axis, self._width = -1, result.shape[-1]

    def _kept(self, inputs: tuple[Any, ...]) -> Tensor | None:
        if not self._keeps_inputs or not inputs or not isinstance(inputs[0], Tensor) or inputs[0].ndim == 0:
            return None
        return few(inputs[0].detach()).clone()

    def _add(
        self,
        name: str,
        output: Any,
        inputs: Tensor | None,
        function: Callable[[Tensor], Any],
        module: nn.Module | None,
    ) -> None:
        if not isinstance(output, Tensor) or not output.is_floating_point() or output.ndim == 0:
            return
        called = self._calls[name] = self._calls.get(name, 0) + 1
        seen = _Seen(self._units_last(output.detach()), output._version, inputs, function, module)
        self._seen[name if called == 1 else f"{name}:{called}"] = seen

    def _units_last(self, output: Tensor) -> Tensor:
        """(N, ..., U): the units are where the last layer had them, or where they are as many as that layer has."""
        if output.ndim == 1:
            return output[:, None]
        axis = self._axis % output.ndim
        alike = [place for place in range(1, output.ndim) if output.shape[place] == self._width]
        if axis not in alike and len(alike) == 1:
            axis = alike[0]
        return output.movedim(axis, -1)


class _Functions(TorchFunctionMode):
    """Hands every function of torch to the collector."""

    def __init__(self, collector: Collector) -> None:
        super().__init__()
        self._collector = collector

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Any = None,
    ) -> Any:
        return self._collector._run(func, args, kwargs or {})


def is_activation(module: nn.Module) -> bool:
    """Whether the module is an activation that acts on each unit: one of torch's, one of the family, or of its kind."""
    for cls in type(module).__mro__:
        if cls.__module__ == activation.__name__:
            return cls.__name__.lower() in _ACTIVATIONS
        if cls.__module__.startswith("trainwell.activations."):
            return True
    return False


def _call(function: Callable[..., Any], rest: tuple[Any, ...], kwargs: dict[str, Any], inputs: Tensor) -> Any:
    return function(inputs, *rest, **kwargs)
