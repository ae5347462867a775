"""`tune`: look -> check -> rates -> coarse search -> refined search -> finalists -> train the winner -> read the
curves, and once more while the budget lasts."""

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import nn

from trainwell.errors import BadValue
from trainwell.family import Part
from trainwell.method.look import Options, look
from trainwell.method.reported import reported
from trainwell.method.screen import Screen, Silent
from trainwell.method.tune.budget import Budget, budget_to_go_on, read_budget
from trainwell.method.tune.course import Course
from trainwell.method.tune.folder import STUDY, StudyFolder, new_folder
from trainwell.method.tune.prepare import prepare
from trainwell.method.tune.ranges import space_of
from trainwell.method.tune.tuned import Tuned
from trainwell.models.given import GIVEN
from trainwell.recipe import Recipe, check_edits
from trainwell.search.ledger import Ledger
from trainwell.search.pruners import pruners
from trainwell.search.running.choose import check_how, choose
from trainwell.search.spelled import PREFIX, read_space
from trainwell.search.storage import Mirror, open_storage
from trainwell.search.strategies import strategies
from trainwell.training.interrupt import listening
from trainwell.training.machine import pick_device


def tune(
    source: Any,
    edits: Sequence[str] = (),
    *,
    trials: int | None = None,
    budget: str | None = None,
    strategy: Part | str = "quasi_random",
    pruner: Part | str = "none",
    folds: int | None = None,
    on: str = "auto",
    storage: str | None = None,
    recipe: Recipe | None = None,
    model: nn.Module | None = None,
    out: str | Path | None = None,
    resume: bool = False,
    force: bool = False,
    keep_memory: bool = False,
    options: Options | None = None,
    screen: Screen | None = None,
) -> Tuned:
    """Search the settings of a recipe by the book, train the best by `fit`, and leave a folder of the study.

    Args:
        source: See `fit`.
        edits: `key=value` edits of the recipe, and `space.key=low..high` or `space.key=a,b` for what is to be searched
            besides learning rate and weight decay.
        trials: Trials of the search; where no budget is given 30, or, of a study that goes on, as many as before.
        budget: Time instead, as `30m`; turned into trials where a stage begins.
        strategy: How settings are proposed, one of `strategies`.
        pruner: Which trainings are given up, one of `pruners`.
        folds: Judge every setting by cross-validation over so many folds; None by the validation split.
        on: How trials are run: `auto` measures; `in_turn`, `side_by_side`, `fused`, `fused_side_by_side`, `ray`,
            `ray:ADDRESS`.
        storage: Address of a storage of Optuna; None is a journal file in the folder.
        recipe: A whole recipe; None chooses one from the data.
        model: One's own network; at the end it holds the weights of the winner.
        out: Folder of the study; None makes a new one below `studies`.
        resume: Go on with the study in `out`; of all this only the budget may be another, and larger.
        force: Replace the study in `out`.
        keep_memory: Whether processes made for the trials keep freed memory between steps.
        options: Options of the runs.
        screen: Where to say what happens; None is silent.

    Returns:
        The study.

    Raises:
        Refused: The request cannot be carried out.
        Failed: Something gave way; what was saved stays.
        Diverged: The training of the winner became NaN or infinite.
        Interrupted: Stopped by a signal; what is finished is saved.
    """
    options, screen = options or Options(), screen or Silent()
    if resume and force:
        raise BadValue("--resume goes on with a study and --force replaces it: give one of them.")
    if resume and out is None:
        raise BadValue("--resume needs the study to go on with: --out STUDY.")
    whole_budget = read_budget(trials, budget)
    ranges = [edit for edit in edits if edit.startswith(PREFIX)]
    plain = [edit for edit in edits if not edit.startswith(PREFIX)]
    asked = read_space(ranges)
    check_edits([edit for edit in plain if not edit.startswith("recipe=")])
    parts = strategies.resolve(strategy), pruners.resolve(pruner)
    if folds is not None and folds < 2:
        raise BadValue(
            f"--folds {folds} is not possible: a cross-validation has at least 2. Leave it out for one split."
        )
    check_how(on)
    folder = StudyFolder(out) if out is not None else new_folder(source)
    device = pick_device(options.device)
    folder.refuse_unless(resume=resume, force=force)
    own = None if model is None else type(model).__name__
    looked = look(source, plain, options, screen, recipe=recipe, own=own)
    if looked.recipe.model.name == GIVEN and model is None:
        raise BadValue("The recipe names a network that was given as an object. Give it: tune(..., model=...).")
    space_of(looked.recipe, asked, looked.pinned, None)  # refuses what cannot be before anything is computed
    request = {
        "recipe": looked.recipe.json(),
        "data": looked.data.fingerprint,
        "space": ranges,
        "strategy": parts[0].json(),
        "pruner": parts[1].json(),
        "folds": folds,
    }
    if resume:
        folder.refuse_other(request)
    stored = folder.read_json(STUDY) if resume else None
    if stored is not None:
        whole_budget = budget_to_go_on(Budget(**stored["budget"]), trials, budget)
    ground, setup, engine = prepare(looked, device, options, screen, model, stored)
    work = ground.work(folds, copy.deepcopy(model), keep_memory)
    remote = None if storage is None else open_storage(storage, folder.path)  # refused before a folder is made
    with (
        reported(folder.path, screen),
        listening() as stop,
        choose(work, on, say=screen.say, stop=stop) as runner,
        folder.locked(),
    ):
        if storage is None and not resume:
            folder.clear()
        opened = open_storage(None, folder.path) if remote is None else remote
        mirror = Mirror(opened, folder.path.resolve().name)
        if force:
            mirror.clear()
        elif not resume:
            mirror.refuse_others()
        if storage is not None and not resume:
            folder.clear()  # once nothing is left that could be refused
        ledger = Ledger(folder)
        try:
            course = Course(
                source, folder, ledger, mirror, ground, work, whole_budget, asked, parts, options, screen, stop, model
            )
            course.begin(request, setup, engine)
            course.run(runner)
        finally:
            ledger.close()
    return Tuned(folder.path)
