"""Does searching by the book pay? Three questions, each at equal budgets and over paired seeds.

    python benchmarks/tuning.py [digits] [breast-cancer] [images] [--images FOLDER] [--only grid,stages]
                                [--seeds 5] [--trials 24] [--on auto] [--quick] [--out FILE]

grid    Random search against grid: as many trainings of a quarter of the length, over the declared ranges of rate,
        decay and smoothing of labels (of dropout for rows); then the best of them by validation, at full length.
stages  `tune` against random search at full length with as many epochs in all, over the ranges that `tune` begins
        with; and both against `fit`, whose settings are the recipe's own.

A fifth of the rows is set aside before anything else, by the seed, and is what is scored; the winner of every search
is trained by `fit` with the seed. `images` takes 2,000 images of FOLDER/train, drawn by the seed, and 5,000 of
FOLDER/test, with a narrow convnet and 10 epochs, and `digits` an MLP, so that hundreds of trainings take minutes.
`--quick` is for trying the script: two epochs, six trials, one seed, nothing is written unless --out is given. Results
go to results/tuning.json after each question and data set; what was not run anew stays in it.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.model_selection import train_test_split

import trainwell
from machine import describe
from trainwell.data.open import open_data
from trainwell.method.look import Options, look
from trainwell.method.screen import Silent
from trainwell.method.tune.ranges import own_proposal, space_of
from trainwell.method.tune.rank import ranked
from trainwell.recipe import Recipe
from trainwell.record import RunFolder, read_record
from trainwell.search.ledger import Ledger
from trainwell.search.pruners import pruners
from trainwell.search.running.choose import choose
from trainwell.search.space import Space
from trainwell.search.spelled import bind, read_space
from trainwell.search.storage import Mirror, open_storage
from trainwell.search.strategies import strategies
from trainwell.search.study import Outcome, Study, Sweep
from trainwell.search.work import Work

HERE = Path(__file__).parent
NAMES, QUESTIONS = ("digits", "breast-cancer", "images"), ("grid", "stages")
SHORT = 0.25  # length of a training in the comparison with the grid
TRAINED, TESTED = 2_000, 5_000  # images
EDITS = {"digits": ("model=mlp", "norm_bias_rate=1"), "images": ("model.width=16", "epochs=10")}
QUICK = ("epochs=2", "model=mlp", "norm_bias_rate=1")


@dataclass(frozen=True)
class Problem:
    """Rows to learn from and rows that only `score` looks at."""

    name: str
    known: tuple[np.ndarray, np.ndarray]
    kept_back: tuple[np.ndarray, np.ndarray]
    edits: tuple[str, ...]

    def score(self, run: Path) -> float:
        """Accuracy of a run on the rows that were set aside."""
        return float(trainwell.evaluate(run, self.kept_back).metrics["accuracy"])


def problem(name: str, seed: int, images: Path | None, edits: tuple[str, ...]) -> Problem:
    """A data set, divided by the seed."""
    if name == "images":
        assert images is not None, "checked where the arguments are read"
        parts = [_drawn(images / part, count, seed) for part, count in (("train", TRAINED), ("test", TESTED))]
        return Problem(name, parts[0], parts[1], edits)
    data = open_data(name, parts="all")
    x, y = np.asarray(data.x), np.asarray(data.y)
    known, back = train_test_split(np.arange(len(y)), test_size=0.2, random_state=seed, stratify=y)
    return Problem(name, (x[known], y[known]), (x[back], y[back]), edits)


def _drawn(folder: Path, count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    data = open_data(folder, parts="all")
    rows = np.arange(len(data.y))
    if count < len(rows):
        rows, _ = train_test_split(rows, train_size=count, random_state=seed, stratify=data.y)
    rows = np.sort(rows)
    return np.asarray(data.x[rows]), np.asarray(data.y[rows])


class Searcher:
    """Searches of one problem and seed, outside `tune`: the parts of the package put together by hand."""

    def __init__(self, given: Problem, seed: int, on: str, folder: Path) -> None:
        self.given, self.seed, self.on, self.folder = given, seed, on, folder
        looked = look(given.known, [*given.edits, f"seed={seed}"], Options(), Silent())
        self.recipe: Recipe = looked.recipe
        self.work = Work(looked.data, looked.recipe).calibrated(None)
        feed = len(looked.data.splits["train"])
        self.steps = max(1, round(looked.recipe.epochs * feed / looked.recipe.batch_size))

    def wide(self) -> Space:
        """The declared ranges of three settings."""
        third = "loss.smoothing" if self.given.name != "breast-cancer" else "model.dropout.p"
        keys = ["optimizer.lr", "optimizer.weight_decay", third]
        return bind(read_space([f"{key}=auto" for key in keys if self._has(key)]), self.recipe)

    def _has(self, key: str) -> bool:
        return key != "model.dropout.p" or self.recipe.model.args.get("dropout") is not None

    def search(self, strategy: str, space: Space, count: int, share: float) -> list[Outcome]:
        """The outcomes of a search, with the recipe's own settings first."""
        path = self.folder / f"{strategy}-{share:g}"
        ledger = Ledger(RunFolder(path))
        study = Study(
            ledger=ledger,
            mirror=Mirror(open_storage(None, path), strategy),
            strategy=strategies.resolve(strategy),
            pruner=pruners.resolve("none"),
            seed=self.seed,
            edits=lambda edits: edits,
            say=lambda _: None,
            enough=lambda: False,
        )
        sweep = Sweep(
            name=strategy,
            space=space,
            count=count,
            epochs=lambda edits: share * self.recipe.edit(edits).epochs,
            steps=self.steps,
            least=self.steps,
            seeds=(self.seed,),
            first=(own_proposal(space, self.recipe),) if share == 1.0 else (),
            start=0,
        )
        with choose(self.work, self.on) as runner:
            found = study.carry_out(sweep, runner)
        ledger.close()
        return found

    def final(self, best: Outcome, name: str) -> float:
        """Score of the best settings, trained by `fit`."""
        out = self.folder / f"run-{name}"
        recipe = self.recipe.edit(best.proposal.edits)
        trainwell.fit(self.given.known, recipe=recipe, out=out, options=Options(checks=False))
        return self.given.score(out)


