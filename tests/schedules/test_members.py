import pytest

from trainwell.errors import BadValue
from trainwell.schedules import multipliers, schedules


def test_by_hand() -> None:
    assert [schedules["constant"](p) for p in (0.0, 0.5, 1.0)] == [1.0, 1.0, 1.0]
    assert [schedules["linear"](p, final=0.2) for p in (0.0, 0.25, 1.0)] == pytest.approx([1.0, 0.8, 0.2])
    assert [schedules["cosine"](p) for p in (0.0, 1 / 3, 0.5, 1.0)] == pytest.approx([1.0, 0.75, 0.5, 0.0])
    assert schedules["cosine"](0.5, final=0.5) == pytest.approx(0.75)


def test_warm_up_by_hand() -> None:
    assert multipliers("linear", 8, 0.5) == pytest.approx([0.25, 0.5, 0.75, 1.0, 1.0, 0.75, 0.5, 0.25])


def test_warm_up_from_a_start() -> None:
    assert multipliers("constant", 6, 0.5, start=0.2) == pytest.approx([0.2, 0.6, 1.0, 1.0, 1.0, 1.0])


def test_edges_of_warm_up() -> None:
    assert multipliers({"name": "linear", "final": 0.5}, 2) == [1.0, 0.75]
    assert multipliers("linear", 3, 1.0) == pytest.approx([1 / 3, 2 / 3, 1.0])
    assert multipliers("linear", 1, 1.0) == [1.0]
    assert multipliers("linear", 3, 0.1) == pytest.approx([1.0, 2 / 3, 1 / 3])  # a tenth of 3 steps is none


def test_impossible_values_are_refused() -> None:
    with pytest.raises(BadValue, match="at least one step, got 0"):
        multipliers("linear", 0)
    with pytest.raises(BadValue, match=r"warmup_fraction=1.5 is not possible: expected a value in \[0, 1\]"):
        multipliers("linear", 10, 1.5)
    with pytest.raises(BadValue, match=r"start=-0.1"):
        multipliers("linear", 10, 0.5, -0.1)
    with pytest.raises(BadValue, match=r"cosine.final=2"):
        multipliers({"name": "cosine", "final": 2}, 10)
