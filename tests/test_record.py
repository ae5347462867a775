"""The run folder: replaced atomically, locked by one process, read back with care."""

import fcntl
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from trainwell.errors import BadRun, StorageFailed
from trainwell.family import Part
from trainwell.record import CHECKPOINT, FORMAT, RECIPE, RECORD, Record, RunFolder, finite, read_record, replace


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 KiB."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", place], capture_output=True)
    if mounted.returncode:
        pytest.skip("only root may mount a file system; see the test with a limited file size")
    yield place
    subprocess.run(["umount", place], check=True)


def python(code: str, *args: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code, *map(str, args)]
    return subprocess.run(command, capture_output=True, text=True, check=True)


def test_json_reads_back_with_its_format(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "new" / "run")
    assert not folder.exists
    folder.write_json(RECIPE, {"a": [1, 2.5], "part": Part("x", "y", {"z": 1}), "n": np.float32(0.5), "p": tmp_path})
    assert folder.exists
    assert folder.has(RECIPE)
    assert not folder.has(RECORD)
    expected = {"a": [1, 2.5], "part": {"name": "y", "z": 1}, "n": 0.5, "p": str(tmp_path)}
    assert folder.read_json(RECIPE) == {"format": FORMAT} | expected
    assert [path.name for path in folder.path.iterdir()] == [RECIPE]


