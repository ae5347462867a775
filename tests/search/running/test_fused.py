"""Trials fused into one training: the same results, members that leave and join, and what cannot be fused."""

import pytest

from trainwell.errors import BadData, BadValue, Interrupted
from trainwell.search.running.fused import Fused
from trainwell.search.running.in_turn import InTurn
from trainwell.search.trial import Score, Trial
from trainwell.search.work import Work
from trainwell.training.interrupt import Stop

from .conftest import Lazy, assert_alike, but_the_first, go_on, results, several, trial


def test_the_same_as_in_turn(work: Work) -> None:
    said: list[str] = []
    fused = results(Fused(work, width=8, say=said.append), several(), but_the_first)
    assert_alike(fused, results(InTurn(work), several(), but_the_first))
    assert {result.how for result in fused.values()} == {"fused"} and not said
    assert "step" in fused[4].why and "'nothing'" in fused[5].why
    assert all(result.seconds > 0 for number, result in fused.items() if number != 5)


@pytest.mark.parametrize("keep", ["best", "last"])
def test_the_value_is_that_of_the_weights_that_are_kept(work: Work, keep: str) -> None:
    trials = [trial(number, 0.4 * (number + 1), seed=number, edits=(f"keep={keep}",)) for number in range(3)]
    fused, alone = results(Fused(work, width=4), trials), results(InTurn(work), trials)
    assert_alike(fused, alone)
    assert {result.how for result in fused.values()} == {"fused"}
    for found in (*fused.values(), *alone.values()):
        values = [score.value for score in found.scores]
        assert found.value == (max(values) if keep == "best" else values[-1])
    peaked = [max(s.value for s in found.scores) > found.scores[-1].value for found in alone.values()]
    assert any(peaked)  # where the last score is the best one nothing is told apart


def test_waiting_trials_join_where_pruned_ones_left(work: Work) -> None:
    trials = [trial(number, 0.03 * (number + 1), seed=number % 3) for number in range(7)]
    stream = Lazy(trials)
    read: list[int] = []

    def judge(trial: Trial, _score: Score) -> bool:
        read.append(stream.read)
        return trial.number not in (0, 1, 4)

    fused = results(Fused(work, width=4), stream, judge)
    assert max(read[:4]) == 4 and max(read) == 7  # no more are read than there is room for
    alone = results(InTurn(work), trials, lambda trial, _score: trial.number not in (0, 1, 4))
    assert_alike(fused, alone)
    assert {result.how for result in fused.values()} == {"fused"}


def test_what_fits_to_no_other_is_trained_by_itself(work: Work) -> None:
    wide = [trial(number, edits=(f"model.widths={8 + number}",)) for number in (3, 4)]
    trials = [trial(0), wide[0], trial(1), wide[1], trial(2)]
    fused = results(Fused(work, width=4), trials)
    assert [fused[number].how for number in range(5)] == ["fused", "fused", "fused", "in turn", "in turn"]
    assert_alike(fused, results(InTurn(work), trials))


def test_a_population_that_fails_is_trained_in_turn(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    def advance(*_args: object) -> None:
        raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory")

    monkeypatch.setattr("trainwell.search.population.Population.advance", advance)
    said: list[str] = []
    fused = results(Fused(work, width=4, say=said.append), [trial(0), trial(1)])
    assert [result.how for result in fused.values()] == ["in turn", "in turn"]
    assert len(said) == 1 and "out of memory" in said[0]


def test_the_judge_and_a_signal_end_the_run(work: Work) -> None:
    def judge(_trial: Trial, _score: Score) -> bool:
        raise BadData("the judge has had enough")

    stop = Stop()
    with pytest.raises(BadData, match="had enough"):
        list(Fused(work, width=4).run([trial(0), trial(1)], judge))
    stop.signal_name = "SIGINT"
    with pytest.raises(Interrupted):
        list(Fused(work, width=4, stop=stop).run([trial(0), trial(1)], go_on))


def test_what_fuses_nothing_is_refused(work: Work) -> None:
    with pytest.raises(BadValue, match="width=1"):
        Fused(work, width=1)
    with pytest.raises(BadValue, match="compile"):
        Fused(Work(work.data, work.recipe.replace(compile="yes")), width=4)


def test_a_share_of_the_time_is_that_of_the_population(work: Work) -> None:
    fused = results(Fused(work, width=4), [trial(0), trial(1), trial(2)])
    seconds = [result.seconds for result in fused.values()]
    assert seconds[0] == seconds[1] == seconds[2] > 0
