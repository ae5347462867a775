"""SELU over a hundred layers, and what breaks its contract."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from trainwell.draws import StepDraws
from trainwell.dropouts import attach, dropouts
from trainwell.family import Part
from trainwell.lab.claim import Claim, Numbers, Verdict, by_parts
from trainwell.lab.claims import claims
from trainwell.lab.networks import normal, stack
from trainwell.lab.spread import middle, spread
from trainwell.report.charts.lines import Line, Panel, lines

_WIDTH, _DEPTH, _SAMPLES = 300, 100, 200
_MEAN, _LOW, _HIGH = 0.1, 0.8, 1.25
_KEPT: dict[str, dict[str, Any]] = {
    "the contract": {},
    "inputs shifted by 1": {"shift": 1.0},
    "inputs twice as wide": {"scale": 2.0},
    "alpha dropout 0.1": {"dropout": ("alpha_dropout", 0.1)},
}
_BREACHES: dict[str, dict[str, Any]] = {
    "He's weights": {"rule": "he_normal"},
    "torch's default": {"rule": "torch_default"},
    "std 0.01": {"rule": "small_gaussian"},
    "biases of 0.5": {"bias": 0.5},
    "dropout 0.5": {"dropout": ("dropout", 0.5)},
    "a skip around each layer": {"skip": True},
}


@claims.add
class SeluSelfNormalises(Claim):
    """Mean and spread layer by layer, with the contract kept and broken."""

    id = "selu-self-normalises"
    chapter = "activations"
    statement = (
        "A plain stack of dense SELU layers with LeCun-normal weights keeps mean 0 and spread 1 over a hundred layers, "
        "and pulls inputs back that are shifted or scaled; what breaks the contract breaks this."
    )
    why = "Mean 0 and variance 1 are an attracting fixed point of one layer, with these two constants."
    question = "Where are mean and spread behind a hundred layers, with the contract kept and with each breach?"
    set_up = (
        "200 standard normal inputs through 100 SELU layers of 300: mean and standard deviation of the outputs by "
        "layer. Kept: as it is; inputs shifted by 1; inputs of twice the spread; alpha dropout at 0.1. Broken: He's, "
        "torch's and N(0, 0.01^2) weights, biases of 0.5, dropout at 0.5, a skip around each layer."
    )
    mark = (
        "Holds if at layer 100 the mean is within 0.1 of 0 and the spread within 0.8 and 1.25 wherever the contract is "
        "kept, and outside with every breach. In part if only some do as they should. Else it does not hold."
    )
    source = "Klambauer et al., 2017, https://arxiv.org/abs/1706.02515; Hands-On Machine Learning, chapter 11"
    num_seeds = (5, 2)

    def measure(self, *, quick: bool, seeds: Sequence[int]) -> dict[str, Any]:
        """Stacks at their start."""
        del quick  # fewer seeds
        means: dict[str, list[float]] = {}
        spreads: dict[str, list[float]] = {}
        curves: dict[str, list[float | None]] = {}
        for name, how in (_KEPT | _BREACHES).items():
            outputs = [_outputs(seed, **how) for seed in seeds]
            means[name] = [float(found[-1].mean()) for found in outputs]
            spreads[name] = [float(found[-1].std()) for found in outputs]
            curves[name] = middle([[float(out.std()) for out in found] for found in outputs])
        return {"means": means, "spreads": spreads, "curves": curves}

    def judge(self, numbers: Numbers) -> Verdict:
        """By the last layer."""

        def inside(name: str) -> list[bool]:
            ends = zip(numbers["means"][name], numbers["spreads"][name], strict=True)
            return [m is not None and s is not None and abs(m) <= _MEAN and _LOW <= s <= _HIGH for m, s in ends]

        parts = [all(inside(name)) for name in _KEPT] + [not any(inside(name)) for name in _BREACHES]
        texts = [
            f"{name}: mean {_words(numbers['means'][name])}, spread {_words(numbers['spreads'][name])}"
            for name in (*_KEPT, *_BREACHES)
        ]
        return by_parts(parts, "At layer 100: " + "; ".join(texts) + ".")

    def figure(self, numbers: Numbers) -> str:
        """The spread by layer."""
        depth = list(range(1, _DEPTH + 1))

        def panel(names: Sequence[str], title: str) -> Panel:
            curves = [Line(name, depth, numbers["curves"][name]) for name in names]
            return Panel(curves, "layer", "standard deviation of the outputs", title, log_y=True, y_span=(1e-3, 1e3))

        return lines(
            "A hundred layers of SELU",
            "With the contract kept the spread stays at 1 or comes back to it; each breach drives it away.",
            [panel(list(_KEPT), "Contract kept"), panel(list(_BREACHES), "Contract broken")],
        )


def _words(values: Sequence[float | None]) -> str:
    known = [value for value in values if value is not None]
    return spread(known, ".2g") if len(known) == len(values) else "beyond any number"


@torch.no_grad()
def _outputs(
    seed: int,
    *,
    rule: str = "lecun_normal",
    shift: float = 0.0,
    scale: float = 1.0,
    bias: float = 0.0,
    dropout: tuple[str, float] | None = None,
    skip: bool = False,
) -> list[Tensor]:
    """Outputs of every layer."""
    model = stack("selu", rule, (_WIDTH,) * (_DEPTH + 1), seed=seed)
    drop = nn.Identity() if dropout is None else dropouts.build(Part("dropouts", dropout[0], {"p": dropout[1]}))
    attach(drop, draws := StepDraws(seed))
    signal = normal(_SAMPLES, _WIDTH, seed) * scale + shift
    outputs = []
    for place in range(_DEPTH):
        linear, bend = model[1 + 2 * place], model[2 + 2 * place]
        draws.step = place  # a mask of its own for each layer
        out = drop(bend(linear(signal) + bias))
        signal = signal + out if skip else out
        outputs.append(signal)
    return outputs
