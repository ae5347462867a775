"""Momentum at a saddle, and at a shallow minimum."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from trainwell.lab.claim import Claim, Numbers, Verdict
from trainwell.lab.claims import claims
from trainwell.lab.walks import walk
from trainwell.optimizers import optimizers
from trainwell.report.charts.heat_map import heat_map

_OFFSETS = (1e-2, 1e-4, 1e-6, 1e-8)
_KEPT = (0.0, 0.5, 0.8, 0.9, 0.95, 0.99)
_RATES = (0.003, 0.01, 0.03, 0.1)
_MOST, _MOST_OVER = 5000, 4000
_FASTER = 2.0


@claims.add
class MomentumEscapes(Claim):
    """Steps to leave a saddle, and which settings roll out of a dip."""

    id = "momentum-escapes"
    chapter = "optimisation"
    statement = "SGD gets stuck at saddles and in shallow minima; momentum carries it across both."
    why = "The gradient is almost 0 near either; a velocity that was gathered before, or gathers there, is not."
    question = "How much sooner is a saddle left, and which rates and momenta roll through a dip where plain SGD stays?"
    set_up = (
        "Saddle: half of x^2 - y^2 + y^4 / 2 from (1, offset), offsets 1e-2 to 1e-8, rate 0.02: steps until the side "
        "valley is reached, momentum 0 and 0.9. Dip: a slope, 0.1 x^2, with a shallow dip of depth 0.5 at x = 3, from "
        "x = 6: whether the walk ends beyond the dip, for rates 0.003 to 0.1 and momenta 0 to 0.99."
    )
    mark = (
        "Holds if at every offset momentum leaves the saddle in half of the steps or fewer, and at every rate at which "
        "plain SGD stays in the dip a momentum of 0.9 rolls through. In part if the saddle holds and some settings "
        "roll through the dip. Else it does not hold."
    )
    source = "CS231n, Training Neural Networks II (momentum)"
    num_seeds = (0, 0)

    def measure(self, *, quick: bool, seeds: Sequence[int]) -> dict[str, Any]:
        """Walks from the saddle, and down to the dip."""
        del seeds  # nothing is drawn
        momenta = (0.0, 0.9, 0.95) if quick else _KEPT
        saddle = {str(kept): [_steps_to_leave(offset, kept) for offset in _OFFSETS] for kept in (0.0, 0.9)}
        through = [[_rolls_through(rate, kept) for rate in _RATES] for kept in momenta]
        return {"offsets": _OFFSETS, "saddle": saddle, "momenta": momenta, "rates": _RATES, "through": through}

    def judge(self, numbers: Numbers) -> Verdict:
        """By the steps at the saddle and the settings that get through."""
        plain, carried = numbers["saddle"]["0.0"], numbers["saddle"]["0.9"]
        left = all(p / c >= _FASTER for p, c in zip(plain, carried, strict=True))
        through = dict(zip(numbers["momenta"], numbers["through"], strict=True))
        stuck = [place for place, ok in enumerate(through[0.0]) if not ok]
        always = bool(stuck) and all(through[0.9][place] for place in stuck)
        some = any(through[kept][place] for kept in through if kept for place in stuck)
        enough = [
            next((f"{kept:g}" for kept in through if through[kept][place]), "none")
            for place in range(len(numbers["rates"]))
        ]
        needed = ", ".join(f"{kept} at {rate:g}" for rate, kept in zip(numbers["rates"], enough, strict=True))
        where = (
            f"From an offset of 1e-6 the saddle is left in {carried[2]} steps instead of {plain[2]}. The least "
            f"momentum that rolls through the dip, by the rate: {needed}."
        )
        if left and always:
            return Verdict("holds", where)
        return Verdict("holds in part" if left and some else "does not hold here", where)

    def figure(self, numbers: Numbers) -> str:
        """Which settings roll through the dip."""
        return heat_map(
            "Which settings roll through a shallow minimum (1 = through)",
            "Plain SGD stays in the dip at these rates; enough momentum at a rate that is large enough rolls through.",
            [[float(ok) for ok in row] for row in numbers["through"]],
            rows=[f"{kept:g}" for kept in numbers["momenta"]],
            columns=[f"{rate:g}" for rate in numbers["rates"]],
            x_label="learning rate",
            y_label="momentum",
            span=(0.0, 1.0),
            form=".0f",
        )


def _steps_to_leave(offset: float, momentum: float) -> int:
    def saddle(point: Tensor) -> Tensor:
        x, y = point
        return 0.5 * (x.square() - y.square() + y.pow(4) / 2)

    part = optimizers.part("sgd", lr=0.02, momentum=momentum, nesterov=False)
    return len(walk(saddle, (1.0, offset), part, _MOST, until=lambda point, _: abs(float(point[1])) > 0.9)) - 1


def _rolls_through(rate: float, momentum: float) -> bool:
    def dip(point: Tensor) -> Tensor:
        x = point[0]
        return 0.1 * x.square() - 0.5 * torch.exp(-(x - 3.0).square() / (2 * 0.4**2))

    part = optimizers.part("sgd", lr=rate, momentum=momentum, nesterov=False)
    seen = walk(dip, (6.0,), part, _MOST_OVER, until=lambda point, _: abs(float(point[0])) < 0.5)
    end = seen[-1][0]
    return math.isfinite(end) and end < 1.5
