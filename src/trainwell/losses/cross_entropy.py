"""Cross-entropy: minus the log of the probability given to the right class."""

import functools
import math
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from trainwell.errors import BadValue
from trainwell.losses import is_soft, losses, wide


@losses.add(
    "cross_entropy",
    paper="https://arxiv.org/abs/1512.00567",
    tune={"smoothing": (0.0, 0.2)},
    limits={"smoothing": "[0, 1)"},
    task="classification",
    soft_targets=True,
    softmax=True,
    expects="logits",
)
def cross_entropy(
    output: Tensor,
    target: Tensor,
    *,
    smoothing: float = 0.0,
    weights: tuple[float, ...] | Literal["balanced"] | None = None,
) -> Tensor:
    """Minus the log of the probability that the softmax gives to the right class.

    Definition: the mean over the batch of -sum_k t_k log softmax(output)_k. Label smoothing s puts
    t = (1 - s) target + s / C in place of the target. Class weights put w_k t_k in place of t_k; the sum over the batch
    is then divided by the sum of the weights of its targets where they are classes, and by the number of rows where
    they are distributions, as in torch. With balanced weights the two agree on average. A network that knows nothing
    starts at log C.

    Reach for it when each sample belongs to exactly one class: it is the default. Smoothing of 0.1 keeps a network from
    growing ever surer; weights make rare classes count.

    Leave it when a sample may belong to several classes or to none, which is `bce`. Weights make the probabilities
    those of a balanced world: leave them when the probabilities are to be believed, or accuracy is what counts.

    Cost: negligible; smoothing and weights add nothing that shows. Smoothing raises the lowest loss above 0, so that
    losses with and without it do not compare.

    Args:
        output: Logits, (N, C).
        target: Class of each row, (N,) int64, or a distribution over the classes, (N, C) floating.
        smoothing: Share of the target that is spread evenly over all classes.
        weights: One number a class, at least 0 and not all 0; "balanced" makes every class count alike and is turned
            into numbers by the fit, which has counted the classes; None weighs all alike.

    Returns:
        Scalar, at least 0; without weights at least the entropy of the smoothed target.

    Raises:
        BadValue: The shapes do not fit; the weights are not one a class, or are negative, or are still the word.

    Reference:
        Bridle, "Probabilistic Interpretation of Feedforward Classification Network Outputs", 1990; smoothing: Szegedy
        et al., "Rethinking the Inception Architecture for Computer Vision", 2016, section 7.
    """
    logits = wide(output)
    soft = target.to(logits.dtype) if is_soft(output, target) else target
    weight = None if weights is None else _tensor(weights, output.shape[1], output.device).to(logits.dtype)
    return functional.cross_entropy(logits, soft, weight, label_smoothing=smoothing)


@functools.lru_cache(maxsize=8)  # a copy to the device in every step would wait for it
def _tensor(weights: tuple[float, ...] | str, num_classes: int, device: torch.device) -> Tensor:
    if isinstance(weights, str):
        raise BadValue(
            f"cross_entropy.weights={weights} has to be turned into numbers by what has counted the classes, as fit "
            "does. Here give one number a class: trainwell.losses.balanced_weights(counts) works them out."
        )
    if len(weights) != num_classes:
        raise BadValue(
            f"cross_entropy.weights has {len(weights)} values and the output {num_classes} classes; "
            "expected one weight a class."
        )
    if not all(0.0 <= weight < math.inf for weight in weights) or not any(weights):
        raise BadValue(f"cross_entropy.weights={weights} is not possible: expected values in [0, inf), not all 0.")
    with torch.inference_mode(False):  # what is made while evaluating is used again in training
        return torch.tensor(weights, dtype=torch.float32, device=device)
