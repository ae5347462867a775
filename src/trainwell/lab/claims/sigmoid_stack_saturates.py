"""Sigmoid layers with standard normal weights."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from trainwell.activations import activations
from trainwell.lab.claim import Claim, Numbers, Verdict, by_parts
from trainwell.lab.claims import claims
from trainwell.lab.networks import normal, passage, shares, stack
from trainwell.lab.spread import middle, outline, spread
from trainwell.measurements.slopes import relative_slopes
from trainwell.report.charts.lines import Line, Panel, lines

_WIDTH, _DEPTH, _SAMPLES = 500, 10, 500
_RULES = {"N(0, 1)": "large_gaussian", "Xavier": "xavier_normal"}
_FLAT, _MOST, _FEW = 0.01, 0.5, 0.05


@claims.add
class SigmoidStackSaturates(Claim):
    """Where the sigmoid is flat, layer by layer."""

    id = "sigmoid-stack-saturates"
    chapter = "initialisation"
    statement = "With weights drawn from N(0, 1) the layers of a deep sigmoid net saturate."
    why = "A unit sums 500 products, so that its input spreads by ten and more, where the sigmoid is flat."
    question = "What share of the inputs lies where the slope is under a hundredth of its largest, layer by layer?"
    set_up = "Standard normal inputs through ten sigmoid layers of 500, from N(0, 1) and from Xavier's rule."
    mark = (
        "A layer saturates if more than half of its inputs do, on every seed. Holds if with N(0, 1) all ten layers "
        "saturate, and with Xavier, for comparison, under 5 % of the inputs at each. In part if some of the layers do, "
        "or if with Xavier more is saturated. If no layer does it does not hold."
    )
    source = "Glorot, Bengio, 2010, section 3; Hands-On Machine Learning, chapter 11"

    def measure(self, *, quick: bool, seeds: Sequence[int]) -> dict[str, Any]:
        """Stacks at their start."""
        del quick  # it takes a second
        found: dict[str, list[Any]] = {name: [] for name in _RULES}
        columns = {}
        sigmoid = activations.build("sigmoid")
        for name, rule in _RULES.items():
            for seed in seeds:
                model = stack("sigmoid", rule, (_WIDTH,) * (_DEPTH + 1), seed=seed)
                seen = passage(model, normal(_SAMPLES, _WIDTH, seed))
                slopes = [relative_slopes(sigmoid.forward, inputs, sigmoid) for inputs in seen.inputs]
                found[name].append([float((s < _FLAT).float().mean()) for s in slopes if s is not None])
                columns[name] = [shares(out, (0.0, 1.0)) for out in seen.outputs]
        return {"saturated": found, "histograms": columns}

    def judge(self, numbers: Numbers) -> Verdict:
        """By the shares."""
        large, xavier = numbers["saturated"]["N(0, 1)"], numbers["saturated"]["Xavier"]
        saturate = [min(layer) > _MOST for layer in zip(*large, strict=True)]
        most = [max(row) for row in xavier]
        grows = all(b > a for row in large for a, b in pairwise(row))
        ends = [[row[place] for row in large] for place in (0, 1, -1)]
        where = (
            f"With N(0, 1), {spread(ends[0])} of the inputs are saturated at the first layer, {spread(ends[1])} at the "
            f"second and {spread(ends[2])} at the tenth; with Xavier at most {spread(most)}."
        )
        if not grows:
            where += " It does not grow layer by layer: it is there within two."
        return by_parts([*saturate, any(saturate) and max(most) < _FEW], where)

    def figure(self, numbers: Numbers) -> str:
        """The share by layer."""
        depth = list(range(1, _DEPTH + 1))
        curves = [Line(n, depth, middle(rows), band=outline(rows)) for n, rows in numbers["saturated"].items()]
        return lines(
            "Ten layers of sigmoid: where it is flat",
            "With standard normal weights most inputs are saturated at every layer from the first on.",
            [Panel(curves, "layer", "share of inputs with a slope under 1 % of the largest", y_span=(0.0, 1.0))],
        )
