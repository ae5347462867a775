"""Are the healthy programs healthy? What a neighbour would gain, and what a simple guess would reach.

    cd benchmarks; python -m healthy.prove [--only TEXT ...] [--out FILE]

Each program is trained with two seeds as it stands, with twice the epochs, and with its learning rate times 3 and
divided by 3. A training's final metric is the mean over the last fifth of its epochs. It is proven when with every seed
no neighbour gains 0.05 or more, the validation loss ends at most 1.3 times above its minimum (or at most at 0.1), and
the final metric is at least 0.05 above the most frequent answer or the mean. The results of programs that were not
asked for stay; those of programs that are no more are dropped. Exit status 1 if any asked for is not proven.
"""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import torch

from healthy.index import programs
from healthy.program import Build, baseline, train
from machine import describe

OUT = Path(__file__).parents[1] / "results" / "healthy.json"
SEEDS = (0, 1)
NEIGHBOURS = {"epochs x2": (1.0, 2), "rate x3": (3.0, 1), "rate /3": (1 / 3, 1)}
GAIN = 0.05
RISE = 1.3
SMALL_LOSS = 0.1


def final(metric: list[float]) -> float:
    """Mean of the last fifth of the epochs, at least of one."""
    last = metric[-max(1, len(metric) // 5) :]
    return sum(last) / len(last)


def prove(build: Build, seed: int) -> dict[str, Any]:
    """Figures of one program with one seed."""
    program = build(seed)
    began = time.perf_counter()
    log = train(program, seed)
    seconds = time.perf_counter() - began
    neighbours = {}
    for name, (rate, length) in NEIGHBOURS.items():
        neighbours[name] = round(final(train(build(seed, rate, length), seed)["metric"]), 4)
    return {
        "seed": seed,
        "final": round(final(log["metric"]), 4),
        "baseline": round(baseline(program), 4),
        "neighbours": neighbours,
        "valid_loss": round(log["valid_loss"][-1], 5),
        "least_valid_loss": round(min(log["valid_loss"]), 5),
        "steps": len(log["losses"]),
        "seconds": round(seconds, 2),
    }


def complaints(figures: dict[str, Any]) -> list[str]:
    """What speaks against the health of one training; none when it is proven."""
    said = [
        f"{name} gains {value - figures['final']:.3f}"
        for name, value in figures["neighbours"].items()
        if value - figures["final"] >= GAIN
    ]
    if figures["valid_loss"] > max(RISE * figures["least_valid_loss"], SMALL_LOSS):
        said.append(f"validation loss rose from {figures['least_valid_loss']:.3f} to {figures['valid_loss']:.3f}")
    if figures["final"] - figures["baseline"] < GAIN:
        said.append(f"final {figures['final']:.3f} against a guess of {figures['baseline']:.3f}")
    return said


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="*", default=[""], metavar="TEXT")
    parser.add_argument("--out", type=Path, default=OUT)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    results = json.loads(asked.out.read_text())["programs"] if asked.out.exists() else {}
    machine, failed = describe("scikit-learn"), 0
    for name, build in programs().items():
        if not any(text in name for text in asked.only):
            continue
        runs = [prove(build, seed) for seed in SEEDS]
        said = [f"seed {run['seed']}: {text}" for run in runs for text in complaints(run)]
        failed += bool(said)
        results[name] = {"proven": not said, "complaints": said, "machine": machine, "runs": runs}
        kept = {known: results[known] for known in programs() if known in results}
        asked.out.write_text(json.dumps({"seeds": SEEDS, "programs": kept}, indent=1) + "\n")
        for run in runs:
            print("!" if said else " ", f"{name:24}", run["final"], run["baseline"], *run["neighbours"].values(),
                  f"{run['seconds']} s", flush=True)  # fmt: skip
        for text in said:
            print("     ", text, flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
