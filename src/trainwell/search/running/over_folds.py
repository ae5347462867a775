"""A cross-validated trial: one training a fold, and one result of all of them."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from operator import length_hint

from trainwell.search.running.held import HeldRunner
from trainwell.search.trial import Judge, Result, Score, Trial


class OverFolds(HeldRunner):
    """Trains every trial once for each fold, by another runner, and gives the mean.

    Pruning goes by the first fold, whose scores the judge sees; the others end with it. So what is pruned does not
    depend on how the trainings are run. A trial that names its fold is trained on that one alone.

    Args:
        runner: Who trains.
        folds: Number of folds.
    """

    def __init__(self, runner: HeldRunner, folds: int) -> None:
        self._runner, self._folds = runner, folds

    @property
    def chosen(self) -> str:
        return f"{self._runner.chosen}, {self._folds} folds"

    def run(self, trials: Iterable[Trial], judge: Judge) -> Iterator[Result]:
        parts = _Parts(trials, self._folds, judge)
        for result in self._runner.run(parts, parts.judge):
            whole = parts.add(result)
            if whole is not None:
                yield whole

    def close(self) -> None:
        self._runner.close()


class _Parts:
    """The trainings of which trials consist, and what has come of them."""

    def __init__(self, trials: Iterable[Trial], folds: int, judge: Judge) -> None:
        self._trials, self._folds, self._judge = trials, folds, judge
        self._whole: dict[int, Trial] = {}
        self._given: dict[int, int] = {}  # trainings handed out, by trial
        self._results: dict[int, dict[int, Result]] = {}

    def __length_hint__(self) -> int:
        return length_hint(self._trials) * self._folds

    def __iter__(self) -> Iterator[Trial]:
        for trial in self._trials:
            number = trial.number
            self._whole[number], self._given[number], self._results[number] = trial, 0, {}
            for fold in range(self._folds) if trial.fold is None else (trial.fold,):
                if number not in self._whole or self._is_lost(number):  # no use in the folds that are left
                    break
                self._given[number] += 1
                yield replace(trial, number=number * self._folds + fold, fold=fold)

    def judge(self, part: Trial, score: Score) -> bool:
        """Ask about the first fold; the others go on while that one does."""
        whole = self._whole[part.number // self._folds]
        if part.fold == 0 or whole.fold is not None:
            return self._judge(whole, score)
        return not self._is_lost(whole.number)

    def add(self, part: Result) -> Result | None:
        """Take the result of a training; returns that of its trial, if it was the last one."""
        number, fold = divmod(part.number, self._folds)
        results = self._results[number]
        results[fold] = part
        whole = self._whole[number]
        awaited = 1 if whole.fold is not None else self._folds
        if len(results) < (self._given[number] if self._is_lost(number) else awaited):
            return None
        del self._whole[number], self._given[number], self._results[number]
        return replace(part, number=number) if whole.fold is not None else _combined(number, results)

    def _is_lost(self, number: int) -> bool:
        first = self._results[number].get(0)
        return first is not None and first.state != "complete"


def _combined(number: int, results: dict[int, Result]) -> Result:
    """The mean over the folds; where one did not end well, the first such one stands for all."""
    ordered = [results[fold] for fold in sorted(results)]
    seconds = sum(result.seconds for result in ordered)
    bad = next((result for result in ordered if result.state != "complete"), None)
    if bad is not None:
        where = f"fold {ordered.index(bad) + 1}: {bad.why}" if bad.why else ""
        return replace(bad, number=number, seconds=seconds, why=where)
    values = tuple(result.value for result in ordered if result.value is not None)
    return replace(
        ordered[0],
        number=number,
        value=sum(values) / len(values),
        scores=tuple(_mean(scores) for scores in zip(*(result.scores for result in ordered), strict=False)),
        seconds=seconds,
        folds=values,
    )


def _mean(scores: tuple[Score, ...]) -> Score:
    """The mean of the scores that the folds have at the same place; trainings that ended early have fewer."""
    count = len(scores)
    return Score(
        step=scores[0].step,
        epoch=scores[0].epoch,
        value=sum(score.value for score in scores) / count,
        train_loss=sum(score.train_loss for score in scores) / count,
        valid_loss=sum(score.valid_loss for score in scores) / count,
    )
