"""Trials in turn: what a training gives, and how it ends."""

from typing import Any

import pytest
import torch

from trainwell.data.open import open_data
from trainwell.errors import BadData, Interrupted
from trainwell.models import build
from trainwell.recipe import Recipe
from trainwell.search.running.in_turn import InTurn
from trainwell.search.trial import Score, Trial
from trainwell.search.work import Work
from trainwell.training.engine import running
from trainwell.training.interrupt import Stop
from trainwell.training.loop import Trainer
from trainwell.training.setup import set_up

from .conftest import Lazy, but_the_first, go_on, results, several, trial


class Lines:
    """A keeper of epoch lines, who also watches."""

    def __init__(self) -> None:
        self.lines: list[dict[str, Any]] = []

    def line(self, kind: str, values: dict[str, Any]) -> None:
        if kind == "epoch":
            self.lines.append(dict(values))

    def save(self, trainer: Trainer) -> None: ...

    def best(self, trainer: Trainer) -> None: ...

    def step(self, *told: Any) -> None: ...

    def scored(self, line: dict[str, Any]) -> None: ...


def test_a_trial_is_the_training_of_its_recipe(work: Work) -> None:
    given = trial(0, 0.3, seed=7, epochs=3.0)
    found = results(InTurn(work), [trial(9), given])[0]  # the first leaves prepared samples behind
    recipe = work.recipe.edit(["optimizer.lr=0.3"]).replace(seed=7, epochs=3.0)
    setup, engine, keeper = set_up(work.data, recipe, work.device), work.engine(), Lines()
    with running(engine):
        optimizer = setup.optimizer(setup.model, setup.rate)
        feeds, plan = setup.feeds, setup.plan([3.0])
        Trainer(setup.model, optimizer, setup.rate, feeds["train"], feeds["valid"], engine, plan).run(keeper, keeper)
    assert [score.valid_loss for score in found.scores] == [line["valid_loss"] for line in keeper.lines]
    assert [score.train_loss for score in found.scores] == [line["objective"] for line in keeper.lines]
    assert [score.value for score in found.scores] == [-line["valid_loss"] for line in keeper.lines]  # its monitor
    assert found.value == max(-line["valid_loss"] for line in keeper.lines)
    assert found.seconds > 0 and found.how == "in turn"


def test_what_came_to_its_end_is_complete_whatever_the_judge_says(work: Work) -> None:
    def judge(_trial: Trial, score: Score) -> bool:
        return score.epoch < 2.0

    found = results(InTurn(work), [trial(0, epochs=2.0), trial(1, epochs=3.0)], judge)
    assert (found[0].state, found[1].state) == ("complete", "pruned")


def test_the_seed_of_a_trial_leaves_the_split(work: Work) -> None:
    first, second = (work.set_up(trial(seed, seed=seed)) for seed in (1, 2))
    assert torch.equal(first.feeds["valid"].target, second.feeds["valid"].target)
    assert not torch.equal(first.feeds["train"].batch(0)[1], second.feeds["train"].batch(0)[1])
    weights = [next(setup.model.parameters()) for setup in (first, second)]
    assert not torch.equal(*weights)
    assert first.feeds["train"]._ready is second.feeds["train"]._ready  # prepared once


def test_states(work: Work) -> None:
    found = results(InTurn(work), several(), but_the_first)
    assert [found[number].state for number in range(6)] == [
        "pruned",
        "complete",
        "complete",
        "complete",
        "diverged",
        "failed",
    ]
    assert len(found[0].scores) == 1 and found[0].value == found[0].scores[0].value
    assert len(found[1].scores) == 2
    assert found[4].value is None and "learning rate" in found[4].why
    assert found[5].value is None and "'nothing'" in found[5].why


def test_trials_are_read_as_there_is_room(work: Work) -> None:
    stream = Lazy([trial(0), trial(1), trial(2)])
    run = InTurn(work).run(stream, go_on)
    next(run)
    assert stream.read == 1


def test_what_the_judge_raises_comes_out(work: Work) -> None:
    def judge(_trial: Trial, _score: Score) -> bool:
        raise BadData("the judge has had enough")

    with pytest.raises(BadData, match="had enough"):
        list(InTurn(work).run([trial(0)], judge))


def test_a_signal_ends_the_run_within_a_step(work: Work) -> None:
    stop = Stop()

    def judge(_trial: Trial, _score: Score) -> bool:
        stop.signal_name = "SIGINT"
        return True

    with pytest.raises(Interrupted):
        list(InTurn(work, stop=stop).run([trial(0, epochs=50.0)], judge))


def test_a_network_of_ones_own_is_trained_afresh_each_time(work: Work, recipe: Recipe) -> None:
    own = build(recipe.model, (6,), 3, 0)
    before = [parameter.clone() for parameter in own.parameters()]
    found = results(InTurn(Work(work.data, recipe, given=own)), [trial(0), trial(1)])
    assert found[0].scores == found[1].scores
    assert all(torch.equal(now, then) for now, then in zip(own.parameters(), before, strict=True))


def test_data_without_a_validation_split_is_refused(recipe: Recipe) -> None:
    with pytest.raises(BadData, match="no validation split"):
        Work(open_data("iris", parts="all"), recipe)
