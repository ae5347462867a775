import json
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from trainwell.data import pixels as data_pixels
from trainwell.data.frames import Survey, Wanted, survey
from trainwell.data.images import Frame
from trainwell.data.pixels import booted, load_pixels, write_pixels
from trainwell.errors import BadData

Make = Callable[..., Path]


def paths_of(root: Path) -> list[str]:
    return sorted(str(path) for path in root.rglob("*.png"))


def written(tmp_path: Path, paths: list[str], threads: int | None = None) -> Path:
    target = tmp_path / "made"
    target.mkdir()
    write_pixels(target, paths, Wanted(), threads, lambda *_: None)
    return target


@pytest.mark.parametrize("threads", [None, 1, 3])
def test_rows_follow_the_files_whatever_the_threads(tmp_path: Path, folder: Make, threads: int | None) -> None:
    paths = paths_of(folder({"a": 600}))
    Path(paths[5]).write_bytes(b"")
    pixels = load_pixels(written(tmp_path, paths, threads), lambda i: paths[i])
    assert pixels is not None
    assert pixels.x.shape == (599, 16, 16, 3) and not pixels.x.flags.writeable
    assert pixels.rows.tolist() == [i for i in range(600) if i != 5]
    assert pixels.broken == ((5, "empty file"),)
    for row in (0, 4, 5, 300, 598):
        assert (pixels.x[row] == np.asarray(Image.open(paths[pixels.rows[row]]))).all()


def test_equal_pixels_have_equal_digests(tmp_path: Path, folder: Make) -> None:
    root = folder({"a": 3})
    Image.open(root / "a" / "001.png").save(root / "a" / "003.png", compress_level=0)  # other bytes, same pixels
    paths = paths_of(root)
    pixels = load_pixels(written(tmp_path, paths), lambda i: paths[i])
    assert pixels is not None
    assert pixels.digests[1] == pixels.digests[3] and len(set(pixels.digests.tolist())) == 3


def test_after_another_boot_all_is_checked_once(tmp_path: Path, folder: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data_pixels, "_CHECKED_ROWS", 2)
    boot = tmp_path / "boot"
    boot.write_text("first\n")
    monkeypatch.setattr(data_pixels, "_BOOT", boot)
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    paths = paths_of(folder({"a": 10}))
    made = written(tmp_path, paths)
    assert not synced  # the disk is not waited for
    whole, index = (made / "pixels.u8").read_bytes(), (made / "index.json").read_bytes()

    def loads() -> bool:
        return load_pixels(made, lambda i: paths[i]) is not None

    (made / "pixels.u8").write_bytes(whole[: 3 * 768] + bytes(768) + whole[4 * 768 :])
    assert loads()  # only the ends were looked at
    boot.write_text("second\n")
    assert not loads()
    (made / "pixels.u8").write_bytes(whole)
    assert loads() and json.loads((made / "index.json").read_bytes()) == json.loads(index) | {"boot": None}
    assert sorted(os.listdir(made)) == ["index.json", "index.npz", "pixels.u8"]
    (made / "pixels.u8").write_bytes(whole[: 3 * 768] + bytes(768) + whole[4 * 768 :])
    assert loads()  # once
    shutil.rmtree(made)
    boot.unlink()
    assert booted() is None
    synced.clear()
    written(tmp_path, paths)
    assert len(synced) == 3


def test_damage_is_noticed(tmp_path: Path, folder: Make) -> None:
    paths = paths_of(folder({"a": 10}))
    made = written(tmp_path, paths)
    whole = {name: (made / name).read_bytes() for name in ("pixels.u8", "index.npz", "index.json")}

    def loads() -> bool:
        return load_pixels(made, lambda i: paths[i]) is not None

    assert loads()
    index = json.loads(whole["index.json"])
    damages = {
        "pixels.u8": [whole["pixels.u8"][:-1], whole["pixels.u8"][:768] + bytes(768) + whole["pixels.u8"][1536:]],
        "index.npz": [b"", whole["index.npz"][:-9], whole["index.npz"][:200] + b"x" + whole["index.npz"][201:]],
        "index.json": [b"", b"[]", b"{", json.dumps(index | {"version": 0}).encode()],
    }
    for name, contents in damages.items():
        for content in contents:
            (made / name).write_bytes(content)
            assert not loads(), (name, content[:20])
        (made / name).unlink()
        assert not loads()
        (made / name).write_bytes(whole[name])
        assert loads()


def test_file_size_limit_is_an_error_and_not_a_signal(tmp_path: Path, folder: Make) -> None:
    paths = paths_of(folder({"a": 100}))
    (tmp_path / "made").mkdir()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            write_pixels(tmp_path / "made", paths, Wanted(), 1, lambda *_: None)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_nothing_readable(tmp_path: Path) -> None:
    (tmp_path / "a.png").touch()
    with pytest.raises(BadData, match="None of 1 files looked at can be read as an image"):
        written(tmp_path, [str(tmp_path / "a.png")])


def test_memory_does_not_grow_with_the_data(tmp_path: Path, folder: Make) -> None:
    paths = paths_of(folder({"a": 20}))
    script = (
        "import resource, sys\nfrom pathlib import Path\nfrom trainwell.data.frames import Wanted\n"
        "from trainwell.data.pixels import write_pixels\n"
        "paths = sys.argv[2:]\npeak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024\n"
        "made = Path(sys.argv[1])\nfor side, times in ((64, 1), (512, 20)):\n"
        "    (made / str(side)).mkdir(parents=True)\n"
        "    write_pixels(made / str(side), paths * times, Wanted(side, side, 3), 1, lambda *_: None)\n"
        "    print(peak())\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "made"), *paths], capture_output=True, text=True, check=True
    )
    small, large = map(int, run.stdout.split())
    assert os.path.getsize(tmp_path / "made" / "512" / "pixels.u8") == 400 * 512 * 512 * 3  # 300 MiB
    assert large - small < 100


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ([(32, 32)] * 3, (32, 32)),
        ([(48, 20)] * 3, (20, 48)),  # width, height -> height, width
        ([(30, 40), (28, 60), (50, 29)], (29, 29)),
        ([(500, 375), (300, 400)], (128, 128)),
        ([(80, 80)] * 2, (128, 128)),
    ],
)
def test_size_is_told_from_the_headers(tmp_path: Path, sizes: list[tuple[int, int]], expected: tuple[int, int]) -> None:
    for i, size in enumerate(sizes):
        Image.new("RGB", size).save(tmp_path / f"{i}.png")
    frame = survey(paths_of(tmp_path), Wanted(), 1).frame
    assert (frame.height, frame.width, frame.channels) == (*expected, 3)
    asked = survey(paths_of(tmp_path), Wanted(7, 9, 1), 1).frame
    assert asked == Frame(7, 9, 1)


@pytest.mark.parametrize(("grey", "colour", "channels"), [(3, 0, 1), (3, 1, 1), (2, 2, 3), (1, 3, 3)])
def test_channels_are_what_most_have(tmp_path: Path, grey: int, colour: int, channels: int) -> None:
    for i in range(grey + colour):
        Image.new("L" if i < grey else "RGB", (8, 8)).save(tmp_path / f"{i}.png")
    assert survey(paths_of(tmp_path), Wanted(), 1).frame.channels == channels


def test_small_files_are_decoded_by_one_thread() -> None:
    assert Survey(Frame(32, 32, 3), 32 * 32, None, 32 * 32).num_threads(8) == 1
    assert Survey(Frame(128, 128, 3), 500 * 375, None, 128 * 128).num_threads(8) == 8
