"""Trials on a Ray cluster: each, or each fused group of them, is a task, which Ray runs again where a worker dies."""

import contextlib
import signal
import socket
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain, islice
from operator import length_hint
from typing import Any

import numpy as np
import torch

from trainwell.data.dataset import Data
from trainwell.errors import BadValue, Failed, MissingExtra
from trainwell.recipe import Recipe
from trainwell.search.population import fusable
from trainwell.search.running.alone import refuse_if_stopped, result_of, train_alone
from trainwell.search.running.desk import Desk
from trainwell.search.running.fused import Fused
from trainwell.search.running.held import HeldRunner
from trainwell.search.running.once import AskOnce
from trainwell.search.running.parcel import refuse_objects
from trainwell.search.running.timing import alike, rate_of
from trainwell.search.trial import Judge, Result, Score, Trial
from trainwell.search.work import Work
from trainwell.training.calibrate import choice
from trainwell.training.engine import running
from trainwell.training.interrupt import Stop

HOW = "ray"
_RETRIES = 3  # of a task whose worker, or machine, dies
_SECONDS_BETWEEN_LOOKS = 0.2  # at whether to stop
_SECONDS_TO_ANSWER = 5.0  # for the cluster at an address
_SECONDS_TO_TIME = 0.3  # trials alone, and fused


