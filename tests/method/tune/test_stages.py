"""The stages: who goes on from one to the next."""

from trainwell.method.tune.budget import Deal
from trainwell.method.tune.stages import finalists, refinement
from trainwell.search.space import Range, Space
from trainwell.search.study import Outcome, Proposal
from trainwell.search.trial import Result, State

RATE = Range(name="optimizer.lr", key="optimizer.lr", low=1e-3, high=1.0, log=True)
OWN = Proposal({"optimizer.lr": 0.1}, ())
DEAL = Deal(coarse=6, refine=3, finalists=3, seeds=3)


def outcome(number: int, rate: float | None, value: float, epochs: float = 1.0, state: State = "complete") -> Outcome:
    result = Result(number=number, state=state, value=value, scores=(), seconds=0.0, how="in turn")
    proposal = OWN if rate is None else Proposal({"optimizer.lr": rate}, (f"optimizer.lr={rate:g}",))
    return Outcome(number=number, stage="", proposal=proposal, results=(result,), epochs=epochs)


COARSE = [outcome(0, None, 0.5), outcome(1, 0.2, 0.9), outcome(2, 0.4, 0.7), outcome(3, 0.01, 0.3)]


def test_finalists_go_by_their_longest_training() -> None:
    """0.2 was ahead after short trainings and is behind after longer ones; 0.4 diverged there."""
    refine = [outcome(4, 0.2, 0.6, 2.0), outcome(5, 0.08, 0.8, 2.0), outcome(6, 0.4, 0.7, 2.0, "diverged")]
    chosen = finalists(OWN, [*refine, *COARSE], DEAL)
    assert [one.edits for one in chosen] == [(), ("optimizer.lr=0.08",), ("optimizer.lr=0.2",)]


def test_pruned_ones_are_no_finalists() -> None:
    assert finalists(OWN, [outcome(1, 0.2, 0.9, state="pruned"), *COARSE[:1]], DEAL) == [OWN]


def test_the_best_are_carried_on_with_a_lower_rate() -> None:
    narrow, first, why = refinement(Space((RATE,)), COARSE, lambda edits: edits, 4)
    assert [one.edits for one in first] == [("optimizer.lr=0.2",), ("optimizer.lr=0.08",), ("optimizer.lr=0.4",), ()]
    (rate,) = narrow
    assert isinstance(rate, Range) and (rate.low, rate.high) == (0.05, 0.8)
    assert why.startswith("narrowed around the best 2")
