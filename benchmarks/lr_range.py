"""The learning-rate range test against full sweeps of the rate, and against the rules of other programs.

    python benchmarks/lr_range.py DATA [NAME ...] [--seeds 3] [--development] [--quick] [--cells FILE] [--out FILE]

DATA holds the folders mnist-png and cifar10-jpg, each with train and test. NAME is a problem of rates/problems.py. A
sweep trains at full length over a log grid: every half decade with the first seed, and then six rates a decade, with
all seeds, a decade around the best of those. Every rule starts from the weights of each seed and suggests a rate, which
is trained with the same seed; what it has lost is the sweep's best mean accuracy on the test rows, less its own mean.
`rates` is `trainwell.search.rate_range`; steep, valley, slide and minimum read fastai's ramp, minimum/10 our own.
`--development` takes the problems on which the constants of the test were chosen. `--quick` is one seed and a tenth of
the steps: it shows that all runs. Trainings done are kept in `--cells` and not repeated. Results go to
results/lr_range.json.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from machine import describe
from rates.problems import DEVELOPMENT, PROBLEMS, Problem
from rates.rules import RULES, ramp, ramp_minimum
from rates.training import ENGINE, trained
from trainwell.search.rate_range import rate_range_of

HERE = Path(__file__).parent
OURS = "rates"
CLOSE = 0.005  # of the sweep's best: half a point
_COARSE, _FINE = 2, 6  # rates a decade
_AROUND = 0.5  # decades to both sides of the best coarse rate
_QUICK = 0.1  # of the steps


@dataclass
class Cells:
    """What was trained, kept in a file where there is one."""

    file: Path | None
    known: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.file is not None and self.file.exists():
            lines = map(json.loads, self.file.read_text().splitlines())
            self.known = {line["cell"]: line["value"] for line in lines}

    def of(self, cell: str, make: Callable[[], Any]) -> Any:
        """The value of a cell, made where it is not known yet."""
        if cell not in self.known:
            self.known[cell] = make()
            if self.file is not None:
                with self.file.open("a") as file:
                    file.write(json.dumps({"cell": cell, "value": self.known[cell]}) + "\n")
        return self.known[cell]


class Measured:
    """One problem: its sweep, and what the rules suggest."""

    def __init__(self, problem: Problem, folder: Path, seeds: range, share: float, cells: Cells) -> None:
        self.problem, self.folder, self.seeds, self.cells = problem, folder, seeds, cells
        self.epochs = f"epochs={problem.recipe.epochs * share:.6g}"

    def accuracy(self, rate: float, seed: int) -> float:
        """Test accuracy after a training of full length, and of a tenth of it when in a hurry."""
        edits = (f"optimizer.lr={rate:.4g}", self.epochs)
        cell = f"{self.problem.name} | {seed} | {' '.join(edits)}"
        found: dict[str, float] = self.cells.of(cell, lambda: trained(self.problem.setup(self.folder, seed, *edits)))
        return found["accuracy"]

    def mean(self, rate: float) -> float:
        """Over the seeds."""
        return statistics.fmean(self.accuracy(rate, seed) for seed in self.seeds)

    def sweep(self) -> dict[float, float]:
        """Mean accuracy by rate."""
        low, high = np.log10(self.problem.rates)
        coarse = {x: self.accuracy(10**x, self.seeds[0]) for x in _between(low, high, _COARSE)}
        best = max(coarse, key=coarse.__getitem__)
        fine = _between(best - _AROUND, best + _AROUND, _FINE)
        found = {float(f"{10**x:.4g}"): self.mean(10**x) for x in fine}
        while max(found, key=found.__getitem__) == max(found):  # it rises to the end: go on
            found[float(f"{max(found) * 10 ** (1 / _FINE):.4g}")] = self.mean(max(found) * 10 ** (1 / _FINE))
        while max(found, key=found.__getitem__) == min(found):
            found[float(f"{min(found) / 10 ** (1 / _FINE):.4g}")] = self.mean(min(found) / 10 ** (1 / _FINE))
        return dict(sorted(found.items()))

    def suggestions(self, seed: int) -> dict[str, Any]:
        """The rate of every rule, from the weights of this seed."""
        cell = f"{self.problem.name} | {seed} | suggestions | {self.epochs}"
        found: dict[str, Any] = self.cells.of(cell, lambda: self._suggested(seed))
        return found

    def _suggested(self, seed: int) -> dict[str, Any]:
        setup = self.problem.setup(self.folder, seed, self.epochs)
        began = time.process_time()
        test = rate_range_of(setup, ENGINE)
        seconds = time.process_time() - began
        rates, losses = ramp(self.problem.setup(self.folder, seed))
        return {
            OURS: setup.rate if test.suggestion is None else test.suggestion,
            **{name: rule(rates, losses) for name, rule in RULES.items()},
            "minimum/10": ramp_minimum(self.problem.setup(self.folder, seed)),
            "test": test.json() | {"seconds": round(seconds, 2)},
        }

    def seconds(self, rate: float) -> float:
        """Processor seconds of one training, on one thread."""

        def timed() -> float:
            setup = self.problem.setup(self.folder, self.seeds[0], f"optimizer.lr={rate:.4g}", self.epochs)
            began = time.process_time()
            trained(setup)
            return round(time.process_time() - began, 2)

        found: float = self.cells.of(f"{self.problem.name} | {rate:.4g} | seconds | {self.epochs}", timed)
        return found

    def result(self) -> dict[str, Any]:
        """Everything measured."""
        sweep = self.sweep()
        best = max(sweep, key=sweep.__getitem__)
        suggested = {seed: self.suggestions(seed) for seed in self.seeds}
        rules: dict[str, Any] = {}
        for name in (OURS, *RULES, "minimum/10"):
            accuracies = [self.accuracy(suggested[seed][name], seed) for seed in self.seeds]
            rules[name] = {
                "rates": [float(f"{suggested[seed][name]:.4g}") for seed in self.seeds],
                "accuracies": accuracies,
                "lost": round(sweep[best] - statistics.fmean(accuracies), 5),
            }
        tests = [suggested[seed]["test"] for seed in self.seeds]
        return {
            "best_rate": best,
            "best_accuracy": sweep[best],
            "sweep": sweep,
            "within": [rate for rate, accuracy in sweep.items() if accuracy >= sweep[best] - CLOSE],
            "rules": rules,
            "seconds": self.seconds(best),
            "cost": statistics.fmean(test["cost"] for test in tests),
            "spread": [test["spread"] for test in tests],
            "verdicts": [test["verdict"] for test in tests],
            "test_rows": len(self.problem.setup(self.folder, 0).feeds["test"]),
        }


def _between(low: float, high: float, per_decade: int) -> list[float]:
    return [float(x) for x in np.linspace(low, high, round((high - low) * per_decade) + 1)]


def summary(results: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """For each rule: on how many problems it is close to the best, what it loses on average and at worst, and on how
    many problems the range test does better than it."""
    found = {}
    for name in next(iter(results.values()))["rules"]:
        lost = [result["rules"][name]["lost"] for result in results.values()]
        ours = [result["rules"][OURS]["lost"] for result in results.values()]
        found[name] = {
            "close": sum(each <= CLOSE for each in lost),
            "mean_lost": round(statistics.fmean(lost), 5),
            "worst_lost": max(lost),
            "ours_better": sum(mine < theirs for mine, theirs in zip(ours, lost, strict=True)),
        }
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--development", action="store_true")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--cells", type=Path)
    parser.add_argument("--out", type=Path, default=HERE / "results" / "lr_range.json")
    arguments = parser.parse_args()
    problems = {problem.name: problem for problem in (DEVELOPMENT if arguments.development else PROBLEMS)}
    unknown = set(arguments.names) - set(problems)
    if unknown:
        parser.error(f"There is no problem {', '.join(sorted(unknown))}. Known: {', '.join(problems)}.")
    seeds = range(1 if arguments.quick else arguments.seeds)
    share = _QUICK if arguments.quick else 1.0
    cells, results = Cells(arguments.cells), {}
    for name in arguments.names or problems:
        results[name] = Measured(problems[name], arguments.data, seeds, share, cells).result()
        lost = ", ".join(f"{rule} {100 * found['lost']:.2f}" for rule, found in results[name]["rules"].items())
        print(f"{name}: best {results[name]['best_rate']:.3g}, points lost: {lost}", flush=True)
    content = {
        "machine": describe("scikit-learn"),
        "settings": {"seeds": list(seeds), "share": share, "threads": ENGINE.threads},
        "longest_training": max(result["seconds"] for result in results.values()),
        "results": results,
        "summary": summary(results),
    }
    arguments.out.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
