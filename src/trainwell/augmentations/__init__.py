"""Augmentations: another view of each image, drawn afresh in every epoch.

A member says what is to be done with each image of a batch, and never touches a pixel::

    (draws: Draws, size: tuple[int, int], *, ...) -> Plan | tuple[Plan, ...]      # size: height and width in pixels

A `Plan` is a `Geometry`, a `Colour`, a `Mask` or a `Mix`. `trainwell.data.augment.Augmenter` composes what all members
ask for and touches the pixels once: geometry first, then colour, then masks, and, behind the preprocessing, mixes.
Within one kind the order of the recipe holds.

Facts of a member:
    kind: `geometry`, `colour`, `mask`, `mix`, or `policy` for one that gives several kinds.
    mixes_labels: Whether the targets change too.
    mirrors: `left_right` or `up_down` where it may mirror an image, which changes what digits and letters read as.
    needs_classes: Whether it has no meaning for values to predict.
    photo_scale: Short side, relative to the image size, at which photos are kept whole for it, or the argument of which
        this is the inverse. A member with this fact also takes as `size` those of N photos, (N, 2) int64, and its
        window is then one of the photo.
"""

from dataclasses import dataclass

from torch import Tensor

from trainwell.family import Family

augmentations = Family("augmentations", __name__, "augmentation")


@dataclass(frozen=True)
class Geometry:
    """Where each pixel of the output comes from; what is None does not happen. Fields act in their order.

    What lies outside the image is filled by reflection at its edge pixels.

    Args:
        flip: Mirror left and right, (N,) bool.
        vflip: Mirror up and down, (N,) bool.
        shift: Rows and columns by which the window moves over the image, in whole pixels, (N, 2) int64.
        window: Part of the image that is scaled to fill the output: top, left, height, width in pixels, (N, 4) float32.
            It may be larger than the image. Its edges are rounded to whole pixels.
        matrix: Projective map from places of the output to places of the input, (N, 3, 3) float32, acting on columns
            (x, y, 1). The origin is the centre of the image, x goes right, y goes down, and the unit is half the
            shorter side, so that a rotation stays one in images that are not square.
        lens: Radial distortion k, (N,) float32: the output at distance r from the centre shows the input at
            r (1 + k r^2), r = 1 at the corners. k > 0 is a barrel, k < 0 a pincushion.
    """

    flip: Tensor | None = None
    vflip: Tensor | None = None
    shift: Tensor | None = None
    window: Tensor | None = None
    matrix: Tensor | None = None
    lens: Tensor | None = None


@dataclass(frozen=True)
class Colour:
    """What happens to the values of each image, in 0..255; what is None does not happen. Fields act in their order.

    Values are clamped to 0..255 once, at the end of the colour pass, and before a curve. On grey images `saturation`
    and `hue` do nothing, and `lighting` acts along the only channel.

    Args:
        brightness: Factor on all values, (N,) float32; 1 is none.
        contrast: Factor on the distance from the image's mean grey, (N,) float32; 1 is none.
        saturation: Factor on the distance from each pixel's grey, (N,) float32; 1 is none.
        hue: Rotation of the colours about the grey axis in turns, (N,) float32; 0 is none.
        lighting: Multiples of the principal components of the training pixels' colours that are added, (N, 3)
            float32, in units of each component's standard deviation.
        solarize: Value from which on values are inverted, (N,) float32; 256 is none.
        posterize: Bits that are kept of each value, (N,) int64; 8 is none.
        autocontrast: Stretch each channel of the image to 0..255, (N,) bool.
        equalize: Make each channel's histogram as even as can be, (N,) bool.
        sharpness: Factor on the distance from the image blurred by 3 x 3, (N,) float32; 1 is none.
        noise: Standard deviation of independent normal noise on every value, in 0..255, (N,) float32; 0 is none.
        noise_start: Where each image begins to read in the table of normal draws, (N,) int64; goes with `noise`.
    """

    brightness: Tensor | None = None
    contrast: Tensor | None = None
    saturation: Tensor | None = None
    hue: Tensor | None = None
    lighting: Tensor | None = None
    solarize: Tensor | None = None
    posterize: Tensor | None = None
    autocontrast: Tensor | None = None
    equalize: Tensor | None = None
    sharpness: Tensor | None = None
    noise: Tensor | None = None
    noise_start: Tensor | None = None


@dataclass(frozen=True)
class Mask:
    """A rectangle of each image to be blanked with the mean colour.

    Args:
        box: top, left, bottom, right in pixels, (N, 4) int64; bottom and right excluded; may reach over the edge.
    """

    box: Tensor


@dataclass(frozen=True)
class Mix:
    """A blend of each sample with another one.

    Args:
        partner: Index within the batch of the other sample, (N,) int64.
        share: Weight of the sample itself in the target, (N,) float32 in [0, 1]; in the input too, unless a box is cut.
        box: Rectangle that is taken from the partner instead, as in `Mask`, (N, 4) int64; None blends all values.
    """

    partner: Tensor
    share: Tensor
    box: Tensor | None = None


Plan = Geometry | Colour | Mask | Mix
