"""Colour jitter: the same thing in another light."""

from trainwell.augmentations import Colour, augmentations
from trainwell.draws import Draws


@augmentations.add(
    "color_jitter",
    paper="https://arxiv.org/abs/2002.05709",
    limits={"brightness": "[0, 1]", "contrast": "[0, 1]", "saturation": "[0, 1]", "hue": "[0, 0.5]"},
    tune={"brightness": (0.1, 0.8), "contrast": (0.1, 0.8), "saturation": (0.1, 0.8)},
    kind="colour",
    mixes_labels=False,
    mirrors=None,
    needs_classes=False,
)
def color_jitter(
    draws: Draws,
    size: tuple[int, int],  # noqa: ARG001
    *,
    brightness: float = 0.4,
    contrast: float = 0.4,
    saturation: float = 0.4,
    hue: float = 0.1,
) -> Colour:
    """Change brightness, contrast, saturation and hue of each image at random.

    Definition: with a grey of 0.299 R + 0.587 G + 0.114 B, in this order: brightness, v <- f v; contrast,
    v <- m + f (v - m), m the mean grey of the image; saturation, v <- g + f (v - g), g the grey of the pixel; each f
    uniform in [1 - b, 1 + b] for its argument b. Hue turns the colour about the axis of the greys by an angle that is
    uniform in [-hue, hue] turns.

    All four are affine in the colour, so that they are one product with a 3 x 4 matrix. Other programs turn the hue in
    the HSV space, which keeps the largest and the smallest of R, G and B; the rotation keeps their mean and their
    distance from the grey. Both agree on whole thirds of a turn, which permute the channels. Others also clamp between
    the steps and draw their order afresh; here the values are clamped once, at the end.

    Reach for it when light, camera or paint vary in use and do not tell the classes apart.

    Leave it when colour decides (ripe or not, stained tissue, flags), or take out the part that does: `hue=0`.

    Cost: about a copy of the batch in time and memory; no parameters. The strengths are worth tuning together.

    Args:
        draws: Randomness of this batch, N images.
        size: Height and width of the images.
        brightness: Largest change of the factor on all values.
        contrast: Largest change of the factor on the distance from the image's mean grey.
        saturation: Largest change of the factor on the distance from each pixel's grey.
        hue: Largest rotation, in turns.

    Returns:
        Four factors and angles for each image, (N,) float32 each; those of an argument of 0 are None.

    Raises:
        BadValue: A strength is outside [0, 1], or `hue` outside [0, 0.5].

    Reference:
        Chen et al., "A Simple Framework for Contrastive Learning of Visual Representations", 2020, appendix A (colour
        distortion of strength 0.5: the defaults here). Howard, "Some Improvements on Deep Convolutional Neural Network
        Based Image Classification", 2013, section 2.
    """
    strengths = {"brightness": brightness, "contrast": contrast, "saturation": saturation}
    factors = {name: draws.uniform(1 - strength, 1 + strength) for name, strength in strengths.items() if strength > 0}
    return Colour(**factors, hue=draws.uniform(-hue, hue) if hue > 0 else None)
