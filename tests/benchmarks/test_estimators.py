"""The benchmark of the estimators: who is compared, and the table."""

import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest

import tables


def program() -> Any:
    """The program by its path: its name is also that of the folder of tests beside this one."""
    spec = importlib.util.spec_from_file_location(
        "benchmark_of_estimators", Path(tables.__file__).with_name("estimators.py")
    )
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


estimators = program()


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_turn_fits_everyone_for_as_long_on_the_same_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(estimators.DATA, "iris", (estimators.DATA["iris"][0], 7))
    found = estimators.turn("iris", 1, estimators.same_size)
    assert list(found) == ["Classifier", "MLPClassifier", "MLPClassifier, float32"]
    assert all(one["epochs"] == 7 and one["seconds"] > 0 and 0 < one["accuracy"] <= 1 for one in found.values())


def test_the_synthetic_table_is_as_it_says() -> None:
    x, y = estimators.covtype_like()
    assert x.shape == (50_000, 54)
    assert set(x[:, 10:].ravel()) == {0.0, 1.0}
    assert set(y) == set(range(7))


def test_ratios_and_differences_are_within_a_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    turns = [
        {who: {"seconds": s * k, "accuracy": a, "epochs": 5} for who, s, a in (("Classifier", 2, 0.9), ("B", k, 0.8))}
        for k in (1, 1, 4, 4)
    ]
    given = iter(turns)
    monkeypatch.setattr(estimators, "turn", lambda *_: next(given))
    summary = estimators.measured("iris", 3, estimators.same_size)["summary"]
    assert summary["B"]["time of ours"] == 0.5
    assert summary["B"]["gain of ours"] == pytest.approx(0.1)
    machine = {"processor": "P", "cores": 1, "versions": {"torch": "2"}, "commit": None}
    settings = {"turns": 3, "widths": [100], "threads": 1}
    page = tables.estimators({"machine": machine, "settings": settings, "results": {"iris": {"summary": summary}}})
    assert "| iris | B | 5 | 16.000 | 0.8000 | 0.50 | +0.1000 ± 0.0000 |" in page
    assert "As they come" not in page
