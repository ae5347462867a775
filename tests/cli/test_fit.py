"""`fit` on each kind of data: what it prints and what it leaves."""

import itertools
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors import safe_open

from trainwell.record import read_record

from .conftest import EASY, Done, Finished, Program

EPOCH_KEYS = ["epoch", "step", "seconds", "lr", "objective"]
SCORES = ["train_loss", "train_accuracy", "valid_loss", "valid_accuracy"]


def read(path: Path) -> dict:
    return json.loads(path.read_text())


def test_digits_are_learnt(digits_run: Finished) -> None:
    assert digits_run.done.code == 0, digits_run.done.text
    assert digits_run.done.err == ""
    verdict = read(digits_run.path / "findings.json")["verdict"]
    assert verdict["healthy"] and verdict["finished"]
    assert verdict["scores"]["valid_accuracy"] >= 0.97
    assert verdict["words"] in digits_run.done.out


def test_each_step_of_the_method_says_a_line(digits_run: Finished) -> None:
    lines = digits_run.done.out.splitlines()
    for start in ("1,797 images of 8 x 8 grey", "classification: 10 classes", "split: ", "recipe small_images: "):
        assert sum(line.startswith(start) for line in lines) == 1, start
    for start in ("computing with cpu, ", "initial loss: ", "overfit sample: ", "learning rate: ", "training "):
        assert sum(line.startswith(start) for line in lines) == 1, start
    assert sum(line.startswith("epoch ") for line in lines) == 12
    assert lines[-2:] == ["run folder: run", "report: run/report.html"]


def test_there_are_plain_lines_where_there_is_no_terminal(digits_run: Finished) -> None:
    assert "\x1b" not in digits_run.done.text
    assert "\r" not in digits_run.done.text


def test_the_run_folder_is_complete(digits_run: Finished) -> None:
    files = {str(p.relative_to(digits_run.path)) for p in digits_run.path.rglob("*") if p.is_file()}
    assert files == {
        ".lock",
        "recipe.json",
        "environment.json",
        "data.json",
        "record.jsonl",
        "samples.safetensors",
        "checkpoint.safetensors",
        "best/model.safetensors",
        "best/model.json",
        "findings.json",
        "validation.json",
        "inputs.png",
        "report.html",
        *(["mistakes.png"] if read(digits_run.path / "validation.json")["worst"] else []),
    }
    for name in files:
        if name.endswith(".json"):
            assert read(digits_run.path / name)["format"] == 1, name
        if name.endswith(".safetensors"):
            with safe_open(digits_run.path / name, framework="np") as file:
                assert file.metadata()["format"] == "1"
    assert read_record(digits_run.path)[0]["format"] == 1


def test_json_files_say_what_the_design_promises(digits_run: Finished) -> None:
    stored = read(digits_run.path / "recipe.json")
    assert stored["recipe"]["precision"] in ("fp32", "bf16")  # what was calibrated is resolved
    assert stored["recipe"]["layout"] != "auto"
    assert stored["recipe"]["compile"] == "no"
    assert stored["recipe"]["threads"] >= 1
    assert stored["requested"]["precision"] == "auto"
    data = read(digits_run.path / "data.json")
    assert data["classes"] == [str(k) for k in range(10)]
    assert {name: part["rows"] for name, part in data["splits"].items()} == {"train": 1617, "valid": 180}
    assert data["quarantined"] == []
    assert data["fingerprint"] and data["preprocessing"]
    model = read(digits_run.path / "best" / "model.json")
    assert model["input_shape"] == [1, 8, 8]
    assert model["model"]["name"] == "convnet"
    assert model["classes"] == data["classes"]
    assert model["preprocessing"] and model["versions"]["torch"]
    environment = read(digits_run.path / "environment.json")
    assert environment["command"][1:] == ["fit", "digits", "epochs=12", "--out", "run"]


