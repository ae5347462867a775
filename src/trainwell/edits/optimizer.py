"""Another optimizer."""

from typing import Literal

from trainwell.edits import Edited, edits
from trainwell.edits.script import carried_out
from trainwell.probes.parts import Parts

_CLASS = {"adam": "Adam", "adamw": "AdamW", "sgd": "SGD"}
_LR = {"adam": 1e-3, "adamw": 1e-3, "sgd": 0.01}


@edits.add("optimizer", paper="https://arxiv.org/abs/1711.05101", limits={"lr": "(0, inf)"})
def optimizer(parts: Parts, *, to: Literal["adam", "adamw", "sgd"] = "adamw", lr: float | None = None) -> Edited:
    """Exchange the optimizer for one of the usual ones, over all parameters that learn.

    Definition: Adam or AdamW with torch's own numbers, or SGD with Nesterov momentum 0.9; one group, which holds every
    parameter of the model that is not frozen. The largest weight decay that was there is kept.

    Reach for it when the optimizer cannot work with batches that differ, has numbers out of any range, or does not hold
    the parameters that are trained.

    Leave it when groups of parameters have rates of their own for a reason.

    Cost: Adam keeps two numbers for each parameter, SGD one.

    Args:
        parts: Changed in place.
        to: Which one.
        lr: Learning rate; 1e-3 of Adam and AdamW, 0.01 of SGD where None.

    Returns:
        What was changed; refused where nothing learns.

    Reference:
        Kingma, Ba, "Adam", 2015; Loshchilov, Hutter, 2019, algorithm 2.
    """
    if not any(p.requires_grad for p in parts.model.parameters()):
        return Edited(why_not="every parameter of the model is frozen")
    groups = parts.optimizer.param_groups
    decay = max(float(group.get("weight_decay", 0.0)) for group in groups)
    rate = _LR[to] if lr is None else lr
    more = ", momentum=0.9, nesterov=True" if to == "sgd" else ""
    before = f"{type(parts.optimizer).__name__}, lr {groups[0].get('lr', 'none')}"
    return carried_out(
        parts,
        f"optimizer {before} -> {_CLASS[to]}, lr {rate:g}",
        f"optimizer = torch.optim.{_CLASS[to]}(\n"
        f"    [p for p in model.parameters() if p.requires_grad], lr={rate}{more}, weight_decay={decay}\n"
        f")  # was {before}",
    )
