"""`tune` from the beginning to the end, on trainings of a fraction of a second."""

import json
import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import optuna
import pytest
import torch
from torch import nn

from trainwell.errors import BadRun, BadValue, Diverged, Interrupted
from trainwell.method.look import Options
from trainwell.method.tune import course
from trainwell.method.tune.again import Reading
from trainwell.method.tune.tune import tune
from trainwell.method.tune.tuned import Tuned
from trainwell.record import read_record
from trainwell.search.storage import open_storage

SMALL = ("model=mlp", "model.widths=8", "norm_bias_rate=1", "epochs=1", "threads=1", "augment=none")
FAST = (*SMALL, "precision=fp32", "layout=contiguous", "compile=no")
UNCHECKED = Options(checks=False)
FLAT = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))


class Lines:
    """A screen that keeps what is said, and presses Ctrl-C where a line begins like this."""

    def __init__(self, stop_at: str = "\n") -> None:
        self.said: list[str] = []
        self._stop_at = stop_at

    def say(self, text: str) -> None:
        self.said.append(text)
        if text.startswith(self._stop_at):
            signal.raise_signal(signal.SIGINT)

    def warn(self, text: str) -> None:
        self.said.append(f"! {text}")

    def reading(self, done: int, total: int, what: str) -> None: ...
    def step(self, step: int, steps: int, samples: int, loss: Callable[[], float]) -> None: ...
    def scored(self, line: dict[str, object]) -> None: ...
    def done(self) -> None: ...


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> tuple[Tuned, Lines]:
    """A study with all of its stages; it is not to be changed."""
    lines = Lines()
    out = tmp_path_factory.mktemp("tune") / "mine"
    edits = [*FAST, "space.model.activation=relu,tanh"]
    return tune("digits", edits, trials=6, on="in_turn", out=out, screen=lines), lines


def test_the_folder_is_complete(study: tuple[Tuned, Lines]) -> None:
    tuned, _ = study
    files = {path.name for path in tuned.path.iterdir()}
    assert files >= {
        "study.json",
        "record.jsonl",
        "optuna.journal",
        "summary.json",
        "summary.md",
        "trials.svg",
        "best-run",
    }
    run = tuned.run
    assert run.verdict["finished"] and run.model() is not None
    stored = json.loads((tuned.path / "study.json").read_text())
    assert stored["recipe"]["precision"] == "fp32" and stored["format"] == 1


def test_the_recipes_own_settings_come_first_and_are_a_finalist(study: tuple[Tuned, Lines]) -> None:
    tuned, _ = study
    trials = tuned.summary["trials"]
    assert trials[0]["edits"] == [] and trials[0]["stage"] == "coarse-1"
    finals = [trial for trial in trials if trial["stage"] == "final-1"]
    assert [trial["edits"] == [] for trial in finals].count(True) == 1
    assert len(finals) == 3 and all(len(trial["values"]) == 3 for trial in finals)
    seeds = {line["seed"] for line in tuned.trials if line["stage"] == "final-1"}
    assert seeds == {0, 1, 2}
    assert tuned.summary["winner"]["value"] >= tuned.summary["own"]["value"]


def test_the_stages_are_as_long_as_they_say(study: tuple[Tuned, Lines]) -> None:
    tuned, _ = study
    epochs = {line["stage"]: line["epochs"] for line in tuned.trials}
    assert epochs["coarse-1"] == 0.25 and epochs["refine-1"] == 0.5 and epochs["final-1"] == 1.0


def test_each_stage_says_what_it_decided_and_writes_it_down(study: tuple[Tuned, Lines]) -> None:
    tuned, lines = study
    notes = [line["text"] for line in read_record(tuned.path, "note")]
    for start in (
        "coarse-1: 4 trials over",
        "refine-1: 2 trials, narrowed around",
        "final-1: the recipe's own",
        "decided: ",
        "curves: ",
    ):
        assert any(text.startswith(start) for text in notes), start
        assert any(text.startswith(start) for text in lines.said), start
    assert any(line.startswith("what mattered: too few trials to tell: 4") for line in lines.said)
    assert set(tuned.summary["told"]) <= set(lines.said)
    page = (tuned.path / "summary.md").read_text()
    for words in ("## The best trials", "## What mattered", "![trials](trials.svg)", tuned.summary["words"]):
        assert words in page


def test_the_checks_are_made_once_and_the_winner_is_trained_with_what_won(study: tuple[Tuned, Lines]) -> None:
    tuned, lines = study
    assert len(read_record(tuned.path, "check")) == 2 and len(read_record(tuned.path, "rate")) == 1
    assert sum(line.startswith("initial loss:") for line in lines.said) == 1
    requested = json.loads((tuned.path / "best-run" / "recipe.json").read_text())["requested"]
    for edit in tuned.edits:
        key, _, value = edit.partition("=")
        if key == "optimizer.lr":
            assert f"{requested['optimizer']['lr']:.4g}" == value