def against_grid(given: Problem, seed: int, trials: int, on: str, folder: Path) -> dict[str, Any]:
    """Random search and grid search with the same number of trainings."""
    searcher = Searcher(given, seed, on, folder)
    space, found = searcher.wide(), {}
    for strategy in ("grid", "random", "quasi_random"):
        outcomes = searcher.search(strategy, space, trials, SHORT)
        best = ranked(outcomes)[0]
        found[strategy] = {"score": searcher.final(best, strategy), "trials": len(outcomes), "best": best.value}
    return {"space": space.words(), "results": found}


def against_random(given: Problem, seed: int, trials: int, on: str, folder: Path) -> dict[str, Any]:
    """`tune`, random search with as many epochs, and `fit`."""
    edits = [*given.edits, f"seed={seed}"]
    began = time.perf_counter()
    tuned = trainwell.tune(given.known, edits, trials=trials, on=on, out=folder / "study")
    seconds = time.perf_counter() - began
    plain = trainwell.fit(given.known, edits, out=folder / "fit")
    searcher = Searcher(given, seed, on, folder)
    spent = _epochs(tuned.path, searcher.recipe.epochs)
    count = max(2, round(spent / searcher.recipe.epochs) - 1)  # the last training is that of the run
    space = space_of(searcher.recipe, [], [], None)
    best = ranked(searcher.search("random", space, count, 1.0))[0]
    results = {
        "tune": {"score": given.score(tuned.run.path), "edits": list(tuned.edits), "seconds": round(seconds, 1)},
        "random": {"score": searcher.final(best, "random"), "edits": list(best.proposal.edits), "trials": count},
        "fit": {"score": given.score(plain.path)},
    }
    return {"epochs": round(spent, 1), "results": results}


def _epochs(study: Path, whole: float) -> float:
    """Epochs that a study spent: those of its trainings, of the test of rates, and of the run at the end."""
    trained = sum(line["epochs"] for line in read_record(study, "trial"))
    tests = sum(line["cost"] * whole for line in read_record(study, "rate") if line["probe"] == "rate_interval")
    return float(trained + tests + whole)


def compared(rounds: Sequence[dict[str, Any]], first: str, other: str) -> dict[str, Any]:
    """Difference of two searches over the seeds, in points of accuracy."""
    points = [100 * (one["results"][first]["score"] - one["results"][other]["score"]) for one in rounds]
    spread = statistics.stdev(points) if len(points) > 1 else 0.0
    return {"points": [round(p, 3) for p in points], "mean": statistics.fmean(points), "deviation": spread}


PAIRS = {"grid": (("random", "grid"), ("quasi_random", "grid")), "stages": (("tune", "random"), ("tune", "fit"))}


def add(out: Path, question: str, name: str, result: dict[str, Any]) -> None:
    """Put a result among those of earlier runs."""
    content = json.loads(out.read_text()) if out.exists() else {"found": {}}
    content["found"].setdefault(question, {})[name] = result | {"machine": describe("torch", "optuna")}
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(content, indent=1) + "\n")


def main() -> None:
    """Run what was asked for, and say each round as it is done."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(NAMES))
    parser.add_argument("--images", type=Path, help="a folder with train and test inside")
    parser.add_argument("--only", default=",".join(QUESTIONS))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--trials", type=int, default=27)
    parser.add_argument("--on", default="auto")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    names = asked.names or [name for name in NAMES if name != "images" or asked.images]
    unknown = [name for name in names if name not in NAMES] + [q for q in asked.only.split(",") if q not in QUESTIONS]
    if unknown or ("images" in names and asked.images is None):
        parser.error(f"unknown: {', '.join(unknown)}" if unknown else "images need --images FOLDER")
    seeds, trials = (1, 6) if asked.quick else (asked.seeds, asked.trials)
    measures = {"grid": against_grid, "stages": against_random}
    out = asked.out or (None if asked.quick else HERE / "results" / "tuning.json")
    settings = {"seeds": seeds, "trials": trials, "on": asked.on}
    for question in asked.only.split(","):
        for name in names:
            edits = QUICK if asked.quick else EDITS.get(name, ())
            rounds = []
            for seed in range(seeds):
                with tempfile.TemporaryDirectory() as folder:
                    given = problem(name, seed, asked.images, edits)
                    rounds.append(measures[question](given, seed, trials, asked.on, Path(folder)) | {"seed": seed})
                scores = {way: round(one["score"], 4) for way, one in rounds[-1]["results"].items()}
                print(f"{question} {name} seed {seed}: {scores}", flush=True)
            pairs = {f"{a} - {b}": compared(rounds, a, b) for a, b in PAIRS[question]}
            if out is not None:
                add(out, question, name, {"rounds": rounds, "differences": pairs, "settings": settings})
            for pair, one in pairs.items():
                print(
                    f"{question} {name}: {pair}: {one['mean']:+.2f} points, deviation {one['deviation']:.2f}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
