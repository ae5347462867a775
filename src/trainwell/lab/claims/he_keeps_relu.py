"""He's rule in very deep stacks of ReLU."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from trainwell.lab.claim import Claim, Numbers, Verdict
from trainwell.lab.claims import claims
from trainwell.lab.networks import normal, passage, stack
from trainwell.lab.spread import middle, outline, spread
from trainwell.report.charts.lines import Line, Panel, lines

_WIDTH, _DEPTH, _SAMPLES = 500, 100, 100
_RULES = {"He": "he_normal", "Xavier": "xavier_normal"}
_FACTOR, _ALIVE = 2.0, 0.1


@claims.add
class HeKeepsRelu(Claim):
    """The second moment of the activations over a hundred layers."""

    id = "he-keeps-relu"
    chapter = "initialisation"
    statement = "He's rule keeps the activations of ReLU layers alive to great depth."
    why = "ReLU cuts half of the second moment off; a variance of 2 / fan_in makes up for it."
    question = "Is the second moment kept over a hundred layers, and are units alive?"
    set_up = (
        "100 standard normal inputs through 100 ReLU layers of 500, filled by He's rule and by Xavier's: the mean "
        "square of the outputs by layer, the share of units that are above 0 for some input, and how alike the outputs "
        "of two inputs are (cosine)."
    )
    mark = (
        "Holds if behind 100 layers the second moment is within a factor of 2 of that behind one, as the geometric "
        "mean over the seeds, and within 10 for each seed, with a tenth of the units alive. In part if the seeds stay "
        "within 10 alone. Else it does not hold."
    )
    source = "He et al., 2015, https://arxiv.org/abs/1502.01852; CS231n, Training Neural Networks I"
    num_seeds = (10, 6)

    def measure(self, *, quick: bool, seeds: Sequence[int]) -> dict[str, Any]:
        """Stacks at their start."""
        del quick  # fewer seeds
        moments: dict[str, list[Any]] = {name: [] for name in _RULES}
        alike, alive = [], []
        for name, rule in _RULES.items():
            for seed in seeds:
                model = stack("relu", rule, (_WIDTH,) * (_DEPTH + 1), seed=seed)
                outputs = passage(model, normal(_SAMPLES, _WIDTH, seed)).outputs
                moments[name].append([float(out.square().mean()) for out in outputs])
                if name == "He":
                    alike.append([_cosine(out) for out in outputs])
                    alive.append(float((outputs[-1] > 0).any(dim=0).float().mean()))
        return {"moments": moments, "alike": alike, "alive": alive}

    def judge(self, numbers: Numbers) -> Verdict:
        """By the ratio of the last layer to the first."""
        ratios = [row[-1] / row[0] for row in numbers["moments"]["He"]]
        mean = math.exp(sum(map(math.log, ratios)) / len(ratios))
        others = [row[-1] / row[0] for row in numbers["moments"]["Xavier"]]
        alike = [row[-1] for row in numbers["alike"]]
        where = (
            f"Behind 100 layers {mean:.2g} times the second moment of the first is left ({min(ratios):.2g} to "
            f"{max(ratios):.2g}), and {spread(numbers['alive'])} of the units are alive. With Xavier "
            f"{max(others):.0e} is left. The inputs become alike: two have a cosine of {spread(alike)}."
        )
        near = all(1 / 10 <= ratio <= 10 for ratio in ratios) and min(numbers["alive"]) >= _ALIVE
        if near and 1 / _FACTOR <= mean <= _FACTOR:
            return Verdict("holds", where)
        return Verdict("holds in part" if near else "does not hold here", where)

    def figure(self, numbers: Numbers) -> str:
        """The second moment and the likeness by layer."""
        depth = list(range(1, _DEPTH + 1))
        curves = [Line(n, depth, middle(rows), band=outline(rows)) for n, rows in numbers["moments"].items()]
        alike = Line("", depth, middle(numbers["alike"]), band=outline(numbers["alike"]), colour=3)
        return lines(
            "100 layers of ReLU",
            "With He's rule the second moment stays near 1; with Xavier's it halves at every layer.",
            [
                Panel(curves, "layer", "mean square of the outputs", log_y=True),
                Panel([alike], "layer", "cosine between two inputs, He", y_span=(0.0, 1.05)),
            ],
        )


def _cosine(outputs: Tensor) -> float:
    """Mean cosine between the outputs of two samples."""
    rows = torch.nn.functional.normalize(outputs, dim=1)
    products = rows @ rows.T
    many = len(rows)
    return float((products.sum() - many) / (many * (many - 1)))
