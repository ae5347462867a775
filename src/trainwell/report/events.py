"""The record as TensorBoard events: what a run writes into `RUN/tensorboard/`."""

import contextlib
import importlib.util
import json
import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from trainwell.errors import BadRun, Failed, MissingExtra, Refused
from trainwell.record import EVENTS, FINDINGS, RECIPE, RECORD, storing

_NAME = "events.out.tfevents.{:010d}.trainwell"  # a viewer goes from one file to the one whose name sorts behind it
_VERSION = "brain.Event:2"


def refuse_without_tensorboard() -> None:
    """Raise `MissingExtra` where TensorBoard's package is not installed."""
    if importlib.util.find_spec("tensorboard") is None:
        raise MissingExtra("Writing TensorBoard events", "tensorboard")


class Events:
    """Follows the record of a run, and writes what is new in it as events.

    At the first call the file is written anew from the first line of the record on, so that it never holds what a
    resumed run has cut off; an older file is emptied, and a viewer that has read it is told to forget it. The wall time
    of an event is the start of the run and the seconds trained until then, in even steps between two that are known.

    Args:
        folder: The run.

    Raises:
        MissingExtra: TensorBoard's package is not installed.
    """

    def __init__(self, folder: Path) -> None:
        refuse_without_tensorboard()
        self._run = folder
        self._path: Path | None = None  # of the file; None before the first call
        self._offset = 0  # bytes of the record that are read
        self._known = (0, 0.0)  # the last step of which the seconds are known, and they
        self._began = 0.0

    def catch_up(self, step: int | None = None, seconds: float = 0.0) -> None:
        """Write the lines of the record that have come since the last call.

        Args:
            step: The step that was reached; None goes on at the pace so far.
            seconds: Trained until then.
        """
        events = [] if self._path is not None else self._begin()
        with open(self._run / RECORD, "rb") as file:
            file.seek(self._offset)
            new = file.read()
        whole = new[: new.rfind(b"\n") + 1]
        self._offset += len(whole)
        waiting: list[dict[str, Any]] = []
        for line in map(json.loads, whole.splitlines()):
            if line["kind"] in ("epoch", "measure"):
                waiting.append(line)
            if line["kind"] == "epoch":
                events += self._placed(waiting, int(line["step"]), float(line["seconds"]))
                waiting = []
        if waiting and step is None:
            (known, until), step = self._known, int(waiting[-1]["step"])
            seconds = until + (until / known if known else 0.0) * (step - known)
        if waiting and step is not None:
            events += self._placed(waiting, step, seconds)
        self._append(events)

    def close(self) -> None:
        """Write what is left, and what was found."""
        if not (self._run / RECORD).exists():
            return
        self.catch_up()
        if (self._run / FINDINGS).exists():
            self._append([_text("findings", _found(self._run / FINDINGS), self._known[0], self._now)])

    @property
    def _now(self) -> float:
        return self._began + self._known[1]

    def _begin(self) -> list[Any]:
        """Take away what there was; what a new file begins with."""
        from tensorboard.compat.proto.event_pb2 import Event, SessionLog

        place = self._run / EVENTS
        with storing(place):
            place.mkdir(exist_ok=True)
            old = sorted(place.glob("events.out.tfevents.*.trainwell"))
            last = int(old[-1].name.split(".")[3]) if old else 0
            self._path = place / _NAME.format(max(int(time.time()), last + 1))
            for path in old[:-1]:
                path.unlink()
            for path in old[-1:]:
                os.truncate(path, 0)  # a viewer that reads it would never get past a file that is gone
        self._began = (self._run / RECIPE).stat().st_mtime
        return [
            Event(wall_time=self._began, file_version=_VERSION),
            Event(wall_time=self._began, step=0, session_log=SessionLog(status=SessionLog.START)),
            _text("recipe", _as_written(self._run / RECIPE), 0, self._began),
        ]

    def _placed(self, lines: Iterable[dict[str, Any]], step: int, seconds: float) -> list[Any]:
        """The events of lines up to a step of which the seconds are known."""
        from tensorboard.compat.proto.event_pb2 import Event

        before, until = self._known
        pace = (seconds - until) / max(step - before, 1)
        events = []
        for line in lines:
            at = int(line["step"])
            event = Event(wall_time=self._began + seconds - pace * (step - at), step=at)
            for tag, value in scalars(line):
                event.summary.value.add(tag=tag, simple_value=value)
            events.append(event)
        self._known = (step, seconds)
        return events

    def _append(self, events: Iterable[Any]) -> None:
        from tensorboard.summary.writer.record_writer import RecordWriter

        assert self._path is not None, "the file has begun"
        with storing(self._path), open(self._path, "ab") as file:
            writer = RecordWriter(file)
            for event in events:
                writer.write(event.SerializeToString())


@contextlib.contextmanager
def following(folder: Path, asked: bool) -> Iterator[Events | None]:
    """Events of what is trained in the block, complete when it ends; None where they are not asked for."""
    events = Events(folder) if asked else None
    try:
        yield events
    except (Refused, Failed):  # nothing was trained, or nothing more can be written
        raise
    except BaseException:
        if events is not None:
            events.close()
        raise
    if events is not None:
        events.close()


def write_events(folder: str | Path) -> Path:
    """Write the record of a run, finished or not, as events.

    Returns:
        The folder for TensorBoard's `--logdir`.

    Raises:
        BadRun: The folder holds no record.
        MissingExtra: TensorBoard's package is not installed.
    """
    run = Path(folder)
    if not (run / RECORD).exists() or not (run / RECIPE).exists():
        raise BadRun(f"{run} has no record to write as events. Expected a run; of a study, its best-run.")
    Events(run).close()
    return run / EVENTS


def scalars(line: dict[str, Any]) -> Iterator[tuple[str, float]]:
    """The numbers of a line of the record with their tags, `group/name`; what is null is left out.

    `train_loss` is `loss/train`; the `objective` and the loss of a single step stand in the same group;
    `dead_units.relu1` is `dead_units/relu1`; the rest goes by the kind of the line.
    """
    kind = line["kind"]
    for key, value in line.items():
        if key in ("kind", "step") or isinstance(value, bool) or not isinstance(value, int | float):
            continue
        part, _, rest = key.partition("_")
        group, dot, layer = key.partition(".")
        if part in ("train", "valid") and rest:
            tag = f"{rest}/{part}"
        elif dot:
            tag = f"{group}/{layer}"
        else:
            tag = {"objective": "loss/objective", "loss": "loss/step", "lr": f"lr/{kind}"}.get(key, f"{kind}/{key}")
        yield tag, float(value)


def _text(tag: str, text: str, step: int, when: float) -> Any:
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.plugins.text.summary import text_pb

    code = "".join(f"    {line}\n" for line in text.splitlines())  # a block of code: nothing in it is read as Markdown
    return Event(wall_time=when, step=step, summary=text_pb(tag, code))


def _as_written(path: Path) -> str:
    content = json.loads(path.read_text(encoding="utf-8"))
    return f"{content['why']}\n{json.dumps(content['recipe'], indent=1)}"


def _found(path: Path) -> str:
    content = json.loads(path.read_text(encoding="utf-8"))
    told = [f"{found['severity']}: {found['message']}\n{found['advice']}".rstrip() for found in content["findings"]]
    return "\n\n".join([content["verdict"].get("words", "not finished"), *told])
