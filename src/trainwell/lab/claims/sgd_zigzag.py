"""SGD in a long valley."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor

from trainwell.lab.claim import Claim, Numbers, Verdict, by_parts
from trainwell.lab.claims import claims
from trainwell.lab.walks import walk
from trainwell.optimizers import optimizers
from trainwell.report.charts.paths import Landscape, Path, paths

_CONDITIONS = (1.0, 10.0, 100.0, 1000.0)
_START = (-1.0, 1.0)
_ENOUGH = 1e-4  # of the loss at the start
_SHOWN = 30.0
_MOST = 20_000
_SLOWER = 5.0


@claims.add
class SgdZigzag(Claim):
    """Steps that plain gradient descent needs, by the condition of a quadratic."""

    id = "sgd-zigzag"
    chapter = "optimisation"
    statement = (
        "Where the loss changes quickly in one direction and slowly in another, SGD makes slow progress along the "
        "shallow one and jitters across the steep one."
    )
    why = "The steep direction bounds the rate at 2 / its curvature; the shallow one needs its own, far larger one."
    question = "How do the steps grow with the ratio of the curvatures, and how often does it change sides?"
    set_up = (
        "Half of x^2 + k y^2 for k = 1, 10, 100, 1000 from (-1, 1): gradient descent at the best fixed rate, "
        "2 / (1 + k), and with momentum at its own best, (1 - 1 / sqrt(k))^2 as a rule: steps until the loss is a "
        "ten-thousandth of that at the start, and the share of steps that change the side of the valley."
    )
    mark = (
        "Holds if ten times the ratio takes at least 5 times the steps from k = 10 on, and from there on 90 % of the "
        "steps change sides. In part if one of the two. Else it does not hold."
    )
    source = "CS231n, Training Neural Networks II (problems with SGD); Goh, 2017, https://distill.pub/2017/momentum"
    num_seeds = (0, 0)

    def measure(self, *, quick: bool, seeds: Sequence[int]) -> dict[str, Any]:
        """Walks down each valley."""
        del quick, seeds  # nothing is drawn, and it takes seconds
        steps: dict[str, list[int]] = {"sgd": [], "momentum": []}
        sides = []
        for k in _CONDITIONS:
            plain = _walk(k, 2 / (1 + k), 0.0)
            steps["sgd"].append(len(plain) - 1)
            signs = np.sign([point[1] for point in plain])
            sides.append(float(np.mean(signs[1:] != signs[:-1])))
            root = k**0.5
            kept = ((root - 1) / (root + 1)) ** 2
            steps["momentum"].append(len(_walk(k, (1 + kept**0.5) ** 2 / k, kept)) - 1)
        shown = {
            "SGD": _walk(_SHOWN, 1.9 / _SHOWN, 0.0)[:60],
            "momentum 0.7, half the rate": _walk(_SHOWN, 0.95 / _SHOWN, 0.7)[:60],
        }
        return {"conditions": _CONDITIONS, "steps": steps, "sides": sides, "walks": shown}

    def judge(self, numbers: Numbers) -> Verdict:
        """By how the steps grow, and by the changes of side."""
        plain, momentum = numbers["steps"]["sgd"], numbers["steps"]["momentum"]
        growth = [b / a for a, b in pairwise(plain[1:])]
        texts = [
            f"{k:g}: {p} ({m} with momentum)" for k, p, m in zip(numbers["conditions"], plain, momentum, strict=True)
        ]
        changes = numbers["sides"][1:]
        where = (
            f"Steps by the ratio of the curvatures: {', '.join(texts)}. From 10 on, {min(changes):.0%} of the steps or "
            "more change sides."
        )
        return by_parts([min(growth) >= _SLOWER, min(changes) >= 0.9], where)

    def figure(self, numbers: Numbers) -> str:
        """Both walks over the contours."""
        grid = np.linspace(-1.15, 1.15, 61)
        heights = 0.5 * (grid[None, :] ** 2 + _SHOWN * grid[:, None] ** 2)
        walks = [Path(name, *zip(*points, strict=True)) for name, points in numbers["walks"].items()]
        spans = (-1.15, 1.15)
        levels = [0.05, 0.3, 1.0, 3.0, 7.0, 13.0]
        return paths(
            f"A valley {_SHOWN:g} times steeper across than along",
            "SGD jumps from side to side and creeps along; momentum comes down in fewer steps.",
            [Landscape(heights, spans, spans, levels, walks, "along the valley", "across", target=(0.0, 0.0))],
        )


def _walk(k: float, rate: float, momentum: float) -> list[list[float]]:
    curvature = torch.tensor([1.0, k], dtype=torch.float64)

    def loss(point: Tensor) -> Tensor:
        return 0.5 * (curvature * point.square()).sum()

    enough = _ENOUGH * 0.5 * (1 + k)
    part = optimizers.part("sgd", lr=rate, momentum=momentum, nesterov=False)
    return walk(loss, _START, part, _MOST, until=lambda _, value: value <= enough)
