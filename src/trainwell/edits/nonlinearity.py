"""Bends where layer follows layer."""

from torch import nn

from trainwell.edits import Edited, edits
from trainwell.edits.initialise import filling, flow_of
from trainwell.edits.script import carried_out, exchange, names_of, place
from trainwell.probes.kinds import Kind
from trainwell.probes.parts import Parts

_STRAIGHT: frozenset[Kind] = frozenset({"shape", "norm", "dropout", "scale"})


@edits.add("nonlinearity", paper="https://www.deeplearningbook.org/contents/mlp.html")
def nonlinearity(parts: Parts) -> Edited:
    """Put a ReLU between layers that follow each other with none.

    Definition: a linear layer or convolution that reads another one, with norms, dropout and changes of shape at most
    between them, gets a ReLU in front; the layers are filled as it wants them.

    Reach for it when several layers do no more than a single one could.

    Leave it when two layers stand for one matrix of low rank, or for a separable convolution.

    Cost: none.

    Args:
        parts: Changed in place.

    Returns:
        What was changed; refused where no layer follows another like that.

    Reference:
        Goodfellow, Bengio, Courville, "Deep Learning", 2016, section 6.1.
    """
    flow = flow_of(parts)
    if flow is None:
        return Edited(why_not="the forward pass cannot be followed")
    model = parts.model
    found = list(
        dict.fromkeys(
            op.module
            for op in flow.of("layer")
            if isinstance(op.module, nn.Linear | nn.Conv1d | nn.Conv2d | nn.Conv3d)
            and any(before.kind == "layer" for before in flow.before(op, _STRAIGHT))
        )
    )
    names = [name for module in found for name in names_of(model, module)]
    if not names:
        return Edited(why_not="between any two layers stands something that bends")
    lines = [exchange(model, name, f"nn.Sequential(nn.ReLU(), {place(model, name)})") for name in names]
    made = carried_out(parts, f"ReLU in front of {len(found)} layers", "\n".join(lines))
    filled = carried_out(parts, "", filling(parts, "relu"))
    return Edited(says=made.says, code=f"{made.code}\n{filled.code}")
