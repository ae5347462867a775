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


def test_swa_by_hand() -> None:
    # s = 4 of 8 steps: the weights themselves before it, the mean from there
    averaged, weights = run(averages["swa"](start=0.5), [5.0, 6.0, 7.0, 1.0, 3.0, 8.0, 0.0, 3.0])
    assert averaged == pytest.approx([5.0, 6.0, 7.0, 1.0, 2.0, 4.0, 3.0, 3.0])
    assert weights == [5.0, 6.0, 7.0, 1.0, 3.0, 8.0, 0.0, 3.0]


def test_swa_of_every_second_step_and_at_its_ends() -> None:
    places = [5.0, 1.0, 9.0, 2.0, 9.0, 6.0]
    assert run(averages["swa"](start=0.4, every=2), places)[0] == pytest.approx([5.0, 1.0, 1.0, 1.5, 1.5, 3.0])
    assert run(averages["swa"](start=0.0), places)[0][-1] == pytest.approx(sum(places) / 6)
    assert run(averages["swa"](start=1.0), places)[0] == places


def test_swa_is_that_of_torch_with_its_buffers() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    ours, torchs = averages["swa"](start=0.5), torch.optim.swa_utils.AveragedModel(model, use_buffers=True)
    for step in range(1, 41):
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(torch.randn(parameter.shape))
        model(torch.randn(8, 3))
        ours.update(model, step, 40)
        if step >= 20:
            torchs.update_parameters(model)
    for name, value in ours.weights().items():
        torch.testing.assert_close(value, torchs.module.state_dict()[name], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("id", ["ema", "swa"])
def test_weights_of_16_bits_are_averaged_in_32(id: str) -> None:
    """A thousandth of the way from 256 to 258 is less than bf16 can tell: its own average would never move."""
    model = nn.Linear(1, 1, bias=False, dtype=torch.bfloat16)
    nn.init.constant_(model.weight, 256.0)
    average = averages["ema"](decay=0.999) if id == "ema" else averages["swa"](start=0.0)
    average.start(model)
    steps = 4000
    for step in range(10_000, 10_000 + steps) if id == "ema" else range(1, steps + 1):
        nn.init.constant_(model.weight, 256.0 if id == "swa" and step <= steps // 2 else 258.0)
        average.update(model, step, steps)
    expected = 258 - 2 * 0.999**steps if id == "ema" else 257.0
    assert average.weights()["weight"].item() == pytest.approx(expected, abs=0.01)
    nn.init.constant_(model.weight, 1.0)
    with average.applied(model):
        assert model.weight.item() == pytest.approx(expected, abs=1.0)
    assert model.weight.item() == 1.0


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
    with pytest.raises(BadValue, match=r"swa.start=1.5 is not possible: expected a value in \[0, 1\]"):
        averages.part("swa", start=1.5)
