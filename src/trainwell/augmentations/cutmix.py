"""CutMix: train on images with a rectangle of another one."""

import torch

from trainwell.augmentations import Mix, augmentations
from trainwell.draws import Draws


@augmentations.add(
    "cutmix",
    paper="https://arxiv.org/abs/1905.04899",
    limits={"alpha": "[0, inf)"},
    tune={"alpha": (0.2, 1.0, "log")},
    kind="mix",
    mixes_labels=True,
    mirrors=None,
    needs_classes=True,
)
def cutmix(draws: Draws, size: tuple[int, int], *, alpha: float = 1.0) -> Mix:
    """Paste a rectangle of another image of the batch, and share the target by area.

    Definition: l ~ Beta(alpha, alpha); a rectangle of height H sqrt(1 - l) and width W sqrt(1 - l) around a uniform
    pixel, cut off at the border, is taken from the partner; y <- s y + (1 - s) y' with s = 1 - area / (H W), the area
    that is left of the rectangle, which is l only where nothing was cut off.

    Reach for it when the training loss falls well below the validation loss and classes are told by texture or parts.

    Leave it when there are values to predict, when things are small (a rectangle may hold no part of them while the
    target says that it does), or when the network underfits.

    Cost: a pass over the pasted values; no parameters. Training loss and accuracy are those of mixed images.

    Args:
        draws: Randomness of this batch, N images.
        size: Height and width of the images.
        alpha: Shape of Beta(alpha, alpha); 1 is uniform, 0 switches it off.

    Returns:
        Partner of each image, (N,) int64, its own share, (N,) float32 in [0, 1], and the rectangle, (N, 4) int64:
        top, left, bottom, right in pixels, within the image.

    Raises:
        BadValue: `alpha` is negative.

    Reference:
        Yun et al., "CutMix: Regularization Strategy to Train Strong Classifiers with Localizable Features", 2019,
        section 3.1, equations 1 and 2.
    """
    height, width = size
    left_of_it = draws.beta(alpha) if alpha > 0 else torch.ones(len(draws))
    ratio = (1 - left_of_it).sqrt()
    tall, wide = (ratio * height).long(), (ratio * width).long()
    top = draws.integers(0, height - 1) - tall // 2
    left = draws.integers(0, width - 1) - wide // 2
    bottom, right = (top + tall).clamp(max=height), (left + wide).clamp(max=width)
    top, left = top.clamp(min=0), left.clamp(min=0)
    area = (bottom - top) * (right - left)
    share = 1 - area / (height * width)
    return Mix(partner=draws.partners(), share=share, box=torch.stack((top, left, bottom, right), dim=1))
