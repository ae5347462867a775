"""A folder with broken files trains, and names each; one with too many is refused."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from .conftest import EASY, Done, Program

BROKEN = (
    "quarter0/truncated.jpg",
    "quarter0/empty.png",
    "quarter1/text.png",
    "quarter2/bomb.png",
    "quarter3/locked.png",
)


@pytest.fixture
def photos(tmp_path: Path, bright_quarters: Callable[..., dict]) -> Path:
    """Eighty good images, five broken ones, what systems leave behind, and a test part that is a trap."""
    root = tmp_path / "photos" / "train"
    made = bright_quarters(80, side=16)
    for row, (pixels, label) in enumerate(zip(made["x"], made["y"], strict=True)):
        (root / f"quarter{label}").mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(root / f"quarter{label}" / f"{row:03}.{'jpg' if row % 2 else 'png'}", quality=95)
    whole = (root / "quarter1" / "001.jpg").read_bytes()
    (root / "quarter0" / "truncated.jpg").write_bytes(whole[: len(whole) // 2])
    (root / "quarter0" / "empty.png").write_bytes(b"")
    (root / "quarter1" / "text.png").write_text("no image")
    Image.new("1", (20_000, 20_000)).save(root / "quarter2" / "bomb.png")
    (root / "quarter3" / "locked.png").symlink_to(root / "nowhere.png")  # root may read anything but what is not there
    for name in (".DS_Store", "Thumbs.db"):
        (root / name).write_text("x")
        (root / "quarter1" / name).write_text("x")
    for label in range(4):
        place = tmp_path / "photos" / "test" / f"quarter{label}"
        place.mkdir(parents=True)
        os.mkfifo(place / "trap.png")  # to open it is to wait for ever
    return tmp_path / "photos"


def test_broken_files_are_named_and_set_aside(photos: Path, program: Program) -> None:
    done = program("fit", photos, *EASY, "epochs=6", "augment=none", "--no-checks", "--out", "run")
    assert done.code == 0, done.text
    stored = json.loads((program.cwd / "run" / "data.json").read_text())
    assert {Path(entry["path"]).name for entry in stored["quarantined"]} == {Path(path).name for path in BROKEN}
    for path in BROKEN:
        (line,) = (line for line in done.out.splitlines() if line.startswith("! set aside: ") and path in line)
        assert line.rpartition(": ")[2]  # the reason
    assert "DS_Store" not in done.text
    assert "Thumbs" not in done.text
    assert sum(part["rows"] for part in stored["splits"].values()) == 80


def test_too_many_broken_files(photos: Path, inside: Callable[..., Done]) -> None:
    for row in range(8):
        (photos / "train" / "quarter2" / f"more{row}.png").write_bytes(b"")
    call = ("fit", "photos", *EASY, "epochs=1", "--no-checks")
    inside(*call).refused("13 of 93", "--max-broken")
    assert inside(*call, "--max-broken", 0.2).code in (0, 1)
