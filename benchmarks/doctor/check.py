"""The real thing: faultbench's own runner asks `trainwell.checkup`, in a process of its own."""

import json
import os
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from doctor.cases import RUNNER

_HERE = Path(__file__).parents[1]


def check(cases: Path, out: Path, *, faultbench: Path, jobs: int = 1, only: str = "") -> dict[str, Any]:
    """Have `faultbench.py score` judge checkups; what it prints is shown.

    Args:
        cases: Folder of cases.
        out: File for its result.
        faultbench: Folder of the runner.
        jobs: Processes side by side; seconds are comparable with 1 only.
        only: Text that the ids contain.

    Returns:
        Its result with `seconds_median` among the totals.

    Raises:
        SystemExit: The runner failed.
    """
    command = [sys.executable, str((faultbench / f"{RUNNER}.py").resolve()), "score", str(cases.resolve())]
    command += ["--tool", "doctor.tools:diagnose", "--out", str(out.resolve()), "--jobs", str(jobs), "--only", only]
    paths = [str(_HERE), *sys.path]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(path for path in paths if path)}
    # The runner puts its working folder first on the path: nothing of ours may be taken for a module there.
    if subprocess.run(command, env=environment, cwd=faultbench, check=False).returncode:
        raise SystemExit(f"The runner failed: {' '.join(command)}")
    result = json.loads(out.read_text())
    result["total"]["seconds_median"] = round(statistics.median(case["seconds"] for case in result["cases"]), 3)
    return result
