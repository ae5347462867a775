"""`fit`: look -> check -> learning rate -> train -> read the curves -> verdict."""

import platform
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import nn

from trainwell.data.cache import cache_root
from trainwell.diagnoses import Finding, gravest_first
from trainwell.diagnoses.curves import read_curves
from trainwell.errors import BadRun, BadValue, Diverged, Interrupted
from trainwell.method.check import check_setup
from trainwell.method.keeper import FolderKeeper
from trainwell.method.look import Look, Options, look
from trainwell.method.run import GIVEN, Run
from trainwell.method.screen import Screen, Silent
from trainwell.method.setup import Setup, input_shape, set_up
from trainwell.recipe import Recipe
from trainwell.record import (
    BEST_MODEL,
    BEST_WEIGHTS,
    CHECKPOINT,
    DATA,
    ENVIRONMENT,
    FINDINGS,
    RECIPE,
    Record,
    RunFolder,
    read_record,
)
from trainwell.training.calibrate import Calibration, calibrate
from trainwell.training.checkpoint import restore
from trainwell.training.engine import Engine, running
from trainwell.training.evaluate import score
from trainwell.training.interrupt import Stop, listening
from trainwell.training.loop import Trainer
from trainwell.training.machine import cpu_name, pick_device, usable_threads
from trainwell.training.memory import is_out_of_memory, largest_batch, refuse_if_too_large, too_large


def fit(
    source: Any,
    edits: Sequence[str] = (),
    *,
    recipe: Recipe | None = None,
    model: nn.Module | None = None,
    out: str | Path | None = None,
    resume: bool = False,
    force: bool = False,
    options: Options | None = None,
    screen: Screen | None = None,
) -> Run:
    """Train a network by the book, and leave a run folder.

    Args:
        source: Folder of class folders, .npz, .csv or .parquet file, built-in name, arrays (x, y), or a torch Dataset.
        edits: `key=value` edits of the recipe.
        recipe: A whole recipe; None chooses one from the data.
        model: One's own network, trained in place; at the end it holds the weights that were kept.
        out: Run folder; None makes a new one below `runs`.
        resume: Go on with the run in `out`.
        force: Replace the run in `out`.
        options: Options of the run.
        screen: Where to say what happens; None is silent.

    Returns:
        The run.

    Raises:
        Refused: The request cannot be carried out.
        Failed: Something gave way; what was saved stays.
        Diverged: The loss became NaN or infinite.
        Interrupted: Stopped by a signal; the checkpoint is saved.
    """
    options, screen = options or Options(), screen or Silent()
    if resume and force:
        raise BadValue("--resume goes on with a run and --force replaces it: give one of them.")
    if resume and out is None:
        raise BadValue("--resume needs the run to go on with: --out RUN.")
    folder = RunFolder(out) if out is not None else _new_folder(source)
    device = _device(options.device)
    if folder.exists and not (resume or force):
        raise BadRun(f"{folder.path} holds a run. Go on with it by --resume, replace it by --force, or give another --out.")
    if resume and not folder.exists:
        raise BadRun(f"{folder.path} holds no run to go on with. Leave --resume out to start one.")
    own = None if model is None else type(model).__name__
    looked = look(source, edits, options, screen, recipe=recipe, own=own)
    if looked.recipe.model.name == GIVEN and model is None:
        raise BadValue("The recipe names a network that was given as an object. Give it: fit(..., model=...).")
    with folder.locked(), listening() as stop:
        work = _Work(folder, looked, device, options, screen, model, stop)
        return work.go_on() if resume else work.start()


