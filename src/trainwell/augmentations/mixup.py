"""Mixup: train on blends of two samples."""

import torch

from trainwell.augmentations import Mix, augmentations
from trainwell.draws import Draws


@augmentations.add(
    "mixup",
    paper="https://arxiv.org/abs/1710.09412",
    limits={"alpha": "[0, inf)"},
    tune={"alpha": (0.1, 1.0, "log")},
    kind="mix",
    mixes_labels=True,
    mirrors=None,
    needs_classes=False,
)
def mixup(draws: Draws, size: tuple[int, int], *, alpha: float = 0.2) -> Mix:  # noqa: ARG001
    """Blend each sample and its target with those of another sample of the batch.

    Definition: x <- s x + (1 - s) x', y <- s y + (1 - s) y', s ~ Beta(alpha, alpha), y as a distribution over the
    classes. Each sample has a share and a partner of its own; the paper draws one share for the whole batch.

    Reach for it when the training loss falls well below the validation loss, or when probabilities come out too sure.

    Leave it when the network underfits, with losses for hard labels, or when a blend of two inputs means nothing.

    Cost: two passes over the batch; no parameters. Training loss and accuracy are those of blends: judge by validation.

    Args:
        draws: Randomness of this batch, N samples.
        size: Height and width of the images; without meaning here.
        alpha: Shape of Beta(alpha, alpha), from which the share is drawn; 0 switches it off.

    Returns:
        Partner of each sample, (N,) int64, and its own share, (N,) float32 in [0, 1].

    Raises:
        BadValue: `alpha` is negative.

    Reference:
        Zhang et al., "mixup: Beyond Empirical Risk Minimization", 2018, section 2.
    """
    share = draws.beta(alpha) if alpha > 0 else torch.ones(len(draws))
    return Mix(partner=draws.partners(), share=share)
