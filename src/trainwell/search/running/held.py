"""A runner that may hold processes, until it is closed."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from types import TracebackType

from trainwell.search.trial import Judge, Result, Trial


class HeldRunner(ABC):
    """A `Runner` to be closed after its last run, or used in a `with` block."""

    @property
    @abstractmethod
    def chosen(self) -> str:
        """How it runs, in words."""

    @abstractmethod
    def run(self, trials: Iterable[Trial], judge: Judge) -> Iterator[Result]:
        """Train all of them; see `trainwell.search.trial.Runner`.

        What the judge raises comes out of it. Left before its end, it abandons the trials under way.

        Raises:
            Interrupted: A signal asked to stop; trials under way have no result.
        """

    @abstractmethod
    def close(self) -> None:
        """End the processes it holds."""

    def __enter__(self) -> "HeldRunner":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def silent(text: str) -> None:
    """What is said to one who does not want to know."""
    del text