class _Work:
    """One call of `fit`, holding the folder."""

    def __init__(
        self, folder: RunFolder, looked: Look, device: torch.device, options: Options, screen: Screen, given: nn.Module | None, stop: Stop
    ) -> None:
        self.folder, self.looked, self.device, self.options = folder, looked, device, options
        self.screen, self.given, self.stop = screen, given, stop

    def start(self) -> Run:
        """Train from the beginning."""
        self.folder.clear()
        recipe = self.looked.recipe
        setup = set_up(self.looked.data, recipe, self.device, self.given)
        threads = recipe.threads or usable_threads()
        calibration = self._calibrate(setup, threads)
        engine = calibration.engine(self.device, threads)
        resolved = recipe.replace(
            precision=engine.precision, layout=engine.layout, compile="yes" if engine.compile else "no", threads=threads
        )
        setup.recipe = resolved
        self._write_beginning(setup, calibration, [resolved.epochs])
        record = Record(self.folder)
        record.add("note", format=1, text=self.looked.why)
        findings: list[Finding] = []
        with running(engine):
            if self.options.checks:
                checked = check_setup(setup, engine, record.add, self.screen, rate_pinned="optimizer.lr" in self.looked.pinned)
                findings, rate = checked.findings, checked.rate
                if rate is not None and rate != setup.rate:
                    setup.recipe = resolved.edit([f"optimizer.lr={rate!r}"])
                    self._write_beginning(setup, calibration, [resolved.epochs])
            self._leave_if_stopped("before the first step; nothing was trained yet. Start again with --force")
            self._write(FINDINGS, {"findings": [f.json() for f in findings], "verdict": {"finished": False}})
            return self._train(setup, engine, record, [resolved.epochs], findings, calibration)

    def go_on(self) -> Run:
        """Go on with the run in the folder."""
        stored = self.folder.read_json(RECIPE)
        self._refuse_other(stored)
        if not self.folder.has(CHECKPOINT):
            self.screen.say("no checkpoint yet: starting from the beginning")
            return self.start()
        requested, segments = Recipe.from_json(stored["requested"]), [float(end) for end in stored["segments"]]
        wanted = self.looked.recipe.epochs
        run = Run(self.folder.path)
        finished = self.folder.has(FINDINGS) and run.verdict.get("finished", False)
        if wanted < segments[-1]:
            raise BadRun(f"epochs={wanted:g} asks for less than the {segments[-1]:g} epochs this run has. Only more can be added.")
        if finished and wanted == segments[-1]:
            self.screen.say(f"{self.folder.path} is finished: nothing to do. For more, give a larger epochs=")
            return run
        resolved = Recipe.from_json(stored["recipe"])
        if wanted > segments[-1]:
            segments.append(wanted)
            self.screen.say(
                f"{segments[-2]:g} -> {wanted:g} epochs: a further segment at the last rate, which is not the same as one long run"
            )
            resolved, requested = resolved.replace(epochs=wanted), requested.replace(epochs=wanted)
        setup = set_up(self.looked.data, resolved, self.device, self.given)
        calibration = Calibration(**stored["calibration"])
        assert resolved.threads is not None, "a stored recipe has its threads resolved"
        engine = calibration.engine(self.device, resolved.threads)
        findings = [Finding(**f) for f in run.findings if f["problem"] in ("initial-loss", "overfit-sample", "learning-rate")]
        self._write_recipe(setup, requested, calibration, segments)
        with running(engine):
            return self._train(setup, engine, None, segments, findings, calibration)

    def _train(
        self, setup: Setup, engine: Engine, record: Record | None, segments: list[float], findings: list[Finding], calibration: Calibration
    ) -> Run:
        """Train to the end of the segments; without a record, from the checkpoint on."""
        plan = setup.plan(segments)
        if segments[-1] > segments[0] and plan.multipliers[-1] == 0:
            raise BadRun(
                "The last rate of this run is 0, so that more epochs at the last rate would change nothing. "
                "Start a run with schedule.final above 0, or a new one with more epochs."
            )
        model = engine.place(setup.model)
        optimizer = setup.optimizer(model, setup.rate)
        trainer = Trainer(model, optimizer, setup.rate, setup.feeds["train"], setup.feeds.get("valid"), engine, plan)
        if record is None:
            tensors, state = self.folder.read_tensors(CHECKPOINT)
            if len(segments) > 1:
                state["stopped_early"] = False
            restore(trainer, tensors, state)
            record = Record(self.folder, state["record_offset"])
            self.screen.say(f"going on at step {trainer.step:,} of {trainer.steps:,}")
        left = (trainer.steps - trainer.step) * calibration.step_seconds
        self.screen.say(f"training {trainer.steps - trainer.step:,} steps of {trainer.feed.batch_size}: about {_duration(left)}")
        keeper = FolderKeeper(self.folder, record)
        try:
            trainer.run(keeper, self.screen, self.stop)
        except Diverged as error:
            self.screen.done()
            self._stopped_by_divergence(error, findings, record)
            raise
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            raise self._too_large(setup, engine) from error
        finally:
            self.screen.done()
        if self.stop.signal_name is not None and trainer.step < trainer.steps:
            record.close()
            raise Interrupted(self.stop.signal_name, f"Stopped at step {trainer.step:,} of {trainer.steps:,}; saved. {self._resume_hint()}")
        self._finish(setup, engine, trainer, record, findings)
        return Run(self.folder.path)

    def _finish(self, setup: Setup, engine: Engine, trainer: Trainer, record: Record, findings: list[Finding]) -> None:
        """Load the weights that were kept, score the rows that chose nothing, read the curves, give the verdict."""
        tensors, state = self.folder.read_tensors(BEST_WEIGHTS)
        trainer.model.load_state_dict(tensors)
        lines = read_record(self.folder.path, "epoch")
        curves = read_curves(lines, baseline=_baseline(setup), samples=_scored(setup), stopped_early=trainer.stopped_early)
        name = "accuracy" if setup.num_classes else "r2"
        kept = next((line for line in lines if line["step"] == state["step"]), lines[-1])
        scores = {key: value for key, value in kept.items() if key.startswith(("train_", "valid_"))}
        if "heldout" in setup.feeds:
            held = score(trainer.model, setup.feeds["heldout"], engine, setup.plain_loss)
            scores |= {f"heldout_{what}": value for what, value in held.items()}
        findings = gravest_first(findings + curves)
        for finding in curves:
            record.add("finding", **finding.json())
        healthy = not any(finding.severity == "error" for finding in findings)
        words = self._verdict(setup, scores, state, trainer, name, healthy)
        verdict = {
            "finished": True,
            "healthy": healthy,
            "words": words,
            "kept_epoch": state["epoch"],
            "stopped_early": trainer.stopped_early,
            "seconds": round(trainer.seconds, 3),
            "scores": scores,
        }
        record.add("note", text=words)
        record.close()
        self._write(FINDINGS, {"findings": [f.json() for f in findings], "verdict": verdict})
        for finding in curves:
            self.screen.warn(f"{finding.severity}: {finding.message} {finding.advice}")
        self.screen.say(words)
        self.screen.say(f"run folder: {self.folder.path}")

    def _verdict(self, setup: Setup, scores: dict[str, float], state: dict[str, Any], trainer: Trainer, name: str, healthy: bool) -> str:
        parts = [f"{'healthy' if healthy else 'not healthy'}: weights of epoch {state['epoch']:.4g}"]
        if trainer.stopped_early:
            parts.append(f"stopped after {setup.recipe.patience} epochs without a better {setup.monitor}")
        labels = {"train": "training", "valid": "validation", "heldout": "held-out"}
        parts += [f"{labels[part]} {name} {scores[f'{part}_{name}']:.4f}" for part in labels if f"{part}_{name}" in scores]
        if "heldout" in setup.feeds:
            parts.append(f"the held-out figure is from {len(setup.feeds['heldout'])} rows that chose nothing")
        elif "valid" in setup.feeds and setup.recipe.keep == "best":
            parts.append(f"the validation rows ({len(setup.feeds['valid'])}) chose the weights, so their figure is a little optimistic")
        parts.append(f"trained in {_duration(trainer.seconds)}")
        return "; ".join(parts)

    def _stopped_by_divergence(self, error: Diverged, findings: list[Finding], record: Record) -> None:
        kept = "the best weights so far" if self.folder.has(BEST_WEIGHTS) else "no weights: no epoch was finished"
        finding = Finding(
            "divergence",
            "error",
            f"{error} Kept: {kept}.",
            "Lower the rate (optimizer.lr), warm up longer (warmup), or bound the gradient (clip=norm); look at the inputs for huge values.",
        )
        record.add("finding", **finding.json())
        record.close()
        verdict = {"finished": False, "healthy": False, "words": finding.message, "scores": {}}
        self._write(FINDINGS, {"findings": [f.json() for f in gravest_first([*findings, finding])], "verdict": verdict})
        self.screen.warn(f"{finding.message} {finding.advice}")

    def _calibrate(self, setup: Setup, threads: int) -> Calibration:
        recipe, feed = setup.recipe, setup.feeds["train"]
        count = min(256, len(feed), recipe.batch_size)
        x, y = next(feed.passes(count, count))
        cache = cache_root(self.options.cache) / "calibration"
        steps = feed.stream.steps(recipe.epochs)
        found = calibrate(
            setup.model,
            setup.loss,
            x,
            y,
            device=self.device,
            threads=threads,
            batch_size=feed.batch_size,
            steps=steps,
            precision=recipe.precision,
            layout=recipe.layout,
            compile=recipe.compile,
            cache=cache,
        )
        engine = found.engine(self.device, threads)
        gain = f", {found.gain:.2f}x the plain way" if found.gain > 1 else ""
        earlier = " (timed earlier)" if found.cached else ""
        self.screen.say(f"computing with {engine.text()}{gain}{earlier}; training will take about {_duration(steps * found.step_seconds)}")
        if self.device.type == "cpu":
            refuse_if_too_large(setup.model, found.saved_bytes, 1, feed.batch_size)
        return found

    def _too_large(self, setup: Setup, engine: Engine) -> Exception:
        feed, model = setup.feeds["train"], setup.model

        def attempt(size: int) -> None:
            model.zero_grad(set_to_none=True)
            x, y = next(feed.passes(size, size))
            setup.loss(engine.forward(model, x), y).backward()

        return too_large(feed.batch_size, largest_batch(attempt, feed.batch_size))

    def _refuse_other(self, stored: dict[str, Any]) -> None:
        """Refuse to go on with another recipe or other data; more epochs are the one change there may be."""
        before = Recipe.from_json(stored["requested"])
        now = self.looked.recipe.replace(epochs=before.epochs)
        changed = before.difference(now)
        if changed:
            raise BadRun(
                f"{self.folder.path} was started with another recipe: {'; '.join(changed)}. "
                "Give the same one to go on (only epochs may grow), or start anew with --force or another --out."
            )
        was, is_ = self.folder.read_json(DATA)["fingerprint"], self.looked.data.fingerprint
        if was != is_:
            raise BadRun(f"The data has changed since {self.folder.path} was started: fingerprint {was[:12]} then, {is_[:12]} now. Start anew with --force.")

    def _write_beginning(self, setup: Setup, calibration: Calibration, segments: list[float]) -> None:
        data = self.looked.data
        self._write(DATA, data.describe() | {"preprocessing": setup.fitted.json()})
        self._write(ENVIRONMENT, _environment(self.device))
        self._write(BEST_MODEL, _description(setup))
        self._write_recipe(setup, self.looked.recipe, calibration, segments)

    def _write_recipe(self, setup: Setup, requested: Recipe, calibration: Calibration, segments: list[float]) -> None:
        content = {"why": self.looked.why, "requested": requested.json(), "recipe": setup.recipe.json(), "segments": segments}
        self._write(RECIPE, content | {"calibration": vars(calibration)})

    def _write(self, name: str, content: dict[str, Any]) -> None:
        self.folder.write_json(name, content)

    def _leave_if_stopped(self, when: str) -> None:
        if self.stop.signal_name is not None:
            raise Interrupted(self.stop.signal_name, f"Stopped {when}.")

    def _resume_hint(self) -> str:
        return f"Go on with the same command and --out {self.folder.path} --resume"


