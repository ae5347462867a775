"""The winner of a study: the decision between the finalists, and its training."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from torch import nn

from trainwell.method.fit import fit
from trainwell.method.look import Options
from trainwell.method.run import Run
from trainwell.method.screen import Screen
from trainwell.method.tune.folder import StudyFolder
from trainwell.method.tune.prepare import Ground
from trainwell.method.tune.rank import compare, ranked
from trainwell.recipe import Recipe
from trainwell.record import RECIPE, RunFolder
from trainwell.search.study import Outcome
from trainwell.search.work import Work


def own_settings(last: Sequence[Outcome]) -> Outcome:
    """The finalist that is the recipe as it is."""
    return next(outcome for outcome in last if outcome.proposal.edits == ())


def decide(last: Sequence[Outcome], noise: float) -> tuple[Outcome, str]:
    """The winner among the finalists; the recipe's own settings stand unless others are better beyond chance.

    Args:
        last: The finalists; one is the recipe as it is.
        noise: See `compare`.

    Returns:
        The winner, and why in words.
    """
    own = own_settings(last)
    others = [outcome for outcome in ranked(last) if outcome is not own]
    if not others:
        return own, "the recipe's own settings, since there were no others to compare with"
    found = compare(others[0], own, noise)
    if found.better:
        words = f"better settings than the recipe's own: {' '.join(others[0].proposal.edits)} ({found.words})"
        return others[0], words
    beyond = " beyond chance" if found.mean > 0 else ""
    return own, f"the recipe's own settings stand: the best others are not better{beyond} ({found.words})"


def decide_change(changed: Outcome, winner: Outcome, noise: float) -> tuple[bool, str]:
    """Whether the winner with a change is better than the winner as it was, and how that is known in words."""
    found = compare(changed, winner, noise)
    beyond = " beyond chance" if found.mean > 0 else ""
    word = "better than the winner before" if found.better else f"not better than the winner{beyond}"
    return found.better, f"{word} ({found.words})"


def train_winner(
    winner: Outcome,
    source: Any,
    folder: StudyFolder,
    ground: Ground,
    work: Work,
    options: Options,
    screen: Screen,
    given: nn.Module | None,
) -> Run:
    """Train the winner by `fit`, or go on with that run.

    Args:
        winner: Its settings.
        source: The data, as it was given.
        folder: The study, in which the run is left.
        ground: The recipe that was asked for.
        work: What the trials were trained by.
        options: Options of the run; its checks were those of the study.
        screen: Where to say what happens.
        given: One's own network, or None; its weights are those at the start again.
    """
    path = folder.best_run
    recipe = ground.requested.edit(winner.proposal.edits)
    there = RunFolder(path)
    same = there.exists and Recipe.from_json(there.read_json(RECIPE)["requested"]) == recipe
    screen.say(f"training the winner at full length: {path}")
    if given is not None and work.given is not None:  # an earlier winner may have been trained in it
        given.load_state_dict(work.given.state_dict())
    return fit(
        source,
        recipe=recipe,
        model=given,
        out=path,
        resume=same,
        force=there.exists and not same,
        options=replace(options, checks=False),
        screen=screen,
    )
