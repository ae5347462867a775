"""GELU, and the sigmoid that comes close to it."""

from collections.abc import Sequence
from typing import Any

import torch

from trainwell.activations import activations
from trainwell.lab.claim import Claim, Numbers, Verdict, by_parts
from trainwell.lab.claims import claims
from trainwell.probes.activation import activation_facts
from trainwell.report.charts.lines import Line, Panel, lines

_CLOSE = 0.021


@claims.add
class GeluSigmoidClose(Claim):
    """The difference of two curves."""

    id = "gelu-sigmoid-close"
    chapter = "activations"
    statement = "x sigmoid(1.702 x) comes within 0.021 of GELU, x Phi(x), which is neither monotone nor convex."
    why = "The logistic curve of steepness 1.702 is the one nearest to the normal distribution."
    question = "How far apart are they, and does GELU fall, and bend the other way, anywhere?"
    set_up = "Both curves on 240,001 points from -12 to 12 in float64; the facts of GELU from its slope there."
    mark = (
        "Holds if they are never further apart than 0.021 and GELU is neither monotone nor convex. In part if some of "
        "the three hold. Else it does not hold."
    )
    source = "Hendrycks, Gimpel, 2016, https://arxiv.org/abs/1606.08415"
    num_seeds = (0, 0)

    def measure(self, *, quick: bool, seeds: Sequence[int]) -> dict[str, Any]:
        """Both curves on a grid."""
        del quick, seeds  # nothing is drawn, and it takes no time
        x = torch.linspace(-12, 12, 240_001, dtype=torch.float64)
        gelu, near = activations.build("gelu")(x), activations.build("gelu_sigmoid")(x)
        facts = activation_facts("gelu")
        apart = (gelu - near).abs()
        shown = slice(70_000, 170_001, 500)
        return {
            "apart": float(apart.max()),
            "apart_at": float(x[apart.argmax()].abs()),
            "monotone": facts.monotone,
            "convex": facts.convex,
            "lowest": float(gelu.min()),
            "lowest_at": float(x[gelu.argmin()]),
            "x": x[shown],
            "gelu": gelu[shown],
            "near": near[shown],
        }

    def judge(self, numbers: Numbers) -> Verdict:
        """By the largest difference, and the facts."""
        where = (
            f"They are at most {numbers['apart']:.4f} apart, at |x| = {numbers['apart_at']:.2f}. GELU is lowest at "
            f"x = {numbers['lowest_at']:.3f}, {numbers['lowest']:.3f}; it is "
            f"{'' if numbers['monotone'] else 'not '}monotone and {'' if numbers['convex'] else 'not '}convex."
        )
        return by_parts([numbers["apart"] <= _CLOSE, not numbers["monotone"], not numbers["convex"]], where)

    def figure(self, numbers: Numbers) -> str:
        """Both curves, and their difference."""
        x = numbers["x"]
        apart = [a - b for a, b in zip(numbers["gelu"], numbers["near"], strict=True)]
        curves = [Line("GELU", x, numbers["gelu"]), Line("x sigmoid(1.702 x)", x, numbers["near"], style="dashed")]
        return lines(
            "GELU and x sigmoid(1.702 x)",
            "The two curves can hardly be told apart; their difference is largest near |x| = 2.3.",
            [
                Panel(curves, "x", ""),
                Panel([Line("", x, apart, colour=3)], "x", "difference"),
            ],
        )
