"""Biases where there are none."""

from torch import nn

from trainwell.edits import Edited, edits
from trainwell.edits.initialise import flow_of
from trainwell.edits.script import afresh, carried_out, like_others, names_of, place
from trainwell.probes.parts import Parts


@edits.add("bias", paper="https://www.deeplearningbook.org/contents/mlp.html")
def bias(parts: Parts) -> Edited:
    """Give a bias to the layers that have none.

    Definition: each linear layer and convolution without a bias, behind which no norm stands, gets one of zeros; the
    optimizer holds it.

    Reach for it when a network cannot say anything but 0 to an input of 0, and targets lie elsewhere.

    Leave it when the projections of attention go without on purpose.

    Cost: one number a unit.

    Args:
        parts: Changed in place.

    Returns:
        What was changed; refused where each layer has a bias, or a norm behind it that adds one.

    Reference:
        Goodfellow, Bengio, Courville, "Deep Learning", 2016, section 6.1.
    """
    flow = flow_of(parts)
    if flow is None:
        return Edited(why_not="the forward pass cannot be followed")
    found = list(
        dict.fromkeys(
            op.module
            for op in flow.of("layer")
            if isinstance(op.module, nn.Linear | nn.Conv1d | nn.Conv2d | nn.Conv3d)
            and op.module.bias is None
            and not any(behind.kind == "norm" for behind in flow.behind(op))
        )
    )
    if not found:
        return Edited(why_not="each layer has a bias, or a norm behind it")
    model = parts.model
    places = [place(model, names_of(model, module)[0]) for module in found]
    lines = [
        f"{where}.bias = nn.Parameter(torch.zeros({module.weight.shape[0]}){like_others(model)})"
        for where, module in zip(places, found, strict=True)
    ]
    lines.append(f'optimizer.param_groups[0]["params"] += [{", ".join(f"{where}.bias" for where in places)}]')
    return carried_out(parts, f"{len(found)} layers given a bias", "\n".join([*lines, afresh(parts.optimizer)]))
