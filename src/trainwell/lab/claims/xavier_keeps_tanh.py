"""Xavier's rule in deep stacks of tanh and of ReLU."""

from collections.abc import Sequence
from typing import Any

from trainwell.lab.claim import Claim, Numbers, Verdict, by_parts
from trainwell.lab.claims import claims
from trainwell.lab.networks import normal, passage, shares, stack
from trainwell.lab.spread import spread
from trainwell.report.charts.histograms import Column, histograms

_WIDTH, _DEPTH, _SAMPLES = 500, 10, 500
_KEPT, _COLLAPSED = 0.5, 0.1


@claims.add
class XavierKeepsTanh(Claim):
    """The spread of the activations layer by layer."""

    id = "xavier-keeps-tanh"
    chapter = "initialisation"
    statement = "Xavier's rule keeps the spread of the activations of tanh layers; with ReLU it collapses."
    why = (
        "A variance of 1 / fan hands a linear layer's spread on. tanh is about linear at 0; ReLU cuts half of the "
        "signal off, and the second moment is halved at every layer."
    )
    question = "What is left of the first layer's spread behind ten layers?"
    set_up = (
        "Standard normal inputs through ten layers of 500, N(0, 2 / (fan_in + fan_out)), no gain, with tanh and with "
        "ReLU: the standard deviation of the outputs by layer."
    )
    mark = (
        "Holds if behind ten layers tanh has at least half of the spread it has behind one, and ReLU less than a "
        "tenth. In part if one of the two. Else it does not hold."
    )
    source = "Glorot, Bengio, 2010, https://proceedings.mlr.press/v9/glorot10a.html; CS231n, Training Neural Networks I"

    def measure(self, *, quick: bool, seeds: Sequence[int]) -> dict[str, Any]:
        """Stacks at their start."""
        del quick  # it takes a second
        spreads: dict[str, list[Any]] = {}
        columns = {}
        for name in ("tanh", "relu"):
            spreads[name] = []
            for seed in seeds:
                model = stack(name, "xavier_normal", (_WIDTH,) * (_DEPTH + 1), seed=seed)
                outputs = passage(model, normal(_SAMPLES, _WIDTH, seed)).outputs
                spreads[name].append([float(out.std()) for out in outputs])
                columns[name] = [shares(out, (-1.0, 1.0)) for out in outputs]
        return {"spreads": spreads, "histograms": columns}

    def judge(self, numbers: Numbers) -> Verdict:
        """By what is left at the last layer."""
        left = {name: [row[-1] / row[0] for row in rows] for name, rows in numbers["spreads"].items()}
        first, last = ([row[place] for row in numbers["spreads"]["tanh"]] for place in (0, -1))
        where = (
            f"Of tanh's spread {spread(left['tanh'])} is left: from {spread(first)} to {spread(last)}, a little less "
            f"at every layer. Of ReLU's {spread(left['relu'])} is left."
        )
        return by_parts([min(left["tanh"]) >= _KEPT, max(left["relu"]) < _COLLAPSED], where)

    def figure(self, numbers: Numbers) -> str:
        """Histograms of the activations by layer."""
        return histograms(
            "Xavier's rule with tanh and with ReLU",
            "With tanh the outputs stay spread out, a little less at every layer; with ReLU they shrink towards 0.",
            [Column(name, found, (-1.0, 1.0)) for name, found in numbers["histograms"].items()],
            [str(layer) for layer in range(1, _DEPTH + 1)],
            row_label="layer",
        )
