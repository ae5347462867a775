"""Steps 2 to 4 of the method: initial loss, overfit a small sample, learning-rate range; and what the network sees."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from trainwell.diagnoses import Finding, Severity, gravest_first
from trainwell.errors import BadRun
from trainwell.method.advise import advise
from trainwell.method.look import Options, look
from trainwell.method.pace import choose, samples_to_time
from trainwell.method.picture import inputs_picture
from trainwell.method.screen import Screen, Silent
from trainwell.probes.expected_loss import KNOWN_LOSSES, Expected, expected_initial_loss, loss_of_constant
from trainwell.probes.experiment import Batches
from trainwell.probes.initial_loss import initial_loss
from trainwell.probes.overfit import overfit
from trainwell.probes.rate_range import RateRange, rate_range
from trainwell.probes.rate_trial import RateTrial, rate_trial
from trainwell.probes.result import Result
from trainwell.record import DATA, FINDINGS, Record, RunFolder
from trainwell.training.engine import Engine, running
from trainwell.training.machine import give_back_memory, pick_device
from trainwell.training.setup import Setup, head_of, set_up

CHECKS = ("initial-loss", "overfit-sample", "learning-rate")
_SAMPLE = 20  # samples to be learnt by heart
_PROBE_BATCH = 256  # a range test with larger batches costs more than it tells
_LARGE_STEP = 128  # samples from which a step is dear enough to take fewer of them
_BELOW, _ABOVE = 1e-3, 30.0  # the range tried, as multiples of the recipe's rate
_MARGIN = 3.0  # with warm-up a rate may lie this much above the interval, but has to lie as much below divergence
_TRIAL, _DEAR_TRIAL = 80, 40  # steps of a training at a rate above the interval; where a step is dear, fewer


@dataclass(frozen=True)
class Checked:
    """What the checks found.

    Args:
        findings: Failed checks.
        rate: The learning rate to train with; None where the test gave no reason to touch it.
    """

    findings: list[Finding]
    rate: float | None


def check(
    source: Any,
    edits: Sequence[str] = (),
    *,
    out: str | Path,
    options: Options | None = None,
    screen: Screen | None = None,
) -> list[Finding]:
    """The checks alone, in seconds: look at the data, initial loss, overfit a sample, rate range, `inputs.png`.

    Args:
        source: See `fit`.
        edits: `key=value` edits of the recipe.
        out: Folder for the record, the findings and the picture.
        options: Options of the run.
        screen: Where to say what happens.

    Returns:
        The failed checks, the gravest first.
    """
    options, screen = options or Options(), screen or Silent()
    folder, device = RunFolder(out), pick_device(options.device)
    folder.refuse_if_no_folder()
    if folder.exists:
        raise BadRun(f"{folder.path} holds a run, which the checks would overwrite. Give another --out.")
    looked = look(source, edits, options, screen)
    setup = set_up(looked.data, looked.recipe, device)
    samples_to_time(setup)  # refuses a batch that cannot fit, before the network is given one
    advice = advise(setup, screen)
    with folder.locked():
        folder.write_json(DATA, looked.data.describe() | {"preprocessing": setup.fitted.json()})
        picture = inputs_picture(setup, folder)
        screen.say(f"what the network sees: {picture}" if picture else "no picture: this data has no images")
        record = Record(folder)
        for finding in advice:
            record.add("finding", **finding.json())
        engine = choose(setup, options.cache, screen).engine(device)
        with running(engine):
            pinned = "optimizer.lr" in looked.pinned
            checked = check_setup(setup, engine, record.add, screen, rate_pinned=pinned)
        findings = gravest_first(advice + checked.findings)
        record.close()
        healthy = not any(finding.severity == "error" for finding in findings)
        folder.write_json(
            FINDINGS, {"findings": [f.json() for f in findings], "verdict": {"finished": True, "healthy": healthy}}
        )
    return findings


def check_setup(
    setup: Setup,
    engine: Engine,
    add: Callable[..., None],
    screen: Screen,
    *,
    rate_pinned: bool,
) -> Checked:
    """Run the checks on what is about to be trained; the setup is left as it was.

    Args:
        setup: A recipe bound to data.
        engine: How to compute.
        add: Writes a record line.
        screen: Where to say what was seen.
        rate_pinned: The user set the learning rate: warn about it, never touch it.
    """
    model = engine.place(setup.model)
    feed = setup.feeds["train"]

    def forward(network: torch.nn.Module, x: Tensor) -> Tensor:
        return engine.forward(network, x)

    results: list[tuple[str, Result]] = []
    expected = _expected(setup)
    first = initial_loss(model, setup.loss, feed.clean, expected=expected, forward=forward)
    results.append(("initial-loss", first))
    sample = feed.some(_balanced(feed.target, setup.num_classes, setup.recipe.seed))
    learnt = overfit(model, setup.plain_loss, sample, forward=forward, seed=setup.recipe.seed)
    results.append(("overfit-sample", learnt))
    findings: list[Finding] = []
    for problem, result in results:
        add("check", **result.json())
        _say(screen, problem, result)
        if not result.ok:
            severity: Severity = "error" if problem == "overfit-sample" or not np.isfinite(first.loss) else "warning"
            findings.append(Finding(problem, severity, result.message, result.advice))
    ranged = _range(setup, model, forward)
    rate, tried = None, None
    if not rate_pinned and _too_high(setup.rate, ranged):
        tried = _trial(setup, model, forward)
        assert ranged.suggestion is not None
        rate = None if tried.ok else float(f"{ranged.suggestion:.2g}")
    give_back_memory()
    add("rate", **ranged.json(), recipe=setup.rate, chosen=rate or setup.rate)
    if tried is not None:
        add("check", **tried.json())
        if tried.ok:
            screen.say(f"learning rate: {ranged.message}; {tried.message}: the recipe's rate stays")
            return Checked(findings, None)
    far_below = ranged.diverges is None or setup.rate <= ranged.diverges / _MARGIN
    if learnt.ok and not rate_pinned and not ranged.ok and far_below:
        # Flat, though a sample was learnt by heart: gradients flow, and the test is too short for this task.
        screen.say(f"learning rate: {ranged.message}; too few steps to tell, the recipe's rate stays")
        return Checked(findings, None)
    _say(screen, "learning-rate", ranged)
    if not ranged.ok:
        findings.append(Finding("learning-rate", "warning", ranged.message, ranged.advice))
    elif (words := _rate_words(setup.rate, ranged, rate, rate_pinned)) is not None:
        screen.warn(words)
        findings.append(Finding("learning-rate", "warning" if rate_pinned else "note", words))
    return Checked(findings, rate)


def _expected(setup: Setup) -> Expected:
    """The loss before training that the task implies: worked out for known losses, else that of a constant output."""
    target, loss = setup.feeds["train"].target, setup.recipe.loss
    prior = setup.recipe.last_bias == "prior"
    changed = loss.args.get("weights") is not None or setup.recipe.balance in ("weights", "prior")
    if loss.name not in KNOWN_LOSSES or changed:
        head = head_of(setup.model, setup.num_outputs) if prior else None
        output = torch.zeros(setup.num_outputs, device=target.device) if head is None else head.bias.detach()
        return loss_of_constant(setup.loss, output, target)
    known = {name: value for name, value in loss.args.items() if name in ("smoothing", "delta")}
    return expected_initial_loss(loss.name, target.cpu(), num_classes=setup.num_classes, prior_bias=prior, **known)


def _range(setup: Setup, model: torch.nn.Module, forward: Any) -> RateRange:
    """The range test, around the recipe's own rate."""
    rate = setup.rate
    return rate_range(
        model,
        setup.loss,
        _batches(setup),
        setup.optimizer,
        low=rate * _BELOW,
        high=rate * _ABOVE,
        steps_per_decade=8 if _is_dear(setup) else 15,
        forward=forward,
        seed=setup.recipe.seed,
    )


