"""Thirteen regularisers, each alone, on small data."""

import statistics
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from trainwell.dropouts import dropouts
from trainwell.initializers import initialize
from trainwell.lab.claim import Claim, Numbers, Verdict, by_parts
from trainwell.lab.claims import claims
from trainwell.lab.spread import spread
from trainwell.lab.training import CPU, built_in, ends_of, plain_recipe
from trainwell.models import models
from trainwell.report.charts.bars import Bar, bars
from trainwell.training.setup import set_up

_SAMPLES, _VALID = 200, 1000
_WIDTH, _BLOCKS = 64, 6
_CONV, _RESIDUAL = "none", "none, residual"
_WAYS: dict[str, dict[str, Any]] = {
    _CONV: {},
    "L2": {"penalties": {"name": "l2", "strength": 1e-3}},
    "L1": {"penalties": {"name": "l1", "strength": 1e-4}},
    "dropout": {"net": {"dropout": {"name": "dropout", "p": 0.5}}},
    "dropconnect": {"net": {"dropout": {"name": "dropconnect", "p": 0.5}}},
    "fractional pooling": {"net": {"pooling": "fractional_max"}},
    "mixup": {"augment": "mixup"},
    "cutout": {"augment": "cutout"},
    "smoothing": {"loss": {"name": "cross_entropy", "smoothing": 0.1}},
    "flips": {"augment": "flip"},
    "crops": {"augment": {"name": "crop", "padding": 0.125}},
    "jitter": {"augment": "color_jitter"},
    "lens distortion": {"augment": "lens_distortion"},
    _RESIDUAL: {"residual": 0.0},
    "stochastic depth": {"residual": 0.5},
}
_PLAIN = {"stochastic depth": _RESIDUAL}


@claims.add
class RegularisersNarrow(Claim):
    """The gap between the losses, and the validation loss, with each of thirteen regularisers."""

    id = "regularisers-narrow"
    chapter = "regularisation"
    statement = (
        "L2, L1, dropout, dropconnect, fractional pooling, mixup, cutout, stochastic depth, label smoothing, flips, "
        "crops, jitter and lens distortion narrow the gap between training and validation on small data."
    )
    why = "Each makes it harder to learn the training samples by heart, by noise, by bounds or by more samples."
    question = "Which of them narrow the gap between the losses, and which of those help the validation loss too?"
    set_up = (
        "200 digits of 8 x 8, validation on 1,000 others, LeNet with ReLU and max pooling, Adam at 2e-3 under a "
        "cosine, 40 epochs of batches of 32; each regulariser alone, at one strength: L2 1e-3, L1 1e-4, dropout and "
        "dropconnect 0.5, mixup 0.2, cutout of 3/8 of the side, smoothing 0.1, crops by up to 1/8 of it, the others at "
        "their defaults. Stochastic depth of 0.5 on six residual layers of 64 units, beside those without it. Losses "
        "of the samples as they are, without smoothing, at the end."
    )
    mark = (
        "One of them narrows the gap if validation loss less training loss is smaller with it than without on every "
        "seed, and helps if the validation loss is lower on every seed. Holds if all narrow it, in part if some do, "
        "else it does not hold. Whether they help is shown beside it."
    )
    source = "CS231n, Training Neural Networks II (regularization); Hands-On Machine Learning, chapter 11"
    num_seeds = (3, 1)

    def measure(self, *, quick: bool, seeds: Sequence[int]) -> dict[str, Any]:
        """Losses and accuracies at the end, way by way."""
        epochs = 25 if quick else 40
        found: dict[str, dict[str, list[float]]] = {}
        for name, how in _WAYS.items():
            runs = [_scores(how, epochs, seed) for seed in seeds]
            found[name] = {key: [run[key] for run in runs] for key in runs[0]}
        return {"found": found}

    def judge(self, numbers: Numbers) -> Verdict:
        """By the gaps."""
        narrow, helpful, righter, wide = [], [], [], []
        for name, found in numbers["found"].items():
            if name in (_CONV, _RESIDUAL):
                continue
            plain = numbers["found"][_PLAIN.get(name, _CONV)]
            if all(a < b for a, b in zip(_gaps(found), _gaps(plain), strict=True)):
                narrow.append(name)
            else:
                wide.append(name)
            if all(a < b for a, b in zip(found["valid_loss"], plain["valid_loss"], strict=True)):
                helpful.append(name)
            if all(a > b for a, b in zip(found["valid_accuracy"], plain["valid_accuracy"], strict=True)):
                righter.append(name)
        plain, residual = numbers["found"][_CONV], numbers["found"][_RESIDUAL]
        useless = [name for name in narrow if name not in helpful]
        where = (
            f"Narrower on every seed: {_told(narrow, numbers)}; not on every seed: {_told(wide, numbers)}. The gap "
            f"without any is {spread(_gaps(plain), '.2f')}, at a validation loss of "
            f"{spread(plain['valid_loss'], '.2f')}; of the residual net, beside which stochastic depth stands, "
            f"{spread(_gaps(residual), '.2f')} at {spread(residual['valid_loss'], '.2f')}. Of those that narrow it, on "
            f"every seed lower in the validation loss: {', '.join(n for n in narrow if n in helpful) or 'none'}; not: "
            f"{', '.join(useless) or 'none'} (a gap also narrows where the training loss rises more). Of all, on every "
            f"seed higher in the validation accuracy: {', '.join(righter) or 'none'}."
        )
        return by_parts([True] * len(narrow) + [False] * len(wide), where)

    def figure(self, numbers: Numbers) -> str:
        """The gap, and behind it the validation accuracy."""
        rows = []
        for name, found in sorted(numbers["found"].items(), key=lambda item: statistics.fmean(_gaps(item[1]))):
            gaps, colour = _gaps(found), 2 if name in (_CONV, _RESIDUAL) else 1
            text = f"{statistics.fmean(gaps):.2f}, accuracy {statistics.fmean(found['valid_accuracy']):.1%}"
            rows.append(Bar(name, statistics.fmean(gaps), (min(gaps), max(gaps)), text, colour))
        return bars(
            "The gap between the losses with each regulariser",
            "Validation loss less training loss, mean and range over the seeds, the narrowest on top; nets without a "
            "regulariser are in the second colour.",
            rows,
            x_label="validation loss less training loss",
        )


