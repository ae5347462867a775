"""Transfer: what is learnt on some digits, used for others."""

import copy
import math
import statistics
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import nn

from trainwell.data.dataset import Data
from trainwell.lab.claim import Claim, Numbers, Verdict, by_parts
from trainwell.lab.claims import claims
from trainwell.lab.spread import spread
from trainwell.lab.training import CPU, built_in, course_of, ends_of, plain_recipe
from trainwell.models import models
from trainwell.recipe import Recipe
from trainwell.report.charts.bars import Bar, bars
from trainwell.training.evaluate import score
from trainwell.training.features import features_of
from trainwell.training.heads import best, grid, train_heads
from trainwell.training.setup import Setup, Start, set_up

_SPLITS = {"0-4 to 5-9": (0, 5), "0-7 to 8-9": (0, 8)}  # the source has the classes from the first to before the second
_AMOUNTS = {"little": 5, "more": 60}  # training samples of each class
_RATE, _BATCH = 2e-3, 16
_WAYS = ("scratch", "head", "tenth", "full rate")


@claims.add
class Transfer(Claim):
    """The validation accuracy of four ways to learn new classes, from little data and from more."""

    id = "transfer"
    chapter = "method"
    statement = (
        "With little data a frozen network with a new head beats training from scratch; with more, fine-tuning all of "
        "it at a tenth of the rate beats the head, and the full rate loses part of that."
    )
    why = (
        "Features that were learnt on other classes serve new ones; a few samples cannot improve them, more can, and "
        "large steps undo them first."
    )
    question = "Which way has the highest validation accuracy, with 5 and with 60 samples of each new class?"
    set_up = (
        "Digits of 8 x 8, a small LeNet with ReLU and max pooling; no image set of photos comes without a download. "
        "The sources are small and the targets easy, unlike the photos that the book has in mind. Sources trained on "
        "the digits 0-4 and 0-7 for 6 epochs of Adam at 2e-3; targets 5-9 and 8-9. From scratch, 150 steps of batches "
        "of 16; or the source frozen with a new linear head, the best of a grid of rates and decays; or, with that "
        "head to begin with, as many steps of all of it at a tenth of the rate, or at the full rate. Of the other "
        "samples of the new classes one half chooses the head and one half validates."
    )
    mark = (
        "Three parts on each of two splits of the classes, in validation accuracy, on average by two standard errors "
        "over the seeds: with little data the head is above scratch; with more, a tenth of the rate is above the head; "
        "with more, the full rate is below a tenth. Holds if all six are so, in part if some, else it does not hold."
    )
    source = (
        "CS231n, Transfer Learning; Yosinski et al., 2014, https://arxiv.org/abs/1411.1792; Kumar et al., 2022, "
        "https://arxiv.org/abs/2202.10054"
    )
    num_seeds = (6, 3)

    def measure(self, *, quick: bool, seeds: Sequence[int]) -> dict[str, Any]:
        """Accuracies, split by split, amount by amount, way by way."""
        epochs, steps = (4, 100) if quick else (6, 150)  # of the sources, and of the targets
        found: dict[str, Any] = {}
        for split, (first, past) in _SPLITS.items():
            accuracies: dict[str, dict[str, list[float]]] = {a: {way: [] for way in _WAYS} for a in _AMOUNTS}
            for seed in seeds:
                source = _source(list(range(first, past)), epochs, seed)
                for amount, each in _AMOUNTS.items():
                    data = _classes(list(range(past, 10)), each, seed)
                    for way, accuracy in _accuracies(source, data, steps, seed).items():
                        accuracies[amount][way].append(accuracy)
            found[split] = accuracies
        return {"found": found}

    def judge(self, numbers: Numbers) -> Verdict:
        """By the three comparisons on each split."""
        parts, texts, verdicts = [], [], []
        for split, found in numbers["found"].items():
            little, more = found["little"], found["more"]
            pairs = {
                "the head above scratch": (little["head"], little["scratch"]),
                "a tenth above the head": (more["tenth"], more["head"]),
                "the full rate below a tenth": (more["tenth"], more["full rate"]),
            }
            parts += [_above(*pair) for pair in pairs.values()]
            missed = [words for words, pair in pairs.items() if not _above(*pair)]
            told = "; ".join(
                f"{amount} data: " + ", ".join(f"{way} {spread(values, '.3f')}" for way, values in ways.items())
                for amount, ways in found.items()
            )
            so = ", ".join(words for words in pairs if words not in missed) or "none"
            verdicts.append(f"on {split} {so} (not so: {', '.join(missed) or 'none'})")
            texts.append(f"{split}, {told}.")
        return by_parts(parts, f"As claimed: {'; '.join(verdicts)}. Accuracies: {' '.join(texts)}")

    def figure(self, numbers: Numbers) -> str:
        """The accuracies."""
        rows = []
        for split, found in numbers["found"].items():
            for amount, ways in found.items():
                for colour, (way, values) in enumerate(ways.items(), start=1):
                    name = f"{split}, {amount}: {way}"
                    mean = statistics.fmean(values)
                    rows.append(Bar(name, mean, (min(values), max(values)), f"{mean:.1%}", colour))
        first = (
            math.floor(
                10
                * min(min(v) for found in numbers["found"].values() for ways in found.values() for v in ways.values())
            )
            / 10
        )
        return bars(
            "Four ways to learn new digits",
            "The validation accuracy of each way, with little data and with more, on two splits of the classes: mean "
            f"and range over the seeds. The bars begin at {first:.0%}.",
            rows,
            x_label=f"validation accuracy, from {first:.1f}",
            x_span=(first, 1.0),
        )


