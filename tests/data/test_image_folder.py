import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from trainwell.data.dataset import Data, Quarantined
from trainwell.data.open import open_data
from trainwell.errors import BadData, StorageFailed

Make = Callable[..., Path]


def refused(root: Path, cache: Path, **options: Any) -> str:
    with pytest.raises(BadData) as caught:
        open_data(root, cache=cache, **options)
    return str(caught.value)


def test_whole(folder: Make, cache: Path) -> None:
    data = open_data(folder({"ants": 30, "bees": 20}), cache=cache)
    assert data.x.shape == (50, 16, 16, 3) and data.x.dtype == np.uint8 and not data.x.flags.writeable
    assert data.classes == ("ants", "bees") and data.y.tolist() == [0] * 30 + [1] * 20 and data.y.dtype == np.int64
    assert {part: len(rows) for part, rows in data.splits.items()} == {"train": 45, "valid": 5}
    assert data.facts["counts"] == {"train": {"ants": 27, "bees": 18}, "valid": {"ants": 3, "bees": 2}}
    assert data.facts["imbalance"] == 1.5
    assert data.notes == (
        "50 images of 16 x 16 RGB in 2 classes",
        "imbalance: 1.5 to 1 (27 of ants, 18 of bees)",
        "split: 45 train, 5 valid, stratified, seed 0",
    )
    assert data.decoding == {
        "kind": "images",
        "size": [16, 16],
        "channels": 3,
        "short_side": None,
        "fit": "crop",
        "task": "classification",
        "target": None,
        "classes": ["ants", "bees"],
    }
    described = json.loads(json.dumps(data.describe(), allow_nan=False))
    assert described["version"] == 1 and described["splits"]["train"]["rows"] == 45


def test_second_time_nothing_is_decoded_and_all_is_equal(folder: Make, cache: Path) -> None:
    root = folder({"ants": 5, "bees": 5})
    said: list[tuple[int, int, str]] = []
    first = open_data(root, cache=cache, progress=lambda *step: said.append(step))
    assert said[-1] == (10, 10, "reading images")
    second = open_data(root, cache=cache, progress=lambda *step: pytest.fail(f"read again: {step}"))
    assert first.describe() == second.describe() and (first.x == second.x).all()


def test_a_changed_file_is_read_again(folder: Make, cache: Path) -> None:
    root = folder({"ants": 5, "bees": 5})
    first = open_data(root, cache=cache)
    Image.new("RGB", (16, 16), "red").save(root / "ants" / "000.png")
    second = open_data(root, cache=cache)
    assert second.x[0, 0, 0].tolist() == [255, 0, 0] and first.fingerprint != second.fingerprint


def test_fingerprint_is_of_the_content_and_not_of_the_place(folder: Make, cache: Path, tmp_path: Path) -> None:
    root = folder({"ants": 5, "bees": 5})
    first = open_data(root, cache=cache)
    root.rename(tmp_path / "elsewhere")
    os.utime(tmp_path / "elsewhere" / "ants" / "000.png", (1, 1))
    assert open_data(tmp_path / "elsewhere", cache=cache).fingerprint == first.fingerprint


def test_two_folders_of_the_same_names_sizes_and_times_are_two(tmp_path: Path, cache: Path) -> None:
    for name, colour in (("one", "red"), ("two", "blue")):
        for label in ("a", "b"):
            (tmp_path / name / label).mkdir(parents=True)
            for i in range(2):
                path = tmp_path / name / label / f"{i}.bmp"
                Image.new("RGB", (8, 8 + i), colour).save(path)
                os.utime(path, (1, 1))
    assert open_data(tmp_path / "one", cache=cache, parts="all").x[0, 0, 0].tolist() == [255, 0, 0]
    assert open_data(tmp_path / "two", cache=cache, parts="all").x[0, 0, 0].tolist() == [0, 0, 255]


def test_damaged_cache_is_made_anew(folder: Make, cache: Path) -> None:
    root = folder({"ants": 5, "bees": 5})
    expected = np.array(open_data(root, cache=cache).x)
    (stored,) = cache.glob("*/pixels.u8")
    stored.write_bytes(stored.read_bytes()[:100])
    assert (open_data(root, cache=cache).x == expected).all()


def test_killed_while_reading_leaves_nothing_behind(folder: Make, cache: Path) -> None:
    root = folder({"ants": 300, "bees": 300})
    script = (
        "import os, sys\nfrom trainwell.data.open import open_data\n"
        "open_data(sys.argv[1], cache=sys.argv[2], threads=1, progress=lambda *_: os.kill(os.getpid(), 9))\n"
    )
    killed = subprocess.run([sys.executable, "-c", script, str(root), str(cache)], check=False)
    assert killed.returncode == -9 and list(cache.glob("*.part/pixels.u8"))
    assert len(open_data(root, cache=cache).x) == 600
    assert not list(cache.glob("*.part"))


