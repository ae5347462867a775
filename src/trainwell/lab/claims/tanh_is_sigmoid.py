"""The hyperbolic tangent as a sigmoid."""

from collections.abc import Sequence
from typing import Any

import torch

from trainwell.activations import activations
from trainwell.lab.claim import Claim, Numbers, Verdict
from trainwell.lab.claims import claims
from trainwell.report.charts.lines import Line, Panel, lines

_ROUNDING, _VISIBLE = 4 * 2.0**-52, 1e-6


@claims.add
class TanhIsSigmoid(Claim):
    """Both sides of the equation, in float64."""

    id = "tanh-is-sigmoid"
    chapter = "activations"
    statement = "tanh is a sigmoid that was scaled and shifted: tanh(x) = 2 sigmoid(2x) - 1."
    why = "2 / (1 + e^-2x) - 1 = (1 - e^-2x) / (1 + e^-2x), which is tanh x."
    question = "Do the two sides agree everywhere, as they are computed here?"
    set_up = "Both sides in float64 on 40,001 points from -20 to 20."
    mark = (
        "Holds if they differ by rounding alone (four units in the last place of 1) everywhere. In part if by less "
        "than 1e-6. Else it does not hold."
    )
    source = "CS231n, Neural Networks Part 1"
    num_seeds = (0, 0)

    def measure(self, *, quick: bool, seeds: Sequence[int]) -> dict[str, Any]:
        """Both sides on a grid."""
        del quick, seeds  # nothing is drawn, and it takes no time
        x = torch.linspace(-20, 20, 40_001, dtype=torch.float64)
        tanh, sigmoid = activations.build("tanh"), activations.build("sigmoid")
        left, right = tanh(x), 2 * sigmoid(2 * x) - 1
        shown = x.abs() <= 4
        return {
            "difference": float((left - right).abs().max()),
            "x": x[shown][::100],
            "tanh": left[shown][::100],
            "sigmoid": sigmoid(x)[shown][::100],
        }

    def judge(self, numbers: Numbers) -> Verdict:
        """By the largest difference."""
        difference = numbers["difference"]
        where = f"The largest difference is {difference:.2g}."
        if difference <= _ROUNDING:
            return Verdict("holds", where)
        return Verdict("holds in part" if difference < _VISIBLE else "does not hold here", where)

    def figure(self, numbers: Numbers) -> str:
        """Both curves, and one made of the other."""
        x = numbers["x"]
        wide = [(value, 2 * s - 1) for value, s in zip(x, numbers["sigmoid"], strict=True) if abs(value) <= 4]
        return lines(
            "tanh is a sigmoid, stretched",
            "The points 2 sigmoid(2x) - 1 lie on the curve of tanh.",
            [
                Panel(
                    [
                        Line("tanh(x)", x, numbers["tanh"]),
                        Line("sigmoid(x)", x, numbers["sigmoid"], style="dashed"),
                        Line("2 sigmoid(2x) - 1", [v / 2 for v, _ in wide][::4], [s for _, s in wide][::4],
                             style="points", colour=3),
                    ],
                    "x",
                    "",
                )
            ],
        )  # fmt: skip
