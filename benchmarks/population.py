"""Many trials at once: a fused population against the same trials one after another, Optuna and Ray Tune.

    python benchmarks/population.py DATA [--only PROBLEM ...] [--members 8 32 64 128] [--turns 3] [--quick]

DATA holds train/, a folder of class folders of MNIST's images (28 x 28, grey). A trial is a whole training of a few
hundred steps with its set-up and its scores; the trials of a problem differ in rate and decay, and have one seed or
each its own. In each turn every contender carries out all of them, one contender at a time; the ratio is the median
over the turns of (in turn / contender). Contenders of one process take one thread or all cores, whichever is faster in
a short trial of it before the first turn. Starting the workers of Ray and of side by side is not counted. Results go to
results/population.json; what was not run anew stays in it.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import torch
from sklearn.datasets import load_digits, make_classification

import plain_trial
from machine import cores, describe, keep_memory
from trainwell.data.dataset import Data
from trainwell.data.open import open_data
from trainwell.draws import generator
from trainwell.recipe import Recipe
from trainwell.search.running.choose import choose
from trainwell.search.trial import Result, Trial
from trainwell.search.work import Work
from trainwell.training.engine import running
from trainwell.training.machine import pick_device

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "population.json"
REFERENCE = "in turn"
IN_PROCESS = (REFERENCE, "fused", "Optuna")
CONTENDERS = (*IN_PROCESS, "side by side", "Ray Tune")
IMAGES, SCORED = 12_000, 2000  # of MNIST; so many of them are scored on
QUICK_STEPS = 20


@dataclass(frozen=True)
class Problem:
    """What is trained.

    Args:
        data: `digits`, `table`, `rows` (of MNIST) or `images`.
        model: As a recipe names it.
        batch: Samples a step.
        steps: Of each trial.
        own_seeds: Whether each trial has a seed of its own, and so batches of its own.
        most: Members beyond which it is not measured.
    """

    data: str
    model: dict[str, Any]
    batch: int = 32
    steps: int = 300
    own_seeds: bool = False
    most: int = 128


def mlp(*widths: int) -> dict[str, Any]:
    """A plain stack."""
    return {"name": "mlp", "widths": widths}


CONVNET = {"name": "convnet", "width": 8, "blocks": 2, "whitening": False}
PROBLEMS = {
    "digits 64-64-64-10": Problem("digits", mlp(64, 64)),
    "table 54-64-64-7, batch 128": Problem("table", mlp(64, 64), batch=128),
    "784-16-16-10": Problem("rows", mlp(16, 16)),
    "784-16-16-10, own seeds": Problem("rows", mlp(16, 16), own_seeds=True),
    "784-64-64-10": Problem("rows", mlp(64, 64)),
    "784-64-64-10, own seeds": Problem("rows", mlp(64, 64), own_seeds=True),
    "784-256-256-10": Problem("rows", mlp(256, 256), most=32),
    "small convnet": Problem("images", CONVNET, batch=64, steps=40),
}


def data_of(kind: str, folder: Path) -> Data:
    """The data of a problem, with its validation split."""
    if kind == "digits":
        return _data(*load_digits(return_X_y=True), scored=360)
    if kind == "table":
        x, y = make_classification(
            20_000, 54, n_informative=20, n_classes=7, n_clusters_per_class=2, class_sep=1.5, random_state=0
        )
        return _data(x, y, scored=SCORED)
    stored = open_data(folder / "train")
    rows = np.sort(generator("benchmark").permutation(len(stored.y))[:IMAGES])
    x, y = np.asarray(stored.x[rows]), stored.y[rows]
    return _data(x if kind == "images" else x.reshape(len(x), -1), y, scored=SCORED)


def _data(x: np.ndarray, y: np.ndarray, scored: int) -> Data:
    order = generator("benchmark split").permutation(len(y))
    images = x.ndim == 4
    return Data(
        x=x if images else x.astype(np.float32),
        y=y.astype(np.int64),
        kind="images" if images else "table",
        task="classification",
        classes=tuple(str(label) for label in range(int(y.max()) + 1)),
        splits={"train": np.sort(order[scored:]), "valid": np.sort(order[:scored])},
        fingerprint="",
        source="benchmark",
        quarantined=(),
        decoding={},
        facts={},
        notes=(),
    )


@dataclass
class Bench:
    """One problem bound to its data, and all that its contenders need."""

    problem: Problem
    data: Data
    device: torch.device
    steps: int
    threads: dict[str, int] = field(default_factory=dict)

    @property
    def epochs(self) -> float:
        """Length of a trial."""
        return self.steps * self.problem.batch / len(self.data.splits["train"])

    def work(self, threads: int) -> Work:
        """What the runners share."""
        recipe = Recipe(
            model=self.problem.model,
            loss="cross_entropy",
            optimizer="adamw",
            schedule="cosine",
            epochs=self.epochs,
            batch_size=self.problem.batch,
            preprocess="standardize",
            precision="fp32",
            layout="contiguous",
            compile="no",
            threads=threads,
        )
        return Work(self.data, recipe, device=self.device)

    def trials(self, count: int) -> list[Trial]:
        """Trials at rates from 1e-4 to 1e-1 and decays from 1e-3 to 1, drawn once for all."""
        draws = generator("benchmark trials", count)
        rates, decays = 10 ** draws.uniform(-4, -1, count), 10 ** draws.uniform(-3, 0, count)
        return [
            Trial(
                number=number,
                edits=(f"optimizer.lr={rate!r}", f"optimizer.weight_decay={decay!r}"),
                seed=number if self.problem.own_seeds else 0,
                epochs=self.epochs,
            )
            for number, (rate, decay) in enumerate(zip(rates.tolist(), decays.tolist(), strict=True))
        ]

    def plain(self) -> plain_trial.Plain:
        """The same for the loop written by hand."""
        setup = self.work(1).set_up(self.trials(1)[0])
        plan = setup.plan([self.epochs])
        parts = [next(setup.feeds[name].passes(len(setup.feeds[name]))) for name in ("train", "valid")]
        train, valid = ((x.contiguous(), y) for x, y in parts)
        return plain_trial.Plain(
            model=setup.recipe.model.json(),
            train=train,
            valid=valid,
            num_classes=len(self.data.classes),
            batch=self.problem.batch,
            multipliers=plan.multipliers,
            scored=plan.epoch_steps,
        )


Run = Callable[[list[Trial]], list[float]]


def runner(bench: Bench, how: str, threads: int, members: int) -> tuple[Run, Callable[[], None]]:
    """Trials by one of Trainwell's runners; their best scores, and what ends it."""
    run = choose(bench.work(threads), how.replace(" ", "_"), width=members)

    def carry_out(trials: list[Trial]) -> list[float]:
        results: list[Result] = list(run.run(trials, lambda trial, score: True))  # noqa: ARG005
        return [float("nan") if result.value is None else result.value for result in results]

    return carry_out, run.close


