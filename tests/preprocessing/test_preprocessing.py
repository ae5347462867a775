import json

import numpy as np
import pytest
import torch
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from trainwell.errors import BadData, BadRun, BadValue
from trainwell.preprocessing import Affine, fit_target, from_json, preprocessing

RNG = np.random.default_rng(0)
ROWS = np.arange(0, 300, 2)


def table() -> np.ndarray:
    return (RNG.normal(size=(300, 4)) * [1, 10, 0.1, 3] + [5, 1000, 0, -2]).astype(np.float32)


def images(count: int = 300, channels: int = 3) -> np.ndarray:
    return RNG.integers(0, 200, (count, 6, 5, channels), dtype=np.uint8)


def test_members() -> None:
    assert {"standardize", "zero_center", "min_max", "none"} <= set(preprocessing.names)


@pytest.mark.parametrize("member", preprocessing.names)
@pytest.mark.parametrize("make", [table, images])
def test_contract(member: str, make: object) -> None:
    x = make()  # type: ignore[operator]
    fitted = preprocessing.build(member, x, ROWS)
    stored = torch.from_numpy(x)
    seen = fitted.apply(stored.clone())
    assert seen.shape == stored.shape and seen.dtype == torch.float32 and torch.isfinite(seen).all()
    assert torch.allclose(fitted.inverse(seen), stored.float(), rtol=1e-4, atol=1e-2)
    again = from_json(json.loads(json.dumps(fitted.json(), allow_nan=False)))
    assert torch.equal(again.apply(stored.clone()), seen)
    assert torch.equal(fitted.apply(stored.clone().float()), seen)
    half = fitted.apply(stored.to(torch.bfloat16).clone())
    assert half.dtype == torch.bfloat16
    other = x.copy()
    other[1::2] = 0  # rows that are not of the training split
    assert preprocessing.build(member, other, ROWS).json() == fitted.json()


def test_standardize_equals_scikit_learn() -> None:
    x = table()
    reference = StandardScaler().fit(x[ROWS].astype(np.float64))
    fitted = preprocessing.build("standardize", x, ROWS)
    assert np.allclose(fitted.offset, reference.mean_, rtol=1e-12, atol=1e-12)
    assert np.allclose(fitted.scale, reference.scale_, rtol=1e-9)
    assert np.allclose(fitted.apply(torch.from_numpy(x.copy())), reference.transform(x), atol=1e-3)


def test_standardize_images_by_channel_in_units_of_one() -> None:
    x = images()
    fitted = preprocessing.build("standardize", x, ROWS)
    pixels = x[ROWS].reshape(-1, 3) / 255
    assert np.allclose(fitted.offset, pixels.mean(axis=0), atol=1e-12) and np.allclose(fitted.scale, pixels.std(axis=0))
    seen = fitted.apply(torch.from_numpy(x))
    expected = (x[7, 2, 3] / 255 - pixels.mean(axis=0)) / pixels.std(axis=0)
    assert np.allclose(seen[7, 2, 3], expected, atol=1e-5)


def test_mean_far_from_zero_does_not_cancel() -> None:
    x = np.full((5000, 1), 1e8) + RNG.normal(size=(5000, 1)) * 1000
    fitted = preprocessing.build("standardize", x, np.arange(5000))
    assert fitted.scale[0] == pytest.approx(x.std(), rel=1e-9)


def test_more_than_one_chunk() -> None:
    x = RNG.integers(0, 256, (70, 64, 64, 3), dtype=np.uint8)
    x[35:] //= 4
    fitted = preprocessing.build("standardize", x, np.arange(70))
    pixels = x.reshape(-1, 3) / 255
    assert np.allclose(fitted.offset, pixels.mean(axis=0)) and np.allclose(fitted.scale, pixels.std(axis=0))
    assert preprocessing.build("min_max", x, np.arange(70)).scale[0] == pytest.approx((x.max() - x.min()) / 255)


def test_large_folders_are_sampled_and_the_sample_is_fixed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trainwell.preprocessing.MAX_IMAGES", 50)
    x = images()
    one, other = (preprocessing.build("standardize", x, np.arange(300)) for _ in range(2))
    pixels = x.reshape(-1, 3) / 255
    assert one.json() == other.json() and not np.allclose(one.offset, pixels.mean(axis=0), atol=1e-6)
    assert np.allclose(one.offset, pixels.mean(axis=0), atol=0.05)


