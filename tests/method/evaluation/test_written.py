"""The folder of an evaluation, the list of mistakes, and the temperature."""

import csv
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch
from PIL import Image
from scipy import optimize, special
from sklearn import metrics

from method.evaluation.conftest import EDITS, Said
from trainwell import Options, Run, evaluate, fit
from trainwell.data.dataset import Data
from trainwell.data.views import Views
from trainwell.errors import BadData, BadRun, BadValue
from trainwell.method.evaluation.figures import calibration_error, reliability
from trainwell.method.evaluation.pictures import drawing
from trainwell.method.evaluation.pictures.confusion import confusion_picture
from trainwell.method.evaluation.pictures.drawing import class_names, fitted, width_of
from trainwell.method.evaluation.pictures.reliability import reliability_picture
from trainwell.method.evaluation.pictures.sheet import contact_sheet
from trainwell.method.evaluation.sample import Sample, matching_rows
from trainwell.method.load import load

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


def test_predictions_take_a_temperature(run: Run, photos: Path) -> None:
    found = evaluate(run, photos, views=Views(5), temperature=True, against=run)
    assert found.temperature is not None and found.against is not None
    predictor = load(run, temperature=found.temperature["value"])
    said = predictor.predict([photos / "test" / name for name in found.classes], views=Views(5))
    np.testing.assert_allclose(said.probabilities, found.predicted, atol=1e-6)
    assert found.against["metrics"] == [found.views["metrics"]] * 2  # neither is scaled
    with pytest.raises(BadValue, match=r"temperature=0.0 is not possible: expected a value in \[0.05, 20\]"):
        load(run, temperature=0.0)


def test_no_temperature_without_the_validation_rows(tmp_path: Path) -> None:
    draws = np.random.default_rng(0)
    x, y = draws.normal(size=(60, 3)).astype(np.float32), np.arange(60) % 2
    memory = fit((x, y), ["epochs=1"], out=tmp_path / "memory", options=NO_CHECKS)
    with pytest.raises(BadValue, match="data in memory"):
        evaluate(memory, (x, y), temperature=True)
    values = fit((x, x[:, 0]), ["epochs=1"], out=tmp_path / "values", options=NO_CHECKS)
    with pytest.raises(BadValue, match="predicts values"):
        evaluate(values, (x, x[:, 0]), temperature=True)
    with pytest.raises(BadValue, match="predicts values"):
        load(values, temperature=2.0)
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


def places(picture: Image.Image) -> dict[str, np.ndarray]:
    """Rows and columns, (n, 2), of what is blue and of what is red."""
    pixels = np.asarray(picture).astype(int)
    warmth = pixels[..., 0] - pixels[..., 2]
    return {"blue": np.argwhere(warmth < -60), "red": np.argwhere(warmth > 25)}


def test_right_is_blue_and_wrong_is_red() -> None:
    found = places(confusion_picture([[9, 5], [0, 10]], ["a", "b"]))  # a is taken for b: above, at the right
    assert len(found["blue"]) and len(found["red"])
    (blue_y, blue_x), (red_y, red_x) = (found[name].mean(0) for name in ("blue", "red"))
    assert red_y < blue_y and red_x > blue_x


def test_too_sure_is_red() -> None:
    sure = np.array([[0.95, 0.05]] * 10)
    right, wrong = np.zeros(10, int), np.repeat([0, 1], 5)
    drawn = [places(reliability_picture(reliability(sure, target), 0.1, None)) for target in (right, wrong)]
    assert [len(each["red"]) > 0 for each in drawn] == [False, True]


def test_the_same_samples_are_found_by_their_files() -> None:
    here = SimpleNamespace(rows=np.array([0, 2]), data=SimpleNamespace(names=("a", "b", "c"), y=np.zeros(3)))
    there = SimpleNamespace(names=("c", "x", "a"), y=np.zeros(3))
    assert matching_rows(cast(Sample, here), cast(Data, there)).tolist() == [2, 0]
    there.names = ("c", "x")
    with pytest.raises(BadData, match="1 file could be read at one size and not at another: a"):
        matching_rows(cast(Sample, here), cast(Data, there))


def test_names_whose_letters_are_missing_stand_by_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawing, "FONTS", ())  # Pillow's letters alone, whatever the system has
    names = ["a<b>&c 0,9", "猫", "two\nlines", "naïve"]
    assert class_names(names) == ["a<b>&c 0,9", "class no. 2", "class no. 3", "class no. 4"]
    counts = np.eye(4, dtype=int).tolist()
    assert confusion_picture(counts, names).tobytes() == confusion_picture(counts, class_names(names)).tobytes()
    mistake = {"row": 0, "probability": 0.9, "probability_of_true": 0.1}
    odd = [mistake | {"file": "写真.png", "true": "猫", "said": "two\nlines"}]
    plain = [mistake | {"file": "mistake 1", "true": "class no. 2", "said": "class no. 3"}]
    image = np.zeros((1, 8, 8, 1), np.uint8)
    sheets = [contact_sheet(image, each, 1, classes) for each, classes in ((odd, names), (plain, class_names(names)))]
    assert sheets[0].tobytes() == sheets[1].tobytes()


def test_letters_of_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawing, "FONTS", ("no such font.ttf", *drawing.FONTS))
    there = drawing.drawable("собака é")
    assert class_names(["собака é"]) == ["собака é" if there else "class no. 1"]
    assert (drawing.font(12, "собака é").getname() != drawing.font(12).getname()) == there
    assert drawing.font(12, "dog").getname() == drawing.font(12).getname()


def test_small_and_grey_images_fit_on_the_sheet() -> None:
    mistake = {"file": "a/very/long/name/" * 5 + "image.png", "true": "b", "said": "a", "probability": 0.9}
    mistakes = [mistake | {"row": k, "probability_of_true": 0.1} for k in range(7)]
    for shape in ((7, 8, 8, 1), (7, 200, 100, 3), (7, 8, 8, 4)):
        sheet = contact_sheet(np.full(shape, 77, np.uint8), mistakes, 9, ["a", "b"])
        assert isinstance(sheet, Image.Image)
        assert sheet.getpixel((16 + 84, 66 + 84)) == (77, 77, 77)
    assert fitted("short", 12, 100) == "short"
    assert width_of(fitted("x" * 500, 12, 100), 12) <= 100
