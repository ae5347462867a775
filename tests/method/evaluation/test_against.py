"""Two runs on the same samples."""

from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from method.evaluation.conftest import Said
from trainwell import Options, Run, evaluate, fit
from trainwell.errors import BadData, BadRun

NO_CHECKS = Options(checks=False)


def test_two_runs_that_read_at_different_sizes(run: Run, other: Run, photos: Path) -> None:
    mine, theirs = evaluate(run, photos), evaluate(other, photos)
    found = evaluate(run, photos, against=other).against
    assert found is not None
    right = [each.predicted.argmax(1) == each.target for each in (mine, theirs)]
    alone = int((right[0] & ~right[1]).sum()), int((right[1] & ~right[0]).sum())
    assert sum(alone) > 0
    assert tuple(found["better"]) == alone
    assert found["p"] == pytest.approx(stats.binomtest(alone[0], sum(alone)).pvalue)
    assert found["metrics"] == [mine.metrics, theirs.metrics]
    assert found["names"] == [str(run.path), str(other.path)]
    same = evaluate(run, photos, against=run.path).against
    assert same is not None
    assert "no difference seen" in same["text"]


def test_values_by_their_squared_errors(tmp_path: Path) -> None:
    draws = np.random.default_rng(0)
    x = draws.normal(size=(200, 3)).astype(np.float32)
    y = x[:, 0] * 2 + 5 + draws.normal(0, 0.1, 200)
    runs = [fit((x, y), [f"epochs={epochs}"], out=tmp_path / f"{epochs}", options=NO_CHECKS) for epochs in (30, 1)]
    fresh = x + np.float32(0.01), y
    errors = [np.square(evaluate(each, fresh).predicted[:, 0] - y) for each in runs]
    found = evaluate(runs[0], fresh, against=runs[1]).against
    assert found is not None
    assert found["p"] == pytest.approx(stats.wilcoxon(errors[0], errors[1]).pvalue, rel=1e-2)
    assert found["better"] == [(errors[0] < errors[1]).sum(), (errors[0] > errors[1]).sum()]
    assert "a real difference" in found["text"]


def test_what_cannot_be_compared(run: Run, photos: Path, tmp_path: Path) -> None:
    table = fit("iris", ["epochs=1"], out=tmp_path / "table", options=NO_CHECKS)
    with pytest.raises(BadData, match="trained on a table"):
        evaluate(run, photos, against=table)
    with pytest.raises(BadRun, match="no run folder"):
        evaluate(run, photos, against=tmp_path / "nothing")
    wine = fit("wine", ["epochs=1"], out=tmp_path / "wine", options=NO_CHECKS)
    with pytest.raises(BadData):
        evaluate(table, "iris", against=wine)


def test_samples_that_the_other_has_learnt_from_are_told(tmp_path: Path, said: Said) -> None:
    draws = np.random.default_rng(0)
    x, y = draws.normal(size=(80, 3)), np.arange(80) % 2
    one = fit((x[:40], y[:40]), ["epochs=1"], out=tmp_path / "one", options=NO_CHECKS)
    two = fit((x[40:], y[40:]), ["epochs=1"], out=tmp_path / "two", options=NO_CHECKS)
    found = evaluate(one, (x[40:], y[40:]), against=two, screen=said).against
    assert found is not None
    assert found["seen"] > 30
    assert any("its figures are too good" in line for line in said.lines)