class _Residual(nn.Module):
    """Layers that add to what passes by them; each may be left out for a sample in training."""

    def __init__(self, p: float, num_outputs: int, seed: int) -> None:
        super().__init__()
        self.first = nn.Linear(64, _WIDTH)
        branches = (nn.Sequential(nn.ReLU(), nn.Linear(_WIDTH, _WIDTH)) for _ in range(_BLOCKS))
        self.branches = nn.ModuleList(
            dropouts.build({"name": "stochastic_depth", "p": p}, branch) if p else branch for branch in branches
        )
        self.head = nn.Linear(_WIDTH, num_outputs)
        initialize(self, "he_normal", seed=seed, head=self.head, head_scale=0.1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 1, 8, 8) -> (N, K)."""
        signal = self.first(x.flatten(1))
        for branch in self.branches:
            signal = signal + branch(signal)
        outputs: Tensor = self.head(signal.relu())
        return outputs


def _scores(how: dict[str, Any], epochs: int, seed: int) -> dict[str, float]:
    """Losses and accuracies of both splits at the end."""
    data = built_in("digits")
    rows = np.random.default_rng(seed).permutation(data.splits["train"])
    few = replace(data, splits={"train": np.sort(rows[:_SAMPLES]), "valid": np.sort(rows[_SAMPLES:][:_VALID])})
    how = dict(how)
    p, net = how.pop("residual", None), how.pop("net", {})
    fields = {"model": models.part("lenet", **({"activation": "relu", "pooling": "max"} | net))} if p is None else {}
    recipe = plain_recipe(
        **fields,
        optimizer={"name": "adam", "lr": 2e-3},
        schedule="cosine",
        batch_size=32,
        epochs=epochs,
        seed=seed,
        **how,
    )
    with torch.random.fork_rng(devices=[]):
        model = None if p is None else _Residual(p, len(data.classes), seed)
    return ends_of(set_up(few, recipe, CPU.device, model))


def _gaps(found: dict[str, list[float]]) -> list[float]:
    return [valid - train for valid, train in zip(found["valid_loss"], found["train_loss"], strict=True)]


def _told(names: Sequence[str], numbers: Numbers) -> str:
    return ", ".join(f"{n} {statistics.fmean(_gaps(numbers['found'][n])):.2f}" for n in names) or "none"
