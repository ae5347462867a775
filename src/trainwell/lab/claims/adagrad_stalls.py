"""How long the steps of AdaGrad, RMSProp and Adam stay."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import Tensor

from trainwell.family import Part
from trainwell.lab.claim import Claim, Numbers, Verdict, by_parts
from trainwell.lab.claims import claims
from trainwell.lab.spread import middle, outline, spread
from trainwell.lab.walks import walk
from trainwell.optimizers import optimizers
from trainwell.report.charts.lines import Line, Panel, lines

_STEPS, _FROM = 2000, 100
_RATE, _NOISE = 0.01, 0.3
_NEAR = 0.05
_NAMES = ("adagrad", "rmsprop", "adam")
_SCALES = (1e-3, 1.0, 1e3)


@claims.add
class AdagradStalls(Claim):
    """The length of the step over a slope that never ends."""

    id = "adagrad-stalls"
    chapter = "optimisation"
    statement = (
        "AdaGrad's steps decay to zero over a long training; RMSProp's do not, since it forgets; Adam combines RMSProp "
        "with momentum."
    )
    why = "The sum of squared gradients only grows, as t, and the step falls as 1 / sqrt(t); a mean does not grow."
    question = "How does the length of the step go over 2000 steps of the same gradient, and what does Adam share?"
    set_up = (
        "A slope of 1 in ten numbers, with noise of 0.3 on each gradient, rate 0.01: the exponent of the step's length "
        "over time from step 100 on. For Adam also: its steps with gradients a thousand times smaller and larger, and "
        "how its steps differ from one to the next beside RMSProp's."
    )
    mark = (
        "Holds if the exponent is within 0.05 of -1/2 for AdaGrad and of 0 for RMSProp and Adam, Adam's steps are as "
        "long within 5 % whatever the scale of the gradient, as RMSProp's are, and change from step to step by less "
        "than half of what RMSProp's do, as momentum does. In part if some hold. Else it does not hold."
    )
    source = "CS231n, Training Neural Networks II (AdaGrad, RMSProp, Adam); Kingma, Ba, 2014"
    num_seeds = (5, 2)

    def measure(self, *, quick: bool, seeds: Sequence[int]) -> dict[str, Any]:
        """Walks down an endless slope."""
        del quick  # fewer seeds
        lengths: dict[str, list[Any]] = {name: [] for name in _NAMES}
        jitter: dict[str, list[float]] = {name: [] for name in _NAMES}
        by_scale: dict[str, list[float]] = {name: [] for name in _NAMES}
        for name in _NAMES:
            part = optimizers.part(name, lr=_RATE)
            for seed in seeds:
                moves = _moves(part, 1.0, _STEPS, seed)
                lengths[name].append(np.linalg.norm(moves, axis=1))
                jitter[name].append(float(np.linalg.norm(np.diff(moves[_FROM:], axis=0), axis=1).mean()))
            by_scale[name] = [float(np.linalg.norm(_moves(part, s, 300, 0)[_FROM:], axis=1).mean()) for s in _SCALES]
        exponents = {name: [_exponent(row) for row in rows] for name, rows in lengths.items()}
        kept = np.unique(np.geomspace(1, _STEPS, 60).astype(int)) - 1
        shown = {name: [row[kept] for row in rows] for name, rows in lengths.items()}
        return {"steps": kept + 1, "lengths": shown, "exponents": exponents, "jitter": jitter, "by_scale": by_scale}

    def judge(self, numbers: Numbers) -> Verdict:
        """By the exponents, the scales and the changes from step to step."""
        wanted = {"adagrad": -0.5, "rmsprop": 0.0, "adam": 0.0}
        parts = [abs(e - wanted[name]) <= _NEAR for name in _NAMES for e in numbers["exponents"][name]]
        parts += [max(v) / min(v) <= 1 + _NEAR for v in (numbers["by_scale"][n] for n in ("rmsprop", "adam"))]
        calm = [a / r for a, r in zip(numbers["jitter"]["adam"], numbers["jitter"]["rmsprop"], strict=True)]
        parts.append(max(calm) < 0.5)
        texts = [f"{name} {spread(found, '.2f')}" for name, found in numbers["exponents"].items()]
        where = (
            f"The length of the step goes with time to the power of: {', '.join(texts)}. Adam's steps change from one "
            f"to the next by {spread(calm, '.2f')} of what RMSProp's do."
        )
        return by_parts(parts, where)

    def figure(self, numbers: Numbers) -> str:
        """The length of the step over time."""
        curves = [
            Line(name, numbers["steps"], middle(rows), band=outline(rows)) for name, rows in numbers["lengths"].items()
        ]
        return lines(
            "The length of a step on a slope that never ends",
            "AdaGrad's step falls as the root of time; those of RMSProp and Adam stay as they are.",
            [Panel(curves, "step", "length of the step", log_x=True, log_y=True)],
        )


def _moves(part: Part, scale: float, steps: int, seed: int) -> np.ndarray:
    """The steps taken, (steps, 10)."""

    def slope(point: Tensor) -> Tensor:
        return scale * point.sum()

    seen = walk(slope, [0.0] * 10, part, steps, noise=_NOISE * scale, seed=seed)
    return np.diff(np.array(seen), axis=0)


def _exponent(lengths: np.ndarray) -> float:
    """Slope of the straight line through the logarithms of length and time."""
    times = np.arange(1, len(lengths) + 1)[_FROM:]
    return float(np.polyfit(np.log(times), np.log(lengths[_FROM:]), 1)[0])
