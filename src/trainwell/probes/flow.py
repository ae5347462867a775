"""Flow: which operations a batch passes through, in which order, and what each of them reads.

One small batch goes through a copy of the network in evaluation mode. Modules are seen by hooks, and functions
(`F.relu`, `x + skip`, `x.flatten(1)`) by a `TorchFunctionMode`; what reads what is told by the identity of tensors. A
tensor that takes a way no one sees (numpy, a scripted module) leaves a gap, which is named and never guessed. Code that
runs in training mode only is not seen.
"""

import copy
import functools
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from trainwell.errors import BadValue
from trainwell.probes.experiment import Forward, call
from trainwell.probes.kinds import Kind, is_leaf, kind_of_function, kind_of_module
from trainwell.probes.state import untouched

INPUT, UNSEEN = -1, -2
PASSIVE: frozenset[Kind] = frozenset({"shape"})  # the same numbers, laid out otherwise
_FROM_OUTSIDE = frozenset({"tensor", "as_tensor", "asarray", "from_numpy", "frombuffer"})  # perhaps made of the input


@dataclass(frozen=True, eq=False)
class Operation:
    """One operation of the forward pass.

    Args:
        number: Its place in the order of execution.
        name: Dotted name of the module, or the name of the function with `()`.
        kind: What it does, roughly.
        id: Which one: the technique's id where a family has it (`relu`, `batch`, `dropout`), else torch's name.
        inputs: Numbers of the operations whose results it reads; `INPUT` is what went into the network, `UNSEEN` what
            came by a way that cannot be seen.
        module: The module, of the network itself and not of the copy; None for a function.
        weight: Weight of a layer or norm, where it is a parameter that can be read.
        bias: Its bias.
        p: Probability of dropping, of a dropout.
    """

    number: int
    name: str
    kind: Kind
    id: str
    inputs: tuple[int, ...]
    module: nn.Module | None = field(default=None, repr=False)
    weight: Tensor | None = field(default=None, repr=False)
    bias: Tensor | None = field(default=None, repr=False)
    p: float = 0.0

    @property
    def fan_in(self) -> int | None:
        """Inputs of one output of a linear layer or a convolution; None of anything else."""
        straight = self.kind == "layer" and (self.id == "linear" or self.id in ("conv1d", "conv2d", "conv3d"))
        return math.prod(self.weight.shape[1:]) if straight and self.weight is not None else None

    @property
    def spread(self) -> float | None:
        """sqrt(fan_in mean(w^2)): by how much a layer multiplies the spread of independent inputs; None if unknown."""
        if self.weight is None or self.fan_in is None:
            return None
        return math.sqrt(self.fan_in * float(self.weight.detach().float().square().mean()))


