"""Classes of unequal size: what `balance` makes of the loss, what it cannot go with, and how uneven classes are."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from trainwell.data.batches import Feed
from trainwell.data.dataset import Data
from trainwell.errors import BadValue
from trainwell.losses import balanced_weights, is_soft, losses, wide
from trainwell.recipe import Recipe

UNEVEN = 10.0  # times the samples of the smallest class from which something ought to be done
WORDS = {
    "weights": "each sample counts by the weight of its class, rare ones more",
    "sampler": "each class is drawn alike often, so that samples of rare ones come again and again",
    "prior": "the log of each class's frequency is added to its output in training, and left out of predictions",
}

BALANCED_MONITOR = "valid_balanced_accuracy"

_Loss = Callable[[Tensor, Tensor], Tensor]


def class_counts(feed: Feed) -> tuple[int, ...]:
    """Samples of each class; none in regression."""
    return () if feed.num_classes is None else tuple(torch.bincount(feed.target, minlength=feed.num_classes).tolist())


def unevenness(counts: tuple[int, ...]) -> float:
    """How many times the samples of the smallest class the largest has, of those that have any; 1 where none has."""
    present = [count for count in counts if count]
    return max(present) / min(present) if present else 1.0


def mean_recall(right: Tensor, counts: Tensor) -> Tensor:
    """Balanced accuracy, (...): the share of right answers of each class, averaged over the classes that have samples.

    Args:
        right: Right answers of each class, (..., C).
        counts: Samples of each class, (C,).
    """
    present = counts > 0
    return (right[..., present].double() / counts[present]).mean(-1)


def refuse_balance(data: Data, recipe: Recipe) -> None:
    """Refuse a `balance` that would have no effect, that does what another field does, or that the loss cannot take.

    Raises:
        BadValue: One of these.
    """
    if recipe.balance == "none":
        return
    asked, member = f"balance={recipe.balance}", losses[recipe.loss.name]
    if data.task == "regression":
        raise BadValue(f"{asked} has no effect: this data has values to predict, and so no classes. Leave it out.")
    present = np.bincount(np.asarray(data.y)[data.splits["train"]])
    present = present[present > 0]
    if len(set(present.tolist())) == 1 and "fold" not in data.facts:  # a fold may come out even, of data that is not
        raise BadValue(f"{asked} has no effect: every class has {present[0]:,} training samples. Leave it out.")
    if recipe.loss.args.get("weights") is not None:
        raise BadValue(f"{asked} and loss.weights both make up for the sizes of classes. Leave one of them out.")
    if recipe.last_bias == "prior":
        raise BadValue(
            f"last_bias=prior starts with the frequencies of the classes, and {asked} takes them out. "
            "Leave one of them out."
        )
    if recipe.balance == "weights" and "weights" not in member.hyper:
        raise BadValue(
            f"balance=weights has no weights to set in loss={member.id}. Set loss=cross_entropy, or sampler."
        )
    if recipe.balance == "prior" and not member.facts.get("softmax"):
        raise BadValue(
            f"balance=prior adds to what a softmax sees, and loss={member.id} has none. "
            "Set loss=cross_entropy, or balance=sampler."
        )


def balanced_loss(recipe: Recipe, loss: _Loss, plain: _Loss, counts: tuple[int, ...], device: torch.device) -> _Loss:
    """The loss that is minimised: as it is, by the weights of the classes, or of outputs with the log of their shares.

    Args:
        recipe: Its `balance` decides; a sampler leaves the loss alone.
        loss: The recipe's own loss.
        plain: The same without smoothing.
        counts: Training samples of each class.
        device: Where outputs are.
    """
    smoothing = recipe.loss.args.get("smoothing", 0.0)
    if recipe.balance == "weights":
        return by_class(torch.tensor(balanced_weights(counts), device=device), smoothing=smoothing)
    if recipe.balance == "prior":
        return adjusted(plain, log_shares(counts).to(device), smoothing=smoothing)
    return loss


def by_class(weights: Tensor, *, smoothing: float = 0.0) -> _Loss:
    """Cross-entropy in which each row counts by the weight of its class: sum w_n l_n / sum w_n.

    The weight is that of the row and not of each class within a smoothed target, as `loss.weights` and torch have it:
    there the little that smoothing gives to a rare class in every row would outweigh the row's own class.

    Args:
        weights: One a class, (C,). A blend of classes has the blend of their weights.
        smoothing: Share of the target that is spread evenly over all classes.
    """

    def loss(output: Tensor, target: Tensor) -> Tensor:
        logits, soft = wide(output), is_soft(output, target)
        target = target.to(logits.dtype) if soft else target
        of_rows = target @ weights.to(logits.dtype) if soft else weights[target]
        terms = functional.cross_entropy(logits, target, reduction="none", label_smoothing=smoothing)
        return (of_rows * terms).sum() / of_rows.sum()

    return loss


def adjusted(loss: _Loss, shares: Tensor, *, smoothing: float = 0.0) -> _Loss:
    """Logit adjustment: a loss of outputs to which the log of each class's share is added.

    What is learnt beside the shares is what tells the classes apart where all are equally frequent: without them the
    outputs give the predictions of a balanced world. For the same reason smoothing spreads its part of the target by
    the shares, which is evenly in that world; spread evenly here, it would there go to the rare classes, and outweigh
    the right one.

    Args:
        loss: One with a softmax over the outputs that takes distributions, without smoothing of its own.
        shares: Log of the share of each class, (C,).
        smoothing: Part of the target that is spread.

    Reference:
        Menon et al., "Long-tail Learning via Logit Adjustment", 2021, section 4.3, equation 10 with tau = 1.
    """

    def of_shifted(output: Tensor, target: Tensor) -> Tensor:
        logits = wide(output) + shares
        if smoothing:
            soft = target if is_soft(output, target) else functional.one_hot(target, len(shares))
            target = (1 - smoothing) * soft.to(logits.dtype) + smoothing * shares.exp()
        return loss(logits, target)

    return of_shifted


def log_shares(counts: tuple[int, ...]) -> Tensor:
    """Log of the share of each class, (C,); a class without samples is taken to have one, as its log has to be finite.

    Args:
        counts: Training samples of each class.
    """
    held = torch.tensor(counts, dtype=torch.float64).clamp_min(1.0)
    return (held / held.sum()).log().float()
