"""What a run keeps of its validation samples."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from trainwell.data.dataset import Data
from trainwell.data.open import open_data
from trainwell.data.wrap import wrap
from trainwell.method import validation
from trainwell.method.fit import fit
from trainwell.method.look import Options
from trainwell.method.screen import Silent
from trainwell.method.validation import write_validation
from trainwell.models import models
from trainwell.models.given import GIVEN
from trainwell.recipes import choose
from trainwell.record import RunFolder
from trainwell.training.engine import Engine
from trainwell.training.setup import Setup, set_up, shape_of

CPU = torch.device("cpu")
ENGINE = Engine(CPU, "fp32", "contiguous", False, 1)


class Heard(Silent):
    """A screen that keeps what it is told."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, text: str) -> None:
        self.said.append(text)

    def warn(self, text: str) -> None:
        self.said.append(f"! {text}")


def setup_of(data: Data, *edits: str, model: nn.Module | None = None) -> Setup:
    recipe = choose(dataclasses.replace(shape_of(data), kind="images" if data.kind == "images" else "table"))[0]
    if model is not None:
        recipe = recipe.replace(model=models.part(GIVEN, network=type(model).__name__), norm_bias_rate=1.0)
    return set_up(data, recipe.edit(edits), CPU, model)


def written(setup: Setup, path: Path) -> tuple[dict[str, Any], list[str]]:
    """What an untrained network leaves, and what was said."""
    screen, folder = Heard(), RunFolder(path)
    path.mkdir(exist_ok=True)
    write_validation(folder, setup.model, setup, ENGINE, screen)
    return (folder.read_json("validation.json") if folder.has("validation.json") else {}), screen.said


@pytest.fixture(scope="module")
def images(quarters: Path) -> Setup:
    return setup_of(open_data(quarters), "model=mlp", "model.widths=8", "augment=flip")


def test_images(images: Setup, tmp_path: Path) -> None:
    found, said = written(images, tmp_path / "run")
    with torch.no_grad():
        x, y = images.feeds["valid"].some(range(len(images.feeds["valid"])))
        chances = images.model.eval()(x).softmax(1).numpy()
    answers, target = chances.argmax(1), y.numpy()
    assert said == []
    assert found["count"] == len(target) and found["classes"] == list(images.data.classes)
    assert found["metrics"]["accuracy"] == pytest.approx((answers == target).mean())
    assert found["confusion"][1][2] == ((target == 1) & (answers == 2)).sum()
    assert sum(each["count"] for each in found["calibration"]) == len(target)
    assert found["per_class"][found["classes"][0]]["support"] == (target == 0).sum()
    worst = found["worst"][0]
    wrong = np.flatnonzero(answers != target)
    place = wrong[chances[wrong, target[wrong]].argmin()]
    assert worst["name"] == f"row {images.data.splits['valid'][place]}"
    assert worst["true_probability"] == pytest.approx(chances[place, target[place]], rel=1e-5)
    assert (worst["said"], worst["true"]) == tuple(found["classes"][k] for k in (answers[place], target[place]))
    assert len(found["worst"]) == min(24, len(wrong))
    assert Image.open(tmp_path / "run" / "mistakes.png").width > 500


def test_inputs_are_shown_augmented_only_where_they_are(images: Setup, tmp_path: Path) -> None:
    written(images, tmp_path / "flipped")
    written(setup_of(images.data, "model=mlp", "model.widths=8", "augment=none"), tmp_path / "plain")
    both, plain = (Image.open(tmp_path / name / "inputs.png").height for name in ("flipped", "plain"))
    assert both == pytest.approx(2 * plain, abs=4)


def test_values(tmp_path: Path) -> None:
    setup = setup_of(open_data("diabetes"))
    found, _ = written(setup, tmp_path / "run")
    rows = setup.data.splits["valid"]
    assert [true for true, _ in found["points"]] == pytest.approx(setup.data.y[rows].tolist())
    off = [abs(said - true) for true, said in found["points"]]
    assert found["worst"][0]["error"] == pytest.approx(max(off))
    assert found["metrics"]["mae"] == pytest.approx(np.mean(off))
    assert "confusion" not in found and not (tmp_path / "run" / "inputs.png").exists()


def test_a_data_set_and_a_network_of_ones_own(tmp_path: Path) -> None:
    torch.manual_seed(0)
    data = wrap(torch.utils.data.TensorDataset(torch.randn(60, 5), torch.arange(60) % 3))
    found, said = written(setup_of(data, "preprocess=none", model=nn.Linear(5, 3)), tmp_path / "run")
    assert (found["count"], found["classes"], said) == (6, ["0", "1", "2"], [])
    two = wrap(torch.utils.data.TensorDataset(torch.randn(60, 5), torch.randn(60, 2)))
    found, _ = written(setup_of(two, "preprocess=none", model=nn.Linear(5, 2)), tmp_path / "two")
    true, said_values = found["points"][0]
    assert len(true) == len(said_values) == 2


def test_nothing_without_a_validation_split(tmp_path: Path) -> None:
    data = open_data("iris")
    data = dataclasses.replace(data, splits={"train": data.splits["train"]})
    assert written(setup_of(data), tmp_path / "run") == ({}, [])


def test_too_many_classes(images: Setup, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(validation, "MOST_CLASSES", 3)
    found, said = written(images, tmp_path / "run")
    assert found == {} and "4 classes, at most 3" in said[0]


def test_an_error_does_not_cost_the_run(images: Setup, tmp_path: Path) -> None:
    (tmp_path / "run" / "validation.json").mkdir(parents=True)  # cannot be replaced
    screen = Heard()
    write_validation(RunFolder(tmp_path / "run"), images.model, images, ENGINE, screen)
    assert len(screen.said) == 1 and screen.said[0].startswith("! ")


def test_a_run_leaves_what_its_verdict_says(quarters: Path, tmp_path: Path) -> None:
    out, edits = tmp_path / "run", ("model=mlp", "model.widths=8", "precision=fp32", "threads=1", "schedule=constant")

    def scores(epochs: int, **more: Any) -> tuple[float, float]:
        run = fit(quarters, [*edits, f"epochs={epochs}"], out=out, options=Options(checks=False), **more)
        found = json.loads((out / "validation.json").read_text())
        return found["metrics"]["accuracy"], run.verdict["scores"]["valid_accuracy"]

    before = scores(1)
    after = scores(3, resume=True)
    assert before[0] == pytest.approx(before[1]) and after[0] == pytest.approx(after[1])
    assert after[0] > before[0]
