"""Mirror images of what reads in one direction."""

from trainwell.augmentations import augmentations
from trainwell.diagnoses.rules import Breach, Case, rules


@rules.add("mirrored_text", paper="https://doi.org/10.1186/s40537-019-0197-0", severity="warning", looks_inside=False)
def mirrored_text(case: Case) -> Breach | None:
    """A mirrored 2 is no 2: flips teach digits and letters under the wrong shape, and 6 and 9, b and d, p and q as one.

    Definition: the class names are single digits or letters or whole numbers (`Shape.reads_one_way`), and an
    augmentation mirrors images, or the views at test time do.

    Reach for it with images of signs; it is asked by itself.

    Leave it (`silence=mirrored_text`) when the classes are only numbered, as 0 = aeroplane, 1 = car.

    Cost: none.

    Args:
        case: What is about to be trained.

    Returns:
        The breach, with what mirrors.

    Reference:
        Shorten, Khoshgoftaar, "A survey on Image Data Augmentation for Deep Learning", 2019, "Flipping": not a
        label-preserving transformation for text recognition.
    """
    if case.shape.kind != "images" or not case.shape.reads_one_way:
        return None
    parts = [part for part in case.recipe.augment if augmentations[part.name].facts.get("mirrors")]
    names = [part.name for part in parts if part.args.get("p") != 0]
    changes = [f"augment without {' and '.join(names)}"] if names else []
    changes += ["views=one"] if case.recipe.views != "one" else []
    if not changes:
        return None
    return Breach(
        f"The classes ({', '.join(case.shape.classes[:4])}, ...) read as digits or letters, and images are mirrored.",
        f"Set {' and '.join(changes)}.",
        {"augment": names, "views": case.recipe.views},
    )