@dataclass(frozen=True, eq=False)
class Flow:
    """The operations of a forward pass as a graph.

    Args:
        operations: In the order they ran; a module that ran twice stands there twice.
        outputs: Numbers of the operations that made the outputs.
        idle: Layers that did not run, and whose parameters no function was given.
    """

    operations: tuple[Operation, ...]
    outputs: tuple[int, ...]
    idle: tuple[str, ...] = ()

    @property
    def gaps(self) -> list[str]:
        """Where the flow could not be followed, in words."""
        found = [f"what {op.name} reads" for op in self.operations if UNSEEN in op.inputs]
        return found + (["what makes the output"] if UNSEEN in self.outputs else [])

    def of(self, *kinds: Kind) -> list[Operation]:
        """The operations of these kinds, in order."""
        return [op for op in self.operations if op.kind in kinds]

    def before(self, op: Operation, through: frozenset[Kind] = PASSIVE) -> list[Operation]:
        """What the operation reads, looking through some kinds."""
        return self._looking(op.inputs, through, lambda passed: passed.inputs)

    def behind(self, op: Operation, through: frozenset[Kind] = PASSIVE) -> list[Operation]:
        """What reads the operation, looking through some kinds."""
        return self._looking(self._readers[op.number], through, lambda passed: self._readers[passed.number])

    def last(self, through: frozenset[Kind] = PASSIVE) -> list[Operation]:
        """What makes the outputs, looking through some kinds."""
        return self._looking(self.outputs, through, lambda passed: passed.inputs)

    def first(self, through: frozenset[Kind] = PASSIVE) -> list[Operation]:
        """What reads the input, looking through some kinds."""
        reading = tuple(op.number for op in self.operations if INPUT in op.inputs)
        return self._looking(reading, through, lambda passed: self._readers[passed.number])

    @functools.cached_property
    def heads(self) -> list[Operation]:
        """The layers behind which there is no other layer."""
        return [op for op in self.of("layer", "recurrent") if not self.leads_on(op)]

    @functools.cached_property
    def hidden(self) -> list[Operation]:
        """The layers behind which there is another one."""
        return [op for op in self.of("layer", "recurrent") if self.leads_on(op)]

    def leads_on(self, op: Operation) -> bool:
        """Whether a layer lies behind the operation."""
        return op.number in self._leading

    def comes_from_layer(self, op: Operation) -> bool:
        """Whether a layer lies before the operation."""
        return op.number in self._fed

    @functools.cached_property
    def _readers(self) -> dict[int, tuple[int, ...]]:
        found: dict[int, list[int]] = {op.number: [] for op in self.operations}
        for op in self.operations:
            for number in op.inputs:
                if number >= 0:
                    found[number].append(op.number)
        return {number: tuple(readers) for number, readers in found.items()}

    @functools.cached_property
    def _leading(self) -> set[int]:
        layers = {op.number for op in self.of("layer", "recurrent")}
        leading: set[int] = set()
        for op in reversed(self.operations):
            if any(reader in layers or reader in leading for reader in self._readers[op.number]):
                leading.add(op.number)
        return leading

    @functools.cached_property
    def _fed(self) -> set[int]:
        layers = {op.number for op in self.of("layer", "recurrent")}
        fed: set[int] = set()
        for op in self.operations:
            if any(number in layers or number in fed for number in op.inputs):
                fed.add(op.number)
        return fed

    def _looking(
        self, start: tuple[int, ...], through: frozenset[Kind], onward: Callable[[Operation], tuple[int, ...]]
    ) -> list[Operation]:
        found: dict[int, Operation] = {}
        waiting, met = list(start), set(start)
        while waiting:
            number = waiting.pop(0)
            if number < 0:
                continue
            op = self.operations[number]
            if op.kind not in through:
                found[number] = op
                continue
            fresh = [further for further in onward(op) if further not in met]
            waiting += fresh
            met.update(fresh)
        return [found[number] for number in sorted(found)]


def trace(model: nn.Module, x: Any, *, forward: Forward | None = None, seed: int = 0) -> Flow:
    """Send a batch through a copy of the network and write down what happens.

    Args:
        model: Any module; left as it is, with its buffers, modes, gradients and every random state.
        x: Inputs; a batch of one or two is enough.
        forward: (model, x) -> output, instead of `model(x)`.
        seed: Seed of what the model draws.

    Returns:
        The graph of what ran.

    Raises:
        BadValue: The network cannot be copied, or fails on this batch.
    """
    plain = getattr(model, "_orig_mod", model)  # a compiled network runs past hooks; what it was made of does not
    with untouched(plain, seed=seed) as (copied,), torch.no_grad():
        recorder = Recorder(plain, copied.eval())
        try:
            with recorder:
                output = (forward or call)(copied, recorder.begin(copy.deepcopy(x)))
        except Exception as error:
            raise BadValue(
                f"The network ({type(plain).__name__}) fails on a batch that was to show how it is built: "
                f"{type(error).__name__}: {error}"
            ) from error
        return recorder.flow(output)


