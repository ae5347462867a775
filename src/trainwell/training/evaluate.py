"""One pass over a split: the loss and the score, on samples as they are."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from trainwell.data.batches import Feed
from trainwell.training.engine import Engine

BATCH = 250  # larger ones take more memory and no less time


def score(
    model: nn.Module, feed: Feed, engine: Engine, loss: Callable[[Tensor, Tensor], Tensor], limit: int | None = None
) -> dict[str, float]:
    """Mean loss, and accuracy or R2, of the model in evaluation mode; its mode is set back afterwards.

    Args:
        model: Network on the engine's device.
        feed: Split to go through.
        engine: How to compute.
        loss: Mean loss of a batch.
        limit: Samples to look at, evenly spaced; None for all.

    Returns:
        `loss` and `accuracy` in [0, 1] (classification) or `r2` (regression, at most 1; the mean over the columns).
    """
    num_classes = feed.num_classes
    count = 0
    sums: list[Tensor] = []
    training = model.training
    model.eval()
    try:
        with torch.inference_mode():
            for x, y in feed.passes(BATCH, limit):
                output = engine.forward(model, x)
                count += len(y)
                sums.append(torch.cat([loss(output, y).double().view(1) * len(y), _sums(output, y, num_classes)]))
    finally:
        model.train(training)
    mean_loss, *total = torch.stack(sums).sum(0).cpu() / count
    if num_classes is not None:
        return {"loss": float(mean_loss), "accuracy": float(total[0])}
    residual, squares, mean = torch.stack(total).view(3, -1)
    spread = squares - mean**2
    r2 = torch.where(spread > 0, 1 - residual / spread, 0.0)
    return {"loss": float(mean_loss), "r2": float(r2.mean())}


def _sums(output: Tensor, y: Tensor, num_classes: int | None) -> Tensor:
    """Of a batch: the right answers, (1,); or squared residuals, squared targets and targets by column, (3 K,)."""
    if num_classes is not None:
        return (output.argmax(1) == y).sum().double().view(1)
    y = y.double().view(len(y), -1)
    output = output.double().view_as(y)
    return torch.cat([(output - y).square().sum(0), y.square().sum(0), y.sum(0)])


def outputs(model: nn.Module, feed: Feed, engine: Engine, views: str = "one") -> tuple[Tensor, Tensor]:
    """Predictions for a whole split: probabilities (n, C) or values (n,) / (n, K), and the targets, on the CPU.

    Args:
        model: Network on the engine's device.
        feed: Split to go through.
        engine: How to compute.
        views: `one`; `flip` averages the logits with those of the mirror image; `flip_shift` weighs them half, and the
            other half is the same for the image moved by one pixel up left and down right.

    Reference:
        Jordan, "94% on CIFAR-10 in 3.29 Seconds on a Single GPU", 2024, section 3.5 (multi-crop evaluation).
    """
    results, targets = [], []
    training = model.training
    model.eval()
    try:
        with torch.inference_mode():
            for x, y in feed.passes(BATCH):
                output = viewed(lambda x: engine.forward(model, x), x, views)
                results.append(output.softmax(1).cpu() if feed.num_classes is not None else output.cpu())
                targets.append(y.cpu())
    finally:
        model.train(training)
    return torch.cat(results), torch.cat(targets)


def viewed(forward: Callable[[Tensor], Tensor], x: Tensor, views: str) -> Tensor:
    if views == "one":
        return forward(x)
    mirrored = (forward(x) + forward(x.flip(3))) / 2
    if views == "flip":
        return mirrored
    padded = nn.functional.pad(x, (1, 1, 1, 1), mode="reflect")
    height, width = x.shape[2:]
    moved = [padded[:, :, :height, :width], padded[:, :, 2 : height + 2, 2 : width + 2]]
    shifted = [forward(view) + forward(view.flip(3)) for view in moved]
    return (mirrored + (shifted[0] + shifted[1]) / 4) / 2
