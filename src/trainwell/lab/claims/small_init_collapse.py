"""Small weights in a deep stack of tanh."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from trainwell.initializers import initializers
from trainwell.lab.claim import Claim, Numbers, Verdict, by_parts
from trainwell.lab.claims import claims
from trainwell.lab.networks import drawn_loss, normal, passage, shares, stack
from trainwell.lab.spread import spread
from trainwell.lab.training import built_in, course, plain_recipe
from trainwell.report.charts.histograms import Column, histograms

_WIDTH, _DEPTH, _SAMPLES = 500, 10, 500
_RATES = (0.01, 0.1, 1.0)
_GONE, _FAR_LESS = 1e-4, 1e-3
_TRAINED, _UNTRAINED = 0.9, 0.5


@claims.add
class SmallInitCollapse(Claim):
    """Signal and gradient by layer, and the training of deep and shallow nets."""

    id = "small-init-collapse"
    chapter = "initialisation"
    statement = (
        "With weights of standard deviation 0.01, the activations of ten tanh layers of 500 shrink to zero and the "
        "gradients with them, so that a deep net does not train; a shallow one does."
    )
    why = "Each layer multiplies the spread by 0.01 sqrt(500) = 0.22, and the gradient of a weight by what comes in."
    question = "How far do signal and gradients shrink, and which nets train all the same?"
    set_up = (
        "Standard normal inputs through ten tanh layers of 500, N(0, 0.01^2) beside Xavier: the spread of the outputs "
        "and the norms of the weights' gradients by layer. Then digits, SGD with momentum 0.9, the best of the rates "
        "0.01, 0.1 and 1: ten layers of 100, beside one, both started from N(0, 0.01^2)."
    )
    mark = (
        "Holds if the spread falls at every layer and ends under 1e-4, every layer's gradient is under a thousandth of "
        "what Xavier gives it, the shallow net reaches 90 % of its training samples and the deep one stays under 50 %. "
        "In part if some of these hold. Else it does not hold."
    )
    source = "CS231n, Training Neural Networks I (weight initialization)"
    num_seeds = (3, 1)

    def measure(self, *, quick: bool, seeds: Sequence[int]) -> dict[str, Any]:
        """Stacks at their start, and trainings."""
        rules = {"std 0.01": initializers.part("small_gaussian"), "Xavier": initializers.part("xavier_normal")}
        spreads: dict[str, list[Any]] = {name: [] for name in rules}
        gradients: dict[str, list[Any]] = {name: [] for name in rules}
        columns = {}
        for name, rule in rules.items():
            for seed in seeds:
                model = stack("tanh", rule, (_WIDTH,) * (_DEPTH + 1), seed=seed)
                found = passage(model, normal(_SAMPLES, _WIDTH, seed), drawn_loss(_SAMPLES, _WIDTH, seed + 1000))
                spreads[name].append([float(out.std()) for out in found.outputs])
                gradients[name].append([float(g.norm()) for g in found.weight_gradients])
                columns[name] = [shares(out, (-1.0, 1.0)) for out in found.outputs]
        accuracy = {
            name: [max(_accuracy(depth, rate, seed, quick) for rate in _RATES) for seed in seeds]
            for name, depth in (("1 layer", 1), ("10 layers", 10))
        }
        return {"spreads": spreads, "gradients": gradients, "histograms": columns, "accuracy": accuracy}

    def judge(self, numbers: Numbers) -> Verdict:
        """By the spreads, the gradients and the trained accuracy."""
        small, usual = (numbers["gradients"][name] for name in ("std 0.01", "Xavier"))
        falls = all(b < a for row in numbers["spreads"]["std 0.01"] for a, b in pairwise(row))
        last = [row[-1] for row in numbers["spreads"]["std 0.01"]]
        ratios = [a / b for one, two in zip(small, usual, strict=True) for a, b in zip(one, two, strict=True)]
        shallow, deep = numbers["accuracy"]["1 layer"], numbers["accuracy"]["10 layers"]
        parts = [
            falls and max(last) < _GONE,
            max(ratios) < _FAR_LESS,
            min(shallow) >= _TRAINED,
            max(deep) < _UNTRAINED,
        ]
        where = (
            f"The spread ends at {spread(last, '.1e')} behind ten layers; the gradient of a layer's weights is at most "
            f"{max(ratios):.1e} of Xavier's. Trained from there, one layer reaches {spread(shallow)} of its training "
            f"samples and ten layers {spread(deep)}."
        )
        return by_parts(parts, where)

    def figure(self, numbers: Numbers) -> str:
        """Histograms of the activations by layer."""
        return histograms(
            "Ten layers of tanh: what comes out of each",
            "With a standard deviation of 0.01 the outputs shrink to a spike at 0; with Xavier they stay spread out.",
            [Column(name, found, (-1.0, 1.0)) for name, found in numbers["histograms"].items()],
            [str(layer) for layer in range(1, _DEPTH + 1)],
            row_label="layer",
        )


def _accuracy(depth: int, rate: float, seed: int, quick: bool) -> float:
    """Best share of the training samples that a net reaches."""
    model = stack("tanh", "small_gaussian", (64, *(100,) * depth), seed=seed, head=10)
    optimizer = {"name": "sgd", "lr": rate, "momentum": 0.9}
    recipe = plain_recipe(optimizer=optimizer, epochs=4 if quick else 8, seed=seed)
    return course(built_in("digits"), recipe, model).best("train_accuracy") or 0.0
