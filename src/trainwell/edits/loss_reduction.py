"""The loss of a batch as a mean."""

from torch import nn

from trainwell.edits import Edited, edits
from trainwell.edits.script import carried_out
from trainwell.probes.parts import Parts


@edits.add("loss-reduction", paper="https://arxiv.org/abs/1206.5533")
def loss_reduction(parts: Parts) -> Edited:
    """Take the mean of the losses of a batch instead of their sum.

    Definition: `reduction` of the loss becomes `mean`, so that the size of a gradient does not go with the batch.

    Reach for it when the loss is a sum and the rate was chosen for a mean: steps are as many times too long as there
    are samples in a batch.

    Leave it when the optimizer takes no notice of the scale of the loss, as Adam does.

    Cost: none.

    Args:
        parts: Changed in place.

    Returns:
        What was changed; refused where the loss takes the mean, or does not say what it takes.

    Reference:
        Bengio, "Practical recommendations for gradient-based training of deep architectures", 2012, section 3.1.1.
    """
    loss = parts.loss
    if not isinstance(loss, nn.Module):
        return Edited(why_not="the loss is a function, and does not say how it joins the losses of a batch")
    if not any(getattr(module, "reduction", None) == "sum" for module in loss.modules()):
        return Edited(why_not="the loss takes no sum over a batch")
    code = (
        'for module in loss.modules():\n    if getattr(module, "reduction", None) == "sum":\n'
        '        module.reduction = "mean"  # was "sum"'
    )
    return carried_out(parts, "loss summed -> averaged over a batch", code)
