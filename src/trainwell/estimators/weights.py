"""Sample weights: in the gradient, in the preprocessing, in the prior."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from trainwell.errors import BadValue
from trainwell.family import Part
from trainwell.losses import balanced_weights, losses
from trainwell.preprocessing import Affine, Fitted, affine, preprocessing
from trainwell.recipe import Recipe

_BY_NATURE = ("none", "min_max")  # what they find does not change with how often a row counts


def weighted_loss(
    loss: Callable[[Tensor, Tensor], Tensor], factors: Callable[[], Tensor]
) -> Callable[[Tensor, Tensor], Tensor]:
    """A loss whose gradient counts each row by its weight; its value is still that of the rows alike.

    The mean of a batch hands each row its share of the gradient, which is scaled on its way back to the network. It
    goes with any loss, and costs no second pass.

    Args:
        loss: Mean over the rows of a batch.
        factors: Weights of the rows of the present batch, (B,), 1 on average over all rows.
    """

    def call(output: Tensor, target: Tensor) -> Tensor:
        if output.requires_grad:
            scale = factors().to(output.dtype).view(-1, *[1] * (output.ndim - 1))
            output.register_hook(lambda gradient: gradient * scale)
        return loss(output, target)

    return call


def without_class_weights(
    recipe: Recipe, classes: np.ndarray, weights: np.ndarray, num_classes: int
) -> tuple[Recipe, np.ndarray]:
    """The recipe with the class weights of its loss taken over into the weights of the rows.

    Args:
        recipe: As it was asked for.
        classes: Class of each row, (N,).
        weights: Of each row, (N,).
        num_classes: C, of which some may have no row here.

    Raises:
        BadValue: The loss has not one weight a class.
    """
    by_class = recipe.loss.args.get("weights")
    if by_class is None:
        return recipe, weights
    if by_class == "balanced":
        by_class = balanced_weights(np.bincount(classes, weights, num_classes).tolist())
    if len(by_class) != num_classes:
        raise BadValue(f"loss.weights has {len(by_class)} values, expected one for each of {num_classes} classes.")
    return recipe.replace(loss=losses.part(recipe.loss, weights=None)), weights * np.asarray(by_class)[classes]


def weighted_fit(part: Part, x: np.ndarray, weights: np.ndarray) -> Fitted:
    """A preprocessing of a table, fitted on rows that count by their weights.

    Args:
        part: One of `preprocessing`.
        x: The training rows, (n, F).
        weights: Of each, (n,).

    Raises:
        BadValue: It cannot count rows by weight.
    """
    if part.name in _BY_NATURE:
        fitted: Fitted = preprocessing.build(part, x, np.arange(len(x)))
        return fitted
    if part.name not in ("standardize", "zero_center"):
        raise BadValue(
            f"preprocess={part.name} counts every row alike and cannot take sample_weight. Take standardize, "
            "zero_center, min_max or none, or leave the weights out."
        )
    found = weighted_spread(x, weights)
    return found if part.name == "standardize" else Affine(found.offset, np.ones_like(found.scale))


def weighted_spread(x: np.ndarray, weights: np.ndarray) -> Affine:
    """Mean and standard deviation of each column of rows that count by their weights."""
    values = np.asarray(x, np.float64).reshape(len(x), -1)
    mean = np.average(values, axis=0, weights=weights)
    variance = np.average((values - mean) ** 2, axis=0, weights=weights)
    return affine(values, mean, np.sqrt(variance), np.abs(values).max(axis=0))


@torch.no_grad()
def weighted_prior(head: nn.Linear, classes: np.ndarray, weights: np.ndarray) -> None:
    """Let the last bias carry the log of the classes' shares of all weight."""
    counts = np.bincount(classes, weights, minlength=head.out_features)
    head.bias.copy_(torch.from_numpy(np.log(counts / counts.sum())))


def refuse_mixing(augment: tuple[Part, ...], facts: Callable[[Part], Any]) -> None:
    """Raise `BadValue` where images are blended, each of which would have a weight of its own."""
    mixing = [part.name for part in augment if facts(part) == "mix"]
    if mixing:
        raise BadValue(f"augment={','.join(mixing)} blends rows, and sample_weight weighs each. Leave one of them out.")
