"""The recipe check: what in a recipe contradicts itself, the network or the data, told before anything is trained."""

import numpy as np
import torch
from torch import Tensor

from trainwell.data.dataset import Data, listed, sample_digests
from trainwell.diagnoses import Finding, gravest_first
from trainwell.diagnoses.rules import Case, ask, rules
from trainwell.errors import BadValue, UnknownName
from trainwell.method.screen import Screen
from trainwell.training.balance import WORDS, class_counts
from trainwell.training.setup import Setup, shape_of

_MOST_SAMPLES = 256
_MOST_VALUES = 2**21  # of a sample that goes through the network once: 13 photos of 224 pixels, 682 images of 32


def advise(setup: Setup, screen: Screen) -> list[Finding]:
    """Ask all rules but those that the recipe silences, and say what they found.

    Args:
        setup: A recipe bound to data; left as it was.
        screen: Where warnings are said, and notes.

    Returns:
        Warnings and notes, the gravest first.

    Raises:
        BadValue: A rule of severity `error` fires: the messages of all of them.
        UnknownName: The recipe silences a rule that does not exist.
    """
    silenced = setup.recipe.silence
    for id in silenced:
        if id not in rules:
            raise UnknownName("rule to silence", id, rules.names)
    if (balance := setup.recipe.balance) != "none":
        screen.say(f"balance={balance}: {WORDS[balance]}; losses and scores are those of the samples as they are")
    case = case_of(setup, screen)
    blind = _blindness(case)
    if blind:
        screen.warn(f"recipe check: rules about the network's layers are left out: {blind}")
    else:
        for gap in case.flow.gaps:
            screen.say(f"recipe check: cannot see {gap}; nothing is said about what hangs on it")
        if case.flow.idle:
            screen.say(
                f"recipe check: {listed(case.flow.idle)} did not run on a sample of the data; nothing is said of it"
            )
    found = []
    for rule in rules:
        if blind and rule.facts["looks_inside"]:
            continue
        finding = ask(rule, case)
        if rule.id in silenced and finding is None:
            screen.say(f"silence={rule.id} has no effect: the rule has nothing to say here")
        elif rule.id not in silenced and finding is not None:
            found.append(finding)
    errors = [finding for finding in found if finding.severity == "error"]
    if errors:
        raise BadValue(" ".join(f"{f.message} {f.advice}{_way_out(f.problem)}" for f in errors))
    ordered = gravest_first(found)
    for finding in ordered:
        say = screen.warn if finding.severity == "warning" else screen.say
        say(f"{finding.severity}: {finding.message} {finding.advice} [{finding.problem}]")
    return ordered


def _way_out(id: str) -> str:
    """How to train all the same, where that is possible."""
    return "" if rules[id].facts.get("final") else f" (Or, to train all the same: silence={id}.)"


def case_of(setup: Setup, screen: Screen) -> Case:
    """What the rules look at, from a setup."""
    data, feed = setup.data, setup.feeds["train"]
    values = max(1, int(np.prod(shape_of(data).input_shape)))
    count = max(2, min(_MOST_SAMPLES, len(feed), _MOST_VALUES // values))
    order = torch.linspace(0, len(feed) - 1, min(count, len(feed))).long()
    x, y = feed.some(order)
    device = next((parameter.device for parameter in setup.model.parameters()), x.device)
    return Case(
        recipe=setup.recipe,
        shape=shape_of(data),
        splits={name: len(rows) for name, rows in data.splits.items()},
        model=setup.model,
        x=x.to(device),
        y=y.to(device),
        loss=setup.loss,
        groups=setup.optimizer(setup.model, setup.rate).param_groups,
        shared=shared(data, screen),
        counts=class_counts(feed),
    )


def shared(data: Data, screen: Screen) -> dict[str, int]:
    """Training samples that another part holds too, by part: the same rows, and, in a data set of one's own, copies.

    What is read from files is dealt out with copies on one side (`trainwell.data.partition`), and not compared again.
    """
    known: dict[str, np.ndarray] = dict(data.splits)
    if data.kind == "own" and isinstance(data.x, Tensor):
        found = {part: sample_digests(data.x.detach().cpu().numpy(), rows) for part, rows in data.splits.items()}
        if 2 * len(np.unique(found["train"])) >= len(found["train"]):  # else repeats say nothing about copying
            known = found
    elif data.kind == "own":
        screen.say("recipe check: samples of a data set of one's own are not compared; copies may be in both parts")
    return {part: int(np.isin(rows, known["train"]).sum()) for part, rows in known.items() if part != "train"}


def _blindness(case: Case) -> str:
    """Why the network cannot be looked into; empty where it can."""
    try:
        case.flow  # noqa: B018  # made at the first look, and kept
    except BadValue as error:
        return str(error)
    return ""
