"""Another batch size."""

from trainwell.edits import Edited, edits
from trainwell.edits.script import carried_out
from trainwell.probes.parts import Parts


@edits.add(
    "batch-size", paper="https://arxiv.org/abs/1804.07612", tune={"size": (8, 256, "log")}, limits={"size": "[1, inf)"}
)
def batch_size(parts: Parts, *, size: int = 32) -> Edited:
    """Take another number of samples for a step.

    Definition: batch size <- `size`; the rate stays, and so does the number of epochs, so that steps become more or
    fewer.

    Reach for it when batches are so small that a norm or the gradient is mostly noise, or so large that an epoch has
    but a few steps.

    Leave it when a schedule counts steps: it would have to be made anew.

    Cost: smaller batches use a machine less well.

    Args:
        parts: Changed in place.
        size: Samples a step; at most as many as there are for training.

    Returns:
        What was changed; refused where the batches are that large already.

    Reference:
        Masters, Luschi, "Revisiting Small Batch Training for Deep Neural Networks", 2018, section 4.
    """
    before, after = parts.batch_size, min(size, len(parts.train))
    if after == before:
        return Edited(why_not=f"batches have {before} samples already")
    return carried_out(parts, f"batch size {before} -> {after}", f"batch_size = {after}  # was {before}")
