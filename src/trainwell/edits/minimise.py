"""The loss goes down, not up."""

from trainwell.edits import Edited, edits
from trainwell.edits.script import carried_out
from trainwell.probes.parts import Parts


@edits.add("minimise", paper="https://arxiv.org/abs/1206.5533")
def minimise(parts: Parts) -> Edited:
    """Let the optimizer make the loss smaller.

    Definition: `maximize` becomes False in every group that has it.

    Reach for it when the loss rises without end and the optimizer was told to maximise.

    Leave it when what is called loss is a reward.

    Cost: none.

    Args:
        parts: Changed in place.

    Returns:
        What was changed; refused where the optimizer minimises already.

    Reference:
        Bengio, "Practical recommendations for gradient-based training of deep architectures", 2012, section 1.2.
    """
    if not any(group.get("maximize") for group in parts.optimizer.param_groups):
        return Edited(why_not="the optimizer minimises already")
    code = 'for group in optimizer.param_groups:\n    group["maximize"] = False  # was True'
    return carried_out(parts, "minimised, no longer maximised", code)
