"""Large weights in a deep stack of tanh."""

from collections.abc import Sequence
from typing import Any

from trainwell.initializers import initializers
from trainwell.lab.claim import Claim, Numbers, Verdict, by_parts
from trainwell.lab.claims import claims
from trainwell.lab.networks import drawn_loss, normal, passage, shares, stack
from trainwell.lab.spread import spread
from trainwell.lab.training import built_in, course, plain_recipe
from trainwell.report.charts.histograms import Column, histograms

_WIDTH, _DEPTH, _SAMPLES = 500, 10, 500
_RATES = (1e-4, 1e-3, 1e-2, 0.1, 1.0)
_FLAT = 0.99  # an output from which the slope is under 2 %
_ALMOST_ALL, _UNTRAINED = 0.9, 0.5
_RULES: dict[str, dict[str, Any]] = {
    "std 0.5": {"name": "large_gaussian", "std": 0.5},
    "std 1": {"name": "large_gaussian", "std": 1.0},
    "Xavier": {"name": "xavier_normal"},
}


@claims.add
class LargeInitSaturation(Claim):
    """Outputs and gradients by layer, and what can be trained from there."""

    id = "large-init-saturation"
    chapter = "initialisation"
    statement = (
        "With weights of standard deviation 0.5 or 1, almost all outputs of ten tanh layers of 500 are -1 or 1; their "
        "slopes are 0 and the net does not train."
    )
    why = "The inputs of a tanh then spread by 11 or 22, where it is flat."
    question = "How many outputs are at the limits, where do the gradients go, and does any rate train the net?"
    set_up = (
        "Standard normal inputs through ten tanh layers of 500, N(0, 0.5^2) and N(0, 1) beside Xavier: the share of "
        "outputs beyond 0.99 by layer, and the first layer's gradient over that of the last. Then digits, ten layers "
        "of 100, SGD with momentum 0.9 at the best of the rates 1e-4 to 1, from N(0, 1) and from Xavier."
    )
    mark = (
        "Holds if at each layer 90 % of the outputs or more are beyond 0.99, with 0.5 and with 1, and no rate brings "
        "the net from N(0, 1) to half of its training samples. In part if one of the three holds. Else it does not."
    )
    source = "CS231n, Training Neural Networks I (weight initialization)"
    num_seeds = (3, 1)

    def measure(self, *, quick: bool, seeds: Sequence[int]) -> dict[str, Any]:
        """Stacks at their start, and trainings."""
        saturated: dict[str, list[Any]] = {name: [] for name in _RULES}
        growth: dict[str, list[float]] = {name: [] for name in _RULES}
        columns = {}
        for name, rule in _RULES.items():
            for seed in seeds:
                model = stack("tanh", initializers.part(rule), (_WIDTH,) * (_DEPTH + 1), seed=seed)
                found = passage(model, normal(_SAMPLES, _WIDTH, seed), drawn_loss(_SAMPLES, _WIDTH, seed + 1000))
                saturated[name].append([float((out.abs() > _FLAT).float().mean()) for out in found.outputs])
                growth[name].append(float(found.weight_gradients[0].norm() / found.weight_gradients[-1].norm()))
                columns[name] = [shares(out, (-1.0, 1.0)) for out in found.outputs]
        accuracy = {
            name: {str(rate): [_accuracy(name, rate, seed, quick) for seed in seeds] for rate in _RATES}
            for name in ("std 1", "Xavier")
        }
        return {"saturated": saturated, "growth": growth, "histograms": columns, "accuracy": accuracy}

    def judge(self, numbers: Numbers) -> Verdict:
        """By the shares at the limits and the trained accuracy."""
        least = {name: [min(row) for row in numbers["saturated"][name]] for name in ("std 0.5", "std 1")}
        best = {name: max(by_rate.values(), key=min) for name, by_rate in numbers["accuracy"].items()}
        where = (
            f"Beyond 0.99 are at least {spread(least['std 0.5'])} of a layer's outputs with 0.5 and "
            f"{spread(least['std 1'])} with 1. At its best rate the net reaches {spread(best['std 1'])} of its "
            f"training samples from N(0, 1), {spread(best['Xavier'])} from Xavier. Gradients do not vanish: the first "
            f"layer's is {spread(numbers['growth']['std 1'])} times the last one's with 1."
        )
        untrained = max(max(found) for found in numbers["accuracy"]["std 1"].values()) < _UNTRAINED
        parts = [min(least["std 0.5"]) >= _ALMOST_ALL, min(least["std 1"]) >= _ALMOST_ALL, untrained]
        return by_parts(parts, where)

    def figure(self, numbers: Numbers) -> str:
        """Histograms of the activations by layer."""
        return histograms(
            "Ten layers of tanh: large weights drive it to its limits",
            "With 0.5 and 1 nearly all outputs stand at -1 and 1; with Xavier they do not.",
            [Column(name, found, (-1.0, 1.0)) for name, found in numbers["histograms"].items()],
            [str(layer) for layer in range(1, _DEPTH + 1)],
            row_label="layer",
        )


def _accuracy(start: str, rate: float, seed: int, quick: bool) -> float:
    """Best share of the training samples that a deep net reaches."""
    model = stack("tanh", initializers.part(_RULES[start]), (64, *(100,) * _DEPTH), seed=seed, head=10, head_scale=0.1)
    recipe = plain_recipe(
        optimizer={"name": "sgd", "lr": rate, "momentum": 0.9}, epochs=3 if quick else 6, batch_size=64, seed=seed
    )
    return course(built_in("digits"), recipe, model).best("train_accuracy") or 0.0
