"""Augmentations: another view of each image, drawn afresh in every epoch.

A member is `(draws: Draws, size: (H, W), *, hyper-parameters) -> Geometry | Mask | Mix`: it says what to do with each
image of a batch, and never touches a pixel. `engine.Augmenter` composes what all members ask for and touches the pixels
once. Fact `mixes_labels`: the targets change too.
"""

from dataclasses import dataclass

from torch import Tensor

from trainwell.family import Family

augmentations = Family("augmentations", __name__, "augmentation")


@dataclass(frozen=True)
class Geometry:
    """Where each pixel of the output comes from.

    Args:
        flip: Mirror left and right, (N,) bool; None for no image.
        shift: Rows and columns by which the window moves over the image, (N, 2) int64; None for not at all. What lies
            outside is filled by reflection.
    """

    flip: Tensor | None = None
    shift: Tensor | None = None


@dataclass(frozen=True)
class Mask:
    """A rectangle of each image to be blanked with the mean.

    Args:
        box: top, left, bottom, right in pixels, (N, 4) int64; bottom and right excluded; may reach over the edge.
    """

    box: Tensor


@dataclass(frozen=True)
class Mix:
    """A blend of each sample with another one.

    Args:
        partner: Index within the batch of the other sample, (N,) int64.
        share: Weight of the sample itself, (N,) float32 in [0, 1].
    """

    partner: Tensor
    share: Tensor
