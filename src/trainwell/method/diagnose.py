"""`diagnose`: what is wrong with a run, by its folder, or with a program, by the script that makes it."""

import importlib
import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from trainwell.diagnoses import Diagnosis, finding_of, gravest_first
from trainwell.diagnoses.checkup import checkup
from trainwell.diagnoses.recorded import judge_run, judged_anew
from trainwell.errors import BadRun, BadValue, UnknownName
from trainwell.method.run import Run
from trainwell.record import FINDINGS, RECORD

_NAMES = ("model", "loss", "optimizer", "train", "valid", "batch_size", "epochs")
_TAKEN = {name: p for name, p in inspect.signature(checkup).parameters.items() if name not in ("seconds", "seed")}
_NEEDED = [name for name, p in _TAKEN.items() if p.default is inspect.Parameter.empty]
_EXPECTED = (
    f"Expected a tuple ({', '.join(_NAMES)}), or a dict of the arguments of trainwell.checkup: {', '.join(_TAKEN)}."
)


def diagnose(path: str | Path) -> Diagnosis:
    """What the folder of a run says, of one that is still going as far as it is.

    Args:
        path: Run folder.

    Returns:
        What the checks and the recipe check had found, and what the record says.

    Raises:
        BadRun: The folder holds no run, or nothing was trained in it yet.
    """
    run = Run(path)
    if not run.folder.has(RECORD):
        raise BadRun(f"{run.path} has no record yet. Wait until the first epoch is done, and ask again.")
    stored = run.folder.read_json(FINDINGS) if run.folder.has(FINDINGS) else {"findings": [], "verdict": {}}
    earlier = [finding for finding in map(finding_of, stored["findings"]) if not judged_anew(finding)]
    judged = judge_run(
        run.recipe,
        run.data,
        run.record(),
        stopped_early=bool(stored["verdict"].get("stopped_early", False)),
        kept_epoch=stored["verdict"].get("kept_epoch"),
    )
    notes = judged.notes if stored["verdict"].get("finished") else (*judged.notes, "The run is not finished.")
    return Diagnosis(tuple(gravest_first([*earlier, *judged])), notes)


def diagnose_script(name: str, *, seconds: float | None = None, seed: int = 0) -> Diagnosis:
    """A checkup of the program that a function makes.

    Args:
        name: `module:function`. It gives (model, loss, optimizer, train, valid, batch_size, epochs), valid being None
            where there is none, or a dict of the arguments of `checkup`. Where it takes a `seed` it is called with one,
            and is the checkup's `build` too.
        seconds: See `checkup`.
        seed: See `checkup`.

    Raises:
        BadValue: There is no such module or function, or it gives something else.
    """
    function = _function(name)
    wanted = inspect.signature(function).parameters
    seeded = "seed" in wanted
    variable = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    needed = [p.name for p in wanted.values() if p.default is p.empty and p.name != "seed" and p.kind not in variable]
    if needed:
        raise BadValue(
            f"--script {name!r}: the function needs {', '.join(needed)}; expected one that takes nothing, or a seed. "
            "Wrap it in such a function."
        )

    def build(seed: int) -> tuple[Any, ...]:
        arguments = _arguments(function(seed=seed), name)
        return tuple(arguments.get(part) for part in _NAMES)

    arguments = _arguments(function(seed=seed) if seeded else function(), name)
    if seeded:
        arguments = {"build": build} | arguments
    return checkup(**arguments, seconds=seconds, seed=seed)


def _function(name: str) -> Callable[..., Any]:
    module_name, _, attribute = name.partition(":")
    if not module_name or not attribute:
        raise BadValue(f"--script {name!r} is not possible: expected module:function, for example train:program.")
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module_name}.".startswith(f"{error.name}."):
            raise  # a module that the script itself cannot find
        raise BadValue(
            f"--script {name!r}: there is no module {module_name!r} that could be imported from the folder you are in. "
            "Give it without .py, with dots for folders."
        ) from error
    found = getattr(module, attribute, None)
    if not callable(found):
        own = [
            value for value in vars(module).values() if inspect.isfunction(value) and value.__module__ == module_name
        ]
        functions = [value.__name__ for value in own if not value.__name__.startswith("_")]
        raise UnknownName(f"function in {module_name}", attribute, functions)
    return found


def _arguments(made: Any, name: str) -> dict[str, Any]:
    """What a function gave, as the arguments of `checkup`."""
    if isinstance(made, Mapping):
        for key in made:
            if key not in _TAKEN:
                raise UnknownName(f"argument of trainwell.checkup, as {name} gives it,", str(key), _TAKEN)
        missing = [key for key in _NEEDED if key not in made]
        if missing:
            raise BadValue(f"{name} gave a dict without {', '.join(missing)}. {_EXPECTED}")
        return dict(made)
    if isinstance(made, tuple | list) and len(made) == len(_NAMES):
        return dict(zip(_NAMES, made, strict=True))
    came = type(made).__name__ + (f" of {len(made)}" if isinstance(made, tuple | list) else "")
    raise BadValue(f"{name} gave {came}. {_EXPECTED}")
