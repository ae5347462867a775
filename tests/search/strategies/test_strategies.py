"""What every strategy owes, and what each of them proposes."""

import optuna
import pytest

from trainwell.search.space import Choice, Range, Settings, Space
from trainwell.search.storage import in_memory, quiet
from trainwell.search.strategies import Turn, strategies
from trainwell.search.strategies.grid import values_each

RATE = Range(name="lr", key="optimizer.lr", low=1e-4, high=1.0, log=True)
DECAY = Range(name="decay", key="optimizer.weight_decay", low=1e-5, high=1e-1, log=True)
KIND = Choice(name="optimizer", key="optimizer", values=("sgd", "adamw"))
MOMENTUM = Range(name="momentum", key="optimizer.momentum", low=0.8, high=1.0, when=("optimizer", ("sgd",)))
PLANE, TREE = Space((RATE, DECAY)), Space((KIND, RATE, MOMENTUM))
NAMES = strategies.names


def proposals(name: str, space: Space, count: int, seed: int = 0, skip: int = 0, **args: object) -> list[Settings]:
    """So many proposals; each trial is worth minus its distance from a rate of 0.1."""
    study, found = in_memory(), []
    for number in range(count):
        with quiet():
            sampler = strategies.build({"name": name, **args}, Turn(space=space, number=number, count=count, seed=seed))
            if sampler is None:
                break
            study.sampler = sampler
            trial = study.ask()
            settings = space.suggest(trial)
            study.tell(trial, -abs(settings["lr"] - 0.1))
        found.append(settings)
    return found[skip:]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("space", [PLANE, TREE], ids=["plane", "tree"])
def test_proposals_lie_in_the_space_and_are_the_same_again(name: str, space: Space) -> None:
    first = proposals(name, space, 14)
    assert first and all(space.holds(settings) for settings in first)
    assert proposals(name, space, 14) == first
    assert proposals(name, space, 14, seed=1) != first


@pytest.mark.parametrize("name", NAMES)
def test_a_study_that_goes_on_proposes_what_it_would_have(name: str) -> None:
    """The sampler of one proposal needs nothing but its number and what was seen: a study that is made anew from its
    trials goes on alike."""
    whole = proposals(name, PLANE, 13)
    study = in_memory()
    with quiet():
        for settings in whole[:8]:
            study.add_trial(
                optuna.trial.create_trial(
                    value=-abs(settings["lr"] - 0.1), params=dict(settings), distributions=PLANE.distributions(settings)
                )
            )
        sampler = strategies.build(name, Turn(space=PLANE, number=8, count=13, seed=0))
        if len(whole) == 8:
            assert sampler is None
            return
        assert sampler is not None
        study.sampler = sampler
        assert PLANE.suggest(study.ask()) == whole[8]


def test_grid_has_every_combination_once() -> None:
    found = proposals("grid", PLANE, 17)
    assert len(found) == 16  # four values of each
    assert len({settings["lr"] for settings in found}) == len({settings["decay"] for settings in found}) == 4
    assert values_each(PLANE, 9) == 3
    assert values_each(Space((KIND,)), 9) == 2
    corners = proposals("grid", PLANE, 3)  # fewer trials than a grid has corners
    assert len(corners) == 3 and {settings["lr"] for settings in corners} <= set(RATE.spread(2))


@pytest.mark.parametrize("sequence", ["sobol", "halton"])
def test_quasi_random_leaves_no_quarter_empty(sequence: str) -> None:
    """Eight points of a plane: a sequence of low discrepancy has two in each quarter, or at least one of Halton's."""
    found = proposals("quasi_random", PLANE, 8, sequence=sequence)
    quarters = [(settings["lr"] > 1e-2, settings["decay"] > 1e-3) for settings in found]
    assert len(set(quarters)) == 4
    if sequence == "sobol":
        assert all(quarters.count(quarter) == 2 for quarter in set(quarters))


def test_random_draws_are_spread_over_the_logarithm() -> None:
    rates = sorted(settings["lr"] for settings in proposals("random", PLANE, 200))
    assert 0.004 < rates[100] < 0.025  # the middle of the range is 0.01


def test_tpe_learns_where_the_good_ones_are() -> None:
    late = proposals("tpe", PLANE, 40, skip=20)
    near = sum(0.03 < settings["lr"] < 0.3 for settings in late)
    assert near > 10  # at random it would be a quarter of 20
