"""A judge that is not asked twice for the same score of a trial."""

from trainwell.search.trial import Judge, Score, Trial


class AskOnce:
    """A judge for trials that may be trained again from their start, where a worker died.

    A training gives the same scores again: those that were judged in an earlier attempt are judged as they were then.

    Args:
        judge: Who is asked.
    """

    def __init__(self, judge: Judge) -> None:
        self._judge = judge
        self._latest: dict[int, tuple[int, bool]] = {}  # step and answer, by trial

    def __call__(self, trial: Trial, score: Score) -> bool:
        """Whether to go on."""
        step, goes_on = self._latest.get(trial.number, (-1, True))
        if score.step <= step:
            return goes_on or score.step < step
        goes_on = self._judge(trial, score)
        self._latest[trial.number] = (score.step, goes_on)
        return goes_on
