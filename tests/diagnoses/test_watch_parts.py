"""When a training is looked into, and what is kept of its losses."""

import math

import pytest
import torch

from trainwell.diagnoses.watching.schedule import next_look
from trainwell.diagnoses.watching.series import Series


def looks(steps: int, every: int | None, total: int | None, length: int = 1) -> list[int]:
    found = [0]
    while (coming := next_look(found[-1], every, total, length)) is not None and coming < steps:
        found.append(coming)
    return found


def test_looks_are_close_at_first_and_rarer_later() -> None:
    assert looks(200, None, None) == [0, 10, 20, 40, 80, 160]
    assert looks(5000, None, None)[-3:] == [2280, 3280, 4280]


def test_the_last_look_ends_with_the_training() -> None:
    assert looks(189, None, 189, 4) == [0, 10, 20, 40, 80, 160, 185]
    assert looks(3, None, 3, 4) == [0]


def test_a_fixed_distance_is_no_shorter_than_a_look() -> None:
    assert looks(20, 6, None) == [0, 6, 12, 18]
    assert looks(12, 1, None, 4) == [0, 4, 8]


def fed(losses: list[float]) -> Series:
    series = Series()
    for loss in losses:
        series.add(torch.tensor(loss))
    return series


def test_a_short_training_is_kept_whole() -> None:
    curves = fed([3.0, 1.0, 2.0]).curves(6)
    assert curves is not None
    assert (curves.losses, curves.taken, curves.planned, curves.cut) == ((3.0, 1.0, 2.0), 3, 6, True)
    assert (curves.steps, curves.train_running) == ((0, 1, 2, 3), (3.0, 3.0, 1.0, 2.0))
    assert all(map(math.isnan, curves.valid_loss)) and curves.valid_score == (None,) * 4


def test_a_long_training_takes_no_more_memory() -> None:
    series = fed([float(step) for step in range(10_000)])
    assert len(series._first) <= 800 and len(series._mean) <= 800
    curves = series.curves(None)
    assert curves is not None
    assert len(curves.losses) <= 400 and curves.losses[0] == 0.0
    assert curves.steps[-1] == curves.taken == 10_000
    last = slice(curves.steps[-2], curves.steps[-1])
    wanted = sum(range(10_000)[last]) / len(range(10_000)[last])
    assert curves.train_running[-1] == pytest.approx(wanted, abs=16)  # an entry stands for 16 steps


def test_memory_is_bounded_for_scores_too() -> None:
    series = Series()
    for step in range(3000):
        series.add(torch.tensor(1.0))
        series.score({"valid": torch.tensor(step / 3000)})
    assert len(series._scores) <= 800
    curves = series.curves(None)
    assert curves is not None
    assert curves.end == pytest.approx(0.9, abs=0.02)  # the mean of the last fifth, in which later ones lie closer
    assert len(curves.steps) <= 16


def test_what_comes_behind_a_break_is_left_out() -> None:
    curves = fed([1.0, 2.0, math.inf, math.nan, math.nan]).curves(9)
    assert curves is not None
    assert (curves.broke, curves.taken, len(curves.losses), curves.steps[-1], curves.cut) == (3, 3, 3, 3, False)
    later = fed([1.0] * 5000 + [math.nan] * 10).curves(None)
    assert later is not None and later.broke is not None
    assert abs(later.broke - 5001) <= 8  # an entry stands for 8 steps


def test_before_the_first_loss_there_are_no_curves() -> None:
    assert Series().curves(10) is None
