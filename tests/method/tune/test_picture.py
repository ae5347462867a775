"""The picture of the trials."""

import xml.etree.ElementTree as Xml

from trainwell.method.tune.picture import picture
from trainwell.search.space import Choice, Range, Space
from trainwell.search.study import Outcome, Proposal
from trainwell.search.trial import Result, State

RATE = Range(name="lr", key="optimizer.lr", low=1e-3, high=1.0, log=True)
DECAY = Range(name="decay", key="optimizer.weight_decay", low=1e-5, high=1e-2, log=True)


def outcome(number: int, settings: dict[str, float], value: float | None, own: bool = False) -> Outcome:
    state: State = "complete" if value is not None else "diverged"
    result = Result(number=number, state=state, value=value, scores=(), seconds=0.0, how="in turn")
    edits = () if own else ("optimizer.lr=<&>",)
    return Outcome(number=number, stage="coarse-1", proposal=Proposal(settings, edits), results=(result,), epochs=1.0)


OUTCOMES = [
    outcome(0, {"lr": 0.01, "decay": 1e-3}, 0.5, own=True),
    outcome(1, {"lr": 0.1, "decay": 1e-4}, 0.9),
    outcome(2, {"lr": 1.0, "decay": 1e-4}, None),
    outcome(3, {"lr": 0.1, "decay": 0.0}, 0.8),  # has no place on a logarithm
]


def marks(svg: str) -> list[str]:
    return [
        element.tag.rpartition("}")[2] for element in Xml.fromstring(svg).iter() if element.find("{*}title") is not None
    ]


def test_rate_by_decay() -> None:
    svg = picture(Space((DECAY, RATE)), OUTCOMES[:3], OUTCOMES[1], "valid_accuracy")
    assert svg is not None
    assert sorted(marks(svg)) == ["circle", "path", "rect"]  # a trial, one that diverged, the recipe's own
    titles = [title.text for title in Xml.fromstring(svg).iter("{http://www.w3.org/2000/svg}title")]
    assert "coarse-1 1: valid_accuracy 0.9000; optimizer.lr=<&>" in titles
    circles = Xml.fromstring(svg).findall("{http://www.w3.org/2000/svg}circle")
    trial, ring = circles
    assert (trial.get("cx"), trial.get("cy")) == (ring.get("cx"), ring.get("cy"))
    square = next(e for e in Xml.fromstring(svg) if e.find("{*}title") is not None and e.tag.endswith("rect"))
    assert float(square.get("x", "0")) < float(trial.get("cx", "0"))  # a lower rate lies to the left


def test_one_range_is_drawn_against_the_score() -> None:
    svg = picture(Space((RATE,)), OUTCOMES, OUTCOMES[1], "valid_accuracy")
    assert svg is not None and ">valid_accuracy</text>" in svg
    assert sorted(marks(svg)) == ["circle", "circle", "path", "rect"]


def test_values_without_a_place_are_left_out() -> None:
    svg = picture(Space((RATE, DECAY)), OUTCOMES, OUTCOMES[1], "valid_accuracy")
    assert svg is not None and "3 trials" in svg


def test_no_picture_without_a_range() -> None:
    choice = Choice(name="optimizer", key="optimizer", values=("sgd", "adamw"))
    assert picture(Space((choice,)), OUTCOMES, OUTCOMES[1], "valid_accuracy") is None