def test_every_kind_of_broken_file_is_named(folder: Make, cache: Path, noise: Callable[..., Image.Image]) -> None:
    root = folder({"ants": 30, "bees": 30})
    noise(1, 64, 64).save(root / "ants" / "cut.jpg", quality=95)
    (root / "ants" / "cut.jpg").write_bytes((root / "ants" / "cut.jpg").read_bytes()[:2000])
    (root / "ants" / "empty.png").touch()
    (root / "bees" / "gone.png").symlink_to("nowhere")
    (root / "bees" / "notes.txt").write_text("these are bees")
    data = open_data(root, cache=cache)
    assert data.quarantined == (
        Quarantined("ants/cut.jpg", "truncated"),
        Quarantined("ants/empty.png", "empty file"),
        Quarantined("bees/gone.png", "cannot be read: No such file or directory"),
        Quarantined("bees/notes.txt", "not an image"),
    )
    assert len(data.x) == 60 and data.y.tolist() == [0] * 30 + [1] * 30
    assert "4 broken files set aside" in data.notes
    assert data.describe()["quarantined"][1] == {"path": "ants/empty.png", "reason": "empty file"}


def test_too_many_broken(folder: Make, cache: Path) -> None:
    root = folder({"ants": 10, "bees": 10})
    for i in range(7):
        (root / "ants" / f"x{i}.jpg").touch()
    assert refused(root, cache) == (
        "7 of 27 files are broken, over the limit of 10%: ants/x0.jpg (empty file); ants/x1.jpg (empty file); "
        "ants/x2.jpg (empty file); ants/x3.jpg (empty file); ants/x4.jpg (empty file); and 2 more. "
        "Repair or remove them, or allow more with --max-broken."
    )
    assert len(open_data(root, cache=cache, max_broken=0.3).quarantined) == 7


def test_a_folder_that_cannot_be_listed_is_named(folder: Make, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = folder({"ants": 10, "bees": 10})
    (root / "ants" / "more").mkdir()
    real = os.scandir

    def scandir(path: Any) -> Any:  # root may list everything, so the refusal is played
        if str(path).endswith("more"):
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    data = open_data(root, cache=cache)
    assert data.quarantined == (Quarantined("ants/more", "folder cannot be listed: Permission denied"),)


def test_mixed_modes_are_said(folder: Make, cache: Path, noise: Callable[..., Image.Image]) -> None:
    root = folder({"ants": 5, "bees": 5})
    noise(77, mode="L").save(root / "ants" / "grey.png")
    noise(78, mode="RGBA").save(root / "bees" / "clear.png")
    data = open_data(root, cache=cache)
    assert "modes: 1 grey of 12 converted to RGB" in data.notes
    assert "1 image with transparency put on white" in data.notes
    assert data.facts["modes"] == {"RGB": 10, "L": 1, "RGBA": 1} and data.facts["converted"] == 1


def test_sizes_are_said(folder: Make, cache: Path, noise: Callable[..., Image.Image]) -> None:
    root = folder({"ants": 5, "bees": 5})
    noise(5, 30, 20).save(root / "ants" / "wide.png")
    data = open_data(root, cache=cache)
    note = "sizes: widths 16-30 (median 16), heights 16-20 (median 16); scaled and centre-cropped to 16 x 16"
    assert data.notes[1] == note and data.facts["sizes"]["largest"] == [30, 20]
    assert open_data(root, cache=cache, image_size=24).x.shape == (11, 24, 24, 3)


def test_copies_never_straddle(folder: Make, cache: Path) -> None:
    root = folder({"ants": 20, "bees": 20})
    for i in range(1, 10):
        (root / "ants" / f"copy{i}.png").write_bytes((root / "ants" / "000.png").read_bytes())
    data = open_data(root, cache=cache)
    copies = {row for row in range(len(data.x)) if (data.x[row] == data.x[0]).all()}
    assert len(copies) == 10
    assert len(copies & set(data.splits["valid"].tolist())) in (0, 10)
    assert "9 duplicates kept on one side" in data.notes
    assert data.facts["duplicates"]["shown"][0][:2] == ["ants/000.png", "ants/copy1.png"]


def test_given_parts(folder: Make, cache: Path) -> None:
    folder({"ants": 5, "bees": 5}, "train")
    root = folder({"ants": 2, "bees": 3}, "val", seed=5000)
    folder({"ants": 1, "wasps": 1}, "test")
    (root / "val" / "ants" / "seen.png").write_bytes((root / "train" / "ants" / "000.png").read_bytes())
    data = open_data(root, cache=cache)
    assert data.facts["counts"] == {"train": {"ants": 4, "bees": 5}, "valid": {"ants": 3, "bees": 3}}
    assert "test left unopened" in data.notes and "1 training image left out: also in valid" in data.notes


def test_evaluation_uses_the_classes_and_size_of_the_run(folder: Make, cache: Path) -> None:
    trained = open_data(folder({"ants": 5, "bees": 5, "wasps": 5}), cache=cache, image_size=12)
    other = folder({"bees": 2, "wasps": 1}, name="other")
    data = open_data(other, cache=cache, parts="test", like=trained.decoding)
    assert data.y.tolist() == [1, 1, 2] and data.x.shape == (3, 12, 12, 3)
    assert data.classes == ("ants", "bees", "wasps") and data.splits["test"].tolist() == [0, 1, 2]
    assert data.decoding == trained.decoding
    strange = folder({"bees": 1, "moths": 1}, name="strange")
    assert refused(strange, cache, parts="test", like=trained.decoding) == (
        f"{strange} has 1 class the model does not know: moths. It knows: ants, bees, wasps."
    )


def test_like_keeps_grey_grey(folder: Make, cache: Path) -> None:
    root = folder({"a": 3, "b": 3})
    grey: Data = open_data(root, cache=cache)
    like = grey.decoding | {"channels": 1}
    assert open_data(root, cache=cache, parts="test", like=like).x.shape == (6, 16, 16, 1)


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ({"ants": 5}, "has one class only: ants. Expected two or more to tell apart."),
        ({"ants": 5, "bees": 0, "cats": 5}, "1 class folder of {root} without a file: bees."),
        ({"ants": 5, "bees": 1}, "1 class of {root} with fewer than 2 readable images: bees (1)."),
        ({"ants": 0, "bees": 0}, "The class folders of {root} are empty: ants, bees."),
    ],
)
def test_what_cannot_be_learnt(folder: Make, cache: Path, counts: dict[str, int], message: str) -> None:
    root = folder(counts)
    assert message.format(root=root) in refused(root, cache)


