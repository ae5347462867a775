"""One trial after another in this process, each with all the threads of the recipe."""

from collections.abc import Iterable, Iterator

from trainwell.search.running.alone import refuse_if_stopped, train_alone
from trainwell.search.running.held import HeldRunner
from trainwell.search.trial import Judge, Result, Trial
from trainwell.search.work import Work
from trainwell.training.engine import running
from trainwell.training.interrupt import Stop


class InTurn(HeldRunner):
    """Trains one trial after another.

    Args:
        work: What the trials share.
        stop: Signalled when the study is to end.
    """

    def __init__(self, work: Work, *, stop: Stop | None = None) -> None:
        self._work, self._stop = work, stop

    @property
    def chosen(self) -> str:
        return "in turn"

    def run(self, trials: Iterable[Trial], judge: Judge) -> Iterator[Result]:
        engine = self._work.engine()
        for trial in trials:
            refuse_if_stopped(self._stop)
            with running(engine):
                result = train_alone(self._work, trial, judge, engine, self.chosen, self._stop)
            yield result

    def close(self) -> None:
        """There is nothing to end."""
