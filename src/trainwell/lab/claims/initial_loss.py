"""The loss before training."""

import math
from collections.abc import Sequence
from typing import Any

import torch

from trainwell.lab.claim import Claim, Numbers, Verdict, by_parts
from trainwell.lab.claims import claims
from trainwell.lab.networks import normal, stack
from trainwell.lab.spread import spread
from trainwell.losses import losses
from trainwell.probes.expected_loss import expected_initial_loss
from trainwell.report.charts.bars import Bar, bars

_CLASSES = (3, 10, 100)
_HEADS: dict[str, tuple[str, float]] = {
    "small head (He x 0.1)": ("he_normal", 0.1),
    "torch's default": ("torch_default", 1.0),
    "Xavier": ("xavier_normal", 1.0),
    "He": ("he_normal", 1.0),
}
_WIDTH, _SAMPLES, _NEAR = 64, 1000, 0.1


@claims.add
class InitialLoss(Claim):
    """The cross entropy of nets that have not been trained."""

    id = "initial-loss"
    chapter = "method"
    statement = "The loss of a softmax over C classes starts at log C."
    why = "A net that knows nothing gives every class the probability 1 / C, provided that its outputs are small."
    question = "Where does it start, with each of the usual rules for the head?"
    set_up = (
        "1000 standard normal inputs of 64 numbers, two ReLU layers of 64 and a head for 3, 10 and 100 classes; all "
        "layers filled by He's rule with the head at a tenth, by torch's default, Xavier's and He's."
    )
    mark = (
        "Holds if the loss is within 0.1 of log C with every rule, on all seeds. In part if with some of them. Else it "
        "does not hold."
    )
    source = "CS231n, Neural Networks Part 3 (sanity checks)"

    def measure(self, *, quick: bool, seeds: Sequence[int]) -> dict[str, Any]:
        """Losses at the start."""
        del quick  # fewer seeds
        loss = losses.bind("cross_entropy")
        found: dict[str, dict[str, list[float]]] = {name: {} for name in _HEADS}
        expected = {}
        for classes in _CLASSES:
            targets = torch.arange(_SAMPLES) % classes
            expected[str(classes)] = expected_initial_loss("cross_entropy", targets, num_classes=classes).loss
            for name, (rule, scale) in _HEADS.items():
                found[name][str(classes)] = []
                for seed in seeds:
                    widths = (_WIDTH, _WIDTH, _WIDTH)
                    model = stack("relu", rule, widths, seed=seed, head=classes, head_scale=scale)
                    with torch.no_grad():
                        found[name][str(classes)].append(float(loss(model(normal(_SAMPLES, _WIDTH, seed)), targets)))
        return {"losses": found, "expected": expected}

    def judge(self, numbers: Numbers) -> Verdict:
        """By the distance from log C."""
        parts = [
            all(abs(v - math.log(int(classes))) <= _NEAR for classes, values in row.items() for v in values)
            for row in numbers["losses"].values()
        ]
        texts = [f"{name}: {spread(row['10'], '.2f')}" for name, row in numbers["losses"].items()]
        return by_parts(parts, f"For 10 classes, log C = {math.log(10):.2f}: {'; '.join(texts)}.")

    def figure(self, numbers: Numbers) -> str:
        """The loss for ten classes."""
        rows = [
            Bar(name, sum(row["10"]) / len(row["10"]), (min(row["10"]), max(row["10"])))
            for name, row in numbers["losses"].items()
        ]
        return bars(
            "The first loss of ten classes, by how the head starts",
            "A small head starts at log 10 = 2.30; larger ones start above it.",
            rows,
            x_label="cross entropy before training",
            mark=(math.log(10), "log 10"),
        )