def test_class_that_only_valid_has(folder: Make, cache: Path) -> None:
    folder({"ants": 5, "bees": 5}, "train")
    root = folder({"ants": 2, "bee": 3}, "valid", seed=5000)
    assert refused(root, cache) == "valid has 1 class that train lacks: bee. Train has: ants, bees."


def test_class_that_valid_lacks_is_said(folder: Make, cache: Path) -> None:
    folder({"ants": 5, "bees": 5}, "train")
    root = folder({"ants": 2}, "valid", seed=5000)
    assert "valid has none of bees" in open_data(root, cache=cache).notes


def test_valid_is_a_copy_of_train(folder: Make, cache: Path) -> None:
    folder({"ants": 5, "bees": 5}, "train")
    root = folder({"ants": 5, "bees": 5}, "valid")
    assert "No image is left for train" in refused(root, cache)
    (root / "train" / "ants" / "new.png").write_bytes((root / "train" / "ants" / "000.png").read_bytes())
    Image.new("RGB", (16, 16)).save(root / "train" / "ants" / "new.png")
    assert "Nothing is left to learn bees from" in refused(root, cache)


def test_a_file_that_has_become_readable_is_read(noise: Callable[..., Image.Image]) -> None:
    with tempfile.TemporaryDirectory() as name:  # unlike tmp_path, any user may be let in
        root, cache = Path(name) / "photos", Path(name) / "cache"
        for k, label in enumerate(("ants", "bees")):
            (root / label).mkdir(parents=True)
            for i in range(10):
                noise(10 * k + i).save(root / label / f"{i}.png")
        cache.mkdir()
        for place in (Path(name), cache):
            os.chmod(place, 0o777)
        os.chmod(root / "ants" / "3.png", 0)
        user = os.geteuid()
        if user == 0:
            os.seteuid(65534)  # root may read everything
        try:
            data = open_data(root, cache=cache)
            assert data.quarantined == (Quarantined("ants/3.png", "cannot be read: Permission denied"),)
        finally:
            os.seteuid(user)
        os.chmod(root / "ants" / "3.png", 0o644)  # changes neither size nor time
        assert len(open_data(root, cache=cache).x) == 20


def test_cache_that_cannot_be_written(folder: Make, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageFailed, match="cannot be written"):
        open_data(folder({"a": 3, "b": 3}), cache=tmp_path / "file")
