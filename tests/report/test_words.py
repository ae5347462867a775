"""Numbers, durations and values in words."""

import pytest

from trainwell.report.words import duration, number, value


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (0.0, "0"),
        (3.0, "3"),
        (1234567, "1,234,567"),
        (0.12345678, "0.1235"),
        (12345.678, "12,346"),
        (12340.4, "12,340"),
        (-1000.2, "-1,000"),
        (1000.25, "1,000"),
        (100.04, "100"),
        (1e-5, "1e-5"),
        (-2.34567e-12, "-2.346e-12"),
        (1.5e300, "1.5e300"),
        (float("nan"), "not finite"),
        (None, "not finite"),
    ],
)
def test_number(given: float | None, text: str) -> None:
    assert number(given) == text


def test_value() -> None:
    assert value({"a": [0.5, None], "b": True, "c": []}) == "a 0.5, none, b yes, c none"
    assert value(list(range(20))) == "0, 1, 2, 3, 4, 5, 6, 7, ... (20 in all)"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.0, "0.0 s"), (59.94, "59.9 s"), (59.97, "1 min 00 s"), (61, "1 min 01 s"), (7300, "2 h 01 min")],
)
def test_duration(seconds: float, text: str) -> None:
    assert duration(seconds) == text
