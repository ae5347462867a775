"""What an exponential costs."""

import statistics
import time
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from trainwell.activations import activations
from trainwell.lab.claim import Claim, Numbers, Verdict
from trainwell.lab.claims import claims
from trainwell.probes.activation import relative_cost
from trainwell.report.charts.bars import Bar, bars

_NAMES = ("sigmoid", "tanh", "elu", "gelu")
_BATCH, _WIDTH = 256, 512
_DEAR, _FELT = 2.0, 1.1


@claims.add
class ExpCosts(Claim):
    """Times beside ReLU's, by themselves and within a layer."""

    id = "exp-costs"
    chapter = "activations"
    statement = "The exponential makes sigmoid, tanh, ELU and GELU dear, beside ReLU."
    why = "It takes tens of operations where ReLU takes a comparison."
    question = "How much longer do they take than ReLU, by themselves, and how much longer a layer that holds them?"
    set_up = (
        "65,536 float32 values through each, forward, over ReLU's time, the median of 101 turns; then a linear layer "
        "of 512 to 512 on 256 rows with the activation behind it, forward and backward, over the same with ReLU. One "
        "thread."
    )
    mark = (
        "Holds if each takes twice ReLU's time or more by itself and makes the layer 10 % slower or more. In part if "
        "only by themselves, or only some do. Else it does not hold."
    )
    source = "CS231n, Neural Networks Part 1"
    num_seeds = (0, 0)

    def measure(self, *, quick: bool, seeds: Sequence[int]) -> dict[str, Any]:
        """Times as ratios."""
        del seeds  # nothing is drawn that matters
        turns = 31 if quick else 101
        return {
            "alone": {name: relative_cost(name, turns=turns) for name in _NAMES},
            "layer": {name: _layer_cost(name, turns) for name in _NAMES},
        }

    def judge(self, numbers: Numbers) -> Verdict:
        """By both ratios."""
        alone, layer = numbers["alone"], numbers["layer"]
        texts = [f"{name} {alone[name]:.1f} and {layer[name]:.2f}" for name in alone]
        where = f"Times ReLU's time, by itself and within a layer: {', '.join(texts)}."
        dear = [ratio >= _DEAR for ratio in alone.values()]
        if all(dear) and all(ratio >= _FELT for ratio in layer.values()):
            return Verdict("holds", where)
        return Verdict("holds in part" if any(dear) else "does not hold here", where)

    def figure(self, numbers: Numbers) -> str:
        """Both ratios."""
        rows = [
            Bar(f"{name}, {words}", numbers[what][name], None, f"{numbers[what][name]:.2f}", colour)
            for name in numbers["alone"]
            for colour, (what, words) in enumerate((("alone", "alone"), ("layer", "in a layer")), start=1)
        ]
        return bars(
            "What an activation costs beside ReLU",
            "By itself an exponential costs several times ReLU; within a layer it is little.",
            rows,
            x_label="times ReLU's time",
            mark=(1.0, "ReLU"),
        )


def _layer_cost(name: str, turns: int) -> float:
    """Time of a layer with the activation over that with ReLU: the median over turns of the ratio."""
    linear = nn.Linear(_WIDTH, _WIDTH)
    x = torch.randn(_BATCH, _WIDTH, requires_grad=True)
    measured, relu = activations.build(name), activations.build("relu")

    def seconds(bend: nn.Module) -> float:
        began = time.perf_counter()
        bend(linear(x)).sum().backward()
        return time.perf_counter() - began

    seconds(relu)
    ratios = []
    for _ in range(turns):
        base = seconds(relu)
        ratios.append(seconds(measured) / base)
    return statistics.median(ratios)