def _trial(setup: Setup, model: torch.nn.Module, forward: Any) -> RateTrial:
    """A short training at the recipe's rate; where the recipe warms up, so does this for its first half."""
    steps = _DEAR_TRIAL if _is_dear(setup) else _TRIAL
    ramp = steps // 2 if setup.recipe.warmup > 0 else 1
    rates = [setup.rate * min(1.0, (step + 1) / ramp) for step in range(steps)]
    return rate_trial(
        model, setup.loss, _batches(setup), setup.optimizer, rates=rates, forward=forward, seed=setup.recipe.seed
    )


def _is_dear(setup: Setup) -> bool:
    return setup.feeds["train"].batch_size > _LARGE_STEP


def _batches(setup: Setup) -> Batches:
    feed = setup.feeds["train"]

    def batches(step: int) -> tuple[Tensor, Tensor]:
        x, y = feed.clean(step)
        return x[:_PROBE_BATCH], y[:_PROBE_BATCH]

    return batches


def _too_high(rate: float, ranged: RateRange) -> bool:
    """Whether a rate lies above the interval; one below it trains well when given the time, and is never raised."""
    if ranged.low is None or ranged.high is None or ranged.suggestion is None:
        return False
    top = ranged.high * _MARGIN if ranged.diverges is None else ranged.diverges / _MARGIN
    return rate > top


def _rate_words(rate: float, ranged: RateRange, chosen: float | None, pinned: bool) -> str | None:
    if not _too_high(rate, ranged):
        return None
    where = f"optimizer.lr={rate:.3g} lies outside the interval {ranged.low:.3g} .. {ranged.high:.3g}"
    return f"{where}; it is kept, as you set it" if pinned else f"{where}; training with {chosen:.3g}"


def _balanced(target: Tensor, num_classes: int | None, seed: int) -> list[int]:
    """Indices of about twenty samples, of all classes in turn, in a seeded order."""
    order = torch.randperm(len(target), generator=torch.Generator().manual_seed(seed)).tolist()
    if num_classes is None:
        return order[:_SAMPLE]
    labels = target.tolist()
    by_class: dict[int, list[int]] = {}
    for index in order:
        by_class.setdefault(labels[index], []).append(index)
    turns = [group[turn] for turn in range(_SAMPLE) for group in by_class.values() if turn < len(group)]
    return turns[: max(_SAMPLE, 1)]


def _say(screen: Screen, problem: str, result: Result) -> None:
    name = problem.replace("-", " ")
    if result.ok:
        screen.say(f"{name}: {result.message}")
    else:
        screen.warn(f"{name}: {result.message} {result.advice}")