class OnRay(HeldRunner):
    """Trains trials as Ray tasks of one core, or one GPU, each.

    The data is put into the cluster once. Trainwell, and whatever the recipe names by `package.module:attribute`, has
    to be installed on its machines.

    Args:
        work: What the trials share.
        address: Of a cluster that runs already, `HOST:PORT` or `auto`; None starts one on this machine, unless this
            process has joined one before.
        workers: Most tasks at a time; None takes what the cluster has room for.
        width: Most trials fused into one task, where timing a few steps here shows that it pays.
        stop: Signalled when the study is to end.

    Raises:
        MissingExtra: Ray is not installed.
        BadValue: The work cannot be handed to other processes, or this process has joined another cluster.
        Failed: There is no cluster at the address.
    """

    def __init__(
        self,
        work: Work,
        *,
        width: int,
        address: str | None = None,
        workers: int | None = None,
        stop: Stop | None = None,
    ) -> None:
        try:
            import ray
        except ImportError as error:
            raise MissingExtra("Running trials on Ray", "ray") from error
        refuse_objects(work)
        self._ray: Any = ray
        self._work, self._width, self._stop = work, width, stop
        self._group = 1
        self._is_ours = not ray.is_initialized()
        if self._is_ours:
            with _signals_as_they_are():
                _join(ray, address, workers)
        else:
            _refuse_other(ray, address)
        unit = "GPU" if work.device.type == "cuda" else "CPU"
        room = int(ray.cluster_resources().get(unit, 0))
        self._where = address or "this machine"
        if room < 1:
            self.close()
            raise Failed(f"The Ray cluster at {self._where} has no {unit} to train on.")
        self.most = min(room, workers or room)
        resources = {"num_cpus": 1, "num_gpus": 1 if unit == "GPU" else 0}
        remote: Any = ray.remote
        self._task = remote(max_retries=_RETRIES, **resources)(_train)
        self._desk = remote(num_cpus=0)(Desk).remote()
        self._question = self._desk.next.remote()  # outlives a run, so that none is lost between two
        self._shared: list[Any] = []

    @property
    def chosen(self) -> str:
        fused = f" of {self._group} fused trials" if self._group > 1 else ""
        return f"on Ray at {self._where}, {self.most} at a time{fused}"

    def run(self, trials: Iterable[Trial], judge: Judge) -> Iterator[Result]:
        count = length_hint(trials)
        source, asked = iter(trials), AskOnce(judge)
        first = list(islice(source, 2))
        self._shared = self._shared or [self._ray.put(_plain(self._work))]  # bare, every task would be handed a copy
        self._group = self._fused_group(first, -(-count // self.most))
        source = chain(first, source)
        under_way: dict[Any, list[Trial]] = {}
        by_number: dict[int, Trial] = {}
        exhausted = False
        try:
            while True:
                while len(under_way) < self.most and not exhausted:
                    group = list(islice(source, self._group))
                    exhausted = len(group) < self._group
                    if group:
                        plain = [trial.json() for trial in group]
                        under_way[self._task.remote(self._shared, plain, self._desk)] = group
                        by_number |= {trial.number: trial for trial in group}
                if not under_way:
                    return
                refuse_if_stopped(self._stop)
                ready, _ = self._ray.wait([*under_way, self._question], timeout=_SECONDS_BETWEEN_LOOKS)
                for found in ready:
                    if found == self._question:
                        key, number, score = self._said_by_the_desk(found)
                        goes_on = number in by_number and asked(by_number[number], Score(**score))
                        self._desk.answer.remote(key, goes_on)
                        self._question = self._desk.next.remote()
                    else:
                        yield from self._results(found, under_way.pop(found))
        finally:
            for task in under_way:
                self._ray.cancel(task, force=True)

    def _fused_group(self, first: list[Trial], members: int) -> int:
        """How many trials to fuse into a task: all that a worker would get, or one where fusing does not pay."""
        members = min(self._width, members)
        if members < 2 or len(first) < 2 or self._work.recipe.compile == "yes":
            return 1
        engine = self._work.engine(threads=1)
        try:
            setups = alike(self._work, first, members)
            if fusable(setups[:2]) is not None:
                return 1
            alone, together = (rate_of(timed, engine, _SECONDS_TO_TIME) for timed in (setups[:1], setups))
        except Exception:  # the task will say so of its trials
            return 1
        return members if choice([1 / alone, 1 / together]) else 1

    def close(self) -> None:
        if self._is_ours and self._ray.is_initialized():
            self._ray.shutdown()

    def _said_by_the_desk(self, found: Any) -> tuple[int, int, dict[str, Any]]:
        try:
            return self._ray.get(found)
        except self._ray.exceptions.RayActorError as error:
            raise Failed(f"The process that passes scores on in the Ray cluster died: {error}") from error

    def _results(self, task: Any, trials: list[Trial]) -> list[Result]:
        try:
            return self._ray.get(task)
        except self._ray.exceptions.RayError as error:
            why = f"its Ray worker died {_RETRIES + 1} times: {str(error).splitlines()[0]}"
            return [result_of(trial, "failed", (), seconds=0.0, how=HOW, why=why) for trial in trials]


def _join(ray: Any, address: str | None, workers: int | None) -> None:
    """Join the cluster at an address, or start one on this machine."""
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "error"}
    if address is None:
        same_priority = {"worker_niceness": 0}  # as that of workers side by side; by default they give way to all else
        ray.init(
            num_cpus=workers,
            include_dashboard=False,
            _node_ip_address="127.0.0.1",
            _system_config=same_priority,
            **quiet,
        )
        return
    host, _, port = address.rpartition(":")
    try:
        if host and port.isdigit() and "://" not in address:  # where nobody listens Ray waits for minutes
            socket.create_connection((host, int(port)), _SECONDS_TO_ANSWER).close()
        ray.init(address=address, **quiet)
    except (OSError, RuntimeError, ValueError) as error:
        raise Failed(
            f"There is no Ray cluster at {address} ({error}). Start one by 'ray start --head', or give --on ray."
        ) from error


def _refuse_other(ray: Any, address: str | None) -> None:
    """Refuse an address that is not that of the cluster which this process has joined."""
    joined = ray.get_runtime_context().gcs_address
    if address not in (None, "auto", joined):
        raise BadValue(
            f"This process has joined the Ray cluster at {joined} already and cannot join that at {address}. "
            "Call ray.shutdown() first, or leave the address out."
        )


@contextlib.contextmanager
def _signals_as_they_are() -> Iterator[None]:
    """Keep the handler of SIGTERM, which Ray replaces by its own."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if callable(before):
            with contextlib.suppress(ValueError):  # only the main thread can, and Ray did nothing elsewhere
                signal.signal(signal.SIGTERM, before)


def _plain(work: Work) -> dict[str, Any]:
    """The work as data that can be sent."""
    x = work.data.x
    data = replace(work.data, x=np.asarray(x)) if isinstance(x, np.ndarray) else work.data
    return {
        "data": data,
        "recipe": work.recipe.json(),
        "device": work.device.type,  # each task sees the one GPU that it is given
        "folds": [dict(fold.splits) for fold in work.folds],
    }


def _work_of(content: dict[str, Any]) -> Work:
    data: Data = content["data"]
    work = Work(data, Recipe.from_json(content["recipe"]), device=torch.device(content["device"]))
    work.folds = tuple(replace(data, splits=splits) for splits in content["folds"])
    return work


_OPENED: dict[str, Work] = {}  # in a worker of Ray: the work it did last, whose prepared samples the next trial shares


def _train(shared: list[Any], trials: list[dict[str, Any]], desk: Any) -> list[Result]:
    """What a task does, in a worker of Ray."""
    import ray

    def judge(trial: Trial, score: Score) -> bool:
        return bool(ray.get(desk.ask.remote(trial.number, vars(score))))

    if shared[0].hex() not in _OPENED:
        _OPENED.clear()
        _OPENED[shared[0].hex()] = _work_of(ray.get(shared[0]))
    work = _OPENED[shared[0].hex()]
    group = [Trial.from_json(trial) for trial in trials]
    if len(group) > 1:
        results = list(Fused(work, width=len(group), threads=1).run(group, judge))
    else:
        engine = work.engine(threads=1)
        with running(engine):
            results = [train_alone(work, group[0], judge, engine, HOW)]
    return [replace(result, how=HOW) for result in results]
