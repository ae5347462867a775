"""Losses: how far an output is from its target.

A member takes the output of the network for a batch and the target, and gives the mean over the batch::

    (output: Tensor, target: Tensor, *, ...) -> Tensor      # scalar, float32; float64 for an output in float64

Facts of a member:
    task: `classification` or `regression`.
    soft_targets: Whether the target may be a distribution over the classes instead of a class, as mixing images and
        teachers give it.
    softmax: Whether a softmax over the outputs makes the probabilities, so that a number added to an output multiplies
        the odds of its class; not so if absent.
    expects: What the output stands for: `logits`, scores of any size of which the loss makes probabilities or margins
        itself, so that a softmax or sigmoid in front is a mistake; or `values`, to be near the target itself.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from trainwell.errors import BadValue
from trainwell.family import Family

losses = Family("losses", __name__, "loss")


def wide(values: Tensor) -> Tensor:
    """The values in float32, or in float64 where that is what they come in."""
    return values if values.dtype == torch.float64 else values.float()


def aligned(output: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Both in the precision of `wide` and of one shape: (N, 1) goes with (N,); anything else that differs is refused.

    Broadcasting (N, 1) against (N,) would compare every output with every target.

    Raises:
        BadValue: The shapes differ.
    """
    if output.shape != target.shape:
        if output.numel() != target.numel() or output.shape[:1] != target.shape[:1]:
            raise BadValue(
                f"The output has shape {tuple(output.shape)} and the target {tuple(target.shape)}; "
                "expected one target a row and output."
            )
        target = target.reshape(output.shape)
    output = wide(output)
    return output, target.to(output.dtype)


def is_soft(output: Tensor, target: Tensor) -> bool:
    """Whether a target is a distribution over the classes, (N, C) floating, and not the class of each row, (N,).

    Raises:
        BadValue: It is neither for an output (N, C).
    """
    soft = target.is_floating_point()
    expected = output.shape if soft else output.shape[:1] + output.shape[2:]
    if output.ndim < 2 or target.shape != expected:
        raise BadValue(
            f"The output has shape {tuple(output.shape)} and the target {tuple(target.shape)} of {target.dtype}; "
            "expected an output (N, C) with the class of each row, (N,) int64, or with a distribution over the "
            "classes, (N, C) floating."
        )
    return soft


def balanced_weights(counts: Sequence[int]) -> tuple[float, ...]:
    """Weights by which every class counts alike and a sample 1 on average: n / (C n_c) for a class of n_c samples.

    Args:
        counts: Number of training samples of each class; n is their sum, C the number of classes that have any.

    Returns:
        One weight a class; 1 for a class without samples.

    Reference:
        King, Zeng, "Logistic Regression in Rare Events Data", 2001.
    """
    present = sum(count > 0 for count in counts)
    return tuple(sum(counts) / (present * count) if count else 1.0 for count in counts)
