"""Controls: what a training does without one of its parts: the inputs, the labels, the start, dropout, decay, modes."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.overrides import TorchFunctionMode

from trainwell import draws
from trainwell.activations import activations
from trainwell.errors import BadValue
from trainwell.initializers import initialize, layers_of
from trainwell.probes.contents import axis_of, exchanged, gathered, num_samples, tensors
from trainwell.probes.experiment import Batch, Batches, Forward, Loss
from trainwell.probes.features import Features, by_feature
from trainwell.probes.flow import trace
from trainwell.probes.paired import Intervention, Paired, paired
from trainwell.probes.program import Program
from trainwell.probes.state import untouched

_DROPPED = ("p", "drop_prob", "dropout")  # what the probability of dropping is called, in torch and around it
_DROPPING = frozenset(
    {
        nn.functional.dropout,
        nn.functional.dropout1d,
        nn.functional.dropout2d,
        nn.functional.dropout3d,
        nn.functional.alpha_dropout,
        nn.functional.feature_alpha_dropout,
        torch.dropout,
    }
)


def standardised_inputs(program: Program) -> str:
    """Subtract from each feature of the inputs its mean over the training batches and divide by its spread.

    Features are what lies along `program.axis`. Those that do not vary become 0, values that are not finite stay, and
    so do tensors that hold no floating-point numbers.
    """
    found: dict[str, Features] = {}
    for name, parts in gathered(program.batches, 0).items():
        if not parts[0].is_floating_point():
            continue
        if len({part.shape[1:] for part in parts}) > 1 and len({_width(part, program.axis) for part in parts}) > 1:
            return f"input {name}: the number of features along axis {program.axis} changes from batch to batch"
        found[name] = Features(torch.cat([by_feature(part, program.axis) for part in parts]))
    if not found:
        return "no input holds floating-point numbers with an axis of samples"

    def change(batch: Batch) -> Batch:
        count = num_samples(batch)
        names = iter([name for name, _ in tensors(batch[0])])
        x = exchanged(batch[0], lambda tensor: _standardised(tensor, found.get(next(names)), count, program.axis))
        return x, batch[1]

    program.change_batches(change)
    return ""


def zeroed_inputs(program: Program) -> str:
    """Take from the inputs what tells samples apart: numbers become 0, whole numbers those of the first sample."""

    def change(batch: Batch) -> Batch:
        count = num_samples(batch)
        return exchanged(batch[0], lambda tensor: _blank(tensor, count)), batch[1]

    program.change_batches(change)
    return ""


def shuffled_labels(program: Program) -> str:
    """Deal the targets out anew among the samples, once for the whole training, which can then only be learnt by heart.

    Those of all batches are dealt together; the held batch's among themselves.
    """
    counts = [num_samples(batch) for batch in program.batches]
    generator = torch.Generator().manual_seed(draws.key(program.seed, "shuffled labels"))
    order = torch.randperm(sum(counts), generator=generator)
    try:
        dealt = _dealt([batch[1] for batch in program.batches], counts, order)
        count = num_samples(program.held)
        held = _dealt([program.held[1]], [count], torch.randperm(count, generator=generator))
    except BadValue as error:
        return str(error)
    program.batches = [(batch[0], y) for batch, y in zip(program.batches, dealt, strict=True)]
    program.held = (program.held[0], held[0])
    return ""


def initialised(program: Program) -> str:
    """Fill the linear and convolution layers by the rule their activation wants; the optimizer starts afresh.

    Which activation it is, is seen in a forward pass: the most frequent one that the families know, for all layers but
    the last. Frozen layers keep their values, and so does what `initialize` does not fill: embeddings, recurrent
    and transposed layers.
    """
    layers = list(layers_of(program.model))
    if not layers:
        return "the model holds no linear layer or convolution"
    covered = [name for name, layer in layers if not isinstance(layer._parameters.get("weight"), nn.Parameter)]
    if covered:
        return f"the weight of {covered[0] or 'the model'} is made from others and cannot be filled"
    try:
        flow = trace(program.model, program.held[0], forward=program.forward)
    except BadValue as error:
        return str(error)
    seen = Counter(op.id for op in flow.of("activation") if op.id in activations and flow.leads_on(op))
    follows = seen.most_common(1)[0][0] if seen else "identity"
    named = dict(layers)
    head = named.get(flow.heads[0].name) if len(flow.heads) == 1 else None
    kept = [(p, p.detach().clone()) for p in program.model.parameters() if not p.requires_grad]
    initialize(program.model, "auto", seed=program.seed, activation=follows, head=head)
    with torch.no_grad():
        for parameter, value in kept:
            parameter.copy_(value)
    program.optimizer.state.clear()
    return ""


def no_dropout(program: Program) -> str:
    """Set every probability of dropping to 0: of layers, of recurrent and attention layers, of functions called."""
    forward = program.forward
    seen = _WithoutDropout()
    with untouched(program.model, program.held[0], seed=program.seed) as (model, x), torch.no_grad(), seen:
        forward(model, x)
    changed = seen.changed
    for module in program.model.modules():
        named = "drop" in type(module).__name__.lower() or "stochasticdepth" in type(module).__name__.lower()
        for name in _DROPPED if named else _DROPPED[2:]:
            if isinstance(getattr(module, name, None), float) and getattr(module, name) > 0:
                setattr(module, name, 0.0)
                changed = True
    if not changed:
        return "nothing is dropped"

    def without(model: nn.Module, x: Any) -> Any:
        with _WithoutDropout():
            return forward(model, x)

    program.forward = without
    return ""


def no_decay(program: Program) -> str:
    """Set the weight decay of every group to 0; penalties in the loss stay."""
    decayed = [group for group in program.optimizer.param_groups if group.get("weight_decay")]
    for group in decayed:
        group["weight_decay"] = 0.0
    return "" if decayed else "the optimizer has no weight decay"


def evaluation_mode(program: Program) -> str:
    """Train in evaluation mode: norms go by their running statistics, and nothing is dropped.

    Recurrent layers stay in training mode, which some devices demand of them.
    """
    if not any(module.training for module in program.model.modules()):
        return "the model is in evaluation mode already"
    for module in program.model.modules():
        module.training = isinstance(module, nn.RNNBase)
    return ""


CONTROLS: dict[str, Intervention] = {
    "standardised_inputs": standardised_inputs,
    "zeroed_inputs": zeroed_inputs,
    "shuffled_labels": shuffled_labels,
    "initialised": initialised,
    "no_dropout": no_dropout,
    "no_decay": no_decay,
    "evaluation_mode": evaluation_mode,
}


def controls(
    model: nn.Module,
    loss: Loss,
    optimizer: Optimizer,
    batches: Batches,
    *,
    steps: int = 40,
    repeats: int = 3,
    num_batches: int = 32,
    held: Batch | None = None,
    forward: Forward | None = None,
    axis: int = 1,
    seed: int = 0,
) -> Paired:
    """Train copies without one of their parts, each beside the same as is.

    How much of the fall of the loss needs no input is the `share` of `zeroed_inputs`; how much is learnt by heart as
    fast is that of `shuffled_labels`.

    Args and errors are those of `trainwell.probes.paired.paired`; the interventions are `CONTROLS`.
    """
    return paired(
        model,
        loss,
        optimizer,
        batches,
        CONTROLS,
        steps=steps,
        repeats=repeats,
        num_batches=num_batches,
        held=held,
        forward=forward,
        axis=axis,
        seed=seed,
    )


class _WithoutDropout(TorchFunctionMode):
    """Functions that drop hand their input on; attention drops nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.changed = False

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func in _DROPPING:
            self.changed |= _drops(args, kwargs)
            return args[0] if args else kwargs["input"]
        if func is nn.functional.scaled_dot_product_attention and kwargs.get("dropout_p"):
            self.changed = True
            kwargs = kwargs | {"dropout_p": 0.0}
        return func(*args, **kwargs)


