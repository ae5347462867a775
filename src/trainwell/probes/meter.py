"""Meter: every operation of a forward pass measured where it runs, and its gradient on the way back."""

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from trainwell.activations import activations
from trainwell.errors import BadValue
from trainwell.measurements.slopes import few, relative_slopes
from trainwell.probes.contents import tensors
from trainwell.probes.experiment import Forward
from trainwell.probes.flow import INPUT, UNSEEN, Operation, Recorder
from trainwell.probes.kinds import Kind, kind_of_function, kind_of_module
from trainwell.probes.units import Values, laid_out, values_of

_FLAT = 0.01  # share of the largest slope under which a value counts as saturated
_SEVERAL = frozenset({"softmin", "log_softmax", "softmax2d"})  # beside those of the family that say so
_DRAWN = "rrelu()"  # as a function: what it does cannot be asked for again
LAYERS: frozenset[Kind] = frozenset({"layer", "recurrent"})


@dataclass(frozen=True, kw_only=True)
class Slopes:
    """Slopes of an activation at its inputs, as shares of its largest slope; of some 16,000 values in 32 samples.

    Args:
        mean: Mean of |slope|, in [0, 1].
        rms: Root mean square, in [0, 1]: by about how much the activation shortens a gradient.
        flat: Share of the values where it is under 1 % of the largest: |x| > 6.0 for sigmoid, |x| > 3.0 for tanh,
            x <= 0 for ReLU.
        saturates: Where it goes to 0 by the facts of the family: `never`, `below`, `above` or `both`; None for an
            activation that no family states.
    """

    mean: float
    rms: float
    flat: float
    saturates: str | None


@dataclass(frozen=True, kw_only=True)
class Gradient:
    """The gradient of the loss with respect to the result of an operation.

    Args:
        rms: Root mean square of its finite numbers.
        zeros: Share of its numbers that are exactly 0.
        zero_units: Share of the units that get none: exactly 0 for all samples, at all places.
        finite: Share of its numbers that are neither NaN nor infinite.
    """

    rms: float
    zeros: float
    zero_units: float
    finite: float


@dataclass(frozen=True, kw_only=True)
class Point:
    """One operation.

    Args:
        number: Its place in the order of execution.
        name: Dotted name of the module, or the name of the function with `()`.
        kind: As `probes.kinds` has it.
        id: Which one.
        inputs: Numbers of the operations whose results it reads.
        values: Its result.
        gain: Root mean square of the result over that of what it reads; None where that is 0 or was not seen.
        slopes: Of an activation that acts on each number by itself.
        gradient: None where no gradient came: nothing behind it leads to the loss, or nothing before it learns.
        gradient_gain: Root mean square of the gradient at what it reads (the first, of several) over that at its
            result; None where one is missing or 0.
    """

    number: int
    name: str
    kind: Kind
    id: str
    inputs: tuple[int, ...]
    values: Values
    gain: float | None
    slopes: Slopes | None
    gradient: Gradient | None
    gradient_gain: float | None


