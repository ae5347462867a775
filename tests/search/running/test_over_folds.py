"""Cross-validated trials: the mean over the folds, and the same pruning however they are run."""

import numpy as np
import pytest

from trainwell.recipe import Recipe
from trainwell.search.population import fusable
from trainwell.search.running.choose import choose
from trainwell.search.running.in_turn import InTurn
from trainwell.search.trial import Score, Trial
from trainwell.search.work import Work

from .conftest import but_the_first, go_on, results, several, trial


@pytest.fixture(scope="module")
def folded(work: Work, recipe: Recipe) -> Work:
    """Three folds."""
    return Work(work.data, recipe, folds=3)


def test_the_mean_of_the_trainings_of_the_folds(folded: Work) -> None:
    found = results(choose(folded, "in_turn"), [trial(4)])[4]
    parts = [results(InTurn(folded), [trial(0, fold=fold)])[0] for fold in range(3)]
    assert found.folds == tuple(part.value for part in parts)
    assert found.value == pytest.approx(np.mean(found.folds))
    assert len(set(found.folds)) == 3  # each holds out other rows
    assert found.scores[1].valid_loss == pytest.approx(np.mean([part.scores[1].valid_loss for part in parts]))
    assert len(found.scores) == 2 and found.state == "complete"


def test_the_folds_are_trained_as_one_population(folded: Work) -> None:
    found = results(choose(folded, "fused", width=6), [trial(0), trial(1)])
    assert {result.how for result in found.values()} == {"fused"}
    assert fusable([folded.set_up(trial(0, fold=fold)) for fold in range(3)]) is None


def test_states_do_not_depend_on_how_the_folds_are_run(folded: Work) -> None:
    turned = results(choose(folded, "in_turn"), several(), but_the_first)
    fused = results(choose(folded, "fused", width=6), several(), but_the_first)
    assert [turned[number].state for number in range(6)] == [
        "pruned",
        "complete",
        "complete",
        "complete",
        "diverged",
        "failed",
    ]
    assert {number: result.state for number, result in fused.items()} == {
        number: result.state for number, result in turned.items()
    }
    assert "fold 1" in turned[4].why
    for number in (0, 1, 2, 3):
        assert fused[number].value == pytest.approx(turned[number].value, abs=1e-4)


def test_the_judge_sees_the_first_fold_of_the_whole_trial(folded: Work) -> None:
    asked: list[tuple[int, int | None]] = []

    def judge(trial: Trial, _score: Score) -> bool:
        asked.append((trial.number, trial.fold))
        return True

    list(choose(folded, "in_turn").run([trial(7)], judge))
    assert asked == [(7, None), (7, None)]


def test_a_trial_that_names_its_fold_is_trained_on_that_one(folded: Work) -> None:
    runner = choose(folded, "in_turn")
    found = results(runner, [trial(0), trial(1, fold=2)], go_on)
    assert found[1].folds == () and found[1].value == found[0].folds[2]
