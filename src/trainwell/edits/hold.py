"""An optimizer over the parameters of this model."""

from torch.optim import Optimizer

from trainwell.edits import Edited, edits
from trainwell.edits.script import afresh, carried_out
from trainwell.probes.parts import Parts


@edits.add("hold", paper="https://docs.pytorch.org/docs/stable/optim.html")
def hold(parts: Parts) -> Edited:
    """Let the optimizer hold the parameters of the model, all that learn and no others.

    Definition: what belongs to no module of the model leaves its groups; what learns and is in no group joins the first
    one; then it starts afresh, with the numbers it had.

    Reach for it when the optimizer was made before the model was (for another copy, before layers were exchanged), or
    was given a part of it by mistake.

    Leave it when parameters are left out on purpose: freezing them says so more clearly.

    Cost: none.

    Args:
        parts: Changed in place.

    Returns:
        What was changed; refused where it holds just these already.

    Reference:
        PyTorch documentation, `torch.optim`, "Constructing it".
    """
    held = {id(p) for group in parts.optimizer.param_groups for p in group["params"]}
    learning = {id(p) for p in parts.model.parameters() if p.requires_grad}
    own = {id(p) for p in parts.model.parameters()}
    if not learning - held and not held - own:
        return Edited(why_not="the optimizer holds all parameters that learn, and no others")
    says = f"optimizer over all {len(learning)} parameters that learn, was over {len(held & learning)} of them"
    return carried_out(parts, says, holding(parts.optimizer))


def holding(optimizer: Optimizer) -> str:
    """Lines by which an optimizer holds what learns in the model, and nothing else."""
    return (
        "own = {id(p) for p in model.parameters()}\n"
        "for group in optimizer.param_groups:\n"
        '    group["params"] = [p for p in group["params"] if id(p) in own]\n'
        'held = {id(p) for group in optimizer.param_groups for p in group["params"]}\n'
        "missing = [p for p in model.parameters() if p.requires_grad and id(p) not in held]\n"
        'optimizer.param_groups[0]["params"] += missing\n'
        f"{afresh(optimizer)}"
    )
