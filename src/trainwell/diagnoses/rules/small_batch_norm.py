"""Batch norm with a batch of one or two."""

from trainwell.data.dataset import count
from trainwell.diagnoses.rules import Breach, Case, rules
from trainwell.norms import norms

_SMALL = 2  # samples: of two, each is the other's mirror image after the norm


@rules.add("small_batch_norm", paper="https://arxiv.org/abs/1803.08494", severity="warning", looks_inside=True)
def small_batch_norm(case: Case) -> Breach | None:
    """Mean and variance of one or two samples say little of the others: batch norm fails where layer norm holds.

    Definition: fires at a batch size of 1 or 2. Of two rows the norm leaves nothing but the sign of their difference;
    images have many pixels a channel, so that convolutional networks need not fail. One row alone has no variance:
    torch refuses it, and so does this rule.

    Reach for it in every network; it is asked by itself.

    Leave it (`silence=small_batch_norm`) for images so large that the pixels of one or two of them are sample enough.

    Cost: none.

    Args:
        case: What is about to be trained.

    Returns:
        The breach; an error where a row is to be normalised by itself.

    Reference:
        Wu, He, "Group Normalization", 2018, section 1.
    """
    over_batch = {member.id for member in norms if member.facts.get("over_batch")}
    found = [op for op in case.flow.of("norm") if op.id in over_batch]
    if not found or case.batch_size > _SMALL:
        return None
    rows = len(case.shape.input_shape) == 1 and case.batch_size == 1
    instead = case.change("Or take layer or group norm.", norm="layer").replace("Set", "Or set", 1)
    return Breach(
        f"Batch norm sees {count(case.batch_size, 'sample')} a step (batch_size="
        f"{case.recipe.batch_size}, {case.splits['train']} training samples): too few for a mean and a variance.",
        f"Set batch_size=16 or more. {instead}",
        {"batch_size": case.batch_size},
        "error" if rows else None,
    )