def _description(setup: Setup) -> dict[str, Any]:
    """All it takes to use the weights."""
    data = setup.data
    return {
        "model": setup.recipe.model.json(),
        "input_shape": list(input_shape(data)),
        "num_outputs": len(data.classes) or setup.feeds["train"].target.shape[1],
        "task": data.task,
        "kind": data.kind,
        "classes": list(data.classes),
        "decoding": data.decoding,
        "preprocessing": setup.fitted.json(),
        "target": None if setup.target is None else setup.target.json(),
        "views": setup.recipe.views,
        "versions": {"trainwell": version("trainwell"), "torch": torch.__version__},
    }


def _environment(device: torch.device) -> dict[str, Any]:
    packages = ("trainwell", "torch", "numpy", "safetensors", "pillow", "scikit-learn", "polars")
    return {
        "python": platform.python_version(),
        "system": platform.platform(),
        "cpu": cpu_name(),
        "threads": usable_threads(),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        "packages": {name: version(name) for name in packages},
        "command": sys.argv,
    }


def _baseline(setup: Setup) -> float:
    if setup.num_classes is None:
        return 0.0
    counts = torch.bincount((setup.feeds.get("valid") or setup.feeds["train"]).target.cpu())
    return float(counts.max() / counts.sum())


def _scored(setup: Setup) -> int:
    return len(setup.feeds.get("valid") or setup.feeds["train"])


def _device(name: str) -> torch.device:
    try:
        device = pick_device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise BadValue(f"--device {name} is not there ({reason}). Expected auto, cpu, or cuda on a machine with one.") from error
    return device


def _new_folder(source: Any) -> RunFolder:
    name = Path(str(source)).stem if isinstance(source, str | Path) else "run"
    number = 1
    while (Path("runs") / f"{name}-{number}").exists():
        number += 1
    return RunFolder(Path("runs") / f"{name}-{number}")


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


