"""TrivialAugment: one operation, of any strength."""

from trainwell.augmentations import Colour, Geometry, augmentations
from trainwell.augmentations.randaugment import OPERATIONS, STEPS, Ranges, operation
from trainwell.draws import Draws


@augmentations.add(
    "trivialaugment",
    paper="https://arxiv.org/abs/2103.10158",
    kind="policy",
    mixes_labels=False,
    mirrors=None,
    needs_classes=False,
)
def trivialaugment(draws: Draws, size: tuple[int, int]) -> tuple[Geometry, Colour]:
    """Apply one operation, drawn for each image from the list of RandAugment, at a magnitude that is drawn too.

    Definition: one of the 14 operations and one of the 31 magnitudes, both uniform. The ranges are the paper's wide
    ones: 135 degrees, shear 0.99, translation by 32 pixels, factors 1 +- 0.99, all values inverted, 2 bits kept; in
    between in proportion, with a random sign where there is one. A translation goes no further than half of the side
    (the paper's 32 pixels are all of a CIFAR image), as what lies outside is filled by reflection here.

    Reach for it first, when a network overfits photos: there is nothing to tune, and it keeps up with what was tuned.

    Leave it when colour or direction decides the class, for digits and letters, or for a small network that underfits.

    Cost: three of 14 images are warped, the others copied or recoloured; no parameters.

    Args:
        draws: Randomness of this batch, N images.
        size: Height and width of the images.

    Returns:
        A geometry and a colour, with the identity for the images that drew another operation.

    Reference:
        Müller and Hutter, "TrivialAugment: Tuning-free Yet State-of-the-Art Data Augmentation", 2021, section 3 and
        table 1 (wide).
    """
    rows, columns = (min(32.0, side / 2) for side in size)
    ranges = Ranges(degrees=135, shear=0.99, rows=rows, columns=columns, factor=0.99, bits=6)
    level = draws.integers(0, STEPS).float() / STEPS
    return operation(draws.integers(0, len(OPERATIONS) - 1), level, draws.integers(0, 1) * 2 - 1, ranges)
