"""Fit time and accuracy of `trainwell.Classifier` beside scikit-learn's `MLPClassifier`, by turns in one run.

    python benchmarks/estimators.py [NAME ...] [--turns 10] [--as-they-come] [--out FILE]

In each turn all contenders are fitted once on the same split of the same data, which is another one in the next turn,
and every turn starts with another contender. The networks have one hidden layer of 100 and the epochs of the table
below; nobody stops early. MLPClassifier gets its data standardised beforehand, in float64 as scikit-learn loads it and
in float32; Classifier standardises by itself, on the clock. All run on one thread. `--as-they-come` measures both with
their own defaults too: their size, length and, of MLPClassifier, its stopping. Results go to results/estimators.json.
"""

import argparse
import json
import statistics
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn import datasets
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from machine import describe
from trainwell.estimators.classifier import Classifier

HERE = Path(__file__).parent
WIDTHS = (100,)
NEVER = 10**9  # epochs without improvement after which MLPClassifier would stop
OURS, RIVAL, NARROW = "Classifier", "MLPClassifier", "MLPClassifier, float32"
Fit = Callable[[np.ndarray, np.ndarray], Any]


def covtype_like() -> tuple[np.ndarray, np.ndarray]:
    """50,000 rows of 54 columns, of which 44 are 0 or 1, in 7 classes; 5 % of the labels are wrong."""
    x, y = datasets.make_classification(
        50_000, 54, n_informative=20, n_redundant=10, n_classes=7, n_clusters_per_class=3, flip_y=0.05, random_state=0
    )
    x[:, 10:] = x[:, 10:] > 0
    return x, y


DATA: dict[str, tuple[Callable[[], tuple[np.ndarray, np.ndarray]], int]] = {
    "iris": (lambda: datasets.load_iris(return_X_y=True), 200),
    "wine": (lambda: datasets.load_wine(return_X_y=True), 200),
    "breast-cancer": (lambda: datasets.load_breast_cancer(return_X_y=True), 200),
    "digits": (lambda: datasets.load_digits(return_X_y=True), 200),
    "covtype-like": (covtype_like, 10),
}


def same_size(epochs: int, seed: int) -> dict[str, Fit]:
    """All contenders with the same hidden layer and the same epochs."""

    def rival(x: np.ndarray, y: np.ndarray) -> Any:
        return MLPClassifier(WIDTHS, max_iter=epochs, tol=0, n_iter_no_change=NEVER, random_state=seed).fit(x, y)

    return {
        OURS: lambda x, y: Classifier(widths=WIDTHS, epochs=epochs, random_state=seed).fit(x, y),
        RIVAL: rival,
        NARROW: rival,
    }


def as_they_come(epochs: int, seed: int) -> dict[str, Fit]:  # noqa: ARG001  (theirs are their own)
    """Both with their own defaults."""
    return {
        OURS: lambda x, y: Classifier(random_state=seed).fit(x, y),
        RIVAL: lambda x, y: MLPClassifier(random_state=seed).fit(x, y),
    }


def turn(name: str, seed: int, make: Callable[[int, int], dict[str, Fit]]) -> dict[str, dict[str, float]]:
    """Seconds of the fit and accuracy on the held-out quarter, by contender."""
    load, epochs = DATA[name]
    x, y = load()
    x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=0.25, stratify=y, random_state=seed)
    scaler = StandardScaler().fit(x_train)
    scaled = scaler.transform(x_train), scaler.transform(x_test)
    fits = make(epochs, seed)
    names = list(fits)
    found = {}
    for who in names[seed % len(names) :] + names[: seed % len(names)]:
        train, test = (x_train, x_test) if who == OURS else scaled
        if who == NARROW:
            train, test = train.astype(np.float32), test.astype(np.float32)
        began = time.perf_counter()
        model = fits[who](train, y_train)
        seconds = time.perf_counter() - began
        found[who] = {"seconds": seconds, "accuracy": float(model.score(test, y_test)), "epochs": model.n_iter_}
    return {who: found[who] for who in names}


def measured(name: str, turns: int, make: Callable[[int, int], dict[str, Fit]]) -> dict[str, Any]:
    """All turns of one data set; the ratios and differences are within a turn."""
    turn(name, 0, make)  # what is loaded at first use is not measured
    runs = [turn(name, seed, make) for seed in range(turns)]
    summary: dict[str, Any] = {}
    for who in runs[0]:
        ratios = [run[OURS]["seconds"] / run[who]["seconds"] for run in runs]
        gains = [run[OURS]["accuracy"] - run[who]["accuracy"] for run in runs]
        error = statistics.stdev(gains) / len(gains) ** 0.5 if len(gains) > 1 else 0.0
        summary[who] = {
            "seconds": statistics.median(run[who]["seconds"] for run in runs),
            "accuracy": statistics.mean(run[who]["accuracy"] for run in runs),
            "epochs": statistics.median(run[who]["epochs"] for run in runs),
            "time of ours": statistics.median(ratios),
            "gain of ours": round(statistics.mean(gains), 6) + 0.0,
            "gain error": error,
        }
        print(f"{name}, {who}: " + ", ".join(f"{key} {value:.4g}" for key, value in summary[who].items()), flush=True)
    return {"epochs": DATA[name][1], "summary": summary, "runs": runs}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", default=list(DATA), metavar="NAME", help=", ".join(DATA))
    parser.add_argument("--turns", type=int, default=10)
    parser.add_argument("--as-they-come", action="store_true")
    parser.add_argument("--out", type=Path, default=HERE / "results" / "estimators.json")
    arguments = parser.parse_args()
    strange = [name for name in arguments.names if name not in DATA]
    if strange or arguments.turns < 1:
        parser.error(f"expected names among {', '.join(DATA)} and at least 1 turn, got {arguments.names}.")
    warnings.simplefilter("ignore", ConvergenceWarning)
    torch.set_num_threads(1)
    results: dict[str, Any] = {}
    with threadpool_limits(1):
        for name in arguments.names:
            results[name] = measured(name, arguments.turns, same_size)
            if arguments.as_they_come:
                results[name]["as they come"] = measured(name, arguments.turns, as_they_come)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    content = {
        "machine": describe("scikit-learn", "numpy"),
        "settings": {"turns": arguments.turns, "widths": list(WIDTHS), "threads": 1},
        "results": results,
    }
    arguments.out.write_text(json.dumps(content, indent=1) + "\n")
    print(f"written to {arguments.out}")


if __name__ == "__main__":
    main()