def by_optuna(bench: Bench, threads: int) -> tuple[Run, Callable[[], None]]:
    """A study in memory, in which the same trials are enqueued."""
    plain, engine = bench.plain(), bench.work(threads).engine()

    def objective(trial: optuna.Trial) -> float:
        lr, decay = trial.suggest_float("lr", 1e-4, 1e-1, log=True), trial.suggest_float("decay", 1e-3, 1.0, log=True)
        return plain_trial.train(plain, lr, decay, trial.number if bench.problem.own_seeds else 0)

    def carry_out(trials: list[Trial]) -> list[float]:
        study = optuna.create_study(direction="maximize", sampler=optuna.samplers.RandomSampler(seed=0))
        for trial in trials:
            study.enqueue_trial(dict(zip(("lr", "decay"), _numbers(trial), strict=True)))
        with running(engine):
            study.optimize(objective, n_trials=len(trials))
        return [float("nan") if trial.value is None else trial.value for trial in study.trials]

    return carry_out, lambda: None


def by_ray(bench: Bench) -> tuple[Run, Callable[[], None]]:
    """Ray Tune over the same trials, as many workers as cores with one thread each."""
    import ray
    from ray import tune

    ray.init(
        num_cpus=cores(),
        include_dashboard=False,
        _node_ip_address="127.0.0.1",
        log_to_driver=False,
        logging_level="error",
        _system_config={"worker_niceness": 0},  # as the others; by default its workers give way to all else
    )
    place = tempfile.TemporaryDirectory()
    plain = ray.put(bench.plain())

    def trainable(config: dict[str, Any]) -> dict[str, float]:
        torch.set_num_threads(1)
        torch.set_float32_matmul_precision("medium")
        return {"accuracy": plain_trial.train(ray.get(plain), config["lr"], config["decay"], config["seed"])}

    def carry_out(trials: list[Trial]) -> list[float]:
        configs = [dict(zip(("lr", "decay"), _numbers(trial), strict=True)) | {"seed": trial.seed} for trial in trials]
        tuner = tune.Tuner(
            tune.with_resources(lambda config: trainable(config["trial"]), {"cpu": 1}),
            param_space={"trial": tune.grid_search(configs)},
            tune_config=tune.TuneConfig(reuse_actors=True),
            run_config=tune.RunConfig(storage_path=place.name, verbose=0),
        )
        return [float(result.metrics["accuracy"]) for result in tuner.fit()]

    def close() -> None:
        ray.shutdown()
        place.cleanup()

    return carry_out, close


