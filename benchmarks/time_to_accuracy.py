"""Seconds to 90 % test accuracy on CIFAR-10: Trainwell's default recipe and, side by side, the port of airbench94.

    python benchmarks/time_to_accuracy.py DATA [--rounds 1] [--seed 0]

DATA holds train/ and test/, folders of class folders. Trainwell is timed as a person meets it: `trainwell fit` from an
empty cache and `trainwell evaluate`, as processes, everything included. The port is timed as a process too, less the
time in which it looked at the test images after each epoch. Results go to results/time_to_accuracy.json.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

from machine import cores, describe

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "time_to_accuracy.json"


class Finished(NamedTuple):
    """A process that has run; its peak memory is never below that of the process that started it."""

    output: str
    seconds: float
    peak_mib: float


def run(command: list[object], threads: int) -> Finished:
    """Run a program to its end: what it printed on standard output, its wall time, its peak resident memory."""
    env = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    start = time.perf_counter()
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen([str(word) for word in command], stdout=output, env=env)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        text = output.read()
    if process.returncode:
        raise SystemExit(f"{' '.join(map(str, command))} ended with {process.returncode}:\n{text[-3000:]}")
    return Finished(text, round(seconds, 2), round(usage.ru_maxrss / 1024, 1))


def trainwell_round(data: Path, seed: int, threads: int) -> dict[str, Any]:
    """`fit` on the training images and `evaluate` on the test images, which are read this once."""
    program = shutil.which("trainwell", path=Path(sys.executable).parent) or shutil.which("trainwell")
    if program is None:
        raise SystemExit("There is no program called trainwell. Install the package first: pip install -e '.[bench]'")
    with tempfile.TemporaryDirectory() as folder:
        place, cache = Path(folder, "run"), ["--cache", Path(folder, "cache")]
        fitted = run([program, "fit", data / "train", "--out", place, "--seed", seed, *cache], threads)
        tested = run([program, "evaluate", place, data / "test", "--json", *cache], threads)
        lines = [json.loads(line) for line in (place / "record.jsonl").read_text().splitlines()]
    epochs = [line for line in lines if line["kind"] == "epoch"]
    return {
        "seconds": round(fitted.seconds + tested.seconds, 2),
        "fit_seconds": fitted.seconds,
        "train_seconds": epochs[-1]["seconds"],
        "evaluate_seconds": tested.seconds,
        "accuracy": json.loads(tested.output)["metrics"]["accuracy"],
        "valid_accuracy": epochs[-1].get("valid_accuracy"),
        "peak_mib": max(fitted.peak_mib, tested.peak_mib),
    }


def port_round(data: Path, seed: int, threads: int, target: float) -> dict[str, Any]:
    """The port, with its six-view average at the end."""
    ended = run([sys.executable, HERE / "airbench.py", data, "--seed", seed, "--target", target], threads)
    result = json.loads(ended.output.splitlines()[-1])
    return {"seconds": round(ended.seconds - result["judging_seconds"], 2), **result, "peak_mib": ended.peak_mib}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder that holds train/ and test/")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0, help="of the first round; each further round adds one")
    parser.add_argument("--target", type=float, default=0.90)
    parser.add_argument("--threads", type=int, default=cores())
    arguments = parser.parse_args()
    rounds: list[dict[str, Any]] = []
    for number in range(arguments.rounds):
        seed = arguments.seed + number
        both = {"seed": seed, "trainwell": trainwell_round(arguments.data, seed, arguments.threads)}
        both["airbench94"] = port_round(arguments.data, seed, arguments.threads, arguments.target)
        rounds.append(both)
        for name in ("trainwell", "airbench94"):
            line = both[name]
            print(f"seed {seed}  {name:10}  {line['seconds']:7.1f} s  accuracy {line['accuracy']:.4f}", flush=True)
    result = {
        "machine": describe("numpy", "pillow"),
        "settings": {"target": arguments.target, "threads": arguments.threads},
        "rounds": rounds,
        "ratio": round(statistics.median(r["trainwell"]["seconds"] / r["airbench94"]["seconds"] for r in rounds), 4),
    }
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(result, indent=1, sort_keys=True) + "\n")
    print(f"time of trainwell in units of the port's: {result['ratio']:.3f}")


if __name__ == "__main__":
    main()
