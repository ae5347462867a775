"""A worker process: `python -m trainwell.search.running.worker FOLDER`.

It does what it is told by JSON lines on its standard input, one at a time, and answers by JSON lines on what was its
standard output; what anything else prints goes to its standard error. It ends when its input does, at once, whatever
it is doing: so no worker outlives the process that started it.

    in   {"trials": [...]}                               train one, or several fused into one
         {"time": [...], "members": K, "seconds": S}     set up K like these, say `armed`, wait for `go`, time S seconds
         {"answer": true}                                of the judge
    out  {"ready": pid}   {"took": true}   {"score": ..., "number": N}   {"result": ...}   {"armed": true}
         {"rate": steps a second}
"""

import json
import os
import queue
import select
import shutil
import signal
import sys
import threading
from pathlib import Path
from typing import IO, Any

from trainwell.search.running.alone import train_alone
from trainwell.search.running.fused import Fused
from trainwell.search.running.parcel import unpack
from trainwell.search.running.timing import alike, ready_to_time
from trainwell.search.trial import Score, Trial
from trainwell.search.work import Work
from trainwell.training.engine import Engine, running
from trainwell.training.machine import keep_memory

HOW = "side by side"
_SECONDS_BETWEEN_LOOKS = 5.0  # whether the parent is still there, should another process hold its end of the pipe


class _Parent:
    """The process that gives the orders."""

    def __init__(self, folder: Path) -> None:
        self._out: IO[str] = os.fdopen(os.dup(1), "w", buffering=1, encoding="utf-8")
        os.dup2(2, 1)
        self._orders: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        threading.Thread(target=self._listen, args=(os.getppid(), folder), daemon=True).start()

    def _listen(self, parent: int, folder: Path) -> None:
        rest = b""
        while os.getppid() == parent:
            if not select.select([0], [], [], _SECONDS_BETWEEN_LOOKS)[0]:
                continue
            read = os.read(0, 65536)
            if not read:
                break
            *lines, rest = (rest + read).split(b"\n")
            for line in lines:
                self._orders.put(json.loads(line))
        shutil.rmtree(folder, ignore_errors=True)  # which the parent did not live to do
        os._exit(0)

    def order(self) -> dict[str, Any]:
        """The next order; waits for it."""
        return self._orders.get()

    def say(self, **content: Any) -> None:
        """Answer with one line."""
        try:
            self._out.write(json.dumps(content) + "\n")
        except BrokenPipeError:
            os._exit(0)


def main() -> None:
    """Carry out orders until the parent is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends its workers
    folder = Path(sys.argv[1])
    parent = _Parent(folder)
    sys.path[:] = json.loads((folder / "path.json").read_text())
    work = unpack(folder)
    if work.keep_memory:
        keep_memory()
    engine = work.engine(threads=1)
    parent.say(ready=os.getpid())
    with running(engine):
        while True:
            order = parent.order()
            if "trials" in order:
                parent.say(took=True)
                _train(parent, work, engine, order)
            else:
                _time(parent, work, engine, order)


def _train(parent: _Parent, work: Work, engine: Engine, order: dict[str, Any]) -> None:
    def judge(trial: Trial, score: Score) -> bool:
        parent.say(score=vars(score), number=trial.number)
        return bool(parent.order()["answer"])

    trials = [Trial.from_json(trial) for trial in order["trials"]]
    if len(trials) == 1:
        results = iter([train_alone(work, trials[0], judge, engine, HOW)])
    else:
        results = Fused(work, width=len(trials), threads=1).run(trials, judge)
    for result in results:
        how = HOW if result.how == "in turn" else result.how
        parent.say(result=vars(result) | {"scores": [vars(score) for score in result.scores], "how": how})


def _time(parent: _Parent, work: Work, engine: Engine, order: dict[str, Any]) -> None:
    rate = None
    try:
        first = [Trial.from_json(trial) for trial in order["time"]]
        measure = ready_to_time(alike(work, first, order["members"]), engine)
        parent.say(armed=True)
        parent.order()
        rate = measure(order["seconds"])
    except Exception:  # a trial that cannot be trained is no measure of anything
        pass
    parent.say(rate=rate)


if __name__ == "__main__":
    main()
