"""Work that trains in a fraction of a second: a small table, a small network."""

from collections.abc import Iterable, Iterator

import numpy as np
import pytest

from trainwell.data.open import open_data
from trainwell.recipe import Recipe
from trainwell.recipes import choose
from trainwell.search.running.held import HeldRunner
from trainwell.search.running.side_by_side import SideBySide
from trainwell.search.trial import Judge, Result, Score, Trial
from trainwell.search.work import Work
from trainwell.training.interrupt import Stop
from trainwell.training.setup import shape_of

TOLERANCE = 1e-4  # of a loss: the sums of a fused training are added in another order
EDITS = (
    "model=mlp",
    "model.widths=8",
    "optimizer=sgd",
    "optimizer.lr=0.1",
    "batch_size=16",
    "norm_bias_rate=1",
    "precision=fp32",
    "layout=contiguous",
    "compile=no",
    "threads=1",
)


def three_clouds(count: int = 240, columns: int = 6) -> tuple[np.ndarray, np.ndarray]:
    """Rows of three classes around three points."""
    draws = np.random.default_rng(0)
    y = np.arange(count) % 3
    return (draws.normal(size=(count, columns)) + 2 * np.eye(columns)[y]).astype(np.float32), y


@pytest.fixture(scope="session")
def recipe() -> Recipe:
    """Of a narrow MLP, computed in one plain way."""
    chosen, _ = choose(shape_of(open_data(three_clouds())))
    return chosen.edit(EDITS)


@pytest.fixture(scope="session")
def work(recipe: Recipe) -> Work:
    """The same with its data."""
    return Work(open_data(three_clouds()), recipe)


@pytest.fixture(scope="module")
def stop() -> Stop:
    """Listened to by `side`."""
    return Stop()


@pytest.fixture(scope="module")
def side(work: Work, stop: Stop) -> Iterator[SideBySide]:
    """Two worker processes, which take seconds to start."""
    with SideBySide(work, workers=2, stop=stop) as runner:
        yield runner


def trial(number: int, lr: float = 0.1, **more: object) -> Trial:
    """A trial of two epochs at a rate."""
    edits = (f"optimizer.lr={lr!r}", *more.pop("edits", ()))  # type: ignore[misc]
    return Trial(**{"number": number, "edits": edits, "seed": 0, "epochs": 2.0} | more)  # type: ignore[arg-type]


def several() -> list[Trial]:
    """One to prune, three good ones, one that diverges, one that cannot be."""
    rates = {0: 0.001, 1: 0.03, 2: 0.1, 3: 0.3, 4: 1e30}
    return [trial(number, lr) for number, lr in rates.items()] + [trial(5, edits=("model.norm=nothing",))]


def go_on(_trial: Trial, _score: Score) -> bool:
    """A judge who prunes nothing."""
    return True


def but_the_first(trial: Trial, _score: Score) -> bool:
    """A judge who ends trial 0 at its first score."""
    return trial.number != 0


def results(runner: HeldRunner, trials: Iterable[Trial], judge: Judge = go_on) -> dict[int, Result]:
    """All results by number; each comes once."""
    found = list(runner.run(trials, judge))
    assert len({result.number for result in found}) == len(found)
    return {result.number: result for result in found}


def outcome(found: dict[int, Result]) -> dict[int, object]:
    """What has to be the same however trials are run on one thread."""
    return {number: (found[number].state, found[number].value, found[number].scores) for number in sorted(found)}


def assert_alike(fused: dict[int, Result], alone: dict[int, Result]) -> None:
    """The same trials, states and scores up to rounding."""
    assert sorted(fused) == sorted(alone)
    for number, one in alone.items():
        other = fused[number]
        assert other.state == one.state, number
        assert [score.step for score in other.scores] == [score.step for score in one.scores]
        for mine, theirs in zip(other.scores, one.scores, strict=True):
            assert mine.valid_loss == pytest.approx(theirs.valid_loss, abs=TOLERANCE)
            assert mine.train_loss == pytest.approx(theirs.train_loss, abs=TOLERANCE)
            assert mine.value == pytest.approx(theirs.value, abs=TOLERANCE)


class Lazy:
    """A stream of trials that remembers how far it was read."""

    def __init__(self, trials: Iterable[Trial]) -> None:
        self.read = 0
        self._trials = list(trials)

    def __iter__(self) -> Iterator[Trial]:
        for each in self._trials:
            self.read += 1
            yield each
