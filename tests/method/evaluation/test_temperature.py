"""Temperature scaling, against the temperature that spoilt the probabilities."""

import numpy as np
import pytest
from scipy import optimize, special

from trainwell.method.evaluation.figures import calibration_error
from trainwell.method.evaluation.temperature import COLDEST, fit_temperature, tempered


def spoilt(by: float, count: int = 4000) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities that were right, their logits multiplied, and classes drawn from them as they were."""
    draws = np.random.default_rng(0)
    logits = draws.normal(0, 2, (count, 4))
    chances = special.softmax(logits, 1)
    return special.softmax(logits * by, 1), np.array([draws.choice(4, p=row) for row in chances])


@pytest.mark.parametrize("by", [0.5, 3.0])
def test_what_was_spoilt_is_mended(by: float) -> None:
    probabilities, target = spoilt(by)
    value = fit_temperature(probabilities, target)
    assert value == pytest.approx(by, rel=0.06)
    after = tempered(probabilities, value)
    assert calibration_error(after, target) < 0.3 * calibration_error(probabilities, target)
    assert (after.argmax(1) == probabilities.argmax(1)).all()


def test_it_is_where_the_slope_of_the_likelihood_is_zero() -> None:
    probabilities, target = spoilt(2.0, 500)
    logits = np.log(probabilities)

    def slope(inverse: float) -> float:
        expected = (special.softmax(logits * inverse, 1) * logits).sum(1)
        return float((expected - logits[np.arange(500), target]).mean())

    assert fit_temperature(probabilities, target) == pytest.approx(1 / optimize.brentq(slope, 0.05, 20), rel=1e-4)


def test_a_temperature_by_hand() -> None:
    assert tempered(np.array([[0.9, 0.1]]), 2.0) == pytest.approx(np.array([[3 / 4, 1 / 4]]))  # roots: 3 to 1
    assert tempered(np.array([[1.0, 0.0]]), 1.0) == pytest.approx(np.array([[1.0, 0.0]]))


def test_where_all_is_right_the_coldest_is_best() -> None:
    probabilities = np.array([[0.8, 0.2], [0.3, 0.7]])
    assert fit_temperature(probabilities, np.array([0, 1])) == pytest.approx(COLDEST, rel=0.01)
