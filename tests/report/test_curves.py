"""The section on curves: what the record has and nothing else."""

from pathlib import Path
from typing import Any

from trainwell.report.sections.curves import curves
from trainwell.report.story import read_story

from .drawn import charts, folder, texts


def epoch(n: int, **scores: float | None) -> dict[str, Any]:
    return {"kind": "epoch", "epoch": float(n), "step": 10 * n, "seconds": 1.0 * n, "lr": 0.1, **scores}


RECORD = [
    {"kind": "measure", "step": 5, "lr": 0.05, "loss": 2.0, "gradient_norm": 1.0, "update_ratio": 1e-3, "my_own": 7.0},
    epoch(1, train_loss=1.0, train_accuracy=0.5, valid_loss=1.1, valid_accuracy=0.45),
    {"kind": "measure", "step": 15, "lr": 0.1, "loss": None, "gradient_norm": None, "update_ratio": 5e-2},
    epoch(2, train_loss=0.5, train_accuracy=0.9, valid_loss=0.9, valid_accuracy=0.7),
    epoch(3, train_loss=0.1, train_accuracy=1.0, valid_loss=1.3, valid_accuracy=0.65),
]


def test_curves_have_what_the_record_has(tmp_path: Path) -> None:
    finding = {"problem": "overfitting", "severity": "warning", "message": "A gap of 0.2 <b>", "advice": ""}
    section = curves(
        read_story(folder(tmp_path / "run", RECORD, {"findings": [finding], "verdict": {"kept_epoch": 2}}))
    )
    assert section is not None
    assert section.words == (
        "The weights of epoch 2 were kept: validation accuracy 0.7000, and 0.9000 in training, 0.2000 above it."
    )
    assert "A gap of 0.2 &lt;b&gt;" in section.html and "<b>" not in section.html
    found = charts(section.html)
    assert set(found) == {"Loss", "Accuracy", "Learning rate", "Gradient norm", "Update over weight", "My own"}
    (loss,) = found["Loss"]
    assert [(one["name"], texts(one.get("v", ""))) for one in loss["series"]] == [
        ("training", ["1", "0.5", "0.1"]),
        ("validation", ["1.1", "0.9", "1.3"]),
        ("single batches", ["2"]),
    ]
    assert texts(loss["series"][2]["t"]) == ["0.5"]  # step 5 of 10 an epoch
    assert texts(found["Learning rate"][0]["series"][0]["v"]) == ["0.05", "0.1", "0.1", "0.1", "0.1"]
    assert section.html.count(">kept<") == 6
    assert "no finite loss at epoch 1.5" in section.html


def test_before_a_verdict_the_best_epoch_is_told(tmp_path: Path) -> None:
    section = curves(read_story(folder(tmp_path / "run", RECORD)))
    assert section is not None
    assert section.words.startswith("Validation accuracy is best at epoch 2: 0.7000, and 0.9000 in training")


def test_what_is_equal_and_what_is_not_finite_is_said(tmp_path: Path) -> None:
    lines = [
        epoch(1, train_loss=0.5, train_r2=0.5, valid_loss=0.5, valid_r2=0.5),
        epoch(2, train_loss=None, train_r2=None, valid_loss=None, valid_r2=None),
    ]
    section = curves(read_story(folder(tmp_path / "run", lines)))
    assert section is not None
    assert section.words == "Validation R² is best at epoch 1: 0.5000, and the same in training."
    assert "Training 0.5 at epoch 1; validation 0.5 at epoch 1" in section.html and "From 0.1 to 0.1" in section.html
    assert "no finite loss at epoch 2." in section.html


def test_the_rule_of_thumb_is_shown_where_updates_are(tmp_path: Path) -> None:
    section = curves(read_story(folder(tmp_path / "run", RECORD)))
    assert section is not None
    part = section.html[section.html.index("Update over weight") :].split("</svg>")[0]
    assert "rule of thumb 10⁻³" in part and ">usual<" in part


def test_a_run_that_has_just_begun_is_told_by_its_steps(tmp_path: Path) -> None:
    section = curves(read_story(folder(tmp_path / "run", RECORD[:1])))
    assert section is not None
    assert section.words == "No epoch has ended yet; 1 step was measured."
    assert charts(section.html)["Loss"][0]["label"] == "step"
    assert curves(read_story(folder(tmp_path / "empty", []))) is None


def test_a_transfer_begins_with_its_head(tmp_path: Path) -> None:
    head = {"kind": "head", "step": 0, "epoch": 0, "valid_accuracy": 0.4, "train_accuracy": 0.4}
    section = curves(read_story(folder(tmp_path / "run", [head, *RECORD])))
    assert section is not None
    (panel,) = charts(section.html)["Accuracy"]
    assert texts(panel["t"]) == ["0", "1", "2", "3"]
    assert texts(panel["series"][1]["v"])[0] == "0.4"
