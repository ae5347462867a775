"""The folder of an evaluation, the list of mistakes, and the temperature."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from scipy import optimize, special
from sklearn import metrics

from method.evaluation.conftest import EDITS, Said
from trainwell import Options, Run, evaluate, fit
from trainwell.errors import BadData, BadRun, BadValue
from trainwell.method.evaluation.figures import calibration_error, reliability
from trainwell.method.evaluation.pictures.confusion import confusion_picture
from trainwell.method.evaluation.pictures.drawing import fitted, width_of
from trainwell.method.evaluation.pictures.sheet import contact_sheet

NO_CHECKS = Options(checks=False)


def read(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text())
    return content


def test_the_folder(run: Run, photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "evaluation"
    before = sorted(path.name for path in run.path.rglob("*"))
    found = evaluate(run, photos, out=out)
    assert sorted(path.name for path in run.path.rglob("*")) == before
    assert sorted(map(str, out.iterdir())) == found.written
    assert {Path(path).name for path in found.written} == {
        "calibration.png",
        "confusion.json",
        "confusion.png",
        "evaluation.json",
        "mistakes.csv",
        "mistakes.png",
    }
    stored = read(out / "evaluation.json")
    assert {name: stored[name] for name in found.json()} == found.json()
    confusion = read(out / "confusion.json")
    said = found.predicted.argmax(1)
    assert confusion["counts"] == metrics.confusion_matrix(found.target, said).tolist()
    shares = metrics.confusion_matrix(found.target, said, normalize="true")
    assert np.allclose(confusion["row_shares"], shares)
    with open(out / "mistakes.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    wrong = np.flatnonzero(said != found.target)
    truth = found.predicted[np.arange(30), found.target]
    order = wrong[np.argsort(truth[wrong])]
    paths = [path for name in ("above", "below") for path in sorted((photos / "test" / name).iterdir())]
    assert [row["file"] for row in rows] == [str(paths[row].relative_to(photos)) for row in order]
    assert [row["true"] for row in rows] == [paths[row].parent.name for row in order]
    assert [float(row["probability_of_true"]) for row in rows] == pytest.approx(truth[order].tolist())
    assert [float(row["probability"]) for row in rows] == pytest.approx(found.predicted.max(1)[order].tolist())
    assert found.mistakes[0]["file"] == rows[0]["file"]


def test_a_run_is_not_written_into(run: Run, photos: Path) -> None:
    with pytest.raises(BadRun, match="leaves as it is"):
        evaluate(run, photos, out=run.path)


def test_reliability_by_hand() -> None:
    probabilities = np.array([[0.9, 0.1], [0.9, 0.1], [0.1, 0.9], [0.4, 0.6]])
    bins = reliability(probabilities, np.array([0, 1, 1, 1]))
    one, three = (each for each in bins if each["count"])
    assert (one["count"], one["confidence"], one["accuracy"]) == (1, 0.6, 1.0)
    assert (three["count"], three["confidence"], three["accuracy"]) == pytest.approx((3, 0.9, 2 / 3))
    assert [bins[0]["from"], bins[-1]["to"], len(bins)] == [0.0, 1.0, 15]


def test_the_temperature_is_fitted_on_validation_rows_and_applied(run: Run, photos: Path, said: Said) -> None:
    plain, found = evaluate(run, photos), evaluate(run, photos, temperature=True, screen=said)
    assert any("24 validation rows alone" in line for line in said.lines)
    valid = evaluate(run, photos / "valid")  # these rows by themselves, of which it is told that they were seen
    assert valid.seen == valid.count == 24
    logits = np.log(valid.predicted)

    def loss(inverse: float) -> float:
        scaled = special.log_softmax(logits * inverse, axis=1)
        return -float(scaled[np.arange(24), valid.target].mean())

    best = optimize.minimize_scalar(loss, bounds=(0.05, 20), method="bounded", options={"xatol": 1e-9}).x
    scaled = special.softmax(np.log(plain.predicted) * best, axis=1)
    assert found.temperature is not None
    assert found.temperature["value"] == pytest.approx(1 / best, rel=1e-3)
    assert np.allclose(found.predicted, scaled, atol=1e-4)
    error = found.temperature["calibration_error"]
    assert error["before"] == plain.metrics["calibration_error"]
    assert error["after"] == found.metrics["calibration_error"]
    assert error["after"] == pytest.approx(calibration_error(found.predicted, found.target))
    assert found.temperature["log_loss"]["after"] == pytest.approx(metrics.log_loss(plain.target, scaled), rel=1e-3)
    assert found.metrics["accuracy"] == plain.metrics["accuracy"]


def test_no_temperature_without_the_validation_rows(tmp_path: Path) -> None:
    draws = np.random.default_rng(0)
    x, y = draws.normal(size=(60, 3)).astype(np.float32), np.arange(60) % 2
    memory = fit((x, y), ["epochs=1"], out=tmp_path / "memory", options=NO_CHECKS)
    with pytest.raises(BadValue, match="data in memory"):
        evaluate(memory, (x, y), temperature=True)
    values = fit((x, x[:, 0]), ["epochs=1"], out=tmp_path / "values", options=NO_CHECKS)
    with pytest.raises(BadValue, match="predicts values"):
        evaluate(values, (x, x[:, 0]), temperature=True)
    np.savez(tmp_path / "table.npz", x=x, y=y)
    run = fit(tmp_path / "table.npz", ["epochs=1"], out=tmp_path / "run", options=NO_CHECKS)
    np.savez(tmp_path / "table.npz", x=x + 1, y=y)
    with pytest.raises(BadData, match="has changed"):
        evaluate(run, (x + 1, y), temperature=True)


def test_values_have_their_largest_errors(tmp_path: Path, said: Said) -> None:
    draws = np.random.default_rng(0)
    x = draws.normal(size=(80, 3)).astype(np.float32)
    y = x[:, 0] * 3 + 7
    run = fit((x, y), ["epochs=2", "precision=fp32"], out=tmp_path / "run", options=NO_CHECKS)
    found = evaluate(run, (x + 0.001, y), out=tmp_path / "out", screen=said)
    with torch.no_grad():
        scale = run.target()
        assert scale is not None
        answer = scale.inverse(run.model()(run.preprocessing().apply(torch.from_numpy(x + np.float32(0.001)))))[:, 0]
    errors = np.abs(answer.numpy() - y)
    worst = int(errors.argmax())
    assert found.mistakes[0]["file"] == f"row {worst}"
    assert found.mistakes[0]["error"] == pytest.approx(errors[worst], rel=1e-4)
    assert found.mistakes[0]["said"] == pytest.approx(float(answer[worst]), rel=1e-4)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["evaluation.json", "mistakes.csv"]
    assert any("no images" in line for line in said.lines)


def test_a_hundred_classes_are_drawn_and_more_are_told(tmp_path: Path, said: Said) -> None:
    draws = np.random.default_rng(0)
    picture = confusion_picture(draws.integers(0, 999, (100, 100)).tolist(), [f"class {k}" for k in range(100)])
    assert 2200 < picture.width < 3000
    x = draws.integers(0, 256, (404, 4, 4, 3), dtype=np.uint8)
    y = np.arange(404) % 101
    edits = [*EDITS, "valid_fraction=0.3"]
    run = fit((x, y), edits, out=tmp_path / "run", options=NO_CHECKS)
    evaluate(run, (x, y), out=tmp_path / "out", screen=said)
    assert any("101 classes" in line for line in said.lines)
    assert not (tmp_path / "out" / "confusion.png").exists()
    assert len(read(tmp_path / "out" / "confusion.json")["counts"]) == 101


def test_right_is_blue_and_wrong_is_red() -> None:
    picture = confusion_picture([[9, 1], [0, 10]], ["a", "b"])
    colours = {picture.getpixel((x, y)) for x in range(picture.width) for y in range(picture.height)}
    blue = [c for c in colours if isinstance(c, tuple) and c[2] - c[0] > 60]
    red = [c for c in colours if isinstance(c, tuple) and c[0] - c[2] > 25]
    assert blue and red


def test_small_and_grey_images_fit_on_the_sheet() -> None:
    mistake = {"file": "a/very/long/name/" * 5 + "image.png", "true": "b", "said": "a", "probability": 0.9}
    mistakes = [mistake | {"row": k, "probability_of_true": 0.1} for k in range(7)]
    for shape in ((7, 8, 8, 1), (7, 200, 100, 3), (7, 8, 8, 4)):
        sheet = contact_sheet(np.full(shape, 77, np.uint8), mistakes, 9)
        assert isinstance(sheet, Image.Image)
        assert sheet.getpixel((16 + 84, 66 + 84)) == (77, 77, 77)
    assert fitted("short", 12, 100) == "short"
    assert width_of(fitted("x" * 500, 12, 100), 12) <= 100