def test_numbers_that_json_cannot_hold_are_null_at_any_depth(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.write_json("x.json", {"deep": [{"nan": float("nan")}, np.array([1.0, np.inf])], "t": torch.tensor(np.nan)})
    assert folder.read_json("x.json") == {"format": FORMAT, "deep": [{"nan": None}, [1.0, None]], "t": None}
    assert finite({"a": (1.5, -float("inf"))}) == {"a": [1.5, None]}


def test_tensors_and_state_read_back_in_one_file(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    tensors = {
        "a": torch.arange(6.0).view(2, 3).t(),
        "b": torch.tensor(3, dtype=torch.int64),
        "c": torch.zeros(0),
        "d": torch.rand(2, 3, 4, 4).to(memory_format=torch.channels_last).requires_grad_(),
    }
    folder.write_tensors(CHECKPOINT, tensors, {"step": 3, "best": None, "names": ["x"]})
    read, state = folder.read_tensors(CHECKPOINT)
    assert state == {"step": 3, "best": None, "names": ["x"]}
    assert read.keys() == tensors.keys()
    assert all(torch.equal(read[name], value) for name, value in tensors.items())


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")

    def tear(temporary: Path) -> None:
        assert temporary.parent == tmp_path
        temporary.write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        replace(path, tear)
    assert path.read_text() == "old"
    assert [found.name for found in tmp_path.iterdir()] == ["file"]


def test_who_reads_during_a_write_sees_the_old_file_whole(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")

    def renew(temporary: Path) -> None:
        temporary.write_text("new")

    with open(path) as reader:
        replace(path, renew)
        assert reader.read() == "old"
    assert path.read_text() == "new"


def test_the_record_holds_one_flat_object_a_line(tmp_path: Path) -> None:
    record = Record(RunFolder(tmp_path / "run"))
    record.add("epoch", epoch=1, loss=torch.tensor(0.5), lr=float("inf"))
    record.add("note", text="zwölf\nLinien")
    record.close()
    lines = (tmp_path / "run" / RECORD).read_text().splitlines()
    assert [json.loads(line) for line in lines] == [
        {"kind": "epoch", "epoch": 1, "loss": 0.5, "lr": None},
        {"kind": "note", "text": "zwölf\nLinien"},
    ]
    assert read_record(tmp_path / "run", "note") == [{"kind": "note", "text": "zwölf\nLinien"}]
    assert read_record(tmp_path / "run" / RECORD) == [json.loads(line) for line in lines]


def test_a_line_is_on_disk_at_once_and_a_torn_one_is_left_out(tmp_path: Path) -> None:
    record = Record(RunFolder(tmp_path))
    record.add("epoch", epoch=1)
    assert read_record(tmp_path) == [{"kind": "epoch", "epoch": 1}]
    with open(tmp_path / RECORD, "a") as file:
        file.write('{"kind": "epo')
    assert read_record(tmp_path) == [{"kind": "epoch", "epoch": 1}]
    record.close()


def test_a_record_is_cut_back_to_the_offset(tmp_path: Path) -> None:
    record = Record(RunFolder(tmp_path))
    assert record.offset == 0
    record.add("epoch", epoch=1)
    offset = record.offset
    assert offset == (tmp_path / RECORD).stat().st_size
    record.add("epoch", epoch=2)
    record.close()
    again = Record(RunFolder(tmp_path), offset)
    assert again.offset == offset
    again.add("epoch", epoch=20)
    again.close()
    assert [line["epoch"] for line in read_record(tmp_path)] == [1, 20]
    Record(RunFolder(tmp_path)).close()
    assert read_record(tmp_path) == []


def test_a_record_shorter_than_the_offset_goes_on_after_its_last_whole_line(tmp_path: Path) -> None:
    (tmp_path / RECORD).write_text('{"kind": "epoch", "epoch": 1}\n{"kind": "ep')
    record = Record(RunFolder(tmp_path), 1000)
    record.add("epoch", epoch=2)
    record.close()
    assert [line["epoch"] for line in read_record(tmp_path)] == [1, 2]


def test_the_lock_refuses_a_second_process_and_is_freed_by_a_kill(tmp_path: Path) -> None:
    code = (
        "import sys, time\nfrom trainwell.record import RunFolder\n"
        "with RunFolder(sys.argv[1]).locked():\n    print('held', flush=True)\n    time.sleep(60)\n"
    )
    holder = subprocess.Popen([sys.executable, "-c", code, tmp_path / "run"], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    with holder, holder.stdout:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(BadRun, match=r"run is in use by another process .* give another --out"):  # noqa: SIM117
            with RunFolder(tmp_path / "run").locked():
                pass
        holder.kill()
        holder.wait()
    with RunFolder(tmp_path / "run").locked():
        pass


def test_one_may_look_whether_a_folder_is_held(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    assert not folder.held
    with folder.locked():
        assert folder.held
    assert not folder.held
    handle = open(tmp_path / "run" / ".lock")  # noqa: SIM115
    fcntl.flock(handle, fcntl.LOCK_SH)  # as one who looks holds it, for an instant
    ending = threading.Timer(0.03, handle.close)
    ending.start()
    with folder.locked():
        assert folder.held
    ending.join()


def test_a_file_in_the_way_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file", tmp_path / "file" / "run"):
        with pytest.raises(BadRun, match="cannot be made: a file is in the way"), RunFolder(path).locked():
            pass


def test_clear_removes_the_run_and_nothing_else(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    for name in (RECIPE, RECORD, CHECKPOINT, "best/model.json", "inputs.png", "mine.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    folder.clear()
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
    folder.clear()


def test_what_cannot_be_read_is_refused(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    with pytest.raises(BadRun, match=r"is not a finished run: it has no recipe\.json\. Expected a folder made by"):
        folder.read_json(RECIPE)
    (tmp_path / RECIPE).write_text('{"format": 1, "rec')
    with pytest.raises(BadRun, match=r"recipe\.json cannot be read \(.*\)\. Expected the JSON"):
        folder.read_json(RECIPE)
    (tmp_path / RECIPE).write_text(json.dumps({"format": FORMAT + 1}))
    with pytest.raises(BadRun, match=f"has format {FORMAT + 1}; this version reads up to {FORMAT}. Upgrade trainwell"):
        folder.read_json(RECIPE)
    (tmp_path / CHECKPOINT).write_bytes(b"no tensors")
    for name in (CHECKPOINT, "best/model.safetensors"):
        with pytest.raises(BadRun, match=r"cannot be read \(.*\)\. Expected weights that 'trainwell fit' wrote"):
            folder.read_tensors(name)


def test_tensors_of_a_newer_format_are_refused(tmp_path: Path) -> None:
    save_file({"a": torch.zeros(1)}, tmp_path / CHECKPOINT, metadata={"format": str(FORMAT + 1), "state": "{}"})
    with pytest.raises(BadRun, match=f"has format {FORMAT + 1}; this version reads up to {FORMAT}. Upgrade trainwell"):
        RunFolder(tmp_path).read_tensors(CHECKPOINT)


def test_on_a_full_disk_what_was_saved_before_stays(small_disk: Path) -> None:
    folder = RunFolder(small_disk / "run")
    record = Record(folder)
    record.add("epoch", epoch=1)
    folder.write_tensors(CHECKPOINT, {"a": torch.arange(1000.0)}, {"step": 1})
    folder.write_json(RECIPE, {"epochs": 3})
    with pytest.raises(StorageFailed, match=r"Writing .*checkpoint\.safetensors failed .* What was saved before"):
        folder.write_tensors(CHECKPOINT, {"a": torch.zeros(50_000)}, {"step": 2})
    with pytest.raises(StorageFailed, match=r"Writing .*recipe\.json failed .* a training then goes on with --resume"):
        folder.write_json(RECIPE, {"text": "x" * 70_000})
    with pytest.raises(StorageFailed, match=r"Writing .*record\.jsonl failed"):
        record.add("note", text="x" * 70_000)
    with pytest.raises(StorageFailed, match=r"Writing .*record\.jsonl failed"):
        record.add("note", text="x")
    record.close()
    tensors, state = folder.read_tensors(CHECKPOINT)
    assert torch.equal(tensors["a"], torch.arange(1000.0))
    assert state == {"step": 1}
    assert folder.read_json(RECIPE)["epochs"] == 3
    assert read_record(folder.path) == [{"kind": "epoch", "epoch": 1}]
    assert not [path for path in folder.path.iterdir() if path.suffix == ".tmp"]


def test_a_limit_on_the_size_of_files_is_told_alike(tmp_path: Path) -> None:
    code = (
        "import resource, signal, sys, torch\nfrom trainwell.errors import StorageFailed\n"
        "from trainwell.record import CHECKPOINT, Record, RunFolder\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\nfolder = RunFolder(sys.argv[1])\nrecord = Record(folder)\n"
        "folder.write_tensors(CHECKPOINT, {'a': torch.ones(10)}, {})\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))\n"
        "for act in (lambda: folder.write_tensors(CHECKPOINT, {'a': torch.ones(10_000)}, {}),"
        " lambda: folder.write_json('data.json', {'a': 'x' * 20_000}),"
        " lambda: record.add('note', text='x' * 20_000)):\n"
        "    try:\n        act()\n    except StorageFailed as error:\n        print(error)\n"
        "print(folder.read_tensors(CHECKPOINT)[0]['a'].sum().item())\n"
    )
    lines = python(code, tmp_path).stdout.splitlines()
    assert len(lines) == 4
    assert all("failed" in line and "Free some space or give another --out" in line for line in lines[:3])
    assert lines[3] == "10.0"
    assert not os.path.exists(tmp_path / "data.json")


def test_a_folder_that_is_not_writable_is_told_alike() -> None:
    with pytest.raises(StorageFailed, match=r"failed .*(Permission|permitted|Read-only)"):
        RunFolder("/sys").write_json("run.json", {})
