"""No weight decay."""

from trainwell.edits import Edited, edits
from trainwell.edits.script import carried_out
from trainwell.probes.parts import Parts


@edits.add("no-decay", paper="https://arxiv.org/abs/1711.05101")
def no_decay(parts: Parts) -> Edited:
    """Take the weight decay out of the optimizer.

    Definition: the weight decay of every group becomes 0.

    Reach for it when the weights shrink towards 0 while the loss stays high.

    Leave it when the network learns its samples by heart.

    Cost: none.

    Args:
        parts: Changed in place.

    Returns:
        What was changed; refused where the optimizer has none: a penalty in the loss is not within its reach.

    Reference:
        Loshchilov, Hutter, "Decoupled Weight Decay Regularization", 2019, section 2.
    """
    decays = [group.get("weight_decay", 0.0) for group in parts.optimizer.param_groups]
    if not any(decays):
        return Edited(why_not="the optimizer has no weight decay")
    return carried_out(
        parts,
        f"weight decay {max(decays):g} -> 0",
        f'for group in optimizer.param_groups:\n    group["weight_decay"] = 0.0  # was {max(decays):g}',
    )
