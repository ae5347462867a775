"""The benchmark of transfer: its folders, what the seeds come to, and its table."""

from pathlib import Path
from typing import Any

import pytest

import tables
from transfer import differences, result_of, source_data, target_data

SCRATCH: dict[str, list[str]] = {"scratch, short": [], "scratch, long": []}
MACHINE = {"processor": "P", "cores": 2, "versions": {"torch": "2.13.0"}, "commit": "0123456789abcdef"}


@pytest.fixture
def images(tmp_path: Path) -> Path:
    for part in ("train", "test"):
        for kind in ("cat", "dog", "frog"):
            folder = tmp_path / "images" / part / kind
            folder.mkdir(parents=True)
            for number in range(9):
                (folder / f"{number}.jpg").write_text(f"{part} {kind} {number}")
    return tmp_path / "images"


def test_the_source_never_sees_the_targets(images: Path, tmp_path: Path) -> None:
    folder = source_data(images, ["cat", "dog"], 5, tmp_path / "source")
    found = sorted(str(path.relative_to(folder)) for path in folder.rglob("*.jpg"))
    assert len(found) == 10
    assert all("/frog/" in path for path in found)


def test_each_seed_draws_its_own_training_images(images: Path, tmp_path: Path) -> None:
    def drawn(seed: int) -> set[str]:
        folder = target_data(images, ["cat", "dog"], 4, None, seed, tmp_path / f"data-{seed}")
        assert len(list(folder.glob("test/*/*.jpg"))) == 18
        return {path.read_text() for path in folder.glob("train/*/*.jpg")}

    first = drawn(0)
    assert len(first) == 8
    assert all(text.startswith("train") for text in first)
    assert drawn(0) == first
    assert drawn(1) != first


def _round(seed: int, **accuracy: float) -> dict[str, Any]:
    base = {"scratch, short": 0.5, "scratch, long": 0.6, "head": 0.7, "gradual": 0.72, "full": 0.7}
    base |= {"fit as it comes": 0.55, "full, full rate": 0.5, "full, rate of the source": 0.4}
    named = base | accuracy
    return {"seed": seed, "ways": {name: {"accuracy": value, "moved": 0.03} for name, value in named.items()}}


def test_differences_are_within_a_seed() -> None:
    rounds = [_round(0), _round(1, head=0.5, gradual=0.62)]
    found = differences(rounds, [("gradual", "head")])["gradual - head"]
    assert (found["mean"], found["wins"], found["lowest"]) == (7.0, 2, 2.0)
    assert found["deviation"] == pytest.approx(7.07, abs=0.01)


def test_the_scratch_to_beat_is_the_best_one() -> None:
    result = result_of([_round(0), _round(1)], SCRATCH)
    assert result["scratch, best"] == "scratch, long"
    assert result["differences"]["head - scratch, long"]["mean"] == 10.0
    assert result["differences"]["full - full, full rate"]["mean"] == 20.0
    told = {"network": "resnet18", "epochs": 7.0, "minutes": 24.0, "accuracy": 0.9}
    settings = {"targets": ["cat", "dog"], "images": 20, "seeds": 2}
    page = tables.transfer(result | {"machine": MACHINE, "settings": settings, "source": told})
    assert "| **scratch, long** | 0.6000 ± 0.0000 | 0.6000 - 0.6000 |  |  |  |" in page
    assert "| head | 0.7000 ± 0.0000 | 0.7000 - 0.7000 | +10.00 ± 0.00 | 2 of 2 | 3.0% |" in page
    assert "| full - full, full rate | +20.00 ± 0.00 | 2 of 2 |" in page
    assert "| full - full, rate of the source | +30.00 ± 0.00 | 2 of 2 |" in page
    other = {"fit as it comes": 0.65}  # another network, and yet from scratch
    assert result_of([_round(0, **other), _round(1, **other)], SCRATCH)["scratch, best"] == "fit as it comes"
