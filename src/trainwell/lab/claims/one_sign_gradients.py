"""Inputs that are all positive."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from trainwell.lab.claim import Claim, Numbers, Verdict, by_parts
from trainwell.lab.claims import claims
from trainwell.lab.networks import stack
from trainwell.lab.spread import spread
from trainwell.lab.training import CPU, built_in, course, plain_recipe
from trainwell.losses import losses
from trainwell.report.charts.bars import Bar, bars
from trainwell.training.setup import set_up

_BATCH = 64
_ALMOST_ALL = 0.95
_GOAL, _RATES = 0.5, (0.03, 0.1, 0.3, 1.0)
_MEAN_OF = 10  # batches, over which the loss is read


@claims.add
class OneSignGradients(Claim):
    """Signs of a unit's gradients, and what centring saves."""

    id = "one-sign-gradients"
    chapter = "gradients"
    statement = (
        "Where all inputs of a unit are positive, the gradients of its weights have one sign: the weights can only all "
        "grow or all shrink, and training zig-zags; centred inputs are faster."
    )
    why = "The gradient of a weight is the unit's own gradient times the input, and the inputs have one sign."
    question = "Is it true of one sample, and of a batch; and how many steps does centring save?"
    set_up = (
        "Digits through sigmoid and through tanh, then a layer of 64 units: the share of the weights of a unit whose "
        "gradient has the sign of most, for single samples and batches of 64. Then one hidden layer of 64, ReLU and "
        "sigmoid, plain SGD at the best of four rates: steps until the loss is under 0.5 with pixels in 0..1 and with "
        "the same pixels centred."
    )
    mark = (
        "Holds if behind a sigmoid all weights of a unit have one sign for every single sample, and 95 % of them for a "
        "batch of 64, and centring saves steps with both activations. In part if some of this holds. Else it does not."
    )
    source = "CS231n, Training Neural Networks I (activation functions); LeCun et al., Efficient BackProp, 1998"
    num_seeds = (3, 1)

    def measure(self, *, quick: bool, seeds: Sequence[int]) -> dict[str, Any]:
        """Signs at the start, and trainings."""
        agreeing: dict[str, dict[str, list[float]]] = {
            name: {"one sample": [], "batch": []} for name in ("sigmoid", "tanh")
        }
        for name, found in agreeing.items():
            for seed in seeds:
                model = stack(name, "xavier_normal", (64, 64, 64), seed=seed, head=10)
                feed = set_up(built_in("digits"), plain_recipe(seed=seed), CPU.device, model).feeds["train"]
                x, y = feed.batch(0)
                found["one sample"].append(sum(_agreeing(model, x[n : n + 1], y[n : n + 1]) for n in range(20)) / 20)
                found["batch"].append(_agreeing(model, x[:_BATCH], y[:_BATCH]))
        steps = {
            activation: {
                name: [min(_steps(activation, how, rate, seed, quick) for rate in _RATES) for seed in seeds]
                for name, how in (("0..1", "min_max"), ("centred", "zero_center"))
            }
            for activation in ("relu", "sigmoid")
        }
        return {"agreeing": agreeing, "steps": steps}

    def judge(self, numbers: Numbers) -> Verdict:
        """By the signs, and the steps."""
        sigmoid, tanh = numbers["agreeing"]["sigmoid"], numbers["agreeing"]["tanh"]
        saved = [sum(found["centred"]) < sum(found["0..1"]) for found in numbers["steps"].values()]
        texts = [
            f"{name} {spread(found['0..1'], '.0f')} and {spread(found['centred'], '.0f')}"
            for name, found in numbers["steps"].items()
        ]
        where = (
            f"Behind a sigmoid {spread(sigmoid['one sample'], '.2f')} of a unit's gradients agree in sign for one "
            f"sample and {spread(sigmoid['batch'], '.2f')} for a batch of {_BATCH}; behind tanh "
            f"{spread(tanh['batch'], '.2f')}. Steps with pixels in 0..1 and centred: {'; '.join(texts)}."
        )
        parts = [min(sigmoid["one sample"]) == 1.0, min(sigmoid["batch"]) >= _ALMOST_ALL, all(saved)]
        return by_parts(parts, where)

    def figure(self, numbers: Numbers) -> str:
        """The share of agreeing signs."""
        rows = [
            Bar(f"{name}, {what}", sum(values) / len(values), (min(values), max(values)), colour=colour)
            for colour, (name, found) in enumerate(numbers["agreeing"].items(), start=1)
            for what, values in found.items()
        ]
        return bars(
            "How many of a unit's gradients have the sign of most",
            "All of them for one sample behind a sigmoid; fewer for a batch.",
            rows,
            x_label="share of the unit's weights",
            x_span=(0.0, 1.0),
            mark=(0.5, "by chance"),
        )


def _agreeing(model: nn.Sequential, x: Tensor, y: Tensor) -> float:
    """Share of the weights of a unit of the second layer whose gradient has the sign of most, a mean over units."""
    weight = next(iter(model[3].parameters()))
    gradient = torch.autograd.grad(losses.bind("cross_entropy")(model(x), y), weight)[0]
    up = (gradient > 0).double().mean(dim=1)
    return float(torch.maximum(up, 1 - up).mean())


def _steps(activation: str, preprocess: str, rate: float, seed: int, quick: bool) -> int:
    """Steps until the mean loss of some batches is under the goal; the end of the training where it never is."""
    rule = "he_normal" if activation == "relu" else "xavier_normal"
    model = stack(activation, rule, (64, 64), seed=seed, head=10, head_scale=0.1)
    optimizer = {"name": "sgd", "lr": rate, "momentum": 0.0}
    recipe = plain_recipe(optimizer=optimizer, preprocess=preprocess, epochs=12 if quick else 24, seed=seed)
    found = course(built_in("digits"), recipe, model).losses
    for step in range(_MEAN_OF, len(found) + 1):
        if sum(found[step - _MEAN_OF : step]) / _MEAN_OF < _GOAL:
            return step
    return len(found)
