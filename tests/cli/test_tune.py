"""`tune` as a person calls it: what is refused, and a study that was killed."""

import signal
import time
from collections.abc import Callable
from pathlib import Path

import optuna
import pytest

from trainwell.record import read_record
from trainwell.search.storage import open_storage

from .conftest import Done, Program

FAST = ("digits", "model=mlp", "model.widths=8", "norm_bias_rate=1", "epochs=0.5", "augment=none", "precision=fp32")
CALL = ("tune", *FAST, "layout=contiguous", "--trials", "8", "--on", "in_turn", "--threads", "1", "--no-checks")

REQUESTS = {
    "tune digit": ("no file, folder or built-in called 'digit'", "Did you mean 'digits'?"),
    "tune digits --budget 0m": ("--budget 0m is empty",),
    "tune digits --budget 30": ("with a unit",),
    "tune digits --trials 0": ("--trials 0 is too few", "trainwell fit"),
    "tune digits --trials 9 --budget 5m": ("give one of them",),
    "tune digits --strategy tep": ("no strategy called 'tep'", "Did you mean 'tpe'?"),
    "tune digits --pruner median": ("no pruner called 'median'", "successive_halving"),
    "tune digits --folds 1": ("--folds 1 is not possible",),
    "tune digits --on cluster": ("no way to run trials called 'cluster'",),
    "tune digits optimzer=sgd": ("Did you mean 'optimizer'?",),
    "tune digits space.optimzer.lr=1..2": ("Did you mean 'optimizer'?",),
    "tune digits space.optimizer.lr=1e-1..1e-4": ("the lower end has to be below",),
    "tune digits space.optimizer.lr=-1..1": ("expected a value in (0, inf)",),
    "tune digits space.optimizer=sgd,loin": ("Did you mean 'lion'?",),
    "tune digits space.model.dropout.p=0.1..0.5": ("has no model.dropout",),
    "tune digits space.loss.smoothing=0.1..2": ("smoothing", "[0, 1)"),
    "tune digits space.seed=1..3": ("the same for all trials",),
    "tune digits --resume": ("--resume needs the study to go on with",),
    "tune digits --resume --out empty": ("empty holds no study",),
    "tune digits --resume --force --out empty": ("give one of them",),
    "tune nowhere.csv": ("There is no file or folder nowhere.csv",),
}
BEFORE_THE_DATA = (
    "--budget 0m",
    "--trials 0",
    "--strategy tep",
    "space.optimizer.lr=1e-1..1e-4",
    "space.optimizer=sgd,loin",
)


@pytest.mark.parametrize("request_", REQUESTS)
def test_refused(request_: str, inside: Callable[..., Done], tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    inside(*request_.split()).refused(*REQUESTS[request_])
    assert not (tmp_path / "studies").exists()


@pytest.mark.parametrize("wrong", BEFORE_THE_DATA)
def test_a_slip_is_told_before_the_data_is_read(wrong: str, inside: Callable[..., Done]) -> None:
    done = inside("tune", "no-such-data", *wrong.split())
    assert done.code == 2 and "no-such-data" not in done.err


def configurations(study: Path) -> list[tuple[str, int, tuple[str, ...], int, float | None]]:
    return sorted(
        (line["stage"], line["number"], tuple(line["edits"]), line["seed"], line["value"])
        for line in read_record(study, "trial")
    )


@pytest.mark.parametrize("kills", [(3,), pytest.param((1, 3, 7, 11), marks=pytest.mark.slow)], ids=["once", "often"])
def test_killed_and_gone_on_with(
    kills: tuple[int, ...], program: Program, inside: Callable[..., Done], tmp_path: Path
) -> None:
    """Kill -9 as soon as the record has so many trials: the same settings with the same scores, none twice."""
    study = tmp_path / "study"

    def lines() -> int:
        record = study / "record.jsonl"
        return record.read_bytes().count(b'{"kind": "trial"') if record.exists() else 0

    for place, seen in enumerate(kills):
        process = program.start(*CALL, "--out", "study", *(["--resume"] if place else []))
        while lines() < seen:
            assert process.poll() is None, process.communicate()
            time.sleep(1e-3)  # leaves the core to the program
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=60)
    done = inside(*CALL, "--out", "study", "--resume")
    assert done.code in (0, 1), done.text  # so short a training may not be healthy
    assert inside(*CALL, "--out", "whole").code == done.code
    assert configurations(study) == configurations(tmp_path / "whole")
    numbers = [line["number"] for line in read_record(study, "trial")]
    assert len(numbers) == len(set(numbers))
    for stage in ("coarse-1", "refine-1", "final-1"):
        kept = optuna.load_study(study_name=f"study {stage}", storage=open_storage(None, study)).trials
        whole = optuna.load_study(study_name=f"whole {stage}", storage=open_storage(None, tmp_path / "whole")).trials
        assert [trial.params for trial in kept] == [trial.params for trial in whole], stage
    assert "winner: " in done.out and "picture: " in done.out
    told, page = done.out.splitlines()[-2:]
    assert told.endswith("study: study") and page == "report: study/report.html"
