"""Trials, or fused groups of them, side by side: worker processes of one thread each, as many as there are cores."""

import contextlib
import json
import os
import selectors
import subprocess
import sys
import tempfile
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from operator import length_hint
from pathlib import Path
from typing import Any

from trainwell.errors import BadValue, Failed
from trainwell.search.running.alone import refuse_if_stopped
from trainwell.search.running.held import HeldRunner
from trainwell.search.running.once import AskOnce
from trainwell.search.running.parcel import pack, refuse_objects
from trainwell.search.trial import Judge, Result, Score, Trial
from trainwell.search.work import Work
from trainwell.training.interrupt import Stop
from trainwell.training.machine import usable_threads

_SECONDS_BETWEEN_LOOKS = 0.2  # at whether to stop
_SECONDS_TO_END = 5.0
_ATTEMPTS = 2  # a trial whose worker dies is tried once more: what kills two workers is likely the trial itself
_SHOWN = 300  # characters of what a worker said before it died
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")


class SideBySide(HeldRunner):
    """Trains a trial, or a fused group of trials, in each of several worker processes.

    The workers are started when there is something for them to do, each opens the data once, and they stay for the
    next run until `close`. They end by themselves with the process that started them.

    Args:
        work: What the trials share.
        workers: Number of processes; None takes the cores this process may use.
        width: Most trials fused into one in a worker; they are shared out evenly where their number is known.
        stop: Signalled when the study is to end.

    Raises:
        BadValue: The work cannot be handed to other processes, or is for a GPU.
    """

    def __init__(self, work: Work, *, workers: int | None = None, width: int = 1, stop: Stop | None = None) -> None:
        refuse_objects(work)
        if work.device.type != "cpu":
            raise BadValue(
                f"Trials side by side are for the cores of a CPU, and the device is {work.device}. "
                "Run them fused or in turn, or take --device cpu."
            )
        self._work, self._stop = work, stop
        self.width = width
        self.most = usable_threads() if workers is None else workers
        self._workers: list[Worker] = []
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._selector = selectors.DefaultSelector()

    @property
    def chosen(self) -> str:
        fused = f", each with up to {self.width} fused" if self.width > 1 else ""
        return f"side by side, {self.most} worker{'s' * (self.most > 1)} of one thread{fused}"

    @property
    def workers(self) -> list[int]:
        """Process ids of the workers there are."""
        return [worker.process.pid for worker in self._workers]

    def run(self, trials: Iterable[Trial], judge: Judge) -> Iterator[Result]:
        count = length_hint(trials)
        size = min(self.width, -(-count // self.most)) if count else self.width
        source = iter(trials)
        again: deque[Trial] = deque()
        deaths: Counter[int] = Counter()
        asked = AskOnce(judge)
        exhausted = False
        try:
            while True:
                while self._has_room() and (again or not exhausted):
                    group = [again.popleft()] if again else list(islice(source, size))
                    if not group:
                        exhausted = True
                        break
                    self._idle().give(group)
                if not any(worker.trials for worker in self._workers):
                    return
                refuse_if_stopped(self._stop)
                for worker, message in self._messages():
                    if message is None:
                        for trial in worker.trials.values():
                            # One that was ready and did not take the order was dead before it came.
                            deaths[trial.number] += worker.took or not worker.ready
                            if deaths[trial.number] < _ATTEMPTS:
                                again.append(trial)
                            else:
                                yield _failed(trial, worker)
                    elif "took" in message:
                        worker.took = True
                    elif "score" in message:
                        trial = worker.trials[message["number"]]
                        worker.say(answer=asked(trial, Score(**message["score"])))
                    elif "result" in message:
                        del worker.trials[message["result"]["number"]]
                        yield _result(message["result"])
        finally:
            for worker in [worker for worker in self._workers if worker.trials]:
                self._end(worker)

    def rate(self, first: Sequence[Trial], members: int, seconds: float) -> float | None:
        """Steps a second of trials like the first ones, so many in each worker, all workers at the same time.

        None where they cannot be timed.
        """
        while len(self._workers) < self.most:
            self._new()
        for worker in self._workers:
            worker.say(time=[trial.json() for trial in first], members=members, seconds=seconds)
        armed = [worker for worker, message in self._answers(list(self._workers)) if "armed" in message]
        for worker in armed:
            worker.say(go=True)
        rates = [message["rate"] for _, message in self._answers(armed) if message["rate"] is not None]
        return sum(rates) if len(rates) == self.most else None

    def _answers(self, workers: "list[Worker]") -> "list[tuple[Worker, dict[str, Any]]]":
        """One answer of each of the workers but those that die."""
        waiting = {worker.process.pid for worker in workers}
        answers: list[tuple[Worker, dict[str, Any]]] = []
        while waiting:
            refuse_if_stopped(self._stop)
            for worker, message in self._messages():
                if message is None or "ready" not in message:
                    waiting.discard(worker.process.pid)
                    answers += [] if message is None else [(worker, message)]
        return answers

    def close(self) -> None:
        for worker in list(self._workers):
            self._end(worker)
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    def _has_room(self) -> bool:
        return len(self._workers) < self.most or any(not worker.trials for worker in self._workers)

    def _idle(self) -> "Worker":
        return next((worker for worker in self._workers if not worker.trials), None) or self._new()

    def _new(self) -> "Worker":
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="trainwell-work-", ignore_cleanup_errors=True)
            folder = Path(self._folder.name)
            pack(self._work, folder)
            (folder / "path.json").write_text(json.dumps(sys.path), encoding="utf-8")
        worker = Worker(Path(self._folder.name))
        self._workers.append(worker)
        self._selector.register(worker.output, selectors.EVENT_READ, worker)
        return worker

    def _messages(self) -> Iterator[tuple["Worker", dict[str, Any] | None]]:
        """What the workers have said; None of one that has died, which is let go of.

        Raises:
            Failed: A worker died before it was ready for anything.
        """
        for found, _ in self._selector.select(_SECONDS_BETWEEN_LOOKS):
            worker: Worker = found.data
            messages = worker.read()
            if messages is None:
                worker.wait()
                self._end(worker)
                if not worker.ready and worker.process.returncode > 0:
                    raise Failed(f"A worker process could not start: {worker.last_words()}")
                yield worker, None
            else:
                for message in messages:
                    yield worker, message

    def _end(self, worker: "Worker") -> None:
        self._selector.unregister(worker.output)
        self._workers.remove(worker)
        worker.end()


class Worker:
    """A worker process and the pipes to it.

    Args:
        folder: Where its work is packed.
    """

    def __init__(self, folder: Path) -> None:
        self.trials: dict[int, Trial] = {}  # that it trains
        self.ready = self.took = False
        self._said = tempfile.TemporaryFile()  # noqa: SIM115  (goes with the worker)
        self._rest = b""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "trainwell.search.running.worker", str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            env=os.environ | _ONE_THREAD | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
        assert self.process.stdout is not None
        self.output = self.process.stdout.fileno()

    def give(self, trials: Sequence[Trial]) -> None:
        """Have it train a trial, or several fused into one."""
        self.trials, self.took = {trial.number: trial for trial in trials}, False
        self.say(trials=[trial.json() for trial in trials])

    def say(self, **content: Any) -> None:
        """Send an order; one that has died is noticed by reading."""
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(json.dumps(content).encode() + b"\n")
            self.process.stdin.flush()

    def read(self) -> list[dict[str, Any]] | None:
        """What it has said since; None where it has died."""
        read = os.read(self.output, 65536)
        if not read:
            return None
        *lines, self._rest = (self._rest + read).split(b"\n")
        messages = [json.loads(line) for line in lines]
        self.ready |= any("ready" in message for message in messages)
        return messages

    def wait(self) -> None:
        """Give one that has closed its output the time to end by itself, so that its exit code is its own."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(_SECONDS_TO_END)

    def end(self) -> None:
        """Kill it and wait for its end."""
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            with contextlib.suppress(BrokenPipeError):  # an order it did not read
                pipe.close()

    def last_words(self) -> str:
        """How it ended, and the end of what it printed."""
        self._said.seek(0)
        said = self._said.read().decode(errors="replace").strip()
        code = self.process.returncode
        how = f"killed by signal {-code}" if code < 0 else f"exit code {code}"
        return f"{how}{': ' if said else ''}{said[-_SHOWN:]}"


def _failed(trial: Trial, worker: Worker) -> Result:
    out_of_memory = worker.process.returncode == -9
    likely = " (signal 9 is what the system sends when memory runs out)" if out_of_memory else ""
    why = f"its worker process died {_ATTEMPTS} times, the last time {worker.last_words()}{likely}"
    return Result(number=trial.number, state="failed", value=None, scores=(), seconds=0.0, how="side by side", why=why)


def _result(content: dict[str, Any]) -> Result:
    scores = tuple(Score(**score) for score in content["scores"])
    return Result(**content | {"scores": scores, "folds": tuple(content["folds"])})
