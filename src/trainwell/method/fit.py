"""`fit`: look -> check -> learning rate -> train -> read the curves -> verdict."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import nn

from trainwell.errors import BadRun, BadValue
from trainwell.method.look import Options, look
from trainwell.method.mend import Mended, mend
from trainwell.method.reported import reported
from trainwell.method.run import Run
from trainwell.method.screen import Screen, Silent
from trainwell.method.work import Work
from trainwell.models.given import GIVEN
from trainwell.recipe import Recipe
from trainwell.record import EVENTS, RunFolder
from trainwell.report.events import following
from trainwell.training.interrupt import listening
from trainwell.training.machine import pick_device
from trainwell.training.setup import set_up


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
    if resume and repair:
        raise BadValue("--resume goes on with the recipe as it was mended at the start: leave --repair out.")
    folder = run_folder(source, out, resume=resume, force=force)
    device = pick_device(options.device)
    own = None if model is None else type(model).__name__
    looked = look(source, edits, options, screen, recipe=recipe, own=own)
    if looked.recipe.model.name == GIVEN and model is None:
        raise BadValue("The recipe names a network that was given as an object. Give it: fit(..., model=...).")
    mended = mend(looked, device, screen, model) if repair else Mended()
    setup = None if resume else set_up(looked.data, looked.recipe.edit(mended.edits), device, model)
    with (
        reported(folder.path, screen),
        folder.locked(),
        listening() as stop,
        following(folder.path, asks_events(folder, options, resume)) as events,
    ):
        work = Work(folder, looked, device, options, screen, model, stop, mended, events=events)
        return work.go_on() if setup is None else work.start(setup)


def run_folder(source: Any, out: str | Path | None, *, resume: bool, force: bool) -> RunFolder:
    """The folder to train in; refused where it holds a run that is neither to go on nor to be replaced.

    Args:
        source: The data, which gives a new folder its name.
        out: What was asked for; None makes a new folder below `runs`.
        resume: Whether to go on with the run in it.
        force: Whether to replace the run in it.

    Raises:
        BadValue: `resume` and `force` do not go together, and `resume` needs a folder.
        BadRun: There is a run, or none.
    """
    if resume and force:
        raise BadValue("--resume goes on with a run and --force replaces it: give one of them.")
    if resume and out is None:
        raise BadValue("--resume needs the run to go on with: --out RUN.")
    folder = RunFolder(out) if out is not None else _new_folder(source)
    folder.refuse_if_no_folder()
    if folder.exists and not (resume or force):
        raise BadRun(
            f"{folder.path} holds a run. Go on with it by --resume, replace it by --force, or give another --out."
        )
    if resume and not folder.exists:
        raise BadRun(f"{folder.path} holds no run to go on with. Leave --resume out to start one.")
    return folder


def asks_events(folder: RunFolder, options: Options, resume: bool) -> bool:
    """Whether TensorBoard events are to be written: asked for now, or when the run that goes on was begun."""
    return options.tensorboard or (resume and folder.has(EVENTS))


def _new_folder(source: Any) -> RunFolder:
    name = Path(str(source)).stem if isinstance(source, str | Path) else "run"
    number = 1
    while (Path("runs") / f"{name}-{number}").exists():
        number += 1
    return RunFolder(Path("runs") / f"{name}-{number}")
