"""Another function behind the last layer, or none."""

from typing import Literal

from trainwell.edits import Edited, edits
from trainwell.edits.initialise import flow_of
from trainwell.edits.script import carried_out, exchange, names_of
from trainwell.probes.parts import Parts

_TEXT = {"softmax": "nn.Softmax(dim=1)", "log_softmax": "nn.LogSoftmax(dim=1)", "sigmoid": "nn.Sigmoid()"}


@edits.add("output-activation", paper="https://www.deeplearningbook.org/contents/mlp.html")
def output_activation(parts: Parts, *, to: Literal["none", "softmax", "log_softmax", "sigmoid"] = "none") -> Edited:
    """Exchange what stands behind the last layer for what the loss wants there.

    Definition: every activation behind the last layer is taken away; another one is put there where it is asked for.

    Reach for it when a loss that takes logits gets probabilities, one that takes (log-)probabilities gets logits, or
    values are to be learnt that the last activation cannot give.

    Leave it when the loss and the last activation belong together.

    Cost: none; whoever reads the outputs must know what they are.

    Args:
        parts: Changed in place.
        to: What is to stand there.

    Returns:
        What was changed; refused where the outputs are those asked for, or come from a function that the model calls.

    Reference:
        Goodfellow, Bengio, Courville, "Deep Learning", 2016, section 6.2.2.
    """
    lines, were, why_not = output_lines(parts, to)
    if why_not:
        return Edited(why_not=why_not)
    if not lines:
        return Edited(why_not=f"behind the last layer stands what is asked for: {were}")
    return carried_out(parts, f"last activation {were} -> {to}", "\n".join(lines))


def output_lines(parts: Parts, name: str) -> tuple[list[str], str, str]:
    """Lines that put an activation behind the last layer.

    Returns:
        The lines, none where it stands there already; what stood there; and why it cannot be done, or nothing.
    """
    flow = flow_of(parts)
    if flow is None or flow.gaps:
        return [], "", "the forward pass cannot be followed"
    found = []
    ends = flow.last()
    while len(ends) == 1 and ends[0].kind == "activation":
        found.append(ends[0])
        ends = flow.before(ends[0])
    were = ", ".join(op.id for op in reversed(found)) or "none"
    if were == name:
        return [], were, ""
    model = parts.model
    new = _TEXT.get(name, "")
    lines = []
    for op in found:
        names = [] if op.module is None else names_of(model, op.module)
        uses = [other.number for other in flow.operations if other.module is op.module]
        if op.module is None:
            return [], were, f"the last activation is a function that the model calls: {op.name}"
        if len(names) != len(uses):
            return [], were, f"{op.name} is used in other places too"
        where = names[uses.index(op.number)]
        lines.append(f"{exchange(model, where, new or 'nn.Identity()')}  # was {type(op.module).__name__}")
        new = ""
    if new:
        lines.append(f"model = nn.Sequential(model, {new})")
    return lines, were, ""
