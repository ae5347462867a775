import os
import threading
from pathlib import Path

import pytest

from trainwell.data.cache import cache_root, kept
from trainwell.errors import StorageFailed


def load(folder: Path) -> str | None:
    return (folder / "content").read_text() if (folder / "content").exists() else None


def test_made_once(tmp_path: Path) -> None:
    made: list[Path] = []

    def make(folder: Path) -> None:
        made.append(folder)
        (folder / "content").write_text("here")

    for _ in range(2):
        assert kept(tmp_path, "key", load, make, lambda: None) == "here"
    assert len(made) == 1 and not made[0].exists()
    assert sorted(os.listdir(tmp_path)) == ["key", "key.lock"]


def test_a_failure_leaves_nothing_and_what_a_killed_process_left_is_removed(tmp_path: Path) -> None:
    (tmp_path / "key.abc.part").mkdir()

    def fail(folder: Path) -> None:
        (folder / "content").write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        kept(tmp_path, "key", load, fail, lambda: None)
    assert os.listdir(tmp_path) == ["key.lock"]


def test_the_second_waits_for_the_first(tmp_path: Path) -> None:
    begun, go = threading.Event(), threading.Event()
    said: list[str] = []
    makers: list[str] = []

    def make(folder: Path) -> None:
        makers.append("made")
        begun.set()
        go.wait(10)
        (folder / "content").write_text("here")

    def waiting() -> None:
        said.append("waiting")
        go.set()

    first = threading.Thread(target=lambda: kept(tmp_path, "key", load, make, lambda: None))
    first.start()
    begun.wait(10)
    assert kept(tmp_path, "key", load, make, waiting) == "here"
    first.join()
    assert makers == ["made"] and said == ["waiting"]


def test_full_disk_says_so(tmp_path: Path) -> None:
    def make(_: Path) -> None:
        with open("/dev/full", "wb", buffering=0) as file:
            file.write(b"x")

    with pytest.raises(StorageFailed, match=r"No space left on device. Free some space, or choose .* --cache DIR"):
        kept(tmp_path, "key", load, make, lambda: None)


def test_root_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageFailed, match="cannot be written"):
        kept(tmp_path / "file", "key", load, lambda _: None, lambda: None)


def test_what_does_not_read_back(tmp_path: Path) -> None:
    with pytest.raises(StorageFailed, match="does not read back"):
        kept(tmp_path, "key", load, lambda _: None, lambda: None)


def test_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRAINWELL_CACHE", str(tmp_path / "moved"))
    assert cache_root(None) == tmp_path / "moved"
    assert cache_root(tmp_path) == tmp_path
    monkeypatch.delenv("TRAINWELL_CACHE")
    assert cache_root(None).name == "trainwell"