def test_optuna_opens_it(study: tuple[Tuned, Lines]) -> None:
    tuned, _ = study
    storage = open_storage(None, tuned.path)
    names = sorted(optuna.get_all_study_names(storage))
    assert names == ["mine coarse-1", "mine final-1", "mine refine-1"]
    coarse = optuna.load_study(study_name="mine coarse-1", storage=storage)
    values = {trial.user_attrs["number"]: trial.value for trial in coarse.trials}
    assert values == {t["number"]: t["value"] for t in tuned.summary["trials"] if t["stage"] == "coarse-1"}


def test_finished_and_asked_again(study: tuple[Tuned, Lines]) -> None:
    tuned, _ = study
    before, lines = tuned.trials, Lines()
    edits = [*FAST, "space.model.activation=relu,tanh"]
    again = tune("digits", edits, trials=6, on="in_turn", out=tuned.path, resume=True, screen=lines)
    assert again.trials == before
    assert again.summary["winner"] == tuned.summary["winner"] and again.summary["told"] == tuned.summary["told"]
    with pytest.raises(BadRun, match="holds a study"):
        tune("digits", edits, trials=6, out=tuned.path)
    with pytest.raises(BadRun, match="was started with something else: space"):
        tune("digits", FAST, trials=6, out=tuned.path, resume=True)


def test_more_trials_are_another_round(tmp_path: Path) -> None:
    """The curves of the winner name changes, which are tried at full length and proven over the seeds."""
    call = {"on": "in_turn", "out": tmp_path / "study", "options": UNCHECKED}
    first = tune("digits", [*FAST, "optimizer.weight_decay=1e-3"], trials=4, **call)
    assert any("the budget of 4 trials is spent" in text for text in first.summary["told"])
    more = tune("digits", [*FAST, "optimizer.weight_decay=1e-3"], trials=6, resume=True, **call)
    tried = [trial for trial in more.summary["trials"] if trial["stage"] == "again-2"]
    assert 1 <= len(tried) <= 2 and all(trial["epochs"] >= 1.0 for trial in tried)
    assert first.trials == more.trials[: len(first.trials)]
    assert more.summary["winner"]["value"] >= first.summary["winner"]["value"]
    weights = more.path / "best-run" / "best" / "model.safetensors"
    before = weights.stat().st_mtime_ns
    again = tune("digits", [*FAST, "optimizer.weight_decay=1e-3"], resume=True, **call)  # the budget stays
    assert again.trials == more.trials and again.summary["told"] == more.summary["told"]
    assert weights.stat().st_mtime_ns == before  # nothing is trained that was trained


def test_changes_that_the_budget_did_not_pay_for_are_tried_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = ("epochs=1.01", "epochs=1.02", "epochs=1.03")

    def reading(*_: object, tried: list[str], **__: object) -> Reading:
        return Reading("a gap", tuple(change for change in asked if change not in tried))

    monkeypatch.setattr(course, "read", reading)
    call = {"on": "in_turn", "out": tmp_path / "study", "options": UNCHECKED}
    tune("digits", FAST, trials=4, **call)
    more = tune("digits", FAST, trials=6, resume=True, **call)
    tried = [line["first"] for line in read_record(more.path, "stage") if line["name"].startswith("again-")]
    changes = [one["settings"]["change"] for first in tried for one in first]
    assert changes == list(asked)


def test_interrupted_says_how_to_go_on(tmp_path: Path) -> None:
    out = tmp_path / "study"
    with pytest.raises(Interrupted, match=f"Stopped in coarse-1; .* --out {out} --resume") as raised:
        tune("digits", FAST, trials=4, on="in_turn", out=out, options=UNCHECKED, screen=Lines("coarse-1 0:"))
    assert raised.value.exit_code == 130
    assert [line["number"] for line in read_record(out, "trial")] == [0]


def test_rows_by_folds_and_their_loss(tmp_path: Path) -> None:
    """A table is judged by its loss, which is shown with its own sign; every setting over the folds."""
    lines = Lines()
    tuned = tune(
        "iris", ["epochs=4", "threads=1"], trials=4, folds=3, on="in_turn", out=tmp_path / "study",
        options=UNCHECKED, screen=lines,
    )  # fmt: skip
    assert tuned.summary["metric"] == "valid_loss"
    winner = tuned.summary["winner"]
    assert winner["value"] < 0 and len(winner["values"]) == 3
    assert any(f"valid_loss {-winner['value']:.4f} ± " in line for line in lines.said)


def test_ones_own_network_and_arrays(tmp_path: Path) -> None:
    draws = np.random.default_rng(0)
    x = draws.normal(size=(240, 4)).astype(np.float32)
    y = (x[:, 0] > 0).astype(np.int64)
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
    tuned = tune(
        (x, y), ["epochs=12"], model=network, trials=4, on="in_turn", out=tmp_path / "study", options=UNCHECKED
    )
    assert tuned.run.verdict["scores"]["valid_accuracy"] > 0.7
    kept = tuned.run.weights()
    assert all(torch.equal(value, kept[name]) for name, value in network.state_dict().items())