class Recorder(TorchFunctionMode):
    """Writes down modules and functions while it is entered."""

    def __init__(self, original: nn.Module, copied: nn.Module) -> None:
        super().__init__()
        self.operations: list[Operation] = []
        self._made: dict[int, int] = {}  # operation by the id of the tensor it made
        self._constant: set[int] = set()  # ids of tensors that do not depend on the input
        self._alive: list[Tensor] = []  # ids stay with one tensor as long as it lives
        self._inside = 0
        self._ran: set[str] = set()
        self._used: set[int] = set()  # ids of parameters that a function was given
        self._copied = copied
        self._modules = dict(original.named_modules())
        parameters = dict(original.named_parameters(remove_duplicate=False))
        self._parameters = {id(p): parameters[name] for name, p in copied.named_parameters(remove_duplicate=False)}
        self._constant.update(self._parameters, map(id, copied.buffers()))
        for name, module in copied.named_modules():
            if is_leaf(name, module):
                module.register_forward_pre_hook(self._enter)
                module.register_forward_hook(functools.partial(self._leave, name), with_kwargs=True)

    def begin(self, x: Any) -> Any:
        """The input, known as such."""
        for tensor in _tensors(x):
            self._keep(tensor, INPUT)
        return x

    def flow(self, output: Any) -> Flow:
        """What was written down."""
        made = [self._made.get(id(tensor), UNSEEN) for tensor in _tensors(output) if id(tensor) not in self._constant]
        idle = [
            name
            for name, module in self._copied.named_modules()
            if name not in self._ran and is_leaf(name, module) and self._unused(module)
        ]
        return Flow(tuple(self.operations), tuple(dict.fromkeys(made)), tuple(idle))

    def _unused(self, module: nn.Module) -> bool:
        parameters = [id(parameter) for parameter in module.parameters()]
        return bool(parameters) and self._used.isdisjoint(parameters)

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Any = None,
    ) -> Any:
        kwargs = kwargs or {}
        before = {id(tensor) for tensor in _tensors((args, kwargs))}
        result = func(*args, **kwargs)
        made = list(_tensors(result))
        if self._inside or not made:
            return result
        name = getattr(func, "__name__", "function").strip("_")
        reads = self._reads((args, kwargs))
        num_computed = sum(number != UNSEEN for number in reads)
        weights = before & self._parameters.keys()
        self._used |= weights
        kind, which = kind_of_function(name, num_computed, bool(weights))
        if num_computed == 0 and kind != "layer":
            if not reads and name not in _FROM_OUTSIDE:
                for tensor in made:
                    self._keep(tensor, None)
            return result
        if isinstance(result, Tensor) and id(result) in before and kind in ("dropout", "shape"):
            made = [result := result.view_as(result)]
        weight, bias = self._weights(name, args, kwargs) if kind in ("layer", "norm") else (None, None)
        p = float(kwargs.get("p", args[1] if len(args) > 1 else 0.5)) if kind == "dropout" else 0.0
        self._add(f"{name}()", kind, which, reads, made, weight=weight, bias=bias, p=p)
        return result

    def _enter(self, module: nn.Module, inputs: Any) -> None:  # noqa: ARG002
        self._inside += 1

    def _leave(self, name: str, module: nn.Module, inputs: Any, kwargs: Any, output: Any) -> Any:
        read = {id(tensor) for tensor in _tensors((inputs, kwargs))}
        kind, which = kind_of_module(module)
        replaced = None
        if isinstance(output, Tensor) and id(output) in read and kind in ("dropout", "shape"):
            # In evaluation a dropout hands on the very tensor it got: another object tells the two apart.
            output = replaced = output.view_as(output)
        self._inside -= 1
        self._ran.add(name)
        original = self._modules[name]
        weight, bias = getattr(original, "weight", None), getattr(original, "bias", None)
        self._add(
            name,
            kind,
            which,
            self._reads((inputs, kwargs)),
            list(_tensors(output)),
            module=original,
            weight=weight if isinstance(weight, Tensor) else None,
            bias=bias if isinstance(bias, Tensor) else None,
            p=float(getattr(original, "p", 0.0) or 0.0) if kind == "dropout" else 0.0,
        )
        return replaced

    def _add(self, name: str, kind: Kind, which: str, reads: list[int], made: list[Tensor], **more: Any) -> None:
        number = len(self.operations)
        computed = [read for read in reads if read != UNSEEN]
        # Beside something computed an unknown tensor is taken for a constant, as a mask kept as an attribute is.
        self.operations.append(Operation(number, name, kind, which, tuple(computed or reads), **more))
        for tensor in made:
            self._keep(tensor, number)

    def _reads(self, given: Any) -> list[int]:
        """Operations that made what is given; constants are left out."""
        tensors = [tensor for tensor in _tensors(given) if id(tensor) not in self._constant]
        return list(dict.fromkeys(self._made.get(id(tensor), UNSEEN) for tensor in tensors))

    def _keep(self, tensor: Tensor, number: int | None) -> None:
        self._alive.append(tensor)
        if number is None:
            self._constant.add(id(tensor))
        else:
            self._constant.discard(id(tensor))
            self._made[id(tensor)] = number

    def _weights(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Tensor | None, Tensor | None]:
        """Weight and bias of a layer or norm called as a function, where they are parameters of the network."""
        places = {"batch_norm": (3, 4), "group_norm": (2, 3), "layer_norm": (2, 3), "instance_norm": (3, 4)}
        first, second = places.get(name, (1, 2))
        weight = kwargs.get("weight", args[first] if len(args) > first else None)
        bias = kwargs.get("bias", args[second] if len(args) > second else None)
        return self._parameters.get(id(weight)), self._parameters.get(id(bias))


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _tensors(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _tensors(item)
