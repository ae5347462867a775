"""A last layer of another width."""

from torch import Tensor, nn

from trainwell.edits import Edited, edits
from trainwell.edits.encoding import encoding_of
from trainwell.edits.initialise import flow_of
from trainwell.edits.script import carried_out, exchange, joined, like_others, names_of, place
from trainwell.probes.parts import Parts


@edits.add("output-width", paper="https://www.deeplearningbook.org/contents/mlp.html", limits={"width": "[1, inf)"})
def output_width(parts: Parts, *, width: int | None = None) -> Edited:
    """Give the last layer another number of outputs.

    Definition: the last layer is made anew with as many outputs as there are classes, or numbers to be said for a
    sample; the optimizer holds it in place of the old one, and starts afresh.

    Reach for it when there are fewer outputs than classes, or another number than targets have columns.

    Leave it when two classes are told by one output, with the loss for it.

    Cost: what the last layer had learnt.

    Args:
        parts: Changed in place.
        width: How many; as many as the targets want where None.

    Returns:
        What was changed; refused where the last layer is not a single linear one, or is as wide already.

    Reference:
        Goodfellow, Bengio, Courville, "Deep Learning", 2016, section 6.2.2.3.
    """
    wanted = width or _wanted(parts)
    if wanted is None:
        return Edited(why_not="the targets do not say how many outputs they want")
    flow = flow_of(parts)
    head = flow.heads[0].module if flow is not None and len(flow.heads) == 1 else None
    if type(head) is not nn.Linear:
        return Edited(why_not="the last layer is not a single linear one")
    if head.out_features == wanted:
        return Edited(why_not=f"there are {wanted} outputs already")
    names = names_of(parts.model, head)
    if len(names) > 1:
        return Edited(why_not="the last layer is used in other places too")
    bias = "" if head.bias is not None else ", bias=False"
    new = f"nn.Linear({head.in_features}, {wanted}{bias}){like_others(parts.model)}"
    line = f"{exchange(parts.model, names[0], new)}  # was {head.out_features} wide"
    code = f"{line}\n{joined(parts.optimizer, [place(parts.model, names[0])])}"
    return carried_out(parts, f"outputs {head.out_features} -> {wanted}", code)


def _wanted(parts: Parts) -> int | None:
    if parts.task == "classification":
        found = encoding_of(parts)
        return None if found is None else max(2, found.num_classes)
    target = parts.train.first(2)[1]
    return target.numel() // len(target) if isinstance(target, Tensor) else None