def _recipe(seed: int, epochs: float, **fields: Any) -> Recipe:
    given: dict[str, Any] = {"optimizer": {"name": "adam", "lr": _RATE}, "batch_size": _BATCH}
    net = models.part("lenet", activation="relu", pooling="max", widths=(6, 12), hidden=(48,))
    return plain_recipe(model=net, schedule="cosine", epochs=epochs, seed=seed, **(given | fields))


def _classes(digits: Sequence[int], each: int | None, seed: int) -> Data:
    """Some digits alone: so many samples of each to learn from, all where it is None, and the others to validate on."""
    data = built_in("digits")
    y = np.full(len(data.y), -1)
    y[np.isin(data.y, digits)] = data.y[np.isin(data.y, digits)] - digits[0]
    order = np.random.default_rng(seed).permutation(len(y))
    train = [order[y[order] == label][:each] for label in range(len(digits))]
    rows = np.sort(np.concatenate(train))
    rest = np.setdiff1d(np.flatnonzero(y >= 0), rows)
    names = tuple(str(digit) for digit in digits)
    return replace(data, y=y, classes=names, splits={"train": rows, "chooses": rest[::2], "valid": rest[1::2]})


def _source(digits: Sequence[int], epochs: int, seed: int) -> Setup:
    """A network trained on these digits."""
    data = _classes(digits, None, seed)
    setup = set_up(replace(data, splits={"train": data.splits["train"]}), _recipe(seed, epochs), CPU.device)
    course_of(setup)
    return setup


def _accuracies(source: Setup, data: Data, steps: int, seed: int) -> dict[str, float]:
    """Validation accuracy of each way."""
    count = len(data.splits["train"])
    epochs = steps * min(_BATCH, count) / count
    scratch = set_up(data, _recipe(seed, epochs), CPU.device)
    begun = copy.deepcopy(source.model)
    name = _new_head(begun, len(data.classes))
    found = {"scratch": ends_of(scratch)["valid_accuracy"]}
    start = Start(begun, name, source.fitted)
    setup = set_up(data, _recipe(seed, epochs, transfer="full"), CPU.device, start=start)
    _learn_head(setup, name, epochs, seed)
    found["head"] = score(begun, setup.feeds["valid"], CPU, setup.plain_loss)["accuracy"]
    for way, rate in (("tenth", _RATE / 10), ("full rate", _RATE)):
        recipe = _recipe(seed, epochs, optimizer={"name": "adam", "lr": rate}, transfer="full")
        start = Start(copy.deepcopy(begun), name, source.fitted)
        found[way] = ends_of(set_up(data, recipe, CPU.device, start=start))["valid_accuracy"]
    return found


def _new_head(network: nn.Module, num_outputs: int) -> str:
    """Put a head of another width in place of the last layer; gives its name."""
    name, old = [(name, module) for name, module in network.named_modules() if isinstance(module, nn.Linear)][-1]
    place, _, last = name.rpartition(".")
    setattr(network.get_submodule(place), last, nn.Linear(old.in_features, num_outputs))
    return name


def _learn_head(setup: Setup, name: str, epochs: float, seed: int) -> None:
    """Train heads on the features of the network as it is, and put the best into it."""
    features = features_of(setup.model, name, setup.feeds["train"], setup.feeds["chooses"], CPU)
    heads = train_heads(
        features,
        grid(seeds=1),
        loss=setup.loss,
        plain_loss=setup.plain_loss,
        num_outputs=setup.num_outputs,
        num_classes=setup.num_classes,
        with_bias=True,
        epochs=epochs,
        batch_size=min(_BATCH, len(setup.feeds["train"])),
        seed=seed,
    )
    chosen, head = heads[best(heads, "valid_accuracy", len(setup.feeds["chooses"]))], setup.model.get_submodule(name)
    assert isinstance(head, nn.Linear), "the head was made linear"
    assert chosen.weight is not None, "a trained head has weights"
    assert chosen.bias is not None, "this one was trained with a bias"
    with torch.no_grad():
        head.weight.copy_(chosen.weight)
        head.bias.copy_(chosen.bias)


def _above(values: Sequence[float], others: Sequence[float]) -> bool:
    """Whether the first are higher on average by two standard errors of the difference."""
    gains = [a - b for a, b in zip(values, others, strict=True)]
    return statistics.fmean(gains) > 2 * statistics.stdev(gains) / math.sqrt(len(gains))
