"""The record as TensorBoard events, read back by TensorBoard's own reader."""

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from trainwell.errors import BadRun, MissingExtra
from trainwell.method.finetune.finetune import finetune
from trainwell.method.fit import fit
from trainwell.method.look import Options
from trainwell.method.tune.tune import tune
from trainwell.record import read_record
from trainwell.report.events import scalars, write_events

EDITS = ("schedule=constant", "measure=gradient_norm,dead_units", "measure_every=2")


def reader(run: Path) -> EventAccumulator:
    events = EventAccumulator(str(run / "tensorboard"), size_guidance={"scalars": 0, "tensors": 0})
    return events.Reload()


def read(events: EventAccumulator, tag: str) -> list[tuple[int, float]]:
    return [(event.step, event.value) for event in events.Scalars(tag)]


def recorded(run: Path, kind: str, key: str) -> list[tuple[int, float]]:
    """What the events of a key are to be: numbers of single precision, those that are null left out."""
    lines = [line for line in read_record(run, kind) if line.get(key) is not None]
    return [(line["step"], float(np.float32(line[key]))) for line in lines]


def refuse_other(events: EventAccumulator, run: Path) -> None:
    """Assert that the events hold the numbers of the record, all of them and nothing else."""
    for kind, key, tag in (
        ("epoch", "train_loss", "loss/train"),
        ("epoch", "valid_loss", "loss/valid"),
        ("epoch", "valid_accuracy", "accuracy/valid"),
        ("epoch", "objective", "loss/objective"),
        ("epoch", "lr", "lr/epoch"),
        ("epoch", "seconds", "epoch/seconds"),
        ("measure", "loss", "loss/step"),
        ("measure", "gradient_norm", "measure/gradient_norm"),
    ):
        expected = recorded(run, kind, key)
        assert expected, f"the record has {key}"
        assert read(events, tag) == expected, tag
    numbers = Counter(
        line["kind"]
        for line in read_record(run)
        if line["kind"] in ("epoch", "measure")
        for key, value in line.items()
        if key not in ("kind", "step") and value is not None
    )
    assert sum(len(events.Scalars(tag)) for tag in events.Tags()["scalars"]) == numbers.total()


def text(events: EventAccumulator, tag: str) -> str:
    (event,) = events.Tensors(tag)
    return event.tensor_proto.string_val[0].decode()


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A short run whose events were written while it trained."""
    return fit("iris", (*EDITS, "epochs=3"), out=tmp_path / "run", options=Options(checks=False, tensorboard=True)).path


def test_the_events_are_the_record(run: Path) -> None:
    events = reader(run)
    refuse_other(events, run)
    layers = [key for key in read_record(run, "measure")[0] if key.startswith("dead_units.")]
    assert layers
    assert read(events, layers[0].replace(".", "/", 1)) == recorded(run, "measure", layers[0])
    begun = (run / "recipe.json").stat().st_mtime
    times = [event.wall_time for event in events.Scalars("loss/train")]
    assert times == pytest.approx([begun + line["seconds"] for line in read_record(run, "epoch")], abs=1e-3)
    assert all(
        a.wall_time <= b.wall_time
        for a, b in zip(events.Scalars("loss/step"), events.Scalars("loss/step")[1:], strict=False)
    )
    assert json.loads((run / "findings.json").read_text())["verdict"]["words"] in text(events, "findings")
    assert '"lr":' in text(events, "recipe")


def test_a_run_that_goes_on_takes_its_events_along(run: Path) -> None:
    record = run / "record.jsonl"
    kept = record.read_text()
    cut_off = {"kind": "measure", "step": 99_999, "lr": 1.0, "loss": 7.0}
    record.write_text(kept + json.dumps(cut_off) + "\n")
    write_events(run)
    events = reader(run)
    assert (99_999, 7.0) in read(events, "loss/step")
    fit("iris", (*EDITS, "epochs=5"), out=run, resume=True, options=Options(checks=False))
    assert len(read_record(run, "epoch")) == 5
    refuse_other(reader(run), run)
    assert [path.stat().st_size > 0 for path in sorted((run / "tensorboard").iterdir())][-2:] == [False, True]
    refuse_other(events.Reload(), run)  # by a viewer that has read the old file


def test_a_transfer_and_the_winner_of_a_search_have_theirs(run: Path, tmp_path: Path) -> None:
    options = Options(checks=False, tensorboard=True)
    further = finetune("iris", run, (*EDITS, "epochs=2", "transfer=full"), out=tmp_path / "further", options=options)
    refuse_other(reader(further.path), further.path)
    found = tune("iris", [*EDITS, "epochs=1"], trials=4, out=tmp_path / "study", options=options)
    refuse_other(reader(found.run.path), found.run.path)


def test_a_new_run_has_no_events_of_the_old_one(run: Path) -> None:
    fit("iris", (*EDITS, "epochs=3"), out=run, force=True, options=Options(checks=False))
    assert not (run / "tensorboard").exists()


def test_the_package_is_asked_for_before_anything_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    with pytest.raises(MissingExtra, match=r"trainwell\[tensorboard\]"):
        Options(tensorboard=True)


def test_a_folder_without_a_record_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadRun, match="no record"):
        write_events(tmp_path)


def test_what_is_null_or_no_number_has_no_event() -> None:
    line: dict[str, Any] = {"kind": "measure", "step": 3, "loss": None, "note": "x", "on": True, "gradient_flow.a.b": 2}
    assert list(scalars(line)) == [("gradient_flow/a.b", 2.0)]
