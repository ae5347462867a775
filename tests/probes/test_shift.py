"""Validation data from the same place, from another one, and from the training data itself."""

import pytest
import torch
from torch import Tensor

from trainwell.errors import BadValue
from trainwell.probes.experiment import Batch, Batches
from trainwell.probes.shift import Shift, shift


def cut(x: Tensor, y: Tensor) -> Batches:
    def batches(step: int) -> Batch:
        return x[step * 50 :][:50], y[step * 50 :][:50]

    return batches


def look(train: tuple[Tensor, Tensor], valid: tuple[Tensor, Tensor], axis: int = 1) -> Shift:
    return shift(cut(*train), cut(*valid), num_batches=len(train[0]) // 50, axis=axis)


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_figures_worked_out_by_hand() -> None:
    y = torch.zeros(2)
    found = shift(
        lambda _: (torch.tensor([[-1.0, 5.0], [1.0, 5.0]]), y),
        lambda _: (torch.tensor([[2.0, 5.0], [6.0, 6.0]]), y),
        num_batches=1,
    )
    part = found.inputs[0]
    # Only the first feature varies: means 0 and 4, spreads 1 and 2, standard error sqrt(1 / 2 + 4 / 2).
    assert (part.shift, part.largest, part.spread_ratio) == (4, 4, 2)
    assert part.against_chance == pytest.approx(4 / 2.5**0.5)
    assert part.outside == 0.75
    assert (found.num_train, found.num_valid, found.shared) == (2, 2, 0)
    assert found.targets is not None and found.targets.shift is None


def test_unscaled_validation_data_and_its_clean_twin(digits) -> None:
    x, y = digits
    train = (x[:500], y[:500])
    clean = look(train, (x[500:1000], y[500:1000]))
    faulty = look(train, (x[500:1000] * 4 + 5, y[500:1000]))
    assert clean.inputs[0].against_chance == pytest.approx(1, abs=0.3)
    assert clean.inputs[0].shift is not None and clean.inputs[0].shift < 0.1
    assert faulty.inputs[0].shift is not None and faulty.inputs[0].shift > 3
    assert faulty.inputs[0].against_chance is not None and faulty.inputs[0].against_chance > 10
    assert faulty.inputs[0].spread_ratio == pytest.approx(4, rel=0.2)
    assert faulty.inputs[0].outside > 0.5 > 0.02 > clean.inputs[0].outside
    assert clean.inputs[0].spread_ratio == pytest.approx(1, rel=0.05)
    assert clean.shared < 0.01


def test_chance_is_counted_by_samples_in_pictures() -> None:
    # Each picture has a brightness of its own: its pixels are no independent draws.
    pictures = noise(400, 3, 1, 1) + 0.1 * noise(400, 3, 8, 8)
    y = torch.zeros(400)
    found = look((pictures[:200], y[:200]), (pictures[200:], y[200:])).inputs[0]
    assert found.against_chance is not None and 0.2 < found.against_chance < 2.5
    last = look((pictures[:200].movedim(1, -1), y[:200]), (pictures[200:].movedim(1, -1), y[200:]), axis=-1)
    assert last.inputs[0].shift == pytest.approx(found.shift)


def test_classes_that_are_missing_from_the_validation_data(digits) -> None:
    x, y = digits
    train = (x[:500], y[:500])
    clean = look(train, (x[500:1000], y[500:1000])).targets
    few = torch.nonzero(y[500:] < 5)[:, 0][:500] + 500
    faulty = look(train, (x[few], y[few])).targets
    assert clean is not None and clean.against_chance is not None and clean.against_chance < 2
    assert faulty is not None and faulty.against_chance is not None and faulty.against_chance > 5


def test_validation_samples_that_were_trained_on(digits) -> None:
    x, y = digits
    train = (x[:100], y[:100])
    assert look(train, (x[50:150], y[50:150])).shared == 0.5
    assert look(train, (x[50:150] + 1e-3, y[50:150])).shared == 0
    both = shift(
        lambda _: ({"a": x[:4], "b": torch.arange(4)}, y[:4]),
        lambda _: ({"a": x[:4], "b": torch.arange(2, 6) % 5}, y[:4]),
        num_batches=1,
    )
    assert both.shared == 0
    assert [part.name for part in both.inputs] == ["a", "b"]


def test_another_axis_is_refused() -> None:
    with pytest.raises(BadValue, match="axis=0"):
        look((noise(50, 2), torch.zeros(50)), (noise(50, 2), torch.zeros(50)), axis=0)
