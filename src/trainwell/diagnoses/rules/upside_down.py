"""Images turned upside down."""

from trainwell.augmentations import augmentations
from trainwell.diagnoses.rules import Breach, Case, rules


@rules.add("upside_down", paper="https://doi.org/10.1186/s40537-019-0197-0", severity="note", looks_inside=False)
def upside_down(case: Case) -> Breach | None:
    """Photos have an up and a down: a flip of it spends the network's effort on what will never be seen.

    Definition: an augmentation mirrors up and down. A note: right for what is seen from above or through a microscope,
    which nothing in the recipe tells.

    Reach for it with photos; it is asked by itself.

    Leave it (`silence=upside_down`) for aerial, microscopic and other images without an up.

    Cost: none.

    Args:
        case: What is about to be trained.

    Returns:
        The breach, with what mirrors.

    Reference:
        Shorten, Khoshgoftaar, "A survey on Image Data Augmentation for Deep Learning", 2019, "Flipping".
    """
    found = [
        part.name
        for part in case.recipe.augment
        if augmentations[part.name].facts.get("mirrors") == "up_down" and part.args.get("p") != 0
    ]
    if not found or case.shape.kind != "images" or case.shape.reads_one_way:
        return None
    return Breach(
        f"augment={','.join(found)} turns images upside down.",
        f"Right for images without an up, as from above; for photos set augment without {' and '.join(found)}.",
        {"augment": found},
    )
