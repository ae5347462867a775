"""Storage: the trials of a study where Optuna, and optuna-dashboard, find them.

By default a journal file in the study's folder. A finished trial is written at once, with its scores, as one entry:
reports one by one would cost as much as a small training. Each stage is a study of its own, since what it found is
comparable within it alone: its trainings are equally long.
"""

import contextlib
import logging
import math
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import optuna
from optuna.exceptions import OptunaError
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend, JournalRedisBackend
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState, create_trial

from trainwell.errors import BadRun, BadValue, StorageFailed
from trainwell.record import storing
from trainwell.search.space import Settings, Space
from trainwell.search.trial import Score, State

JOURNAL = "optuna.journal"
_STATES = {
    "complete": TrialState.COMPLETE,
    "pruned": TrialState.PRUNED,
    "diverged": TrialState.PRUNED,  # so that a sampler learns to keep away from it; of a failed one it learns nothing
    "failed": TrialState.FAIL,
}
_LOCK = ".lock"  # what Optuna adds to the name of a journal while it writes


def open_storage(url: str | None, folder: Path) -> BaseStorage:
    """The storage at an address, or the journal file in a folder; what a kill left of the journal is mended.

    The caller holds the folder, so that nobody else writes into its journal.

    Raises:
        BadValue: No storage can be reached at the address.
    """
    if url is None:
        path = folder / JOURNAL
        with storing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            mend(path)
            return JournalStorage(JournalFileBackend(str(path)))
    try:
        if url.startswith("redis"):
            return JournalStorage(JournalRedisBackend(url))
        return RDBStorage(url)
    except Exception as error:  # of a driver, of a network, of a database: each has errors of its own
        raise BadValue(
            f"--storage {url}: no storage can be opened there ({type(error).__name__}: {_first_line(error)}). Expected "
            "an address that Optuna takes, such as sqlite:///study.db or postgresql://user@host/name, with its driver "
            "installed."
        ) from error


def mend(journal: Path) -> None:
    """Cut a torn last line from a journal, and take away the lock of a process that was killed while it wrote."""
    for suffix in (_LOCK, f"{_LOCK}.rename"):
        journal.with_name(journal.name + suffix).unlink(missing_ok=True)
    if journal.exists():
        whole = journal.read_bytes().rfind(b"\n") + 1
        if whole < journal.stat().st_size:
            with open(journal, "r+b") as file:
                file.truncate(whole)


class Mirror:
    """The studies of one search in a storage.

    Args:
        storage: Where.
        label: What their names begin with.
    """

    def __init__(self, storage: BaseStorage, label: str) -> None:
        self._storage, self._label = storage, label
        self._held: dict[str, set[int]] = {}
        self._studies: dict[str, Study] = {}

    def refuse_others(self) -> None:
        """Raise `BadRun` where the storage has studies of this name already."""
        found = self._names()
        if found:
            raise BadRun(
                f"The storage holds a study {found[0]!r} already. Go on with it by --resume and the same --out, "
                "replace it by --force, or give another --out, after whose name it is called."
            )

    def clear(self) -> None:
        """Take the studies of this name out of the storage."""
        for name in self._names():
            optuna.delete_study(study_name=name, storage=self._storage)

    def add(self, stage: str, number: int, trial: FrozenTrial) -> None:
        """Write a finished trial of a stage, unless it is there already."""
        with quiet(), _reached():
            if stage not in self._studies:
                study = optuna.create_study(
                    study_name=self._name(stage), storage=self._storage, direction="maximize", load_if_exists=True
                )
                self._studies[stage] = study
                self._held[stage] = {held.user_attrs.get("number", -1) for held in study.get_trials(deepcopy=False)}
            if number not in self._held[stage]:
                self._studies[stage].add_trial(trial)
                self._held[stage].add(number)

    def _name(self, stage: str) -> str:
        return f"{self._label} {stage}"

    def _names(self) -> list[str]:
        with _reached():
            names = optuna.get_all_study_names(self._storage)
        return [name for name in names if name.rpartition(" ")[0] == self._label]


def frozen(
    space: Space,
    settings: Settings,
    state: State,
    value: float | None,
    scores: Sequence[Score] = (),
    seconds: float = 0.0,
    **facts: Any,
) -> FrozenTrial:
    """A finished trial as Optuna has it.

    Args:
        space: What was searched.
        settings: Of the trial.
        state: What became of it.
        value: Its value; None where it has none.
        scores: On the way.
        seconds: Time it took.
        facts: What else is to be shown of it.
    """
    kept = space.recorded(settings)
    trial = create_trial(
        state=_STATES[state],
        value=value if state == "complete" else None,
        params=kept,
        distributions=space.distributions(kept),
        user_attrs=facts | {"state": state},
        intermediate_values={score.step: score.value for score in scores if math.isfinite(score.value)},
    )
    if trial.datetime_complete is not None:
        trial.datetime_start = trial.datetime_complete - timedelta(seconds=seconds)
    return trial


def in_memory() -> Study:
    """A study that lives in memory, for samplers and pruners to look at.

    It has a fixed name: hyperband deals trainings out to its brackets by name and number.
    """
    with quiet():
        return optuna.create_study(study_name="in memory", direction="maximize")


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Optuna says nothing below a warning; its own level is put back after."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(logging.WARNING)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)


@contextlib.contextmanager
def _reached() -> Iterator[None]:
    """Turn what a storage throws into our own error."""
    try:
        yield
    except (OptunaError, OSError) as error:
        raise StorageFailed(
            f"The storage of the study cannot be used ({type(error).__name__}: {_first_line(error)}). What was saved "
            "before is untouched: go on with --resume."
        ) from error


def _first_line(error: Exception) -> str:
    """What an error says, without what a driver adds to it."""
    return next(iter(str(error).splitlines()), "")
