"""The loss without the penalty that is added to it."""

from torch import nn

from trainwell.edits import Edited, edits
from trainwell.edits.script import carried_out
from trainwell.probes.parts import Parts


@edits.add("no-penalty", paper="https://www.deeplearningbook.org/contents/regularization.html")
def no_penalty(parts: Parts) -> Edited:
    """Take one of torch's losses out of the module that adds something to it.

    Definition: a loss that is a module around a single one of torch's losses becomes that one.

    Reach for it when a penalty on the weights or activations outweighs what the samples say.

    Leave it when what is added is a part of the task.

    Cost: none.

    Args:
        parts: Changed in place.

    Returns:
        What was changed; refused where the loss is a function or no such module.

    Reference:
        Goodfellow, Bengio, Courville, "Deep Learning", 2016, section 7.1.
    """
    loss = parts.loss
    inner = [
        name
        for name, module in (loss.named_modules() if isinstance(loss, nn.Module) else ())
        if type(module).__module__ == "torch.nn.modules.loss"
    ]
    if len(inner) != 1 or inner == [""]:
        return Edited(why_not="the loss is not one of torch's losses and a penalty around it")
    was = type(loss).__name__
    return carried_out(
        parts, f"loss {was} -> the one inside it", f"loss = loss.get_submodule({inner[0]!r})  # was {was}"
    )
