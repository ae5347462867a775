"""The first stage of a transfer: a grid of linear heads on the features of the frozen network, the best one kept."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from trainwell.diagnoses import Finding
from trainwell.method.finetune.kept import KeptFeatures
from trainwell.method.screen import Screen
from trainwell.recipes import batch_size, epochs_for
from trainwell.report.words import duration
from trainwell.training.engine import Engine, running
from trainwell.training.evaluate import score
from trainwell.training.features import are_made_by, features_of
from trainwell.training.head_folds import across_folds, num_folds
from trainwell.training.heads import DECAYS, RATES, Features, Head, best, grid, train_heads
from trainwell.training.setup import Setup

_STEPS = 600  # a linear head on standardised features has settled by then
_VARYING = 0.5  # of the features, under which the network hardly tells the samples apart
_SCORED = 1000  # training samples scored
_SMALL = 100_000_000  # multiplications a step, up to which a second thread costs more than it does


@dataclass(frozen=True)
class HeadStage:
    """What came of the heads.

    Args:
        head: The best of them.
        scores: Of the whole network with it: `train_loss`, `valid_accuracy` and so on.
        seconds: Features and heads together.
        findings: What the features look like, where that was to be checked.
        folds: Number of folds of the training samples that chose it; 0 where the validation samples did.
    """

    head: Head
    scores: dict[str, float]
    seconds: float
    findings: tuple[Finding, ...]
    folds: int = 0


def head_schedule(count: int) -> tuple[int, float]:
    """Batch and epochs for heads on the features of so many samples."""
    size = batch_size(count, steps=8, low=16, high=256)
    return size, epochs_for(count, size, steps=_STEPS, low=4)


def train_head(
    setup: Setup,
    engine: Engine,
    name: str,
    *,
    pinned: tuple[str, ...],
    check: bool,
    add: Callable[..., None],
    screen: Screen,
    cache: Path | None,
    stopping: Callable[[], None],
) -> HeadStage:
    """Compute the features once, train the grid on them, and put the best head into the network.

    Args:
        setup: What is trained; its network is on the engine's device, and its head is changed in place.
        engine: How to compute.
        name: Name of the head.
        pinned: What the user set: with `transfer=head` a rate or a decay of the optimizer that is set is the only one.
        check: Whether to look at the features first.
        add: Writes a record line.
        screen: Where to say it.
        cache: Folder of the cache.
        stopping: Raises where a signal asks to leave.

    Raises:
        BadValue: The head of this network cannot be trained by itself.
    """
    began = time.perf_counter()
    recipe, train = setup.recipe, setup.feeds["train"]
    module = setup.model.get_submodule(name)
    assert isinstance(module, nn.Linear), "a transfer has a linear head"
    features = _features(setup, engine, name, screen, cache, stopping)
    stopping()
    findings = _checked(features, add, screen) if check else ()
    only = recipe.transfer == "head"
    size, epochs = (recipe.batch_size, recipe.epochs) if only else head_schedule(len(train))
    settings: dict[str, Any] = {
        "loss": setup.loss,
        "plain_loss": setup.plain_loss,
        "num_outputs": setup.num_outputs,
        "num_classes": setup.num_classes,
        "with_bias": module.bias is not None,
        "epochs": epochs,
        "batch_size": size,
        "seed": recipe.seed,
        "balanced": recipe.balance == "sampler",
    }
    asked = recipe.optimizer.args
    heads = grid(
        (float(asked["lr"]),) if only and "optimizer.lr" in pinned else RATES,
        (float(asked["weight_decay"]),) if only and "optimizer.weight_decay" in pinned else DECAYS,
    )
    started = time.perf_counter()
    assert features.valid is not None, "data to learn from has a validation split"
    folds, monitor, samples = num_folds(features, setup.num_classes), setup.monitor, len(features.valid)
    products = len(heads) * size * features.train.shape[2] * setup.num_outputs
    with running(replace(engine, threads=engine.threads if products > _SMALL else 1)):
        trained = train_heads(features, heads, **settings)
        stopping()
        unseen = across_folds(features, heads, folds, **settings) if folds else []
    if folds:
        both = zip(trained, unseen, strict=True)
        trained = [replace(head, scores=(head.scores or {}) | found) for head, found in both]
        monitor, samples = monitor.replace("valid_", "folds_"), len(features.target)
    chosen = best(trained, monitor, samples)
    for number, head in enumerate(trained):
        assert head.scores is not None, "a trained head is scored"
        line = {"stage": "head", "number": number, "chosen": number == chosen}
        add("trial", **line, lr=head.lr, weight_decay=head.weight_decay, seed=head.seed, **head.scores)
    screen.say(told(trained, chosen, monitor, time.perf_counter() - started, only=only))
    winner = trained[chosen]
    assert winner.weight is not None, "a trained head has weights"
    with torch.no_grad():
        module.weight.copy_(winner.weight)
        if module.bias is not None and winner.bias is not None:
            module.bias.copy_(winner.bias)
    scores: dict[str, float] = {}
    for part, limit in (("train", _SCORED), ("valid", None)):
        if part in setup.feeds:
            by_class = setup.by_class
            found = score(setup.model, setup.feeds[part], engine, setup.plain_loss, limit, by_class=by_class)
            scores |= {f"{part}_{what}": value for what, value in found.items()}
    return HeadStage(winner, scores, time.perf_counter() - began, findings, folds)


def _checked(features: Features, add: Callable[..., None], screen: Screen) -> tuple[Finding, ...]:
    """Whether there is something in the features to learn from: numbers that are finite, and vary."""
    seen = features.train[0]
    finite = bool(torch.isfinite(seen).all())
    varying = float((seen.amax(0) > seen.amin(0)).double().mean()) if finite else 0.0
    ok = varying >= _VARYING
    message = f"{varying:.0%} of {seen.shape[1]:,} vary from sample to sample" if finite else "some are not finite"
    add("check", probe="features", ok=ok, message=message, varying=varying)
    if ok:
        screen.say(f"features: {message}")
        return ()
    advice = "See whether the source was trained on inputs like these, in this size and behind these statistics."
    finding = Finding("features", "warning" if finite else "error", f"Of what goes into the head {message}.", advice)
    screen.warn(f"features: {finding.message} {advice}")
    return (finding,)


def _features(
    setup: Setup, engine: Engine, name: str, screen: Screen, cache: Path | None, stopping: Callable[[], None]
) -> Features:
    """The features, from the cache where they were computed before."""
    began = time.perf_counter()
    train, valid, copies = setup.feeds["train"], setup.feeds.get("valid"), setup.recipe.feature_copies

    def progress(done: int, total: int) -> None:
        screen.reading(done, total, "features")
        stopping()

    own = setup.data.kind == "own"  # samples that are read one by one have no fingerprint
    place = None if own else KeptFeatures(cache, setup, engine, name)
    found = None if place is None else place.read()
    if found is not None and not are_made_by(found[0]["train"][0], setup.model, name, train, engine):
        found = None  # the same weights in a network that computes something else
    if found is None:
        computed = features_of(setup.model, name, train, valid, engine, copies=copies, progress=progress)
        screen.done()
        if place is not None:
            place.write(computed)
    else:
        tensors, scale = found
        computed = Features(
            tensors["train"].to(setup.device),
            train.target,
            tensors["valid"].to(setup.device) if "valid" in tensors else None,
            None if valid is None else valid.target,
            scale,
        )
    views, count, width = computed.train.shape
    copied = f" and {views - 1} augmented cop{'y' if views == 2 else 'ies'} of each" if views > 1 else ""
    held = f", {len(valid):,} validation samples" if valid is not None else ""
    when = "computed earlier" if found is not None else f"in {duration(time.perf_counter() - began)}"
    screen.say(f"features: {count:,} training samples{copied}{held}, {width:,} numbers each, {when}")
    return computed


def told(heads: list[Head], chosen: int, monitor: str, seconds: float, *, only: bool) -> str:
    """The winner, how far the heads lie apart, and whether the grid was wide enough.

    Args:
        heads: Trained.
        chosen: Number of the winner.
        monitor: What it won by.
        seconds: What all took.
        only: Whether the head is all that is trained, so that the rate of the recipe is its rate.
    """
    scored = [(head, head.scores[monitor], head.scores["valid_loss"]) for head in heads if head.scores is not None]
    sound = [(head, score) for head, score, loss in scored if math.isfinite(score) and math.isfinite(loss)]
    found = np.sort([score for _, score in sound])
    winner, reached = next((head, score) for head, score in sound if head is heads[chosen])
    low, high = np.quantile(found, [0.25, 0.75])
    shown = monitor.replace("valid_", "validation ").replace("folds_", "cross-validated ").replace("_", " ")
    worst = found[-1] if monitor.endswith("loss") else found[0]
    words = (
        f"heads: {len(heads)} trained at once in {duration(seconds)}; the best, lr={winner.lr:g}, "
        f"weight_decay={winner.weight_decay:g}: {shown} {reached:.4f} (half of them lie between {low:.4f} and "
        f"{high:.4f}, the worst at {worst:.4f})"
    )
    if len(sound) < len(heads):
        words += f"; {len(heads) - len(sound)} came to nothing, their rate being too high"
    rates = sorted({head.lr for head in heads})
    if len(rates) > 1 and {head.lr for head, score in sound if score == reached} <= {rates[0], rates[-1]}:
        words += f"; this rate is at the edge of the grid, {rates[0]:g} to {rates[-1]:g}"
        further = rates[0] / 10 if winner.lr == rates[0] else rates[-1] * 10
        words += f": try optimizer.lr={further:g} too" if only else ""
    return words
