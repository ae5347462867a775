"""Many linear heads on the features of one frozen network, trained at once.

The features are computed once. What remains of the network is linear, so that a whole grid of heads (rates, weight
decays, seeds) is one stacked matrix product a step.
"""

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from trainwell.data.batches import Stream
from trainwell.draws import key
from trainwell.errors import BadValue
from trainwell.training.balance import mean_recall

Loss = Callable[[Tensor, Tensor], Tensor]
RATES = (0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)
DECAYS = (0.0, 1e-4, 1e-3, 1e-2, 1e-1)
SEEDS = 2
MOMENTUM = 0.9
_MOST_DECAY = 1.0  # rate times decay; from 2 (1 + m) / (1 + 2 m) = 1.36 on, with momentum m, the weights grow by decay
_START = 1e-3  # spread of the weights at the start, on features of unit length: the outputs are about 0
_FLOOR = 1e-6  # spread, as a share of the largest value of a feature, under which it counts as constant


@dataclass(frozen=True)
class Features:
    """What a frozen body makes of the samples, as its head sees them.

    Args:
        train: (V, n, F): of each training sample as it is, and of its augmented copies.
        target: (n,) or (n, K).
        valid: (m, F); None where there is no validation split.
        valid_target: (m,) or (m, K).
        scale: What the network multiplies the outputs of its head by.
    """

    train: Tensor
    target: Tensor
    valid: Tensor | None
    valid_target: Tensor | None
    scale: float = 1.0


@dataclass(frozen=True)
class Head:
    """One head of a grid, and how it did.

    Args:
        lr: Peak rate, on standardised features of unit mean square length.
        weight_decay: Added to the gradient, times the weights, in the same space.
        seed: Its number among heads alike but for the start and the order of samples.
        scores: `train_loss`, `train_accuracy` (or `train_r2`) and the same of `valid`.
        weight: (K, F), for the features as they are; None before training.
        bias: (K,), or None.
    """

    lr: float
    weight_decay: float
    seed: int
    scores: dict[str, float] | None = None
    weight: Tensor | None = None
    bias: Tensor | None = None


def grid(rates: Sequence[float] = RATES, decays: Sequence[float] = DECAYS, seeds: int = SEEDS) -> list[Head]:
    """All combinations of rates, weight decays and seeds but those whose decay alone would throw the weights about."""
    heads = [Head(lr, decay, seed) for seed, lr, decay in itertools.product(range(seeds), rates, decays)]
    return [head for head in heads if head.lr * head.weight_decay <= _MOST_DECAY] or heads


def train_heads(
    features: Features,
    heads: Sequence[Head],
    *,
    loss: Loss,
    plain_loss: Loss,
    num_outputs: int,
    num_classes: int | None,
    with_bias: bool,
    epochs: float,
    batch_size: int,
    seed: int,
    balanced: bool = False,
) -> list[Head]:
    """Train linear heads side by side, by SGD with Nesterov momentum under a cosine.

    Features are standardised (without a bias only scaled, since a shift is a bias) and divided by the root of their
    number, so that one range of rates fits every network; that, and what the network multiplies the outputs of its head
    by, is folded into the weights at the end. Heads of one seed share the order of the samples. In epoch e the copy
    e modulo V of a sample is seen.

    Args:
        features: What to learn from.
        heads: Their rates, decays and seeds.
        loss: Output, target -> mean over the samples: what is minimised.
        plain_loss: What is reported.
        num_outputs: K.
        num_classes: Number of classes; None in regression.
        with_bias: Whether the head has a bias.
        epochs: Passes over the training samples.
        batch_size: Samples a step.
        seed: Seed of the run.
        balanced: Whether each class is drawn alike often.

    Returns:
        The heads in the same order, trained and scored; a score that is not finite means that its rate was too high.

    Reference:
        Kornblith et al., "Do Better ImageNet Models Transfer Better?", 2019, section 3 (a grid of linear classifiers on
        fixed features); Sutskever et al., "On the importance of initialization and momentum", 2013 (the step).
    """
    shift, spread = _standard(features.train[0], with_bias)
    inputs = (features.train - shift) / spread
    held = None if features.valid is None else (features.valid - shift) / spread
    trained: dict[int, Head] = {}
    for number in sorted({head.seed for head in heads}):
        chosen = [place for place, head in enumerate(heads) if head.seed == number]
        stream = Stream(
            len(features.target),
            batch_size,
            key(seed, "heads", number) % 2**53,
            features.target if balanced and num_classes is not None else None,
        )
        some = [heads[place] for place in chosen]
        begin = key(seed, "head", number)
        steps = stream.steps(epochs)
        weight, bias = _trained(some, inputs, features.target, stream, steps, loss, num_outputs, with_bias, begin)
        found = [_scores(weight, bias, inputs[0], features.target, plain_loss, num_classes)]
        if held is not None and features.valid_target is not None:
            found.append(_scores(weight, bias, held, features.valid_target, plain_loss, num_classes))
        for index, place in enumerate(chosen):
            scores = {
                f"{part}_{name}": value
                for part, of_part in zip(("train", "valid"), found, strict=False)
                for name, value in of_part[index].items()
            }
            own = (weight[index] / spread[:, None]).T.contiguous() / features.scale
            own_bias = bias[index] / features.scale - own @ shift if with_bias else None
            head = heads[place]
            trained[place] = Head(head.lr, head.weight_decay, head.seed, scores, own, own_bias)
    return [trained[place] for place in range(len(heads))]


