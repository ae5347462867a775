"""The slope of the sigmoid, and what it does to gradients."""

from collections.abc import Sequence
from typing import Any

import torch

from trainwell.lab.claim import Claim, Numbers, Verdict
from trainwell.lab.claims import claims
from trainwell.lab.networks import drawn_loss, normal, passage, stack
from trainwell.lab.spread import middle, outline, spread
from trainwell.probes.activation import activation_facts, curve
from trainwell.report.charts.lines import Line, Panel, lines

_WIDTH, _DEPTH = 256, 8
_STARTS = {"Xavier": "xavier_normal", "torch's default": "torch_default", "N(0, 1)": "large_gaussian"}
_QUARTER = 0.25


@claims.add
class SigmoidGradient(Claim):
    """Curve of the slope, and gradients behind and before each layer of a stack."""

    id = "sigmoid-gradient"
    chapter = "activations"
    statement = (
        "The slope of the sigmoid is at most 1/4, and 4.5e-5 at |x| = 10: each sigmoid layer shrinks the gradient at "
        "least four times."
    )
    why = "The slope is s(1 - s), largest at s = 1/2; the gradient is multiplied by it on its way back."
    question = "Is it true of the activation, and of the layer as a whole, whose weights multiply the gradient too?"
    set_up = (
        "The slope on a grid from -10 to 10. A stack of 8 sigmoid layers of 256 units, on 256 standard normal inputs, "
        "filled by three rules: the norm of the gradient before each activation over that behind it, and from layer to "
        "layer."
    )
    mark = (
        "Holds if no slope is above 1/4, that at 10 is 4.5e-5 in two digits, and the gradient shrinks four times or "
        "more both through each activation and from layer to layer, with every rule. In part if only through the "
        "activations. Else it does not hold."
    )
    source = "CS231n, Neural Networks Part 1 and Training Neural Networks I (slides on the sigmoid)"

    def measure(self, *, quick: bool, seeds: Sequence[int]) -> dict[str, Any]:
        """The curve, and gradients in stacks."""
        del quick  # it takes a second
        x, y, slope = curve("sigmoid", 201, reach=10.0)
        factors: dict[str, Any] = {}
        gradients: dict[str, Any] = {}
        for name, rule in _STARTS.items():
            through, layers, norms = [], [], []
            for seed in seeds:
                model = stack("sigmoid", rule, (_WIDTH,) * (_DEPTH + 1), seed=seed)
                found = passage(model, normal(256, _WIDTH, seed), drawn_loss(256, _WIDTH, seed + 1000))
                before = torch.stack([g.norm() for g in found.input_gradients])
                behind = torch.stack([g.norm() for g in found.output_gradients])
                through.append(float((before / behind).max()))
                layers.append(float((before[0] / before[-1]) ** (1 / (_DEPTH - 1))))
                norms.append((before / before[-1]).tolist())
            factors[name] = {"activation": through, "layer": layers}
            gradients[name] = norms
        return {
            "x": x,
            "value": y,
            "slope": slope,
            "largest_slope": activation_facts("sigmoid").steepest,
            "slope_at_10": float(slope[-1]),
            "factors": factors,
            "gradients": gradients,
        }

    def judge(self, numbers: Numbers) -> Verdict:
        """By the slopes, and the factors of the gradient."""
        factors = numbers["factors"]
        steep = numbers["largest_slope"] <= _QUARTER + 1e-9 and f"{numbers['slope_at_10']:.1e}" == "4.5e-05"
        activation = steep and all(f <= _QUARTER + 1e-6 for found in factors.values() for f in found["activation"])
        layer = all(f <= _QUARTER for found in factors.values() for f in found["layer"])
        measured = "; ".join(f"{name}: {spread(found['layer'])}" for name, found in factors.items())
        where = (
            f"The slope is at most {numbers['largest_slope']:.3g}, and {numbers['slope_at_10']:.2g} at 10. "
            f"From layer to layer the gradient is multiplied by ({measured})."
        )
        if activation and layer:
            return Verdict("holds", where)
        if activation:
            return Verdict(
                "holds in part", f"{where} Through each activation it shrinks four times; the weights undo it."
            )
        return Verdict("does not hold here", where)

    def figure(self, numbers: Numbers) -> str:
        """The sigmoid with its slope, and the gradient layer by layer."""
        depth = list(range(1, _DEPTH + 1))
        stacks = [Line(name, depth, middle(rows), band=outline(rows)) for name, rows in numbers["gradients"].items()]
        ideal = [_QUARTER ** (_DEPTH - layer) for layer in depth]
        return lines(
            "The sigmoid, its slope, and the gradient in a stack",
            "The slope peaks at 1/4. In a stack the gradient shrinks towards the first layer unless weights are large.",
            [
                Panel(
                    [
                        Line("sigmoid", numbers["x"], numbers["value"]),
                        Line("its slope", numbers["x"], numbers["slope"], style="dashed"),
                    ],
                    "input",
                    "",
                    marks=[(_QUARTER, "1/4")],
                ),
                Panel(
                    [*stacks, Line("1/4 a layer", depth, ideal, style="dotted", colour=6)],
                    "layer",
                    "norm of the gradient, last layer = 1",
                    log_y=True,
                ),
            ],
        )
