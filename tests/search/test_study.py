"""Studies of real trainings: what is asked, written down, pruned, and how a study goes on after it was stopped."""

from collections.abc import Callable
from pathlib import Path

import optuna
import pytest

from trainwell.errors import Interrupted
from trainwell.record import RunFolder
from trainwell.search.ledger import ASKED, CUT, TRIAL, Ledger
from trainwell.search.pruners import pruners
from trainwell.search.running.choose import choose
from trainwell.search.space import Range, Space
from trainwell.search.storage import Mirror, open_storage
from trainwell.search.strategies import strategies
from trainwell.search.study import Outcome, Proposal, Study, Sweep
from trainwell.search.work import Work
from trainwell.training.interrupt import Stop

SPACE = Space(
    (
        Range(name="lr", key="optimizer.lr", low=1e-3, high=1.0, log=True),
        Range(name="decay", key="optimizer.weight_decay", low=1e-5, high=1e-2, log=True),
    )
)
OWN = Proposal({"lr": 0.05, "decay": 1e-3}, ())


def sweep(count: int, seeds: tuple[int, ...] = (0,), **changes: object) -> Sweep:
    given = {
        "name": "coarse-1",
        "space": SPACE,
        "count": count,
        "epochs": lambda _: 0.2,
        "steps": 10,
        "least": 1,
        "seeds": seeds,
        "first": (OWN,),
        "start": 7,
    }
    return Sweep(**given | changes)  # type: ignore[arg-type]


class Session:
    """One process, as it were, that works on a study."""

    def __init__(self, path: Path, strategy: str, pruner: str = "none") -> None:
        self.ledger = Ledger(RunFolder(path))
        self.said: list[Outcome] = []
        self.stop = Stop()
        self.stop_after: int | None = None
        self.study = Study(
            ledger=self.ledger,
            mirror=Mirror(open_storage(None, path), "mine"),
            strategy=strategies.resolve(strategy),
            pruner=pruners.resolve(pruner),
            seed=0,
            edits=lambda edits: edits,
            say=self._say,
            enough=lambda: False,
        )

    def _say(self, outcome: Outcome) -> None:
        self.said.append(outcome)
        if len(self.said) == self.stop_after:
            self.stop.signal_name = "SIGINT"

    def run(self, work: Work, wanted: Sweep) -> list[Outcome]:
        try:
            with choose(work, "in_turn", stop=self.stop) as runner:
                return self.study.carry_out(wanted, runner)
        finally:
            self.ledger.close()


Values = list[tuple[int, tuple[str, ...], float | None]]


def values(outcomes: list[Outcome]) -> Values:
    return [(outcome.number, outcome.proposal.edits, outcome.value) for outcome in outcomes]


@pytest.fixture(scope="module")
def whole(small_work: Work, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Values]:
    """What an uninterrupted study finds, by strategy."""
    known: dict[str, Values] = {}

    def found(strategy: str) -> Values:
        if strategy not in known:
            path = tmp_path_factory.mktemp(strategy)
            known[strategy] = values(Session(path, strategy).run(small_work, sweep(6)))
        return known[strategy]

    return found


def test_first_comes_what_is_known_and_all_is_written_down(small_work: Work, study_path: Path) -> None:
    session = Session(study_path, "random")
    outcomes = session.run(small_work, sweep(4))
    assert [outcome.number for outcome in outcomes] == [7, 8, 9, 10]
    assert outcomes[0].proposal == OWN
    assert all(outcome.state == "complete" and outcome.value is not None for outcome in outcomes)
    assert session.said == outcomes
    assert [line["number"] for line in session.ledger.of(ASKED)] == [7, 8, 9, 10]
    study = optuna.load_study(study_name="mine coarse-1", storage=open_storage(None, study_path))
    assert [trial.value for trial in study.trials] == [outcome.value for outcome in outcomes]
    assert study.trials[1].params == outcomes[1].proposal.settings
    assert all(trial.intermediate_values for trial in study.trials)