def best(heads: Sequence[Head], monitor: str, samples: int) -> int:
    """The number of the head that does best by a score.

    Accuracies are known to a standard error only: of the heads within one of the highest it is that of the lowest loss,
    which knows more of each sample.

    Args:
        heads: Trained.
        monitor: `valid_accuracy`, `valid_balanced_accuracy`, `valid_r2`, `valid_loss`, or the same of `folds`.
        samples: How many the score is of.

    Raises:
        BadValue: None of them has a finite loss.

    Reference:
        Hastie, Tibshirani, Friedman, "The Elements of Statistical Learning", 2009, section 7.10 (one standard error).
    """
    sign = -1 if monitor.endswith("loss") else 1
    loss = f"{monitor.partition('_')[0]}_loss"
    found: list[tuple[float, float, int]] = []
    for number, head in enumerate(heads):
        assert head.scores is not None, "only heads that are trained can be compared"
        if math.isfinite(head.scores[monitor]) and math.isfinite(head.scores[loss]):
            found.append((sign * head.scores[monitor], -head.scores[loss], -number))
    if not found:
        raise BadValue("None of the heads has a finite loss: their rates are too high. Set a lower optimizer.lr.")
    highest = max(found)[0]
    error = math.sqrt(highest * (1 - highest) / samples) if monitor.endswith("accuracy") else 0.0
    return -max(key[1:] for key in found if key[0] >= highest - error)[1]


def _standard(features: Tensor, with_bias: bool) -> tuple[Tensor, Tensor]:
    """Shift and scale of each feature that bring the mean square length of a sample to 1."""
    wide = features.double()
    shift = wide.mean(0) if with_bias else torch.zeros_like(wide[0])
    spread = (wide - shift).square().mean(0).sqrt()
    spread = torch.where(spread > _FLOOR * wide.abs().amax(0), spread, 1.0)
    return shift.float(), (spread * math.sqrt(features.shape[1])).float()


def _trained(
    heads: Sequence[Head],
    inputs: Tensor,
    target: Tensor,
    stream: Stream,
    steps: int,
    loss: Loss,
    num_outputs: int,
    with_bias: bool,
    seed: int,
) -> tuple[Tensor, Tensor]:
    """Weights (G, F, K) and biases (G, K) of heads that see the samples in one order."""
    device, count = inputs.device, len(heads)
    generator = torch.Generator().manual_seed(seed)
    start = torch.randn(inputs.shape[2], num_outputs, generator=generator) * _START
    weight = start.to(device).expand(count, -1, -1).clone().requires_grad_()
    bias = torch.zeros(count, num_outputs, device=device, requires_grad=with_bias)
    learnt = [weight, bias] if with_bias else [weight]
    velocity = [torch.zeros_like(tensor) for tensor in learnt]
    rates = torch.tensor([head.lr for head in heads], device=device)
    decay = torch.tensor([head.weight_decay for head in heads], device=device)[:, None, None]
    for step in range(steps):
        indices = stream.at(step)[0].to(device)
        copies = torch.from_numpy(stream.visits(step)).to(device) % len(inputs)
        x, y = inputs[copies, indices], target.index_select(0, indices)
        outputs = torch.matmul(x, weight) + bias[:, None]
        # The mean over heads that see the same samples, times their number: each has the gradient of its own loss.
        together = loss(outputs.flatten(0, 1), y.repeat(count, *[1] * (y.dim() - 1))) * count
        gradients = torch.autograd.grad(together, learnt)
        rate = rates * (0.5 * (1 + math.cos(math.pi * step / steps)))
        with torch.no_grad():
            for tensor, moved, gradient in zip(learnt, velocity, gradients, strict=True):
                pull = gradient + decay * tensor if tensor is weight else gradient
                moved.mul_(MOMENTUM).add_(pull)
                tensor.sub_(rate.view(-1, *[1] * (tensor.dim() - 1)) * (pull + MOMENTUM * moved))
    return weight.detach(), bias.detach()


@torch.no_grad()
def _scores(
    weight: Tensor,
    bias: Tensor,
    inputs: Tensor,
    target: Tensor,
    plain_loss: Loss,
    num_classes: int | None,
) -> list[dict[str, float]]:
    """Loss, and accuracy or R2, of each head on samples."""
    found = []
    for own, shift in zip(weight, bias, strict=True):
        output = inputs @ own + shift
        scores = {"loss": float(plain_loss(output, target))}
        if num_classes is not None:
            right = output.argmax(1) == target
            scores["accuracy"] = float(right.double().mean())
            by_class = [rows.bincount(minlength=num_classes) for rows in (target[right], target)]
            scores["balanced_accuracy"] = float(mean_recall(*by_class))
        else:
            values, wanted = output.double(), target.double().view(len(target), -1)
            spread = (wanted - wanted.mean(0)).square().sum(0)
            r2 = 1 - (values - wanted).square().sum(0) / spread
            scores["r2"] = float(torch.where(spread > 0, r2, 0.0).mean())
        found.append(scores)
    return found
