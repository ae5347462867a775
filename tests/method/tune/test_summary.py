"""The table of trials."""

from dataclasses import replace

from trainwell.method.tune.summary import counts, table
from trainwell.search.study import Outcome, Proposal
from trainwell.search.trial import Result, Score, State


def outcome(number: int, stage: str, values: list[float], epochs: float, state: State = "complete") -> Outcome:
    results = tuple(
        Result(
            number=number,
            state=state,
            value=value,
            scores=(Score(step=1, epoch=1.0, value=value, train_loss=1.0, valid_loss=0.25),),
            seconds=0.0,
            how="in turn",
        )
        for value in values
    )
    return Outcome(number=number, stage=stage, proposal=Proposal({}, ("a=1",)), results=results, epochs=epochs)


OUTCOMES = [
    outcome(0, "coarse-1", [0.99], 1),
    outcome(1, "coarse-1", [1.0], 1, "pruned"),
    outcome(2, "final-1", [0.7, 0.8], 4),
    outcome(4, "again-2", [0.9], 6),
]


def test_the_winner_stands_first_then_the_longest_trainings() -> None:
    winner = replace(OUTCOMES[2])
    head, *rows = table(OUTCOMES, winner, "valid_accuracy")
    assert head == ["stage", "trial", "valid_accuracy", "spread", "valid_loss", "epochs", "settings"]
    assert [row[:2] for row in rows] == [["final-1", "2"], ["again-2", "4"], ["coarse-1", "0"]]
    assert rows[0] == ["final-1", "2", "0.7500", "0.0707", "0.2500", "4", "a=1"]


def test_a_loss_is_shown_once_and_with_its_own_sign() -> None:
    made = [replace(one, results=tuple(replace(r, value=-0.25) for r in one.results)) for one in OUTCOMES]
    head, first, *_ = table(made, made[2], "valid_loss")
    assert head.count("valid_loss") == 1 and first[2] == "0.2500"
    assert counts(made) == "3 complete, 1 pruned"
