"""What goes in: figures by hand, faulty inputs beside clean ones, and healthy ones that look faulty."""

import dataclasses
import json
import math

import pytest
import torch
from sklearn.datasets import load_wine
from torch import Tensor

from trainwell.errors import BadValue
from trainwell.probes.experiment import Batches
from trainwell.probes.inputs import Input, Inputs, inputs


def cut(x: Tensor, size: int = 8) -> Batches:
    y = torch.zeros(len(x))
    return lambda step: (x[step * size :][:size], y[step * size :][:size])


def one(x: Tensor, axis: int = 1, size: int = 8) -> Input:
    found = inputs(cut(x, size), num_batches=math.ceil(len(x) / size), axis=axis)
    assert len(found.parts) == 1
    return found.parts[0]


def noise(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


def test_figures_worked_out_by_hand() -> None:
    nan = math.nan
    found = one(torch.tensor([[1.0, 7.0, 0.0], [3.0, 7.0, nan], [5.0, 7.0, 0.0], [math.inf, 7.0, 10.0]]), size=2)
    assert (found.dtype, found.shape, found.num_samples, found.aligned) == ("float32", (3,), 4, True)
    assert (found.nan_share, found.inf_share, found.zero_share) == (1 / 12, 1 / 12, 2 / 12)
    assert found.means == pytest.approx((3, 7, 10 / 3))
    spreads = (math.sqrt(8 / 3), 0, math.sqrt(200 / 9))
    assert found.spreads == pytest.approx(spreads)
    assert (found.lows, found.highs, found.low, found.high) == ((1, 7, 0), (5, 7, 10), 0, 10)
    assert found.scale == pytest.approx(math.sqrt((1 + 9 + 25 + 4 * 49 + 100) / 10))
    assert found.centre == pytest.approx(math.sqrt((9 / (8 / 3) + (100 / 9) / (200 / 9)) / 2))
    assert found.decades == pytest.approx(math.log10(spreads[2] / spreads[0]))
    assert found.outlier == pytest.approx((20 / 3) / spreads[2])
    assert found.constant_share == found.constant_positions == 1 / 3
    assert (found.whole, found.bytes) == (True, False)


def test_raw_tables_and_standardised_ones() -> None:
    raw = torch.tensor(load_wine().data, dtype=torch.float32)
    clean = (raw - raw.mean(0)) / raw.std(0)
    before, after = one(raw), one(clean)
    assert before.decades is not None and before.decades > 3
    assert before.centre is not None and before.centre > 2
    assert before.scale is not None and before.scale > 100
    assert (after.decades, after.centre, after.scale) == pytest.approx((0, 0, 1), abs=0.01)


def test_raw_bytes_and_pictures_that_were_scaled() -> None:
    raw = torch.randint(0, 256, (16, 3, 8, 8), generator=torch.Generator().manual_seed(0))
    assert one(raw.float()).bytes
    assert one(raw.to(torch.uint8)).bytes
    assert not one(raw / 255).bytes
    assert not one(raw.float() - 1).bytes
    assert not one(raw.float() + 1).bytes  # 256 is beyond them
    # Healthy tables look a little like it: counts up to 16, or class codes.
    counts = one((raw % 17).float())
    assert (counts.whole, counts.bytes) == (True, False)
    assert one(raw.float()).means == pytest.approx(raw.double().mean((0, 2, 3)).tolist())


def test_constant_features_and_the_dark_border_of_pictures() -> None:
    x = noise(40, 10)
    assert one(x).constant_share == 0
    x[:, :3] = torch.tensor([0.1, 5.0, -1e6])
    assert one(x).constant_share == pytest.approx(0.3)
    pictures = noise(40, 2, 4, 4)
    pictures[:, :, 0] = 0
    found = one(pictures)
    assert (found.constant_share, found.constant_positions) == (0, 0.25)


def test_codes_are_told_from_numbers_whatever_the_scale() -> None:
    codes = torch.arange(60) % 5
    gaps = torch.tensor([0.0, 1.0, 5.0])[torch.arange(60) % 3]
    x = torch.stack(
        [codes.float(), noise(60), (codes - 2) / 1.37, gaps, (codes > 2).float(), torch.arange(60.0)], dim=1
    )
    assert one(x).coded == (0, 2)
    assert one(codes[:, None]).dtype == "int64"


def test_channels_last_and_sequences_by_their_axis() -> None:
    x = noise(16, 7, 3) * torch.tensor([1.0, 10.0, 100.0])
    by_feature, by_step = one(x, axis=-1), one(x)
    assert by_feature.spreads == pytest.approx((1, 10, 100), rel=0.2)
    assert by_feature.decades == pytest.approx(2, abs=0.1)
    assert len(by_step.spreads) == 7
    assert by_step.decades is not None and by_step.decades < 0.5


def test_duplicates_are_counted_over_all_tensors() -> None:
    a = torch.tensor([[1.0], [1.0], [2.0], [1.0]])
    b = torch.tensor([0, 0, 0, 9])
    y = torch.zeros(4)
    assert inputs(lambda _: (a, y), num_batches=1).duplicate_share == 0.5
    found = inputs(lambda _: ({"a": a, "b": b}, y), num_batches=1)
    assert found.duplicate_share == 0.25
    assert [part.name for part in found.parts] == ["a", "b"]
    assert inputs(lambda _: (a, y), num_batches=2).duplicate_share == pytest.approx(6 / 8)


def test_changing_shapes_and_what_has_no_samples() -> None:
    found = inputs(lambda step: ((noise(4, 3 + step), torch.ones(9)), torch.zeros(4)), num_batches=2)
    assert found.unseen == ("input 1: complex, or without an axis of samples",)
    part = found.parts[0]
    assert (part.aligned, len(part.means), part.constant_positions, part.shape) == (False, 1, None, (3,))
    assert part.scale == pytest.approx(torch.cat([noise(4, 3).flatten(), noise(4, 4).flatten()]).square().mean() ** 0.5)


def test_an_input_without_a_tensor_is_said() -> None:
    assert inputs(lambda _: ("words", torch.zeros(4)), num_batches=1).unseen == ("input: holds no tensor",)


def test_only_so_many_values_are_looked_at() -> None:
    assert inputs(cut(noise(80, 10)), num_batches=10, max_values=200).num_samples == 24


def test_nothing_but_nan_gives_plain_numbers() -> None:
    found = inputs(cut(torch.full((4, 2), math.nan)), num_batches=1)
    part = found.parts[0]
    assert (part.nan_share, part.low, part.scale, part.means, part.lows) == (1, None, None, (None, None), (None, None))
    assert (part.whole, part.bytes, part.centre, part.constant_share) == (False, False, None, 1)
    json.dumps(dataclasses.asdict(found), allow_nan=False)


def test_the_data_is_left_as_it_was_and_the_same_call_gives_the_same() -> None:
    x = noise(16, 3)
    before = x.clone()
    first: Inputs = inputs(cut(x), num_batches=2)
    assert torch.equal(x, before)
    assert inputs(cut(x), num_batches=2) == first
    assert inputs(lambda _: (torch.randn(4, 2), torch.ones(4))) == inputs(lambda _: (torch.randn(4, 2), torch.ones(4)))


def test_impossible_requests_are_refused() -> None:
    with pytest.raises(BadValue, match="axis=2"):
        inputs(cut(noise(8, 2)), axis=2)
    with pytest.raises(BadValue, match="max_values=0"):
        inputs(cut(noise(8, 2)), max_values=0)
    with pytest.raises(BadValue, match="num_batches=0"):
        inputs(cut(noise(8, 2)), num_batches=0)