def _numbers(trial: Trial) -> list[float]:
    return [float(edit.partition("=")[2]) for edit in trial.edits]


def contender(bench: Bench, name: str, threads: int, members: int) -> tuple[Run, Callable[[], None]]:
    """A contender, ready to run, and what ends it."""
    if name == "Optuna":
        return by_optuna(bench, threads)
    return by_ray(bench) if name == "Ray Tune" else runner(bench, name, threads, members)


def best_threads(bench: Bench, name: str, members: int) -> int:
    """One thread or all cores, by a short trial of both: a tenth of the steps, and for what goes in turn 4 trials."""
    if name not in IN_PROCESS or cores() == 1 or bench.device.type != "cpu":
        return 1
    short = replace(bench, steps=max(10, bench.steps // 10))
    trials = short.trials(members if name == "fused" else min(4, members))
    seconds = {}
    for threads in (1, cores()):
        run, close = contender(short, name, threads, members)
        run(trials)  # the first pass pays for what is made once
        seconds[threads] = _timed(lambda run=run: run(trials))[0]
        close()
    return min(seconds, key=seconds.__getitem__)


def _timed(call: Callable[[], list[float]]) -> tuple[float, list[float]]:
    began = time.perf_counter()
    values = call()
    return time.perf_counter() - began, values


def measure(bench: Bench, members: int, names: Sequence[str], turns: int) -> dict[str, Any]:
    """Turns, medians and ratios of one problem and number of members."""
    trials = bench.trials(members)
    threads = {name: best_threads(bench, name, members) for name in names}
    seconds: dict[str, list[float]] = {name: [] for name in names}
    scores: dict[str, float] = {}
    ready = {name: contender(bench, name, threads[name], members) for name in names}
    try:
        for run, _ in ready.values():
            run(trials[: 2 * cores()])  # workers are started, and what is made once is made
        for turn in range(turns):
            for name, (run, _) in ready.items():
                spent, values = _timed(lambda run=run: run(trials))
                seconds[name].append(round(spent, 3))
                scores[name] = round(float(np.nanmean(values)), 4)
                print(
                    f"  K={members:<4} turn {turn + 1}  {name:13} {spent:8.2f} s  mean {scores[name]:.4f}", flush=True
                )
    finally:
        for _, close in ready.values():
            close()
    base = seconds[REFERENCE]
    return {
        "threads": threads,
        "turns": seconds,
        "mean_score": scores,
        "ratios": {
            name: round(statistics.median(one / other for one, other in zip(base, spent, strict=True)), 2)
            for name, spent in seconds.items()
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder that holds train/ of MNIST's images")
    parser.add_argument("--only", nargs="+", choices=PROBLEMS, default=list(PROBLEMS), metavar="PROBLEM")
    parser.add_argument("--members", type=int, nargs="+", default=[8, 32, 64, 128])
    parser.add_argument("--contenders", nargs="+", choices=CONTENDERS, default=list(CONTENDERS))
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--quick", action="store_true", help=f"trials of {QUICK_STEPS} steps; nothing is written")
    arguments = parser.parse_args()
    names = [name for name in CONTENDERS if name in arguments.contenders or name == REFERENCE]
    if "Ray Tune" in names and not all(map(find_spec, ("ray", "pyarrow"))):
        print("Ray Tune is not installed (pip install 'ray[tune]'): left out, and nothing is written")
        names.remove("Ray Tune")
    keep_memory()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    device = pick_device(arguments.device)
    if device.type != "cpu":
        names = [name for name in names if name not in ("side by side", "Ray Tune")]
    whole = set(names) == set(CONTENDERS) and not arguments.quick
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    key = "cpu" if device.type == "cpu" else "cuda"
    for name in arguments.only:
        problem = PROBLEMS[name]
        data = data_of(problem.data, arguments.data)
        bench = Bench(problem, data, device, QUICK_STEPS if arguments.quick else problem.steps)
        print(name, flush=True)
        for members in arguments.members:
            if members > problem.most:
                continue
            found = measure(bench, members, names, arguments.turns)
            print(f"  K={members:<4} x {REFERENCE}: {found['ratios']}, threads {found['threads']}", flush=True)
            if whole or (device.type != "cpu" and not arguments.quick):
                settings = {"batch": problem.batch, "steps": problem.steps}
                place = results.setdefault(key, {}).setdefault(name, {})
                place[str(members)] = found | {"settings": settings, "machine": describe("numpy", "optuna", "ray")}
                RESULTS.parent.mkdir(exist_ok=True)
                RESULTS.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
