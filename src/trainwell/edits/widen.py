"""Wider hidden layers."""

from torch import nn

from trainwell.edits import Edited, edits
from trainwell.edits.initialise import filling, flow_of
from trainwell.edits.script import carried_out, exchange, joined, like_others, names_of, place
from trainwell.probes.flow import Flow, Operation
from trainwell.probes.kinds import Kind
from trainwell.probes.parts import Parts

_NARROW = 3  # units; of a layer that lets through no more than so many numbers
_WIDE = 32  # units, where no layer is a measure
_ALIKE: frozenset[Kind] = frozenset({"activation", "dropout", "shape", "norm"})


@edits.add("widen", paper="https://www.deeplearningbook.org/contents/mlp.html", limits={"width": "[2, inf)"})
def widen(parts: Parts, *, width: int | None = None) -> Edited:
    """Make hidden layers wider that let too little through.

    Definition: hidden linear layers of up to 3 units get as many as the widest hidden layer, 32 at least; with `width`
    given, every hidden linear layer below it gets as many. Norms behind them and layers that read them are made anew to
    fit, all layers are filled afresh, and the optimizer holds the new ones.

    Reach for it when training samples are not learnt however long it takes, and the network is small.

    Leave it when the narrow layer is what it is about, as in an autoencoder.

    Cost: parameters and time in proportion; what was learnt.

    Args:
        parts: Changed in place.
        width: Units of a layer.

    Returns:
        What was changed; refused where no linear layer is as narrow, or what reads it is no linear layer.

    Reference:
        Goodfellow, Bengio, Courville, "Deep Learning", 2016, section 6.4.1.
    """
    flow = flow_of(parts)
    if flow is None or flow.gaps:
        return Edited(why_not="the forward pass cannot be followed")
    hidden = [op for op in flow.hidden if type(op.module) is nn.Linear]
    sizes = [op.module.out_features for op in hidden if isinstance(op.module, nn.Linear)]
    wanted = width or max([_WIDE, *sizes])
    below = wanted if width else _NARROW + 1
    narrow = [op for op, size in zip(hidden, sizes, strict=True) if size < below]
    if not narrow:
        return Edited(why_not=f"no hidden linear layer has fewer than {below} units")
    ins: dict[str, int] = {}
    outs: dict[str, int] = {}
    norms: list[Operation] = []
    for op in narrow:
        outs[op.name] = wanted
        reached, between = _readers(flow, op)
        if any(type(reader.module) is not nn.Linear for reader in reached) or not reached:
            return Edited(why_not=f"what reads {op.name} is not a linear layer")
        if any(type(each.module) not in (nn.BatchNorm1d, nn.LayerNorm) for each in between):
            return Edited(why_not=f"a norm behind {op.name} cannot be made anew")
        norms += between
        ins |= {reader.name: wanted for reader in reached}
    model, changed = parts.model, {op.name: op.module for op in flow.of("layer") if op.name in ins | outs}
    if any(len(names_of(model, module)) > 1 for module in changed.values() if module is not None):
        return Edited(why_not="a layer is used in several places")
    on, lines = like_others(model), []
    for name, module in changed.items():
        assert isinstance(module, nn.Linear)
        sides = f"{ins.get(name, module.in_features)}, {outs.get(name, module.out_features)}"
        bias = "" if module.bias is not None else ", bias=False"
        was = f"# was {module.in_features}, {module.out_features}"
        lines.append(f"{exchange(model, name, f'nn.Linear({sides}{bias}){on}')}  {was}")
    lines += [exchange(model, op.name, f"nn.{type(op.module).__name__}({wanted}){on}") for op in norms]
    places = [place(model, name) for name in [*changed, *(op.name for op in norms)]]
    says = f"{', '.join(op.name for op in narrow)}: {min(sizes)} -> {wanted} units"
    made = carried_out(parts, says, "\n".join([*lines, joined(parts.optimizer, places)]))
    filled = carried_out(parts, says, filling(parts))
    return Edited(says=says, code=f"{made.code}\n{filled.code}")


def _readers(flow: Flow, op: Operation) -> tuple[list[Operation], list[Operation]]:
    """The layers that read an operation through what changes no width, and the norms on the way."""
    return flow.behind(op, _ALIKE), [each for each in flow.behind(op, _ALIKE - {"norm"}) if each.kind == "norm"]
