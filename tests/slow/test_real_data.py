"""The main job on real data, by the real program: what a user with a folder of images gets."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3000)]

DATA = Path(os.environ.get("TRAINWELL_TEST_DATA", "."))
GIB = 2**30


def run(*arguments: str) -> tuple[str, int]:
    """Run the program; gives what it printed, and its peak memory in bytes."""
    process = subprocess.Popen(
        [sys.executable, "-c", "from trainwell.cli.main import main; main()", *arguments],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    printed = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, printed
    return printed, usage.ru_maxrss * 1024


def accuracy(run_folder: Path, data: Path) -> float:
    first = run("evaluate", str(run_folder), str(data))[0].splitlines()[0]
    name, value = first.split()
    assert name == "accuracy"
    return float(value)


def test_mnist(tmp_path: Path) -> None:
    printed, _ = run("fit", str(DATA / "mnist-png" / "train"), "--out", str(tmp_path / "run"))
    assert "no mirror images" in printed
    assert accuracy(tmp_path / "run", DATA / "mnist-png" / "test") >= 0.990


def test_cifar10(tmp_path: Path) -> None:
    _, memory = run("fit", str(DATA / "cifar10-jpg" / "train"), "--out", str(tmp_path / "run"))
    assert memory < 3 * GIB
    # The recipe is made for 0.90 and reached 0.9014 and 0.9041 with two threads and one (benchmarks/README.md);
    # last bits move a run by about 0.002, so that only a lower figure is a broken recipe.
    assert accuracy(tmp_path / "run", DATA / "cifar10-jpg" / "test") >= 0.895


def test_photos_of_an_untidy_folder(tmp_path: Path) -> None:
    printed, _ = run("fit", str(DATA / "hymenoptera"), "--out", str(tmp_path / "run"))
    found = json.loads((tmp_path / "run" / "data.json").read_text())
    assert found["classes"] == ["ants", "bees"]
    assert {name: split["rows"] for name, split in found["splits"].items()} == {"train": 245, "valid": 153}
    assert "DS_Store" not in json.dumps(found["quarantined"]) + printed
    verdict = json.loads((tmp_path / "run" / "findings.json").read_text())["verdict"]
    assert verdict["scores"]["valid_accuracy"] > 0.6
