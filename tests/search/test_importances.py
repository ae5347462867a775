"""What mattered, on trials whose score is known to hang on one range."""

from trainwell.search.importances import LEAST, importances
from trainwell.search.space import Range, Space
from trainwell.search.study import Outcome, Proposal
from trainwell.search.trial import Result

SPACE = Space(
    (
        Range(name="lr", key="optimizer.lr", low=1e-3, high=1.0, log=True),
        Range(name="decay", key="optimizer.weight_decay", low=1e-5, high=1e-2, log=True),
    )
)


def outcome(number: int, lr: float, decay: float, value: float) -> Outcome:
    result = Result(number=number, state="complete", value=value, scores=(), seconds=0.0, how="in turn")
    proposal = Proposal({"lr": lr, "decay": decay}, ())
    return Outcome(number=number, stage="coarse-1", proposal=proposal, results=(result,), epochs=1.0)


def test_the_range_that_decides_is_named_first() -> None:
    rates, decays = SPACE.dimensions
    outcomes = [
        outcome(n, rates.at((n % 6) / 5), decays.at((n // 6) / 5), (n % 6) / 5)  # type: ignore[arg-type]
        for n in range(36)
    ]
    found = importances(SPACE, outcomes, 0)
    assert found is not None and next(iter(found)) == "lr"
    assert found["lr"] > 0.9 and abs(sum(found.values()) - 1) < 1e-6


def test_too_few_or_all_alike_say_nothing() -> None:
    few = [outcome(n, 0.1 * n + 0.01, 1e-4, n) for n in range(LEAST - 1)]
    assert importances(SPACE, few, 0) is None
    assert importances(SPACE, [outcome(n, 0.1 * n + 0.01, 1e-4, 0.5) for n in range(9)] * 2, 0) is None
