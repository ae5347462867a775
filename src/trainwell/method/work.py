"""The work on a run folder that `fit` and `finetune` share: checks, training, going on, the verdict."""

from typing import Any

import numpy as np
import torch
from torch import nn

from trainwell.data.dataset import sample_digests
from trainwell.data.photos import Photos
from trainwell.diagnoses import Finding, finding_of
from trainwell.diagnoses.rules import rules
from trainwell.errors import BadRun, Diverged, Failed, Interrupted
from trainwell.method.advise import advise
from trainwell.method.check import CHECKS, check_setup
from trainwell.method.describe import description, environment
from trainwell.method.finetune.head import HeadStage, train_head
from trainwell.method.finetune.transfer import Transfer
from trainwell.method.keeper import FolderKeeper
from trainwell.method.look import Look, Options
from trainwell.method.mend import Mended
from trainwell.method.pace import choose, out_of_memory, samples_to_time
from trainwell.method.run import Run
from trainwell.method.screen import Screen
from trainwell.method.validation import forget_validation, write_validation
from trainwell.method.verdict import Ended, conclude, diverged
from trainwell.optimizers import optimizers
from trainwell.recipe import Recipe
from trainwell.record import (
    BEST_MODEL,
    BEST_PREPROCESSING,
    BEST_WEIGHTS,
    CHECKPOINT,
    DATA,
    ENVIRONMENT,
    FINDINGS,
    RECIPE,
    SAMPLES,
    Record,
    RunFolder,
)
from trainwell.report.events import Events
from trainwell.report.words import duration
from trainwell.training.calibrate import Calibration
from trainwell.training.checkpoint import restore, weights_of
from trainwell.training.engine import Engine, running
from trainwell.training.freeze import check_frozen, fingerprint, frozen_state
from trainwell.training.interrupt import Stop
from trainwell.training.loop import Trainer
from trainwell.training.memory import is_out_of_memory
from trainwell.training.setup import Setup, set_up