def _drops(args: Any, kwargs: Any) -> bool:
    """Whether the call of a function that drops would drop anything: `(input, p, training)`."""
    p = args[1] if len(args) > 1 else kwargs.get("p", 0.5)
    training = args[2] if len(args) > 2 else kwargs.get("training", kwargs.get("train", True))
    return bool(p) and bool(training)


def _width(tensor: Tensor, axis: int) -> int:
    return 1 if tensor.ndim == 1 else tensor.shape[axis]


def _standardised(tensor: Tensor, features: Features | None, count: int, axis: int) -> Tensor:
    samples = axis_of(tensor, count)
    if features is None or samples is None:
        return tensor
    first = tensor.movedim(samples, 0)
    spreads = features.spreads.where(features.varies, 1.0)
    shape = [1] * first.ndim
    if first.ndim > 1:
        shape[axis] = -1
    means, spreads = (each.to(tensor.device).reshape(shape) for each in (features.means, spreads))
    return ((first.double() - means) / spreads).to(tensor.dtype).movedim(0, samples)


def _blank(tensor: Tensor, count: int) -> Tensor:
    if tensor.is_floating_point() or tensor.is_complex():
        return torch.zeros_like(tensor)
    samples = axis_of(tensor, count)
    return tensor if samples is None else tensor.narrow(samples, 0, 1).expand_as(tensor).clone()


def _dealt(targets: list[Any], counts: list[int], order: Tensor) -> list[Any]:
    """The targets with their samples, counted over all of them, in another order."""
    columns: list[dict[str, Tensor]] = []
    for target, count in zip(targets, counts, strict=True):
        found = {}
        for name, tensor in tensors(target):
            axis = axis_of(tensor, count)
            if axis is None:
                raise BadValue(f"target {name} of shape {tuple(tensor.shape)} has no axis of {count} samples")
            found[name] = tensor.movedim(axis, 0)
        columns.append(found)
    names = list(columns[0])
    if not names:
        raise BadValue("the targets hold no tensor")
    if any(
        list(found) != names or any(found[n].shape[1:] != columns[0][n].shape[1:] for n in names) for found in columns
    ):
        raise BadValue("the targets of the batches differ in shape and cannot be dealt out among each other")
    pools = {name: torch.cat([found[name] for found in columns]) for name in names}
    places = iter(order.split(counts))
    return [
        exchanged(target, _picking(iter(names), pools, next(places), count))
        for target, count in zip(targets, counts, strict=True)
    ]


def _picking(names: Iterator[str], pools: dict[str, Tensor], places: Tensor, count: int) -> Any:
    def pick(tensor: Tensor) -> Tensor:
        pool = pools[next(names)]
        samples = axis_of(tensor, count)
        assert samples is not None
        return pool[places.to(pool.device)].movedim(0, samples)

    return pick
