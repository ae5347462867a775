"""Gradients of mini-batches."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from trainwell.draws import generator
from trainwell.lab.claim import Claim, Numbers, Verdict, by_parts
from trainwell.lab.claims import claims
from trainwell.lab.networks import stack
from trainwell.lab.spread import middle, outline, spread
from trainwell.lab.training import CPU, built_in, plain_recipe
from trainwell.losses import losses
from trainwell.report.charts.lines import Line, Panel, lines
from trainwell.training.setup import set_up

_SIZES = (1, 4, 16, 64, 256)
_NEAR = 0.1


@claims.add
class MinibatchNoise(Claim):
    """The variance of the gradient by the size of the batch."""

    id = "minibatch-noise"
    chapter = "gradients"
    statement = "The gradient of a mini-batch is an inexact one: right in the mean, with a variance of 1 / batch size."
    why = "It is the mean of as many draws from the samples' gradients."
    question = "How does the variance fall with the size of the batch, and how far is a batch from the whole gradient?"
    set_up = (
        "Digits, a ReLU net with one layer of 32 at its start, cross entropy: gradients of batches of 1 to 256 "
        "samples, drawn with replacement, 400 of each size. Their mean squared distance from the whole gradient, over "
        "the square of that, and the exponent by which it falls with the size."
    )
    mark = (
        "Holds if the exponent is within 0.1 of -1 for every seed, and the mean over the batches of one sample is "
        "nearer to the whole gradient than the batches are by 5 times. In part if only one of the two. Else it does "
        "not hold."
    )
    source = "CS231n, Training Neural Networks II (problems with SGD); Optimization (mini-batch gradient descent)"

    def measure(self, *, quick: bool, seeds: Sequence[int]) -> dict[str, Any]:
        """Gradients of many batches."""
        repeats = 100 if quick else 400
        noise, bias, cosine = [], [], []
        for seed in seeds:
            model = stack("relu", "he_normal", (64, 32), seed=seed, head=10)
            feed = set_up(built_in("digits"), plain_recipe(seed=seed), CPU.device, model).feeds["train"]
            x, y = next(feed.passes(len(feed), len(feed)))
            loss = losses.bind("cross_entropy")
            whole = _gradient(model, loss, x, y)
            size = float(whole.square().sum())
            by_size, alike = [], []
            for batch in _SIZES:
                rng = generator("minibatch-noise", seed, batch)
                drawn = [torch.from_numpy(rng.integers(0, len(x), batch)) for _ in range(repeats)]
                found = torch.stack([_gradient(model, loss, x[rows], y[rows]) for rows in drawn])
                by_size.append(float((found - whole).square().sum(dim=1).mean()) / size)
                alike.append(float(torch.cosine_similarity(found, whole[None]).mean()))
                if batch == 1:
                    bias.append(float((found.mean(dim=0) - whole).square().sum()) / size)
            noise.append(by_size)
            cosine.append(alike)
        return {"sizes": _SIZES, "noise": noise, "bias": bias, "cosine": cosine}

    def judge(self, numbers: Numbers) -> Verdict:
        """By the exponent."""
        exponents = [_exponent(numbers["sizes"], row) for row in numbers["noise"]]
        right = all(b < row[0] / 25 for b, row in zip(numbers["bias"], numbers["noise"], strict=True))
        falls = all(abs(e + 1) <= _NEAR for e in exponents)
        alike = [[row[place] for row in numbers["cosine"]] for place in (0, -1)]
        where = (
            f"The variance falls as the batch to the power of {spread(exponents)}. A batch of 1 has a cosine of "
            f"{spread(alike[0], '.2f')} with the whole gradient, one of {numbers['sizes'][-1]} one of "
            f"{spread(alike[1], '.2f')}."
        )
        return by_parts([falls, right], where)

    def figure(self, numbers: Numbers) -> str:
        """The variance by the size of the batch."""
        sizes = numbers["sizes"]
        seen = middle(numbers["noise"])
        first = seen[0] or 1.0
        return lines(
            "The noise of a mini-batch's gradient",
            "On two logarithmic axes the variance falls along a line of slope -1.",
            [
                Panel(
                    [
                        Line("measured", sizes, seen, band=outline(numbers["noise"])),
                        Line("1 / batch", sizes, [first / size for size in sizes], style="dotted", colour=6),
                    ],
                    "samples in the batch",
                    "squared error over the squared gradient",
                    log_x=True,
                    log_y=True,
                )
            ],
        )


def _gradient(model: nn.Module, loss: Callable[[Tensor, Tensor], Tensor], x: Tensor, y: Tensor) -> Tensor:
    """The gradient by all weights, as one vector."""
    found = torch.autograd.grad(loss(model(x), y), list(model.parameters()))
    return torch.cat([g.flatten() for g in found])


def _exponent(sizes: Sequence[int], values: Sequence[float]) -> float:
    """Slope of the straight line through the logarithms."""
    return float(np.polyfit([math.log(s) for s in sizes], [math.log(v) for v in values], 1)[0])