@pytest.mark.parametrize("strategy", strategies.names)
@pytest.mark.parametrize("after", [1, 3])
def test_stopped_and_gone_on_with(
    strategy: str, after: int, small_work: Work, study_path: Path, whole: Callable[[str], Values]
) -> None:
    """The same set of configurations with the same scores; what was finished is not trained again."""
    first = Session(study_path, strategy)
    first.stop_after = after
    with pytest.raises(Interrupted):
        first.run(small_work, sweep(6))
    with open(study_path / "record.jsonl", "ab") as file:
        file.write(b'{"kind": "asked", "num')  # torn by a kill
    second = Session(study_path, strategy)
    assert values(second.run(small_work, sweep(6))) == whole(strategy)
    assert len(first.said) == after and len(first.said) + len(second.said) == len(whole(strategy))
    lines = Ledger(RunFolder(study_path))
    for kind in (ASKED, TRIAL):
        numbers = [line["number"] for line in lines.of(kind)]
        assert sorted(numbers) == sorted(set(numbers)), kind
    lines.close()
    study = optuna.load_study(study_name="mine coarse-1", storage=open_storage(None, study_path))
    assert sorted(trial.user_attrs["number"] for trial in study.trials) == [number for number, *_ in whole(strategy)]


def test_what_was_asked_for_and_not_trained_is_trained_first(small_work: Work, study_path: Path) -> None:
    ledger = Ledger(RunFolder(study_path))
    ledger.add(ASKED, stage="coarse-1", number=7, settings={"lr": 0.3, "decay": 1e-4}, edits=["optimizer.lr=0.3"])
    ledger.close()
    outcomes = Session(study_path, "tpe").run(small_work, sweep(2))
    assert outcomes[0].proposal == Proposal({"lr": 0.3, "decay": 1e-4}, ("optimizer.lr=0.3",))
    assert len(outcomes) == 2


def test_seeds_are_paired_and_their_mean_counts(small_work: Work, study_path: Path) -> None:
    other = Proposal({"lr": 0.2, "decay": 1e-3}, ("optimizer.lr=0.2",))
    session = Session(study_path, "random")
    outcomes = session.run(small_work, sweep(2, seeds=(0, 1), first=(OWN, other)))
    order = [(line["seed"], line["edits"]) for line in session.ledger.of(TRIAL)]
    assert order == [(0, []), (0, ["optimizer.lr=0.2"]), (1, []), (1, ["optimizer.lr=0.2"])]
    assert outcomes[0].value == sum(outcomes[0].values) / 2 and outcomes[0].spread is not None
    assert outcomes[1].number == 9


def test_diverged_and_impossible_trainings_have_no_value(small_work: Work, study_path: Path) -> None:
    huge = Proposal({"lr": 1.0, "decay": 1e-3}, ("optimizer.lr=1e30", "clip=none"))
    wrong = Proposal({"lr": 0.5, "decay": 1e-3}, ("loss=mse",))
    outcomes = Session(study_path, "tpe").run(small_work, sweep(3, first=(OWN, huge, wrong)))
    assert [outcome.state for outcome in outcomes] == ["complete", "diverged", "failed"]
    assert "loss=mse" in outcomes[2].results[0].why
    assert sorted(outcomes, key=lambda outcome: outcome.rank)[-1] is outcomes[0]


def test_pruned_ones_stop_early(small_work: Work, study_path: Path) -> None:
    bad = [Proposal({"lr": 1e-3, "decay": 1e-3}, (f"optimizer.lr={rate}",)) for rate in (1e-6, 1e-7, 1e-8, 1e-9)]
    outcomes = Session(study_path, "random", "successive_halving").run(
        small_work, sweep(5, first=(OWN, *bad), epochs=lambda _: 3.0, steps=153, least=50)
    )
    assert outcomes[0].state == "complete"
    assert "pruned" in {outcome.state for outcome in outcomes[1:]}
    pruned = next(outcome for outcome in outcomes if outcome.state == "pruned")
    assert pruned.results[0].scores[-1].step < 153
    assert outcomes[0].rank > pruned.rank


def test_cut_short_is_told(small_work: Work, study_path: Path) -> None:
    session = Session(study_path, "random")
    session.study.enough = lambda: len(session.said) >= 2
    assert len(session.run(small_work, sweep(6))) == 2
    assert session.ledger.of(CUT, stage="coarse-1")
    again = Session(study_path, "random")  # a study that goes on does not begin again what was cut
    assert len(again.run(small_work, sweep(6))) == 2 and again.said == []


def test_a_grid_ends_with_its_last_point(small_work: Work, study_path: Path) -> None:
    assert len(Session(study_path, "grid").run(small_work, sweep(7))) == 1 + 4
