"""The benchmark programs: ratios, processes, and tables made from results."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import tables
from throughput import ratios
from time_to_accuracy import Finished, run

BENCHMARKS = Path(tables.__file__).parent
MACHINE = {"processor": "P", "cores": 2, "versions": {"torch": "2.13.0", "keras": None}, "commit": "0123456789abcdef"}
THROUGHPUT = {
    "mlp": {
        "machine": MACHINE,
        "settings": {"batch": 32, "turns": 3, "steps": 1000, "threads": 2, "seed": 0},
        "unit": "us/step",
        "reference": "by hand",
        "turns": {"by hand": [100.0, 200.0, 100.0], "slow": [300.0, 500.0, 200.0]},
        "medians": {"by hand": 100.0, "slow": 300.0},
        "ratios": {"by hand": 1.0, "slow": 2.5},
    }
}


def test_ratio_is_the_median_of_ratios_within_a_turn() -> None:
    turns = {"by hand": [100.0, 200.0, 100.0], "slow": [300.0, 500.0, 200.0]}
    assert ratios(turns, "by hand") == {"by hand": 1.0, "slow": 2.5}
    assert ratios(turns, "absent") == {}


def test_tables_are_filled_between_their_markers() -> None:
    page = "a\n<!-- throughput -->\nold\n<!-- end of throughput -->\nb\n"
    page += "".join(f"<!-- {name} --><!-- end of {name} -->\n" for name in tables.TABLES if name != "throughput")
    filled = tables.fill(page, {"throughput": THROUGHPUT})
    assert "old" not in filled
    assert "| by hand | 100 | 100 - 200 | 1.00 |\n| slow | 300 | 200 - 500 | 2.50 |" in filled
    assert "P, 2 cores; torch 2.13.0; commit 0123456789ab." in filled
    assert "<!-- time_to_accuracy -->\nNot measured yet.\n<!-- end of time_to_accuracy -->" in filled
    assert tables.fill(filled, {"throughput": THROUGHPUT}) == filled


def test_a_page_without_markers_is_refused() -> None:
    with pytest.raises(SystemExit, match="0 places for the table throughput"):
        tables.fill("nothing", {})


def test_the_readme_says_what_the_results_say() -> None:
    checked = subprocess.run([sys.executable, BENCHMARKS / "tables.py", "--check"], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stderr


def test_a_program_is_measured(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text("block = bytearray(700 * 2**20)\nprint('done')\n")
    # By a process of its own, as benchmarks are: a child begins with the peak of what it was forked from.
    measure = f"from time_to_accuracy import run; print(repr(run([{sys.executable!r}, {str(script)!r}], threads=1)))"
    ended = subprocess.run([sys.executable, "-c", measure], cwd=BENCHMARKS, capture_output=True, text=True, check=True)
    finished = eval(ended.stdout, {"Finished": Finished})
    assert finished.output == "done\n"
    assert finished.seconds > 0
    assert 700 < finished.peak_mib < 900
    with pytest.raises(SystemExit, match="ended with 3"):
        run([sys.executable, "-c", "import sys; sys.exit(3)"], threads=1)


def test_turns_are_taken_by_processes_of_their_own(tmp_path: Path) -> None:
    command = [sys.executable, BENCHMARKS / "throughput.py", tmp_path, "--only", "mlp", "--turns", "2", "--steps", "5"]
    before = _results()
    ended = subprocess.run(
        [*command, "--threads", "1", "--contenders", "by hand", "trainwell"], capture_output=True, text=True
    )
    assert ended.returncode == 0, ended.stderr
    order = [line[:38].split("turn")[1].strip() for line in ended.stdout.splitlines()[:4]]
    assert order == ["1  by hand", "1  trainwell", "2  by hand", "2  trainwell"]
    assert _results() == before  # a part of the contenders is no result


def _results() -> dict | None:
    file = BENCHMARKS / "results" / "throughput.json"
    return json.loads(file.read_text()) if file.exists() else None
