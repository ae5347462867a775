"""Forward and backward at once: Glorot's compromise."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from trainwell.initializers import initialize
from trainwell.lab.claim import Claim, Numbers, Verdict, by_parts
from trainwell.lab.claims import claims
from trainwell.lab.networks import normal
from trainwell.lab.spread import spread
from trainwell.report.charts.bars import Bar, bars

_SHAPES = ((300, 300), (500, 100), (100, 500))
_RULES = {"LeCun": "lecun_normal", "Glorot": "xavier_normal"}
_SAMPLES, _WITHIN = 2000, 0.1


@claims.add
class GlorotCompromise(Claim):
    """Variance of the signal and of the gradient behind one layer."""

    id = "glorot-compromise"
    chapter = "initialisation"
    statement = (
        "A layer keeps the variance of the signal and that of the gradient only where it has as many outputs as inputs."
    )
    why = (
        "The signal asks for a variance of 1 / fan_in, the gradient for 1 / fan_out; Glorot takes the mean of the fans."
    )
    question = "By how much does a linear layer multiply the variance, forwards and backwards?"
    set_up = (
        "Linear layers of 300 to 300, 500 to 100 and 100 to 500, filled by LeCun's rule (1 / fan_in) and Glorot's; "
        "2000 standard normal inputs, and as many standard normal gradients."
    )
    mark = (
        "Holds if with equal fans both rules keep both variances within 10 %, and with unequal fans neither rule keeps "
        "both. In part if one of the two. Else it does not hold."
    )
    source = "Glorot, Bengio, 2010, section 4.2, https://proceedings.mlr.press/v9/glorot10a.html"

    def measure(self, *, quick: bool, seeds: Sequence[int]) -> dict[str, Any]:
        """Both factors of every layer."""
        del quick  # it takes a second
        found: dict[str, Any] = {}
        for name, rule in _RULES.items():
            for fan_in, fan_out in _SHAPES:
                forwards, backwards = [], []
                for seed in seeds:
                    layer = nn.Linear(fan_in, fan_out)
                    initialize(layer, rule, seed=seed)
                    x = normal(_SAMPLES, fan_in, seed).requires_grad_()
                    out = layer(x)
                    gradient = torch.autograd.grad(out, x, normal(_SAMPLES, fan_out, seed + 1000))[0]
                    forwards.append(float(out.detach().var()))
                    backwards.append(float(gradient.var()))
                found[f"{fan_in} to {fan_out}, {name}"] = {"forwards": forwards, "backwards": backwards}
        return {"factors": found}

    def judge(self, numbers: Numbers) -> Verdict:
        """By which layers keep both."""
        kept = {
            name: all(abs(f - 1) <= _WITHIN for way in found.values() for f in way)
            for name, found in numbers["factors"].items()
        }
        equal = [ok for name, ok in kept.items() if _fans_equal(name)]
        other = [ok for name, ok in kept.items() if not _fans_equal(name)]
        texts = [
            f"{name}: {spread(found['forwards'], '.2f')} forwards, {spread(found['backwards'], '.2f')} backwards"
            for name, found in numbers["factors"].items()
        ]
        return by_parts([all(equal), not any(other)], "Factors on the variance: " + "; ".join(texts) + ".")

    def figure(self, numbers: Numbers) -> str:
        """A bar for each layer and way."""
        rows = []
        for name, found in numbers["factors"].items():
            for colour, (way, values) in enumerate(found.items(), start=1):
                mean = sum(values) / len(values)
                rows.append(Bar(f"{name} {'→' if way == 'forwards' else '←'}", mean, (min(values), max(values)),
                                f"{mean:.2f}", colour))  # fmt: skip
        return bars(
            "What one layer does to the variance, forwards (→) and backwards (←)",
            "Both are 1 only where the layer has as many outputs as inputs.",
            rows,
            x_label="factor on the variance",
            log=True,
            x_span=(0.1, 10.0),
            mark=(1.0, "kept"),
        )


def _fans_equal(name: str) -> bool:
    fan_in, _, fan_out = name.partition(",")[0].split()
    return fan_in == fan_out
