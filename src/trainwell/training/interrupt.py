"""Ctrl-C and SIGTERM: finish the step, save, and leave."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType


class Stop:
    """Whether the run has been asked to stop, and by which signal."""

    def __init__(self) -> None:
        self.signal_name: str | None = None

    def __call__(self, number: int, frame: FrameType | None) -> None:
        del frame
        if self.signal_name is not None:  # asked twice: no patience left for a save
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(signal.Signals(number))
        self.signal_name = signal.Signals(number).name


@contextlib.contextmanager
def listening() -> Iterator[Stop]:
    """Turn SIGINT and SIGTERM into a flag for the length of the block; a second signal acts at once."""
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop  # only the main thread can handle signals: elsewhere they go to the program that called
        return
    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