class Work:
    """One call of `fit` or `finetune`, holding the folder.

    Args:
        folder: The run.
        looked: The data and the recipe.
        device: Where to train.
        options: Options of the run.
        screen: Where to say what happens.
        given: One's own network, or None.
        stop: Set by a signal.
        mended: What the doctor changed in the recipe.
        transfer: What the training starts from; None is from scratch.
        events: Follow the record as TensorBoard events; None where they are not asked for.
    """

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
        transfer: Transfer | None = None,
        events: Events | None = None,
    ) -> None:
        self.folder, self.looked, self.device, self.options = folder, looked, device, options
        self.screen, self.given, self.stop, self.mended = screen, given, stop, mended
        self.transfer, self.events = transfer, events
        self._frozen = ""  # fingerprint of what is not to change

    def bind(self, recipe: Recipe) -> Setup:
        """The recipe bound to the data, and to what the training starts from."""
        start = None if self.transfer is None else self.transfer.start
        return set_up(self.looked.data, recipe, self.device, self.given, start=start)

    def start(self, setup: Setup) -> Run:
        """Train from the beginning. What was in the folder goes once nothing is left that could be refused."""
        samples_to_time(setup)  # refuses a batch that cannot fit, before the network is given one
        advice = advise(setup, self.screen)
        calibration = choose(setup, self.options.cache, self.screen)
        self.folder.clear()
        engine = calibration.engine(self.device)
        compiled = "yes" if engine.compile else "no"
        setup.recipe = setup.recipe.replace(
            precision=engine.precision, layout=engine.layout, compile=compiled, threads=engine.threads
        )
        segments = [setup.recipe.epochs]
        self._frozen = fingerprint(frozen_state(setup.model))
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
            if setup.recipe.transfer == "head":
                return self._train_head(setup, engine, record, findings, calibration)
            if self.options.checks:
                pinned = {*self.looked.pinned, *(edit.partition("=")[0] for edit in self.mended.edits)}
                checked = check_setup(setup, engine, record.add, self.screen, rate_pinned="optimizer.lr" in pinned)
                findings = advice + checked.findings
                if checked.rate is not None:
                    setup.recipe = setup.recipe.edit([f"optimizer.lr={checked.rate!r}"])
                    self._write_beginning(setup, calibration, segments)
            self._stop_here(record)
            before = None
            if setup.recipe.transfer == "gradual":
                stage = self._head(setup, engine, record)
                before, findings = stage.scores, [*findings, *stage.findings]
            self._write(FINDINGS, {"findings": [f.json() for f in findings], "verdict": {"finished": False}})
            return self._train(setup, engine, record, segments, findings, calibration, before=before)

    def go_on(self) -> Run:
        """Go on with the run in the folder."""
        stored = self.folder.read_json(RECIPE)
        self._refuse_other(stored)
        self.mended = Mended(tuple(stored.get("mended", ())))  # runs of earlier versions have no such list
        if self.looked.recipe.transfer == "head" and self._is_finished():
            return self._head_is_done(float(stored["segments"][-1]))
        if not self.folder.has(CHECKPOINT):
            self.screen.say("no checkpoint yet: starting from the beginning")
            recipe = self.looked.recipe.edit(self.mended.edits)
            return self.start(self.bind(recipe))
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
        setup = self.bind(resolved)
        self._frozen = stored.get("frozen", "")  # runs of earlier versions froze nothing
        calibration = Calibration(**stored["calibration"])
        engine = calibration.engine(self.device)
        before = {*CHECKS, "features", *rules.names}
        findings = [finding_of(f) for f in run.findings if f["problem"] in before]
        with running(engine):
            head = next(iter(run.record("head")), None)
            return self._train(setup, engine, None, segments, findings, calibration, requested, before=head)

    def _train(
        self,
        setup: Setup,
        engine: Engine,
        record: Record | None,
        segments: list[float],
        findings: list[Finding],
        calibration: Calibration,
        requested: Recipe | None = None,
        before: dict[str, float] | None = None,
    ) -> Run:
        """Train to the end of the segments; without a record, from the checkpoint on.

        What was scored `before` the first step is the best so far.
        """
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
            forget_validation(self.folder)
            assert requested is not None, "a run that goes on knows what was asked for"
            self._write_recipe(setup, requested, calibration, segments)
            self.screen.say(f"going on at step {trainer.step:,} of {trainer.steps:,}")
        elif before is not None:
            trainer.best_score, trainer.best_loss = before[plan.monitor], before["valid_loss"]
            trainer.best_epoch = 0.0
            FolderKeeper(self.folder, record).best(trainer)
        if before is not None:
            trainer.start = {name: before[name] for name in ("train_loss", "valid_loss")}
        left = trainer.steps - trainer.step
        self.screen.say(
            f"training {left:,} steps of {trainer.feed.batch_size} samples: "
            f"about {duration(left * calibration.step_seconds)}"
        )
        try:
            trainer.run(FolderKeeper(self.folder, record, self.events), self.screen, self.stop)
        except Diverged as error:
            self.screen.done()
            raise diverged(self.folder, error, findings, record, best=plan.keep_best) from error
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
        self._check_frozen(model, record)
        conclude(self.folder, setup, engine, trainer, record, findings, self.screen)
        write_validation(self.folder, model, setup, engine, self.screen)
        return Run(self.folder.path)

    def _train_head(
        self, setup: Setup, engine: Engine, record: Record, findings: list[Finding], calibration: Calibration
    ) -> Run:
        """Train a new head on the features of the frozen body, and nothing else."""
        self._write(FINDINGS, {"findings": [f.json() for f in findings], "verdict": {"finished": False}})
        stage = self._head(setup, engine, record)
        head, found = stage.head, [*findings, *stage.findings]
        setup.recipe = setup.recipe.replace(
            optimizer=optimizers.part(setup.recipe.optimizer, lr=head.lr, weight_decay=head.weight_decay)
        )
        self._write_recipe(setup, self.looked.recipe, calibration, [setup.recipe.epochs])
        steps = setup.feeds["train"].stream.steps(setup.recipe.epochs)
        line = {"epoch": setup.recipe.epochs, "step": steps, "seconds": round(stage.seconds, 3), "lr": 0.0}
        line |= {"objective": stage.scores["train_loss"]} | stage.scores
        record.add("epoch", **line)
        self.screen.scored(line)
        self.screen.done()
        state = {"epoch": setup.recipe.epochs, "step": steps, "score": stage.scores.get(setup.monitor)}
        self.folder.write_tensors(BEST_WEIGHTS, weights_of(setup.model), state)
        self._check_frozen(setup.model, record)
        ended = Ended(setup.model, stage.seconds, folds=stage.folds)
        conclude(self.folder, setup, engine, ended, record, found, self.screen)
        write_validation(self.folder, setup.model, setup, engine, self.screen)
        return Run(self.folder.path)

    def _is_finished(self) -> bool:
        return self.folder.has(FINDINGS) and bool(Run(self.folder.path).verdict.get("finished", False))

    def _head_is_done(self, epochs: float) -> Run:
        """A head that is trained: there is nothing to go on with."""
        if self.looked.recipe.epochs != epochs:
            raise BadRun(
                f"epochs={self.looked.recipe.epochs:g} cannot be added to the {epochs:g} of this head: its rate has "
                "come down to 0. Train it anew with --force."
            )
        self.screen.say(f"{self.folder.path} is finished: nothing to do")
        return Run(self.folder.path)

    def _head(self, setup: Setup, engine: Engine, record: Record) -> HeadStage:
        """The best of a grid of heads, put into the network."""
        assert self.transfer is not None, "a head is trained by itself in a transfer"
        engine.place(setup.model)
        stage = train_head(
            setup,
            engine,
            self.transfer.start.head,
            pinned=self.looked.pinned,
            check=self.options.checks,
            add=record.add,
            screen=self.screen,
            cache=self.options.cache,
            stopping=lambda: self._stop_here(record),
        )
        self._stop_here(record)
        record.add("head", step=0, epoch=0.0, **stage.scores)
        return stage

    def _check_frozen(self, model: nn.Module, record: Record) -> None:
        """Make sure that what is frozen did not change, in the network and in the weights that were kept."""
        if not frozen_state(model):
            return
        try:
            check_frozen(model, self._frozen, self.folder.read_tensors(BEST_WEIGHTS)[0])
        except Failed as error:
            finding = Finding("frozen-changed", "error", str(error))
            record.add("finding", **finding.json())
            record.close()
            verdict = {"finished": True, "healthy": False, "words": finding.message, "scores": {}}
            self._write(FINDINGS, {"findings": [finding.json()], "verdict": verdict})
            raise

    def _stop_here(self, record: Record) -> None:
        """Leave where a signal asks for it, before the first step."""
        if self.stop.signal_name is not None:
            record.close()
            raise Interrupted(self.stop.signal_name, f"Stopped before the first step. {self._hint()}")

    def _refuse_other(self, stored: dict[str, Any]) -> None:
        """Refuse to go on with another recipe or other data; more epochs are the one change there may be."""
        begun = stored.get("source") or {}
        if begun.get("digest") != (None if self.transfer is None else self.transfer.about["digest"]):
            raise BadRun(
                f"{self.folder.path} was started from other weights: {begun.get('text', 'none')}. "
                "Go on with trainwell finetune and the same --from, or start anew with --force or another --out."
            )
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
        if isinstance(data.x, np.ndarray | Photos):
            parts = {name: sample_digests(data.x, rows) for name, rows in data.splits.items()}
            self.folder.write_tensors(SAMPLES, {name: torch.tensor(found) for name, found in parts.items()}, {})

    def _write_recipe(self, setup: Setup, requested: Recipe, calibration: Calibration, segments: list[float]) -> None:
        content = {
            "why": self.looked.why,
            "changed": list(self.looked.changed),
            "requested": requested.json(),
            "recipe": setup.recipe.json(),
            "segments": segments,
            "mended": list(self.mended.edits),
            "frozen": self._frozen,
            "source": None if self.transfer is None else self.transfer.about,
        }
        self._write(RECIPE, content | {"calibration": vars(calibration)})

    def _write(self, name: str, content: dict[str, Any]) -> None:
        self.folder.write_json(name, content)

    def _hint(self) -> str:
        same = "the same command" + (", without --repair," if self.mended.lines else "")
        return f"Go on with {same} and --out {self.folder.path} --resume."
