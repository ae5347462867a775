"""The picture of the trials."""

import xml.etree.ElementTree as Xml
from dataclasses import replace

import pytest

from trainwell.data.open import open_data
from trainwell.method.tune.picture import picture
from trainwell.recipes import choose
from trainwell.search.space import Choice, Range, Space
from trainwell.search.study import Outcome, Proposal
from trainwell.search.trial import Result, State
from trainwell.training.setup import shape_of

RATE = Range(name="lr", key="optimizer.lr", low=1e-3, high=1.0, log=True)
DECAY = Range(name="decay", key="optimizer.weight_decay", low=1e-5, high=1e-2, log=True)


RECIPE = choose(shape_of(open_data("digits")))[0].edit(["optimizer.lr=0.01", "optimizer.weight_decay=1e-3"])


def outcome(number: int, edits: tuple[str, ...], value: float | None) -> Outcome:
    state: State = "complete" if value is not None else "diverged"
    result = Result(number=number, state=state, value=value, scores=(), seconds=0.0, how="in turn")
    return Outcome(number=number, stage="<&>", proposal=Proposal({}, edits), results=(result,), epochs=1.0)


OUTCOMES = [
    outcome(0, (), 0.5),
    outcome(1, ("optimizer.lr=0.1", "optimizer.weight_decay=1e-4"), 0.9),
    outcome(2, ("optimizer.lr=1", "optimizer.weight_decay=1e-4"), None),
    outcome(3, ("optimizer.lr=0.1", "optimizer.weight_decay=0"), 0.8),  # has no place on a logarithm
    outcome(4, ("optimizer=adamw", "model.nothing=1"), None),  # cannot be, and is left out
]


def marks(svg: str) -> list[str]:
    return [
        element.tag.rpartition("}")[2] for element in Xml.fromstring(svg).iter() if element.find("{*}title") is not None
    ]


def test_rate_by_decay() -> None:
    svg = picture(Space((DECAY, RATE)), OUTCOMES[:3], OUTCOMES[1], "valid_accuracy", RECIPE)
    assert svg is not None
    assert sorted(marks(svg)) == ["circle", "path", "rect"]  # a trial, one that diverged, the recipe's own
    titles = [title.text for title in Xml.fromstring(svg).iter("{http://www.w3.org/2000/svg}title")]
    assert "<&> 1: valid_accuracy 0.9000; optimizer.lr=0.1 optimizer.weight_decay=1e-4" in titles
    circles = Xml.fromstring(svg).findall("{http://www.w3.org/2000/svg}circle")
    trial, ring = circles
    assert (trial.get("cx"), trial.get("cy")) == (ring.get("cx"), ring.get("cy"))
    square = next(e for e in Xml.fromstring(svg) if e.find("{*}title") is not None and e.tag.endswith("rect"))
    assert float(square.get("x", "0")) < float(trial.get("cx", "0"))  # a lower rate lies to the left


def test_one_range_is_drawn_against_the_score() -> None:
    svg = picture(Space((RATE,)), OUTCOMES, OUTCOMES[1], "valid_accuracy", RECIPE)
    assert svg is not None and ">valid_accuracy</text>" in svg
    assert sorted(marks(svg)) == ["circle", "circle", "path", "rect"]


def test_values_without_a_place_are_left_out() -> None:
    svg = picture(Space((RATE, DECAY)), OUTCOMES, OUTCOMES[1], "valid_accuracy", RECIPE)
    assert svg is not None and "3 trials" in svg


def test_no_picture_without_a_range() -> None:
    choice = Choice(name="optimizer", key="optimizer", values=("sgd", "adamw"))
    assert picture(Space((choice,)), OUTCOMES, OUTCOMES[1], "valid_accuracy", RECIPE) is None


def test_a_change_of_the_winner_lies_where_its_rate_is() -> None:
    """What was not searched in the change is the recipe's own; the winner over all seeds is another object."""
    changed = outcome(5, ("model.width=8", "optimizer.lr=0.1"), 0.95)
    svg = picture(Space((RATE, DECAY)), [*OUTCOMES[:2], changed], replace(changed), "valid_accuracy", RECIPE)
    assert svg is not None
    circles = Xml.fromstring(svg).findall("{http://www.w3.org/2000/svg}circle")
    best, ring = circles[-2:]
    square = next(e for e in Xml.fromstring(svg) if e.find("{*}title") is not None and e.tag.endswith("rect"))
    assert (ring.get("cx"), ring.get("cy")) == (best.get("cx"), best.get("cy"))
    middle = float(square.get("y", "0")) + float(square.get("height", "0")) / 2
    assert float(ring.get("cy", "0")) == pytest.approx(middle, abs=0.1)