def test_the_record_has_its_documented_lines(digits_run: Finished) -> None:
    lines = read_record(digits_run.path)
    assert {line["kind"] for line in lines} == {"note", "check", "rate", "measure", "epoch"}
    epochs = [line for line in lines if line["kind"] == "epoch"]
    assert len(epochs) == 12
    for line in epochs:
        assert list(line) == ["kind", *EPOCH_KEYS, *SCORES]
    assert [round(line["epoch"]) for line in epochs] == list(range(1, 13))
    assert all(a["seconds"] < b["seconds"] and a["step"] < b["step"] for a, b in itertools.pairwise(epochs))
    checks = [line["probe"] for line in lines if line["kind"] == "check"]
    assert checks == ["initial_loss", "overfit"]
    measures = [line for line in lines if line["kind"] == "measure"]
    assert [line["step"] for line in measures] == list(range(20, epochs[-1]["step"] + 1, 20))
    plain = {key for key in measures[0] if "." not in key}
    assert {
        "kind",
        "step",
        "lr",
        "loss",
        "gradient_norm",
        "update_ratio",
        "gradient_flow_ratio",
        "weight_norm",
    } <= plain
    layers = [line.split(".")[-1] for line in measures[0] if line.startswith("gradient_flow.")]
    assert layers[-1] == "head" and len(layers) >= 3
    rates = [line["lr"] for line in measures]
    peak = read(digits_run.path / "recipe.json")["recipe"]["optimizer"]["lr"]
    assert max(rates) == pytest.approx(peak, rel=0.1)
    assert rates[-1] < 0.2 * peak


def test_a_table_of_values(inside: Callable[..., Done], tmp_path: Path) -> None:
    done = inside("fit", "diabetes", "epochs=40", "--no-checks", "--out", "run")
    assert done.code == 0, done.text
    line = read_record(tmp_path / "run", "epoch")[-1]
    assert list(line)[-4:] == ["train_loss", "train_r2", "valid_loss", "valid_r2"]
    assert "held-out r2 0." in done.out
    assert "66 held-out rows chose nothing" in done.out
    found = inside("evaluate", "run", "diabetes")
    first, value = found.out.splitlines()[0].split()
    assert (found.code, first) == (0, "r2")
    assert float(value) > 0.2
    assert "samples 66 (heldout)" in found.out
    held = read(tmp_path / "run" / "findings.json")["verdict"]["scores"]["heldout_r2"]
    assert float(value) == pytest.approx(held, abs=1e-4)


def test_a_csv_file(inside: Callable[..., Done], tmp_path: Path) -> None:
    draws = np.random.default_rng(0)
    rows = [
        f"{a:.4f},{'red' if b > 0 else 'blue'},{'yes' if a + b > 0 else 'no'}" for a, b in draws.normal(size=(400, 2))
    ]
    rows[3] = f",red,{rows[3].split(',')[2]}"  # a missing value
    (tmp_path / "t.csv").write_text("\n".join(["size,colour,bought", *rows]) + "\n")
    done = inside("fit", "t.csv", "--target", "bought", "epochs=20", "--out", "run")
    assert done.code == 0, done.text
    data = read(tmp_path / "run" / "data.json")
    assert data["classes"] == ["no", "yes"]
    found = inside("evaluate", "run", "t.csv", "--target", "bought")
    assert found.code == 0, found.text
    assert found.out.startswith("accuracy 0.")
    assert float(found.out.split()[1]) > 0.7


def test_an_npz_file_with_images(quarters_run: Finished, quarters: Path) -> None:
    assert quarters_run.done.code == 0, quarters_run.done.text
    assert "320 images of 8 x 8" in quarters_run.done.out
    found = quarters_run.program("evaluate", "run", quarters)
    assert found.out.startswith("accuracy ")
    assert float(found.out.split()[1]) > 0.9


def test_a_folder_of_images_with_a_test_part(
    inside: Callable[..., Done], tmp_path: Path, bright_quarters: Callable[..., dict]
) -> None:
    content = bright_quarters(240, side=12)
    for row, (pixels, label) in enumerate(zip(content["x"], content["y"], strict=True)):
        place = tmp_path / "photos" / ("train" if row < 180 else "test") / f"quarter{label}"
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(place / f"{row:03}.png")
    done = inside("fit", "photos", *EASY, "epochs=8", "augment=crop", "--out", "run")
    assert done.code == 0, done.text
    assert "180 images" in done.out
    found = inside("evaluate", "run", "photos")
    assert found.code == 0, found.text
    assert "samples 60 (test)" in found.out
    assert float(found.out.split()[1]) > 0.9


@pytest.mark.slow
def test_digits_with_the_default_recipe(program: Program) -> None:
    done = program("fit", "digits")
    assert done.code == 0, done.text
    verdict = read(program.cwd / "runs" / "digits-1" / "findings.json")["verdict"]
    assert verdict["scores"]["valid_accuracy"] >= 0.97
    assert verdict["seconds"] < 60