class Meter(Recorder):
    """Measures results as they are made, and gradients as they come back.

    Args:
        copied: The copy that is to run, once.
        num_samples: Samples in the batch.

    Attributes:
        values: What the results are like, by the number of the operation; those without numbers are not there.
        unseen: What could not be looked at, in words.
    """

    def __init__(self, copied: nn.Module, num_samples: int) -> None:
        super().__init__(copied, copied)
        self.values: dict[int, Values] = {}
        self.unseen: list[str] = []
        self._num_samples = num_samples
        self._slopes: dict[int, Slopes] = {}
        self._gradients: dict[int, dict[int, Gradient]] = {}  # by operation, then by which of its results
        self._units: dict[int, tuple[int, int]] = {}  # axis and number of the units of an operation's result
        self._input: float | None = None
        self._waiting: tuple[Tensor, Callable[[Tensor], Any], nn.Module | None] | None = None
        self._activations: list[tuple[Operation, Tensor, Callable[[Tensor], Any], nn.Module | None]] = []
        self._over = False  # checkpointing runs modules again on the way back

    def run(self, forward: Forward, copied: nn.Module, x: Any) -> Any:
        """The output of the forward pass.

        Raises:
            BadValue: The network fails on this batch.
        """
        inputs = [tensor for _, tensor in tensors(x) if _numbers(tensor)]
        if inputs:
            found = values_of(laid_out(inputs[0], self._num_samples))
            self._input = None if found is None else found.rms
        try:
            with self:
                output = forward(copied, self.begin(x))
        except Exception as error:
            raise BadValue(
                f"The network ({type(copied).__name__}) fails on this batch: {type(error).__name__}: {error}"
            ) from error
        self._over = True
        # Not on the way: to checkpointing, what is differentiated there is part of the network.
        for waiting in self._activations:
            self._measure_slopes(*waiting)
        self._activations = []
        return output

    def point(self, op: Operation) -> Point:
        """What is known of an operation, after the way back."""
        values, gradient = self.values[op.number], self.gradient(op.number)
        read = [self._input if n == INPUT else self.values[n].rms if n in self.values else None for n in op.inputs]
        known = [rms for rms in read if rms is not None]
        behind = math.hypot(*known) / math.sqrt(len(known)) if known and len(known) == len(read) else None
        before = next((self.gradient(n) for n in op.inputs if n not in (INPUT, UNSEEN)), None)
        forwards = ratio(values.rms, behind)
        backwards = ratio(None if before is None else before.rms, None if gradient is None else gradient.rms)
        return Point(
            number=op.number,
            name=op.name,
            kind=op.kind,
            id=op.id,
            inputs=op.inputs,
            values=values,
            gain=forwards,
            slopes=self._slopes.get(op.number),
            gradient=gradient,
            gradient_gain=backwards,
        )

    def gradient(self, number: int) -> Gradient | None:
        """Of the first result of the operation that got one."""
        found = self._gradients.get(number, {})
        return found[min(found)] if found else None

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        name = getattr(func, "__name__", "function").strip("_")
        if not self._inside and not self._over and args and kind_of_function(name, 1, False)[0] == "activation":
            again = functools.partial(_call, func, args[1:], kwargs or {})
            self._keep_inputs(kind_of_function(name, 1, False)[1], args, again, None)
        return super().__torch_function__(func, types, args, kwargs)

    def _enter(self, module: nn.Module, inputs: Any) -> None:
        super()._enter(module, inputs)
        kind, which = kind_of_module(module)
        if kind == "activation" and inputs and not self._over:
            self._keep_inputs(which, inputs, module.forward, module)

    def _keep_inputs(
        self, which: str, inputs: tuple[Any, ...], function: Callable[[Tensor], Any], module: nn.Module | None
    ) -> None:
        """Some inputs of an activation, before it works on them in place."""
        self._waiting = None
        by_itself = which not in activations or activations[which].facts.get("elementwise", True)
        tensor = inputs[0]
        if by_itself and which not in _SEVERAL and isinstance(tensor, Tensor) and _numbers(tensor):
            with torch._C.DisableTorchFunction():
                self._waiting = few(tensor.detach()).clone(), function, module

    def _add(self, name: str, kind: Kind, which: str, reads: list[int], made: list[Tensor], **more: Any) -> None:
        if self._over:
            return
        super()._add(name, kind, which, reads, made, **more)
        # Functions of torch that are called here are none of the network's.
        with torch._C.DisableTorchFunction():
            self._measure(self.operations[-1], made)

    def _measure(self, op: Operation, made: list[Tensor]) -> None:
        waiting, self._waiting = self._waiting if op.kind == "activation" else None, None
        numbers = [tensor for tensor in made if _numbers(tensor)]
        if not numbers:
            self.unseen.append(f"{op.name}: its result holds no floating-point numbers")
            return
        axis, width = self._place(op, numbers[0])
        layout = laid_out(numbers[0], self._num_samples, axis, width)
        if not layout.by_sample:
            shape = tuple(numbers[0].shape)
            self.unseen.append(f"{op.name}: shape {shape} has no axis of {self._num_samples} samples")
        self._units[op.number] = layout.axis, layout.num_units
        found = values_of(layout)
        if found is None:
            self.unseen.append(f"{op.name}: no number of its result is finite")
        else:
            self.values[op.number] = found
        if waiting is not None and op.name != _DRAWN:
            self._activations.append((op, *waiting))
        for place, tensor in enumerate(numbers):
            if tensor.requires_grad:
                # A hook, since what is changed in place later on keeps the gradient of what it was.
                tensor.register_hook(functools.partial(self._come_back, op.number, place, layout.axis))

    def _place(self, op: Operation, tensor: Tensor) -> tuple[int, int | None]:
        if op.kind == "layer" and op.id.startswith("conv"):
            return 1, tensor.shape[1] if tensor.ndim > 1 else None
        if op.kind in LAYERS:
            return -1, tensor.shape[-1] if tensor.ndim else None
        return next((self._units[number] for number in op.inputs if number in self._units), (1, None))

    def _measure_slopes(
        self, op: Operation, inputs: Tensor, function: Callable[[Tensor], Any], module: nn.Module | None
    ) -> None:
        slopes = relative_slopes(function, inputs, module)
        if slopes is None or not slopes.numel() or not bool(slopes.isfinite().all()):
            self.unseen.append(f"{op.name}: it has no slope that could be taken by itself")
            return
        self._slopes[op.number] = Slopes(
            mean=float(slopes.mean()),
            rms=float(slopes.square().mean().sqrt()),
            flat=float((slopes < _FLAT).float().mean()),
            saturates=activations[op.id].facts.get("saturates") if op.id in activations else None,
        )

    def _come_back(self, number: int, place: int, axis: int, gradient: Tensor) -> None:
        layout = laid_out(gradient, self._num_samples, axis)
        found = values_of(layout)
        rms, zeros, idle, finite = (
            (math.nan, 0.0, 0.0, 0.0) if found is None else (found.rms, found.zeros, found.zero_units, found.finite)
        )
        self._gradients.setdefault(number, {})[place] = Gradient(rms=rms, zeros=zeros, zero_units=idle, finite=finite)


def ratio(one: float | None, other: float | None) -> float | None:
    """one / other; None where one of them is missing, `other` is 0, or it is no number."""
    return None if one is None or other is None or not other or math.isnan(one / other) else one / other


def _numbers(tensor: Tensor) -> bool:
    return tensor.is_floating_point() and tensor.ndim > 0 and tensor.numel() > 0


def _call(function: Callable[..., Any], rest: tuple[Any, ...], kwargs: dict[str, Any], inputs: Tensor) -> Any:
    return function(inputs, *rest, **kwargs)
