"""Gradients through time, and clipping."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from trainwell.lab.claim import Claim, Numbers, Verdict, by_parts
from trainwell.lab.claims import claims
from trainwell.lab.networks import normal
from trainwell.lab.spread import middle, outline, spread
from trainwell.lab.training import built_in, course, plain_recipe
from trainwell.report.charts.lines import Line, Panel, lines

_UNITS, _SAMPLES = 32, 64
_STARTS: dict[str, float | None] = {"torch's default": None, "gain 1": 1.0, "gain 1.5": 1.5, "gain 2": 2.0}
_BACK = (1, 2, 4, 8, 16, 32, 64)
_BEFORE = 20  # steps that the state takes to forget that it began at 0
_EXPLODES, _TRAINED = 10.0, 0.5
_LEAST = 1e-6  # that is drawn
_GAIN = 2.0  # of the training
_RATES = (0.003, 0.01, 0.03, 0.1)
_CLIPS: dict[str, Any] = {"free": None, "clipped": {"name": "norm", "limit": 1.0}}


@claims.add
class ExplodingRnn(Claim):
    """Gradients by the number of steps back, and trainings with and without clipping."""

    id = "exploding-rnn"
    chapter = "gradients"
    statement = "The gradients of a recurrent net explode with the length of the sequence; clipping trains through it."
    why = (
        "On its way back the gradient is multiplied by the same weights, and a slope of at most 1, at every step: by "
        "the size of the weights the product grows or shrinks exponentially."
    )
    question = "How large is the gradient many steps back, from which weights, and does clipping let it train?"
    set_up = (
        "A tanh net of 32 recurrent units on standard normal numbers: the gradient by the state 1 to 64 steps back, "
        "as a multiple of that one step back, from torch's default weights (uniform, a gain of 0.58) and from "
        "N(0, gain^2 / 32). Then digits, its 64 pixels one by one, gain 2, SGD with momentum 0.9, 4 epochs at rates "
        "from 0.003 to 0.1, with gradients free and clipped to a norm of 1: a hard task and a short training."
    )
    mark = (
        "It explodes where the gradient 64 steps back is 10 times that of one step or more, on every seed. Clipping "
        "trains through it if there is a rate at which the net ends with under half of its training samples right "
        "when free, and with half or more when clipped, on every seed. Holds if it explodes from all four starts and "
        "clipping trains through it; in part if some of these five; else it does not."
    )
    source = "Pascanu, Mikolov, Bengio, 2013, https://arxiv.org/abs/1211.5063; Hands-On Machine Learning, chapter 11"
    num_seeds = (3, 1)

    def measure(self, *, quick: bool, seeds: Sequence[int]) -> dict[str, Any]:
        """Gradients at the start, and trainings."""
        rates = _RATES[1:] if quick else _RATES
        return {
            "back": _BACK,
            "growth": {name: [_growth(gain, seed) for seed in seeds] for name, gain in _STARTS.items()},
            "rates": rates,
            "accuracy": {
                name: [[_accuracy(clip, rate, seed) for rate in rates] for seed in seeds]
                for name, clip in _CLIPS.items()
            },
        }

    def judge(self, numbers: Numbers) -> Verdict:
        """By the growth from each start, and the rates at which clipping decides."""
        ends = {name: [row[-1] for row in rows] for name, rows in numbers["growth"].items()}
        free, clipped = (list(zip(*numbers["accuracy"][name], strict=True)) for name in _CLIPS)
        saved = [
            rate
            for rate, before, after in zip(numbers["rates"], free, clipped, strict=True)
            if max(before) < _TRAINED <= min(after)
        ]
        best = {name: [max(row) for row in rows] for name, rows in numbers["accuracy"].items()}
        texts = [f"{name} {spread(found, '.1g')}" for name, found in ends.items()]
        explode = {name: min(found) >= _EXPLODES for name, found in ends.items()}
        where = (
            f"On every seed the gradient explodes from {', '.join(n for n in explode if explode[n]) or 'no start'}, "
            f"and clipping decides at {', '.join(f'a rate of {rate:g}' for rate in saved) or 'none of the rates'}. The "
            f"gradient 64 steps back, as a multiple: {'; '.join(texts)}. At each seed's best rate "
            f"{spread(best['free'], '.0%')} of the samples are right when free, {spread(best['clipped'], '.0%')} when "
            "clipped."
        )
        return by_parts([*explode.values(), bool(saved)], where)

    def figure(self, numbers: Numbers) -> str:
        """The gradient by the steps back, and the accuracy by the rate."""
        held = {
            name: [[max(value, _LEAST) for value in row] for row in rows] for name, rows in numbers["growth"].items()
        }
        grown = [Line(name, numbers["back"], _above(middle(rows)), band=outline(rows)) for name, rows in held.items()]
        trained = [
            Line(name, numbers["rates"], middle(rows), band=outline(rows)) for name, rows in numbers["accuracy"].items()
        ]
        marks = [(_EXPLODES, "explodes")]
        return lines(
            "Gradients through time",
            "The gradient by the state so many steps back, from four starts; nothing is drawn below 1e-6. Below it, "
            "what is right at the end by the rate, free and clipped. Median and range over the seeds.",
            [
                Panel(grown, "steps back", "gradient, as a multiple", log_y=True, y_span=(_LEAST, 1e3), marks=marks),
                Panel(trained, "rate", "training accuracy at the end", log_x=True, y_span=(0.0, 1.0)),
            ],
        )


class _Recurrent(nn.Module):
    """A tanh net that reads numbers one by one, and a linear head on its last state.

    Args:
        gain: Of the recurrent weights; None leaves torch's.
        seed: Seed of the weights.
    """

    def __init__(self, gain: float | None, seed: int) -> None:
        super().__init__()
        self.layer = nn.RNN(1, _UNITS, batch_first=True)
        self.head = nn.Linear(_UNITS, 10)
        scale = _UNITS**-0.5
        with torch.no_grad():
            uniform = torch.rand(_UNITS, _UNITS, generator=torch.Generator().manual_seed(seed))
            recurrent = scale * (2 * uniform - 1) if gain is None else gain * scale * normal(_UNITS, _UNITS, seed)
            self.layer.get_parameter("weight_hh_l0").copy_(recurrent)
            self.layer.get_parameter("weight_ih_l0").copy_(normal(_UNITS, 1, seed + 1000))
            self.head.weight.copy_(0.1 * scale * normal(10, _UNITS, seed + 2000))
            for name, parameter in self.named_parameters():
                if "bias" in name:
                    parameter.zero_()

    def forward(self, x: Tensor) -> Tensor:
        """(N, ...) -> (N, 10)."""
        states, _ = self.layer(x.flatten(1).unsqueeze(2))
        outputs: Tensor = self.head(states[:, -1])
        return outputs


def _above(values: Sequence[float | None]) -> list[float | None]:
    """The values, and nothing where they lie below what is drawn."""
    return [value if value is not None and value > _LEAST else None for value in values]


def _growth(gain: float | None, seed: int) -> list[float]:
    """Gradient by the state so many steps back, over that of one step back."""
    layer = _Recurrent(gain, seed).layer
    x = normal(_SAMPLES, _BEFORE + _BACK[-1], seed).unsqueeze(2)
    weights = normal(_SAMPLES, _UNITS, seed + 3000)
    norms = []
    for steps in _BACK:
        with torch.no_grad():
            _, state = layer(x[:, :-steps])
        state.requires_grad_()
        states, _ = layer(x[:, -steps:], state)
        (gradient,) = torch.autograd.grad((states[:, -1] * weights).sum(), state)
        norms.append(float(gradient.norm()))
    return [value / norms[0] for value in norms]


def _accuracy(clip: dict[str, Any] | None, rate: float, seed: int) -> float:
    """Share of the training samples that are right at the end; 0 where it is no longer finite."""
    recipe = plain_recipe(optimizer={"name": "sgd", "lr": rate, "momentum": 0.9}, clip=clip, epochs=4, seed=seed)
    return course(built_in("digits"), recipe, _Recurrent(_GAIN, seed)).last("train_accuracy") or 0.0
