"""Every error of Trainwell, drawn as a tree.

    TrainwellError                 exit code
    +-- Refused                        2      the request cannot be carried out as it stands
    |   +-- UnknownName                       no technique, field or built-in of that name
    |   +-- BadValue                          a value outside what is possible
    |   +-- BadData                           data that cannot be read or learnt from
    |   +-- BadRun                            a folder that is no run, is in use, or belongs to another recipe
    |   +-- BadWeights                        weights that cannot be read, or belong to another network
    |   +-- MissingExtra                      an optional dependency is not installed
    +-- Failed                         3      the request was fine and something gave way under it
    |   +-- StorageFailed                     disk full or not writable
    |   +-- OutOfMemory                       the batch does not fit
    +-- Diverged                       1      the loss became NaN or infinite
    +-- Interrupted              130 / 143    Ctrl-C or SIGTERM; the checkpoint is saved

A message says what came, what was expected and what to do. `assert` is for our own mistakes only.
"""

import difflib
from collections.abc import Iterable


class TrainwellError(Exception):
    """Base of all errors raised on purpose."""

    exit_code = 3


class Refused(TrainwellError, ValueError):
    """The request cannot be carried out; nothing was changed."""

    exit_code = 2


class UnknownName(Refused):
    """There is nothing of that name.

    Args:
        what: What was looked for, as a singular noun with its article left out: `optimizer`.
        name: The name that came.
        known: The names there are.
    """

    def __init__(self, what: str, name: str, known: Iterable[str]) -> None:
        self.name = name
        self.known = sorted(known)
        near = nearest(name, self.known)
        hint = f" Did you mean {near!r}?" if near else ""
        known_text = ", ".join(self.known) or "none"
        super().__init__(f"There is no {what} called {name!r}.{hint} Known: {known_text}.")


class BadValue(Refused):
    """A value that came is outside what is possible."""


class BadData(Refused):
    """The data cannot be read, or nothing can be learnt from it."""


class BadRun(Refused):
    """The folder is no run, is in use by another process, or holds another recipe."""


class BadWeights(Refused):
    """The weights cannot be read, or belong to another network than can be built."""


class MissingExtra(Refused):
    """An optional dependency is needed and not installed.

    Args:
        feature: What was asked for.
        extra: The extra of this package that brings it.
    """

    def __init__(self, feature: str, extra: str) -> None:
        super().__init__(f"{feature} needs an optional dependency. Install it with: pip install 'trainwell[{extra}]'")


class Failed(TrainwellError):
    """The request was fine and something gave way while it was carried out."""

    exit_code = 3


class StorageFailed(Failed):
    """Writing failed: the disk is full, a quota is reached, or the folder is not writable."""


class OutOfMemory(Failed):
    """A batch does not fit into memory."""


class Diverged(TrainwellError):
    """The loss became NaN or infinite; the last good weights are kept."""

    exit_code = 1


class Interrupted(TrainwellError):
    """Stopped by a signal; the checkpoint is saved.

    Args:
        signal_name: `SIGINT` (exit code 130) or `SIGTERM` (143).
    """

    def __init__(self, signal_name: str, message: str) -> None:
        self.exit_code = {"SIGINT": 130, "SIGTERM": 143}[signal_name]
        super().__init__(message)


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name most like `name`, or None where none is near."""
    by_lowered = {each.lower(): each for each in known}
    found = difflib.get_close_matches(name.lower(), list(by_lowered), n=1, cutoff=0.6)
    return by_lowered[found[0]] if found else None
