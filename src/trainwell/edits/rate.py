"""Another learning rate."""

from trainwell.edits import Edited, edits
from trainwell.probes.parts import Parts


@edits.add("rate", paper="https://arxiv.org/abs/1206.5533", limits={"factor": "(0, inf)"})
def rate(parts: Parts, *, factor: float) -> Edited:
    """Multiply the learning rate of every group.

    Definition: lr <- factor lr, in each group of the optimizer, and in what a schedule starts from.

    Reach for it when the loss rises, swings or breaks (factor < 1), or falls at a crawl all the way (factor > 1).

    Leave it when the cause lies elsewhere: inputs far from scale 1 or a bad start can be survived at a tiny rate, and
    are not mended by it.

    Cost: none.

    Args:
        parts: Changed in place.
        factor: By what.

    Returns:
        What was changed; refused where the optimizer has no `lr`.

    Reference:
        Bengio, "Practical recommendations for gradient-based training of deep architectures", 2012, section 3.1.1.
    """
    groups = parts.optimizer.param_groups
    if not all(isinstance(group.get("lr"), int | float) for group in groups):
        return Edited(why_not="the optimizer has no learning rate that could be set")
    before = groups[0]["lr"]
    for group in groups:
        group["lr"] *= factor
        if "initial_lr" in group:
            group["initial_lr"] *= factor
    if parts.scheduler is not None and hasattr(parts.scheduler, "base_lrs"):
        parts.scheduler.base_lrs = [base * factor for base in parts.scheduler.base_lrs]
    return Edited(
        says=f"learning rate {before:g} -> {before * factor:g}",
        code=f'for group in optimizer.param_groups:\n    group["lr"] *= {factor:g}  # was {before:g}',
    )
