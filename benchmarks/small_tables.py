"""Scores of the default recipe on small tables, beside a linear model on the same rows.

    python benchmarks/small_tables.py [NAME ...] [--seeds 5] [--first 0] [--out FILE]

NAME is a built-in data set. Each seed draws another split, other weights and another order. `heldout` is scored on
rows that chose nothing; `valid` chose the weights. The linear model is scikit-learn's `RidgeCV`, or its
`LogisticRegression` as it comes, on the same standardised training rows; it does not see the validation rows either.
Results go to results/small_tables.json.
"""

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import trainwell
from machine import describe
from trainwell.data.open import open_data

HERE = Path(__file__).parent
NAMES = ("wine", "breast-cancer", "diabetes")
PARTS = ("valid", "heldout")
PENALTIES = np.logspace(-3, 4, 30)  # among these RidgeCV chooses, within the training rows


def fitted(name: str, seed: int) -> dict[str, Any]:
    """Scores, seconds and findings of `trainwell.fit` with the default recipe and one seed."""
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        run = trainwell.fit(name, [f"seed={seed}"], out=Path(folder, "run"))
        seconds = time.perf_counter() - began
        scores = run.verdict["scores"]
        metric = "r2" if "heldout_r2" in scores else "accuracy"
        return {
            "seed": seed,
            "metric": metric,
            **{part: scores[f"{part}_{metric}"] for part in PARTS},
            "seconds": round(seconds, 2),
            "train_seconds": run.verdict["seconds"],
            "healthy": run.verdict["healthy"],
            "findings": [f"{found['severity']} {found['problem']}: {found['message']}" for found in run.findings],
        }


def linear(name: str, seed: int) -> dict[str, float]:
    """Scores of the linear model on the split of this seed."""
    data = open_data(name, seed=seed)
    x, y = np.asarray(data.x), np.asarray(data.y)
    model = RidgeCV(PENALTIES) if data.task == "regression" else LogisticRegression(max_iter=1000)
    train = data.splits["train"]
    pipeline = make_pipeline(StandardScaler(), model).fit(x[train], y[train])
    return {part: float(pipeline.score(x[data.splits[part]], y[data.splits[part]])) for part in PARTS}


def summary(values: list[float]) -> dict[str, float]:
    """Mean and standard deviation, lowest and highest."""
    spread = statistics.stdev(values) if len(values) > 1 else 0.0
    found = {"mean": statistics.mean(values), "deviation": spread, "lowest": min(values), "highest": max(values)}
    return {name: round(value, 4) for name, value in found.items()}


def measured(name: str, seeds: range) -> dict[str, Any]:
    """All seeds of one data set, and what they come to; says each as it is done."""
    runs = []
    for seed in seeds:
        runs.append(fitted(name, seed) | {"linear": linear(name, seed)})
        run = runs[-1]
        print(
            f"{name} seed {seed}: {run['metric']} valid {run['valid']:.4f}, heldout {run['heldout']:.4f} "
            f"(linear {run['linear']['heldout']:.4f}), {run['seconds']:.1f} s",
            *run["findings"],
            sep="\n    ",
            flush=True,
        )
    result = {
        "metric": runs[0]["metric"],
        **{part: summary([run[part] for run in runs]) for part in PARTS},
        "linear": {part: summary([run["linear"][part] for run in runs]) for part in PARTS},
        "seconds": summary([run["seconds"] for run in runs]),
        "runs": runs,
    }
    means = {"network": result["heldout"]["mean"], "linear": result["linear"]["heldout"]["mean"]}
    said = ", ".join(f"{who} {mean:.4f}" for who, mean in means.items())
    print(f"{name}: mean held-out {result['metric']} over {len(runs)} seeds: {said}", flush=True)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", default=NAMES, metavar="NAME")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--out", type=Path, default=HERE / "results" / "small_tables.json")
    arguments = parser.parse_args()
    if arguments.seeds < 1:
        parser.error(f"--seeds {arguments.seeds} measures nothing: expected at least 1.")
    seeds = range(arguments.first, arguments.first + arguments.seeds)
    results = {name: measured(name, seeds) for name in arguments.names}
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    content = {"machine": describe("scikit-learn", "numpy"), "seeds": list(seeds), "results": results}
    arguments.out.write_text(json.dumps(content, indent=1) + "\n")
    print(f"written to {arguments.out}")


if __name__ == "__main__":
    main()