def test_zero_center_keeps_the_scale() -> None:
    x = images()
    fitted = preprocessing.build("zero_center", x, ROWS)
    seen = fitted.apply(torch.from_numpy(x))[torch.from_numpy(ROWS)]
    assert torch.allclose(seen.mean(dim=(0, 1, 2)), torch.zeros(3), atol=1e-5)
    assert (seen.amax() - seen.amin()).item() < 1


def test_min_max_equals_scikit_learn() -> None:
    x = table()
    reference = MinMaxScaler((-1, 1)).fit(x[ROWS].astype(np.float64))
    fitted = preprocessing.build({"name": "min_max", "low": -1.0, "high": 1.0}, x, ROWS)
    assert np.allclose(fitted.apply(torch.from_numpy(x.copy())), reference.transform(x), atol=1e-5)
    with pytest.raises(BadValue, match=r"low=1.0 is not below min_max.high=0.5"):
        preprocessing.build({"name": "min_max", "low": 1.0, "high": 0.5}, x, ROWS)


def test_constant_features_have_a_floor_and_are_named() -> None:
    x = table()
    x[:, 2] = 7
    x[:, 3] = 0
    for member in ("standardize", "zero_center", "min_max"):
        fitted = preprocessing.build(member, x, ROWS)
        assert fitted.constant == (2, 3)
        assert fitted.apply(torch.from_numpy(x.copy()))[:, 2:].abs().max() < 1e-6


def test_none_brings_images_to_one_and_takes_anything() -> None:
    assert preprocessing.build("none", images(), ROWS).apply(torch.full((1, 2, 2, 3), 255.0)).unique().tolist() == [1.0]
    tokens = torch.ones(3, 7)
    assert torch.equal(preprocessing.build("none", ["a data set of one's own"], ROWS).apply(tokens.clone()), tokens)


def test_apply_reuses_the_memory_of_floats_and_takes_any_layout() -> None:
    fitted = Affine(np.array([0.5, 0.0, 0.25]), np.array([1.0, 2.0, 0.5]))
    x = torch.rand(2, 4, 5, 3)
    expected = (x - torch.tensor([0.5, 0.0, 0.25])) / torch.tensor([1.0, 2.0, 0.5])
    turned = x.permute(0, 2, 1, 3)
    assert torch.allclose(fitted.apply(turned), expected.permute(0, 2, 1, 3), atol=1e-6)
    assert torch.allclose(fitted.apply(x[:0]), expected[:0])
    assert fitted.apply(x).data_ptr() == x.data_ptr() and torch.allclose(x, expected, atol=1e-6)


def test_coefficients() -> None:
    a, b = Affine(np.array([0.5]), np.array([0.25]), 255.0).coefficients()
    assert a * 255 + b == pytest.approx((1 - 0.5) / 0.25)


@pytest.mark.parametrize("shape", [(200,), (200, 1), (200, 2)])
def test_targets(shape: tuple[int, ...]) -> None:
    y = (RNG.normal(size=shape) * 5 + 150).astype(np.float32)
    fitted = fit_target(y)
    rows = torch.from_numpy(y.reshape(200, -1).copy())
    seen = fitted.apply(rows.clone())
    assert torch.allclose(seen.mean(dim=0), torch.zeros(seen.shape[1]), atol=1e-4)
    assert torch.allclose(seen.std(dim=0, correction=0), torch.ones(seen.shape[1]), atol=1e-4)
    assert torch.allclose(fitted.inverse(seen), rows, atol=1e-3)


def test_refusals() -> None:
    with pytest.raises(BadData, match="no training rows"):
        preprocessing.build("standardize", table(), np.arange(0))
    with pytest.raises(BadData, match="preprocess=none"):
        preprocessing.build("standardize", ["own"], ROWS)
    with pytest.raises(BadRun, match=r"no preprocessing of kind 'pcb' here. Known: affine"):
        from_json({"kind": "pcb"})
