"""RandAugment: a few operations drawn from a list, all of one strength."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from trainwell.augmentations import Colour, Geometry, augmentations
from trainwell.draws import Draws

# In the order of the paper's listing (figure 2); `saturation` is what it calls color, after Pillow.
OPERATIONS = (
    "identity",
    "autocontrast",
    "equalize",
    "rotate",
    "solarize",
    "saturation",
    "posterize",
    "contrast",
    "brightness",
    "sharpness",
    "shear_x",
    "shear_y",
    "translate_x",
    "translate_y",
)
STEPS = 30  # magnitudes go from 0 to 30


@dataclass(frozen=True)
class Ranges:
    """What an operation does at the full magnitude; at 0 it does nothing.

    Args:
        degrees: Rotation.
        shear: Shift of a row by this multiple of its height, and of a column likewise.
        rows: Translation up or down, in pixels.
        columns: Translation left or right, in pixels.
        factor: Change of the factor of brightness, contrast, saturation and sharpness.
        bits: Bits that posterize takes away.
    """

    degrees: float
    shear: float
    rows: float
    columns: float
    factor: float
    bits: int


@augmentations.add(
    "randaugment",
    paper="https://arxiv.org/abs/1909.13719",
    limits={"num_ops": "[1, inf)", "magnitude": "[0, 30]"},
    tune={"num_ops": (1, 3), "magnitude": (4, 16)},
    kind="policy",
    mixes_labels=False,
    mirrors=None,
    needs_classes=False,
)
def randaugment(
    draws: Draws, size: tuple[int, int], *, num_ops: int = 2, magnitude: int = 9
) -> tuple[Geometry | Colour, ...]:
    """Apply a few operations, drawn for each image from a list of 14, at one magnitude.

    Definition: `num_ops` times, one of identity, autocontrast, equalize, rotate, solarize, saturation, posterize,
    contrast, brightness, sharpness, shear and translate in x and in y, drawn with replacement. At the full magnitude of
    30: 30 degrees, shear 0.3, translation by 150 / 331 of the side, factors 1 +- 0.9, all values inverted, 4 bits kept
    (AutoAugment, table 6, as torchvision has them); in between in proportion, with a random sign where there is one.

    The geometry of all operations comes before their colour, so that the pixels are moved once; shears turn about the
    centre; what lies outside is filled by reflection, not with grey.

    Reach for it when a network of some size overfits photos and there is no time to search for augmentations: its two
    numbers are all there is to tune.

    Leave it when colour or direction decides the class, for digits and letters, or for a small network that underfits.

    Cost: three of 14 images are warped for each operation, the others copied or recoloured; no parameters. The best
    magnitude grows with the network and the data.

    Args:
        draws: Randomness of this batch, N images.
        size: Height and width of the images.
        num_ops: Operations for each image.
        magnitude: Strength of all of them, of 30.

    Returns:
        A geometry and a colour for each of the operations, with the identity for the images that drew another one.

    Raises:
        BadValue: `num_ops` is below 1, or `magnitude` outside [0, 30].

    Reference:
        Cubuk et al., "RandAugment: Practical Automated Data Augmentation with a Reduced Search Space", 2020, section 3.
        Ranges: Cubuk et al., "AutoAugment: Learning Augmentation Policies from Data", 2019, table 6.
    """
    far = 150 / 331  # AutoAugment's pixels of the images it was made for
    height, width = size
    ranges = Ranges(degrees=30, shear=0.3, rows=far * height, columns=far * width, factor=0.9, bits=4)
    level = torch.full((len(draws),), magnitude / STEPS)
    plans: list[Geometry | Colour] = []
    for _ in range(num_ops):
        chosen = draws.integers(0, len(OPERATIONS) - 1)
        plans += operation(chosen, level, draws.integers(0, 1) * 2 - 1, ranges)
    return tuple(plans)


def operation(chosen: Tensor, level: Tensor, sign: Tensor, ranges: Ranges) -> tuple[Geometry, Colour]:
    """One operation for each image.

    Args:
        chosen: Place in `OPERATIONS`, (N,) int64.
        level: Magnitude, (N,) float32 in [0, 1].
        sign: -1 or 1, (N,), for what has two directions.
        ranges: What level 1 means.

    Returns:
        A geometry and a colour: the identity in all fields but the one that was chosen.
    """
    signed = level * sign

    def amounts(name: str, full: float) -> Tensor:
        return torch.where(chosen == OPERATIONS.index(name), signed * full, 0.0)

    def factors(name: str) -> Tensor:
        return 1 + amounts(name, ranges.factor)

    def is_drawn(name: str) -> Tensor:
        return chosen == OPERATIONS.index(name)

    angle = amounts("rotate", math.radians(ranges.degrees))
    matrix = torch.eye(3).repeat(len(chosen), 1, 1)
    matrix[:, 0, 0] = matrix[:, 1, 1] = angle.cos()
    matrix[:, 0, 1] = amounts("shear_x", ranges.shear) - angle.sin()
    matrix[:, 1, 0] = amounts("shear_y", ranges.shear) + angle.sin()
    shift = torch.stack((amounts("translate_y", ranges.rows), amounts("translate_x", ranges.columns)), dim=1)
    geometry = Geometry(shift=shift.round().long(), matrix=matrix)
    colour = Colour(
        brightness=factors("brightness"),
        contrast=factors("contrast"),
        saturation=factors("saturation"),
        solarize=torch.where(is_drawn("solarize"), 256 * (1 - level), 256.0),
        posterize=torch.where(is_drawn("posterize"), 8 - (level * ranges.bits).round().long(), 8),
        autocontrast=is_drawn("autocontrast"),
        equalize=is_drawn("equalize"),
        sharpness=factors("sharpness"),
    )
    return geometry, colour
