import pytest
import torch
from torch import nn

from trainwell.averages import Average, averages
from trainwell.errors import BadValue


def run(average: Average, places: list[float], total: int | None = None) -> tuple[list[float], list[float]]:
    """The average and the weight after each step; the weight is set to a place before it, and starts at 0."""
    model = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(model.weight)
    average.start(model)
    averaged, weights = [], []
    for step, place in enumerate(places, start=1):
        nn.init.constant_(model.weight, place)
        average.update(model, step, total or len(places))
        averaged.append(average.weights()["weight"].item())
        weights.append(model.weight.item())
    return averaged, weights


def test_ema_by_hand_with_its_warm_start() -> None:
    averaged, weights = run(averages["ema"](decay=0.2), [1.0, 1.0, 2.0])
    # d = 2/11, then min(0.2, 3/12) = 0.2
    first = 9 / 11
    second = 0.2 * first + 0.8
    assert averaged == pytest.approx([first, second, 0.2 * second + 1.6])
    assert weights == [1.0, 1.0, 2.0]


def test_ema_of_every_second_step() -> None:
    averaged, _ = run(averages["ema"](decay=0.1, every=2), [1.0, 1.0, 5.0, 2.0])
    assert averaged == pytest.approx([0.0, 0.99, 0.99, 0.01 * 0.99 + 0.99 * 2])


def test_ema_of_constant_weights_is_those_weights() -> None:
    assert run(averages["ema"](), [0.0] * 5)[0] == [0.0] * 5


def test_lookahead_by_hand() -> None:
    averaged, weights = run(averages["lookahead"](every=2, decay=0.9, power=1.0), [1.0, 2.0, 3.0, 4.0, 7.0])
    # a = 0.81 * 2/5 at step 2, 0.81 * 4/5 at step 4; after the last step back to the average
    second = (1 - 0.324) * 2
    fourth = 0.648 * second + (1 - 0.648) * 4
    assert averaged == pytest.approx([0.0, second, second, fourth, fourth])
    assert weights == pytest.approx([1.0, second, 3.0, fourth, fourth])


def test_lookahead_defaults_end_at_095_to_the_fifth() -> None:
    averaged, weights = run(averages["lookahead"](), [1.0] * 5)
    assert averaged[-1] == pytest.approx(1 - 0.95**5)
    assert weights[-1] == averaged[-1]


def test_buffers_are_averaged_in_place_and_the_model_may_be_frozen() -> None:
    model = nn.BatchNorm1d(2).requires_grad_(False)
    average = averages["ema"](decay=0.0)
    average.start(model)
    model.running_mean.fill_(3.0)
    average.update(model, 1, 2)
    assert average.weights()["running_mean"].tolist() == [3.0, 3.0]
    torch.testing.assert_close(average.state_dict()["weight"], torch.ones(2))


def test_impossible_values_are_refused() -> None:
    with pytest.raises(BadValue, match=r"ema.decay=1 is not possible: expected a value in \[0, 1\)"):
        averages.part("ema", decay=1)
    with pytest.raises(BadValue, match=r"lookahead.every=0"):
        averages.part("lookahead", every=0)
