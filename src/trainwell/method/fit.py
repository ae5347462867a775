"""`fit`: look -> check -> learning rate -> train -> read the curves -> verdict."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from trainwell.data.dataset import sample_digests
from trainwell.diagnoses import Finding, finding_of
from trainwell.diagnoses.rules import rules
from trainwell.errors import BadRun, BadValue, Diverged, Interrupted
from trainwell.method.advise import advise
from trainwell.method.check import CHECKS, check_setup
from trainwell.method.describe import description, environment
from trainwell.method.keeper import FolderKeeper
from trainwell.method.look import Look, Options, look
from trainwell.method.mend import Mended, mend
from trainwell.method.pace import choose, duration, out_of_memory, samples_to_time
from trainwell.method.run import Run
from trainwell.method.screen import Screen, Silent
from trainwell.method.verdict import conclude, diverged
from trainwell.models.given import GIVEN
from trainwell.recipe import Recipe
from trainwell.record import (
    BEST_MODEL,
    BEST_PREPROCESSING,
    CHECKPOINT,
    DATA,
    ENVIRONMENT,
    FINDINGS,
    RECIPE,
    SAMPLES,
    Record,
    RunFolder,
)
from trainwell.training.calibrate import Calibration
from trainwell.training.checkpoint import restore
from trainwell.training.engine import Engine, running
from trainwell.training.interrupt import Stop, listening
from trainwell.training.loop import Trainer
from trainwell.training.machine import pick_device
from trainwell.training.memory import is_out_of_memory
from trainwell.training.setup import Setup, set_up


def fit(
    source: Any,
    edits: Sequence[str] = (),
    *,
    recipe: Recipe | None = None,
    model: nn.Module | None = None,
    out: str | Path | None = None,
    resume: bool = False,
    force: bool = False,
    repair: bool = False,
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
        repair: Check the recipe with the doctor first, and train it with what mends it, if anything has to be mended.
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
    if resume and repair:
        raise BadValue("--resume goes on with the recipe as it was mended at the start: leave --repair out.")
    if resume and out is None:
        raise BadValue("--resume needs the run to go on with: --out RUN.")
    folder = RunFolder(out) if out is not None else _new_folder(source)
    device = pick_device(options.device)
    folder.refuse_if_no_folder()
    if folder.exists and not (resume or force):
        raise BadRun(
            f"{folder.path} holds a run. Go on with it by --resume, replace it by --force, or give another --out."
        )
    if resume and not folder.exists:
        raise BadRun(f"{folder.path} holds no run to go on with. Leave --resume out to start one.")
    own = None if model is None else type(model).__name__
    looked = look(source, edits, options, screen, recipe=recipe, own=own)
    if looked.recipe.model.name == GIVEN and model is None:
        raise BadValue("The recipe names a network that was given as an object. Give it: fit(..., model=...).")
    mended = mend(looked, device, screen, model) if repair else Mended()
    setup = None if resume else set_up(looked.data, looked.recipe.edit(mended.edits), device, model)
    with folder.locked(), listening() as stop:
        work = _Work(folder, looked, device, options, screen, model, stop, mended)
        return work.go_on() if setup is None else work.start(setup)


class _Work:
    """One call of `fit`, holding the folder."""

    def __init__(
        self,
        folder: RunFolder,
        looked: Look,
        device: torch.device,
        options: Options,
        screen: Screen,
        given: nn.Module | None,
        stop: Stop,
        mended: Mended,
    ) -> None:
        self.folder, self.looked, self.device, self.options = folder, looked, device, options
        self.screen, self.given, self.stop, self.mended = screen, given, stop, mended

    def start(self, setup: Setup) -> Run:
        """Train from the beginning. What was in the folder goes once nothing is left that could be refused."""
        recipe = self.looked.recipe.edit(self.mended.edits)
        samples_to_time(setup)  # refuses a batch that cannot fit, before the network is given one
        advice = advise(setup, self.screen)
        calibration = choose(setup, self.options.cache, self.screen)
        self.folder.clear()
        engine = calibration.engine(self.device)
        compiled = "yes" if engine.compile else "no"
        setup.recipe = recipe.replace(
            precision=engine.precision, layout=engine.layout, compile=compiled, threads=engine.threads
        )
        segments = [recipe.epochs]
        self._write_beginning(setup, calibration, segments)
        self._write_samples()
        record = Record(self.folder)
        record.add("note", format=1, text=self.looked.why)
        for line in self.mended.lines:
            record.add("note", text=line)
        for finding in advice:
            record.add("finding", **finding.json())
        findings = advice
        with running(engine):
            if self.options.checks:
                pinned = {*self.looked.pinned, *(edit.partition("=")[0] for edit in self.mended.edits)}
                checked = check_setup(setup, engine, record.add, self.screen, rate_pinned="optimizer.lr" in pinned)
                findings = advice + checked.findings
                if checked.rate is not None:
                    setup.recipe = setup.recipe.edit([f"optimizer.lr={checked.rate!r}"])
                    self._write_beginning(setup, calibration, segments)
            if self.stop.signal_name is not None:
                record.close()
                raise Interrupted(self.stop.signal_name, f"Stopped before the first step. {self._hint()}")
            self._write(FINDINGS, {"findings": [f.json() for f in findings], "verdict": {"finished": False}})
            return self._train(setup, engine, record, segments, findings, calibration)

    def go_on(self) -> Run:
        """Go on with the run in the folder."""
        stored = self.folder.read_json(RECIPE)
        self._refuse_other(stored)
        self.mended = Mended(tuple(stored.get("mended", ())))  # runs of earlier versions have no such list
        if not self.folder.has(CHECKPOINT):
            self.screen.say("no checkpoint yet: starting from the beginning")
            recipe = self.looked.recipe.edit(self.mended.edits)
            return self.start(set_up(self.looked.data, recipe, self.device, self.given))
        run = Run(self.folder.path)
        resolved, requested = Recipe.from_json(stored["recipe"]), Recipe.from_json(stored["requested"])
        segments = [float(end) for end in stored["segments"]]
        wanted = self.looked.recipe.epochs
        if wanted == requested.epochs:
            wanted = segments[-1]  # more, where it was mended to train longer
        if wanted < segments[-1]:
            raise BadRun(
                f"epochs={wanted:g} asks for less than the {segments[-1]:g} epochs of this run. Only more can be added."
            )
        if wanted == segments[-1] and run.verdict.get("finished", False):
            self.screen.say(f"{self.folder.path} is finished: nothing to do. For more, give a larger epochs=")
            if self.given is not None:
                self.given.load_state_dict(run.weights())
            return run
        if wanted > segments[-1]:
            segments.append(wanted)
            self.screen.say(
                f"{segments[-2]:g} -> {wanted:g} epochs: a further segment at the last rate, "
                "which is not the same as one long run"
            )
            resolved, requested = resolved.replace(epochs=wanted), requested.replace(epochs=wanted)
        setup = set_up(self.looked.data, resolved, self.device, self.given)
        calibration = Calibration(**stored["calibration"])
        engine = calibration.engine(self.device)
        findings = [finding_of(f) for f in run.findings if f["problem"] in CHECKS or f["problem"] in rules]
        with running(engine):
            return self._train(setup, engine, None, segments, findings, calibration, requested)

    def _train(
        self,
        setup: Setup,
        engine: Engine,
        record: Record | None,
        segments: list[float],
        findings: list[Finding],
        calibration: Calibration,
        requested: Recipe | None = None,
    ) -> Run:
        """Train to the end of the segments; without a record, from the checkpoint on."""
        plan = setup.plan(segments)
        if len(segments) > 1 and plan.multipliers[-1] == 0:
            raise BadRun(
                "The last rate of this run is 0, so that more epochs at the last rate would change nothing. "
                "Start a run with schedule.final above 0, or a new one with more epochs."
            )
        model = engine.place(setup.model)
        optimizer = setup.optimizer(model, setup.rate)
        trainer = Trainer(model, optimizer, setup.rate, setup.feeds["train"], setup.feeds.get("valid"), engine, plan)
        if record is None:
            tensors, state = self.folder.read_tensors(CHECKPOINT)
            restore(trainer, tensors, state | ({"stopped_early": False} if len(segments) > 1 else {}))
            record = Record(self.folder, state["record_offset"])
            assert requested is not None, "a run that goes on knows what was asked for"
            self._write_recipe(setup, requested, calibration, segments)
            self.screen.say(f"going on at step {trainer.step:,} of {trainer.steps:,}")
        left = trainer.steps - trainer.step
        self.screen.say(
            f"training {left:,} steps of {trainer.feed.batch_size} samples: "
            f"about {duration(left * calibration.step_seconds)}"
        )
        try:
            trainer.run(FolderKeeper(self.folder, record), self.screen, self.stop)
        except Diverged as error:
            self.screen.done()
            raise diverged(self.folder, error, findings, record) from error
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            raise out_of_memory(setup, engine) from error
        finally:
            self.screen.done()
        if self.stop.signal_name is not None and trainer.step < trainer.steps and not trainer.stopped_early:
            record.close()
            where = f"Stopped at step {trainer.step:,} of {trainer.steps:,}; saved"
            raise Interrupted(self.stop.signal_name, f"{where}. {self._hint()}")
        conclude(self.folder, setup, engine, trainer, record, findings, self.screen)
        return Run(self.folder.path)

    def _refuse_other(self, stored: dict[str, Any]) -> None:
        """Refuse to go on with another recipe or other data; more epochs are the one change there may be."""
        before = Recipe.from_json(stored["requested"])
        changed = before.difference(self.looked.recipe.replace(epochs=before.epochs))
        if changed:
            raise BadRun(
                f"{self.folder.path} was started with another recipe: {'; '.join(changed)}. "
                "Give the same one to go on (only epochs may grow), or start anew with --force or another --out."
            )
        then, now = self.folder.read_json(DATA)["fingerprint"], self.looked.data.fingerprint
        if then != now:
            raise BadRun(
                f"The data has changed since {self.folder.path} was started: "
                f"fingerprint {then[:12]} then, {now[:12]} now. "
                "Start anew with --force or another --out."
            )

    def _write_beginning(self, setup: Setup, calibration: Calibration, segments: list[float]) -> None:
        self._write(DATA, self.looked.data.describe() | {"preprocessing": setup.fitted.json()})
        self._write(ENVIRONMENT, environment(self.device))
        self._write(BEST_MODEL, description(setup))
        arrays = {name: torch.from_numpy(values) for name, values in setup.fitted.arrays().items()}
        if arrays:
            self.folder.write_tensors(BEST_PREPROCESSING, arrays, {})
        self._write_recipe(setup, self.looked.recipe, calibration, segments)

    def _write_samples(self) -> None:
        """Write down which samples are learnt from and chosen by, so that `evaluate` knows them again."""
        data = self.looked.data
        if isinstance(data.x, np.ndarray):
            parts = {name: sample_digests(data.x, rows) for name, rows in data.splits.items()}
            self.folder.write_tensors(SAMPLES, {name: torch.tensor(found) for name, found in parts.items()}, {})

    def _write_recipe(self, setup: Setup, requested: Recipe, calibration: Calibration, segments: list[float]) -> None:
        content = {
            "why": self.looked.why,
            "requested": requested.json(),
            "recipe": setup.recipe.json(),
            "segments": segments,
            "mended": list(self.mended.edits),
        }
        self._write(RECIPE, content | {"calibration": vars(calibration)})

    def _write(self, name: str, content: dict[str, Any]) -> None:
        self.folder.write_json(name, content)

    def _hint(self) -> str:
        same = "the same command" + (", without --repair," if self.mended.lines else "")
        return f"Go on with {same} and --out {self.folder.path} --resume."


def _new_folder(source: Any) -> RunFolder:
    name = Path(str(source)).stem if isinstance(source, str | Path) else "run"
    number = 1
    while (Path("runs") / f"{name}-{number}").exists():
        number += 1
    return RunFolder(Path("runs") / f"{name}-{number}")
