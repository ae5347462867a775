"""fastai's rules on curves worked out by hand; the sweep; and the figures that the table is made of."""

import math
from pathlib import Path

import numpy as np
import pytest

import lr_range
from rates.page import lr_range as page
from rates.problems import DEVELOPMENT, PROBLEMS
from rates.rules import minimum, ramp, slide, steep, valley

RATES = 10.0 ** np.arange(-6, 4)


def test_steep_is_where_the_fall_is_fastest() -> None:
    assert steep(RATES, np.array([5, 5, 4.5, 4, 2, 1, 1, 2, 3, 4])) == pytest.approx(1e-3)


def test_minimum_is_a_tenth_of_the_lowest() -> None:
    assert minimum(RATES, np.array([5, 5, 4.5, 4, 2, 1, 0.5, 2, 3, 4])) == pytest.approx(0.1)


def test_valley_is_half_way_into_its_first_two_thirds() -> None:
    # Falls over all ten: from -1 to 9 a third is 3.33, so that it is place -1 + 3 + 1.
    assert valley(RATES, np.arange(10.0, 0.0, -1.0)) == RATES[3]
    # The longest falling subsequence has five and ends at place 6: from 1 a third is 1.67, so 1 + 1 + 0.
    assert valley(RATES, np.array([3, 9, 7, 8, 5, 4, 2, 6, 7, 8])) == RATES[2]


def test_slide_goes_down_while_the_slopes_differ() -> None:
    rates = np.geomspace(1e-7, 1, 40)
    flat = np.full(40, 2.0)
    assert slide(rates, flat) == rates[24]  # nothing differs: it stays where it begins, 15 below the last
    fell = np.concatenate([np.full(20, 2.0), np.linspace(2, 0, 20)])
    # The slopes of both ends differ only while one of them is on the flat: it begins where they agree.
    assert slide(rates, fell) == rates[24]
    fell[38:] = 1.0  # the last two slopes are upwards: the ends differ until both have left them behind
    assert slide(rates, fell) < rates[24]


def test_ramp_hides_its_beginning_and_its_end() -> None:
    table = next(problem for problem in DEVELOPMENT if problem.data == "table")
    rates, losses = ramp(table.setup(Path("unused"), 0))
    assert rates[0] == pytest.approx(1e-7 * 10 ** (8 * 0.1))
    assert len(rates) == len(losses) <= 85
    assert np.isfinite(losses).all()
    assert losses[0] == pytest.approx(math.log(5), rel=0.05)


def test_eight_problems_of_four_kinds() -> None:
    assert len(PROBLEMS) == 8
    kinds = {("bn" in problem.name, "optimizer=sgd" in problem.edits) for problem in PROBLEMS}
    assert len(kinds) == 4
    assert not {problem.name for problem in PROBLEMS} & {problem.name for problem in DEVELOPMENT}


def test_sweep_goes_on_while_it_rises(monkeypatch: pytest.MonkeyPatch) -> None:
    measured = lr_range.Measured(PROBLEMS[0], Path("unused"), range(2), 1.0, lr_range.Cells(None))
    monkeypatch.setattr(measured, "accuracy", lambda rate, seed: 0.9 - abs(math.log10(rate / 9.0)) + 0.01 * seed)
    sweep = measured.sweep()
    best = max(sweep, key=sweep.__getitem__)
    assert best == pytest.approx(9.0, rel=0.25)  # beyond the range, and within half a step of six a decade
    assert max(sweep) > best > min(sweep)


def test_summary_and_table() -> None:
    def one(ours: float, theirs: float) -> dict[str, object]:
        rules = {name: {"rates": [0.1], "lost": lost} for name, lost in (("rates", ours), ("steep", theirs))}
        return {"best_rate": 0.1, "best_accuracy": 0.9, "within": [0.05, 0.1], "rules": rules, "cost": 2.65}

    results = {"a": one(0.001, 0.02), "b": one(0.007, 0.004)}
    found = lr_range.summary(results)  # type: ignore[arg-type]
    assert found["rates"] == {"close": 1, "mean_lost": 0.004, "worst_lost": 0.007, "ours_better": 0}
    assert found["steep"]["ours_better"] == 1
    machine = {"processor": "p", "cores": 2, "versions": {}, "commit": None}
    content = {"results": results, "summary": found, "settings": {"seeds": [0]}, "longest_training": 2.0}
    text = page(content | {"machine": machine})
    assert "| rates | 1 of 2 | 0.40 | 0.70 |  |" in text
    assert "| a | 90.00 at 0.1 | 0.05 - 0.1 | 0.1 | 2.6 | 0.10 | 2.00 |" in text


def test_cells_are_not_made_twice(tmp_path: Path) -> None:
    file = tmp_path / "cells"
    assert lr_range.Cells(file).of("a", lambda: 1) == 1
    assert lr_range.Cells(file).of("a", lambda: 2) == 1
