"""What every pruner owes, and what each of them gives up."""

import pytest

from trainwell.search.pruners import Length, pruners
from trainwell.search.race import Race
from trainwell.search.trial import Result, Score

LENGTH = Length(steps=100, least=20)


def score(step: int, value: float) -> Score:
    return Score(step=step, epoch=step / 10, value=value, train_loss=1.0, valid_loss=1.0)


def run(race: Race, number: int, quality: float) -> int:
    """A training of ten epochs whose score rises to its quality; gives the step at which it ended."""
    race.enter(number, 10.0)
    scores: list[Score] = []
    goes_on = True
    while goes_on and len(scores) < 10:
        scores.append(score(10 * len(scores) + 10, quality * (len(scores) + 1) / 10))
        goes_on = race.goes_on(number, scores[-1])
    state = "complete" if goes_on else "pruned"
    ended = Result(number=number, state=state, value=scores[-1].value, scores=tuple(scores), seconds=0.0, how="")
    race.end(ended, 10.0)
    return scores[-1].step


@pytest.mark.parametrize("name", pruners.names)
def test_the_best_goes_on_and_nothing_is_given_up_early(name: str) -> None:
    race = Race(pruners.resolve(name), LENGTH)
    ends = [run(race, number, quality) for number, quality in enumerate([0.5, 0.4, 0.3, 0.2, 0.1, 0.05, 0.9])]
    assert ends[-1] == 100
    assert min(ends) >= LENGTH.least


def test_no_pruner_gives_nothing_up() -> None:
    race = Race(pruners.resolve("none"), LENGTH)
    assert [run(race, number, 0.5 / (number + 1)) for number in range(6)] == [100] * 6


def test_successive_halving_gives_up_at_its_rungs() -> None:
    race = Race(pruners.part("successive_halving", factor=2), LENGTH)
    ends = [run(race, number, 0.5 / (number + 1)) for number in range(6)]
    assert ends[0] == 100
    assert set(ends[1:]) <= {20, 40, 80, 100} and ends[-1] == 20


def test_a_race_that_goes_on_remembers() -> None:
    """Results of an earlier process count as they did there."""
    ended = tuple(score(10 * step, 0.5 * step / 10) for step in range(1, 11))
    race = Race(pruners.part("successive_halving", factor=2), LENGTH)
    for number in range(3):
        race.end(Result(number=number, state="complete", value=0.5, scores=ended, seconds=0.0, how=""), 10.0)
    assert run(race, 3, 0.1) == 20


@pytest.mark.parametrize("name", pruners.names)
def test_the_same_trainings_are_given_up_again(name: str) -> None:
    qualities = [0.5, 0.4, 0.45, 0.3, 0.6, 0.2, 0.1, 0.05, 0.55, 0.15]
    first, again = (Race(pruners.resolve(name), LENGTH) for _ in range(2))
    assert [run(first, n, q) for n, q in enumerate(qualities)] == [run(again, n, q) for n, q in enumerate(qualities)]


def test_trainings_of_other_batches_are_compared_at_the_same_share_of_their_way() -> None:
    """Four times the steps in the same ten epochs: step 20 is a twentieth, too early to be given up."""
    race = Race(pruners.part("successive_halving", factor=2), LENGTH)
    for number in range(3):
        run(race, number, 0.9)
    race.enter(3, 10.0)
    at = {step: race.goes_on(3, Score(step=step, epoch=step / 40, value=0.1, train_loss=1.0, valid_loss=1.0))
          for step in (20, 76, 80)}  # fmt: skip
    assert at == {20: True, 76: True, 80: False}
