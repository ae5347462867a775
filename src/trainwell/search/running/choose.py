"""Which way to run trials: as asked, or the one that is measured to be fastest."""

from collections.abc import Callable
from importlib.util import find_spec

from trainwell.errors import BadValue, MissingExtra, UnknownName
from trainwell.search.running.auto import Auto
from trainwell.search.running.fused import Fused
from trainwell.search.running.held import HeldRunner, silent
from trainwell.search.running.in_turn import InTurn
from trainwell.search.running.on_ray import OnRay
from trainwell.search.running.over_folds import OverFolds
from trainwell.search.running.side_by_side import SideBySide
from trainwell.search.work import Work
from trainwell.training.interrupt import Stop

HOW = ("auto", "in_turn", "side_by_side", "fused", "fused_side_by_side", "ray")
WIDTH = 64


def check_how(how: str) -> None:
    """Refuse a way to run that there is not, or whose extra is not installed.

    Raises:
        UnknownName: No such way.
        MissingExtra: Ray is not installed.
    """
    name, colon, address = how.partition(":")
    if name not in HOW or (colon and name != "ray"):
        raise UnknownName("way to run trials", how, [*HOW, "ray:ADDRESS"])
    if colon and not address:
        raise BadValue("ray: needs the address of the cluster, ray:HOST:PORT; ray alone starts one on this machine.")
    if name == "ray" and find_spec("ray") is None:
        raise MissingExtra("Running trials on Ray", "ray")


def choose(
    work: Work,
    how: str = "auto",
    *,
    width: int = WIDTH,
    workers: int | None = None,
    say: Callable[[str], None] = silent,
    stop: Stop | None = None,
) -> HeldRunner:
    """A runner for the trials of a study, to be closed after the last of them.

    Args:
        work: What the trials share.
        how: `auto` measures at the start of every run; `in_turn`, `side_by_side`, `fused`, `fused_side_by_side`
            (a fused group in each worker), or `ray`, which starts a cluster on this machine, or `ray:ADDRESS`, which
            joins one.
        width: Most trials fused into one training.
        workers: Processes side by side, or at a time on Ray; None takes one for each core.
        say: Where to say what was chosen.
        stop: Signalled when the study is to end.

    Raises:
        UnknownName: No such way to run.
        BadValue: The work cannot be run that way.
        MissingExtra: Ray is not installed.
    """
    check_how(how)
    for what, count in (("width", width), ("workers", workers)):
        if count is not None and count < 1:
            raise BadValue(f"{what}={count} is not possible: expected at least 1.")
    name, _, address = how.partition(":")
    runner: HeldRunner
    if name == "auto":
        runner = Auto(work, width=width, workers=workers, say=say, stop=stop)
    elif name == "side_by_side":
        runner = SideBySide(work, workers=workers, stop=stop)
    elif name == "fused_side_by_side":
        runner = SideBySide(work, workers=workers, width=width, stop=stop)
    elif name == "fused":
        runner = Fused(work, width=width, stop=stop, say=say)
    elif name == "ray":
        runner = OnRay(work, width=width, address=address or None, workers=workers, stop=stop)
    else:
        runner = InTurn(work, stop=stop)
    return OverFolds(runner, len(work.folds)) if work.folds else runner
