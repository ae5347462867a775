"""The code in the README of an exported folder, and what it prints."""

import re
import subprocess
import sys
from pathlib import Path

BLOCKED = (
    "import sys; sys.modules['trainwell'] = None; sys.argv = ['run.py', *sys.argv[1:]]; exec(open('run.py').read())"
)


def code_of(folder: Path) -> str:
    """The code in the README, which imports nothing of Trainwell."""
    [code] = re.findall(r"```python\n(.*?)```", (folder / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert len([line for line in code.splitlines() if line.strip()]) <= 18
    assert not re.search(r"^\s*(from|import) trainwell", code, re.MULTILINE)
    return code


def said(printed: str) -> list[list[str]]:
    """The words of each line that the code of a README prints; the name comes first and may have spaces."""
    return [line.rsplit(" ", 2) for line in printed.splitlines()]


def without_trainwell(folder: Path, *arguments: str | Path) -> list[list[str]]:
    """The code of the README, run as it stands where `trainwell` cannot be imported."""
    (folder / "run.py").write_text(code_of(folder))
    done = subprocess.run(
        [sys.executable, "-c", BLOCKED, *map(str, arguments)], cwd=folder, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return said(done.stdout)