def test_another_optimizer_leaves_what_was_for_the_first(tmp_path: Path) -> None:
    """The recipe of small images has a rate of its own for norm biases, for SGD."""
    tuned = tune(
        "digits", ["model.width=4", "epochs=0.1", "threads=1", "space.optimizer=sgd,adamw"], trials=6,
        on="in_turn", out=tmp_path / "study", options=UNCHECKED,
    )  # fmt: skip
    with_adamw = [line["edits"] for line in tuned.trials if "optimizer=adamw" in line["edits"]]
    assert with_adamw and all("norm_bias_rate=1.0" in edits for edits in with_adamw)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"budget": "0.001s"}, "one training takes about"),
        ({"folds": 1}, "at least 2"),
        ({"strategy": "tpee"}, "Did you mean 'tpe'"),
        ({"pruner": "hyperbands"}, "Did you mean 'hyperband'"),
        ({"on": "rey"}, "Did you mean 'ray'"),
        ({"storage": "nowhere"}, "no storage can be opened"),
        ({"resume": True}, "--resume needs the study"),
    ],
)
def test_refused(options: dict[str, object], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=words):
        tune("digits", FAST, options=UNCHECKED, **options)  # type: ignore[arg-type]
    assert not list(tmp_path.rglob("study.json"))
    assert "storage" not in options or not list(tmp_path.iterdir())  # nor is a folder begun


def test_a_study_that_only_diverges_ends_after_its_first_stage(tmp_path: Path) -> None:
    edits = [*FAST, "optimizer.lr=1e6", "clip=none", "space.optimizer.lr=1e6..1e8:log"]
    with pytest.raises(Diverged, match="coarse-1: every training diverged"):
        tune("digits", edits, trials=6, on="in_turn", out=tmp_path / "study", options=UNCHECKED)
    assert {line["stage"] for line in read_record(tmp_path / "study", "trial")} == {"coarse-1"}


@pytest.mark.slow
def test_time_is_turned_into_trials_and_a_database_holds_them(tmp_path: Path) -> None:
    out, url = tmp_path / "study", f"sqlite:///{tmp_path / 'study.db'}"
    tuned = tune("digits", FAST, budget="30s", on="in_turn", storage=url, out=out, options=UNCHECKED)
    (dealt,) = read_record(out, "deal")
    assert dealt["whole"] > 0 and dealt["finalists"] >= 2
    stages = {line["name"]: line for line in read_record(out, "stage")}
    assert stages["coarse-1"]["count"] == dealt["coarse"]
    assert not (out / "optuna.journal").exists()
    coarse = optuna.load_study(study_name="study coarse-1", storage=url)
    assert len(coarse.trials) == sum(trial["stage"] == "coarse-1" for trial in tuned.summary["trials"])
    with pytest.raises(BadRun, match="holds a study 'study coarse-1' already"):
        tune("digits", FAST, trials=4, storage=url, out=tmp_path / "elsewhere" / "study", options=UNCHECKED)


def test_what_is_set_is_not_searched(tmp_path: Path) -> None:
    edits = [*FAST, "optimizer.lr=0.1", "optimizer.weight_decay=1e-3"]
    with pytest.raises(BadValue, match="Nothing is left to search"):
        tune("digits", edits, trials=4, options=UNCHECKED, out=tmp_path / "study")


@pytest.mark.parametrize(
    ("edits", "options", "words"),
    [
        ((*FAST, "optimizer.lr=0.1", "optimizer.weight_decay=1e-3"), {}, "Nothing is left to search"),
        (FAST, {"folds": 1000}, "Take at most"),
        (FAST[2:], {"model": FLAT, "on": "side_by_side"}, "cannot be handed to other processes"),
    ],
)
def test_what_is_refused_leaves_no_folder(
    edits: tuple[str, ...], options: dict[str, object], words: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=words):
        tune("digits", edits, trials=4, options=UNCHECKED, out=tmp_path / "study", **options)  # type: ignore[arg-type]
    assert not (tmp_path / "study").exists()


def test_files_of_no_study_are_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "summary.md").write_text("mine")
    for force in (False, True):
        with pytest.raises(BadRun, match=r"holds summary.md, which is of no study"):
            tune("digits", FAST, trials=4, out=tmp_path, force=force, options=UNCHECKED)
    assert (tmp_path / "summary.md").read_text() == "mine"


def test_interrupted_before_anything_was_trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no study yet to go on with."""

    def stopped(*_: object) -> float:
        raise Interrupted("SIGINT", "stopped")

    monkeypatch.setattr(course, "seconds_of_training", stopped)
    with pytest.raises(Interrupted, match="Nothing was trained yet: start again with the same command"):
        tune("digits", FAST, budget="1h", on="in_turn", out=tmp_path, options=UNCHECKED)
    with pytest.raises(BadRun, match="holds no study to go on with"):
        tune("digits", FAST, budget="1h", on="in_turn", out=tmp_path, resume=True, options=UNCHECKED)
