from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy import linalg
from scipy.stats import ortho_group
from sklearn.decomposition import PCA
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from trainwell.errors import BadData, BadRun, BadValue
from trainwell.preprocessing import Affine, Fitted, fit_target, from_json, preprocessing
from trainwell.preprocessing.projection import moments

RNG = np.random.default_rng(0)
ROWS = np.arange(0, 300, 2)


def table() -> np.ndarray:
    return (RNG.normal(size=(300, 4)) * [1, 10, 0.1, 3] + [5, 1000, 0, -2]).astype(np.float32)


def images(count: int = 300, channels: int = 3) -> np.ndarray:
    return RNG.integers(0, 200, (count, 6, 5, channels), dtype=np.uint8)


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


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(BadRun, match=r"no preprocessing of kind 'pcb' here. Known: affine, mean_image, projection"):
        from_json({"kind": "pcb"})


def correlated(count: int = 400, features: int = 12) -> np.ndarray:
    mixing = RNG.normal(size=(features, features)) * np.geomspace(10, 0.1, features)
    return (RNG.normal(size=(count, features)) @ mixing.T + 50).astype(np.float32)


def seen_of(fitted: Fitted, x: np.ndarray) -> np.ndarray:
    """The rows behind the preprocessing, (N, K) float64."""
    return fitted.apply(torch.from_numpy(x.copy())).flatten(1).double().numpy()


def covariance(values: np.ndarray) -> np.ndarray:
    return np.cov(values.T, bias=True)


def test_mean_image_equals_numpy() -> None:
    x = images()
    fitted = preprocessing.build("mean_image", x, ROWS)
    expected = (x[ROWS] / 255).mean(axis=0)
    assert np.allclose(fitted.arrays()["mean"], expected, atol=1e-6)
    assert np.allclose(fitted.apply(torch.from_numpy(x)), x / 255 - expected, atol=1e-6)
    with pytest.raises(BadValue, match=r"fitted on samples of shape \(6, 5, 3\), got \(6, 6, 3\)"):
        fitted.apply(torch.zeros(2, 6, 6, 3))


@pytest.mark.parametrize("whiten", [False, True])
@pytest.mark.parametrize("make", [correlated, images])
def test_pca_equals_scikit_learn(whiten: bool, make: Callable[[], np.ndarray]) -> None:
    x = make()
    flat = x.reshape(300 if make is images else 400, -1) / (255.0 if make is images else 1.0)
    reference = PCA(whiten=whiten, svd_solver="full").fit(flat[ROWS])
    args = {"name": "whiten_pca", "eps": 0.0} if whiten else {"name": "pca"}
    fitted = preprocessing.build(args | {"standardized": False}, x, ROWS)
    assert np.allclose(fitted.arrays()["components"], reference.components_, atol=1e-5)
    # scikit-learn's variances have the divisor n - 1.
    expected = reference.transform(flat) * (np.sqrt(len(ROWS) / (len(ROWS) - 1)) if whiten else 1)
    assert np.allclose(seen_of(fitted, x), expected, atol=2e-3)


def test_pca_is_diagonal_and_the_variances_fall() -> None:
    x = correlated()
    fitted = preprocessing.build({"name": "pca", "standardized": False}, x, ROWS)
    found = covariance(seen_of(fitted, x)[ROWS])
    variances = np.diagonal(found)
    assert np.abs(found - np.diag(variances)).max() < 1e-4 * variances.max()
    assert (np.diff(variances) <= 0).all()
    assert variances.sum() == pytest.approx(x[ROWS].astype(np.float64).var(axis=0).sum(), rel=1e-5)


@pytest.mark.parametrize("member", ["pca", "whiten_pca"])
def test_features_of_a_table_are_standardised_first(member: str) -> None:
    x = correlated() * np.geomspace(1e-6, 1e6, 12, dtype=np.float32)  # units far apart
    standard = (x - x[ROWS].mean(axis=0, dtype=np.float64)) / x[ROWS].std(axis=0, dtype=np.float64)
    expected = PCA(whiten=member == "whiten_pca", svd_solver="full").fit(standard[ROWS]).transform(standard)
    args = {}
    if member == "whiten_pca":  # scikit-learn's variances have the divisor n - 1
        args, expected = {"eps": 0.0}, expected * np.sqrt(len(ROWS) / (len(ROWS) - 1))
    fitted = preprocessing.build({"name": member, **args}, x, ROWS)
    assert np.allclose(seen_of(fitted, x) / expected.std(), expected / expected.std(), atol=1e-3)
    assert np.allclose(fitted.inverse(fitted.apply(torch.from_numpy(x.copy()))), x, rtol=1e-4)


@pytest.mark.parametrize("share", [0.5, 0.9, 0.99])
def test_pca_keeps_the_share_asked_for(share: float) -> None:
    x = correlated()
    reference = PCA(n_components=share, svd_solver="full").fit(x[ROWS].astype(np.float64))
    fitted = preprocessing.build({"name": "pca", "variance": share, "standardized": False}, x, ROWS)
    assert fitted.output_shape((12,)) == (reference.n_components_,)
    assert np.allclose(seen_of(fitted, x), reference.transform(x), atol=1e-3)
    back = fitted.inverse(fitted.apply(torch.from_numpy(x.copy())))
    assert np.allclose(back, reference.inverse_transform(reference.transform(x)), atol=1e-3)
    fewer = preprocessing.build({"name": "pca", "variance": share, "components": 1}, x, ROWS)
    assert fewer.output_shape((12,)) == (1,)


@pytest.mark.parametrize("member", ["whiten_pca", "whiten_zca"])
@pytest.mark.parametrize("make", [correlated, images])
def test_whitened_data_has_identity_covariance(member: str, make: Callable[[], np.ndarray]) -> None:
    x = make()
    found = covariance(seen_of(preprocessing.build({"name": member, "eps": 0.0}, x, ROWS), x)[ROWS])
    assert np.allclose(found, np.eye(len(found)), atol=1e-3)


@pytest.mark.parametrize("member", ["whiten_pca", "whiten_zca"])
def test_eps_holds_weak_components_down(member: str) -> None:
    x = np.concatenate([correlated(), np.full((400, 1), 3, dtype=np.float32)], axis=1)
    variances = np.linalg.eigvalsh(covariance(x[ROWS, :12].astype(np.float64)))  # the last feature is constant
    fitted = preprocessing.build({"name": member, "eps": 0.1, "standardized": False}, x, ROWS)
    found = np.linalg.eigvalsh(covariance(seen_of(fitted, x)[ROWS]))[-12:]
    assert np.allclose(found, variances / (variances + 0.1 * variances.mean()), atol=1e-4)


def test_zca_is_symmetric_and_nearest_to_the_data() -> None:
    x = correlated()
    centred = x - x[ROWS].mean(axis=0)
    fitted = preprocessing.build({"name": "whiten_zca", "eps": 0.0, "standardized": False}, x, ROWS)
    whitened = seen_of(fitted, x)
    matrix = np.linalg.lstsq(centred.astype(np.float64), whitened, rcond=None)[0]
    assert np.allclose(matrix, matrix.T, atol=1e-3)
    assert np.linalg.eigvalsh(matrix).min() > 0
    # The inverse root of the covariance, by another road.
    root = linalg.sqrtm(covariance(x[ROWS].astype(np.float64)))
    assert np.allclose(matrix, np.linalg.inv(root), atol=1e-3)
    distance = np.linalg.norm(whitened[ROWS] - centred[ROWS])
    for turn in (ortho_group.rvs(12, random_state=seed) for seed in range(5)):
        assert np.linalg.norm(whitened[ROWS] @ turn - centred[ROWS]) > distance


def test_zca_of_few_components_is_a_projection() -> None:
    x = images()
    fitted = preprocessing.build({"name": "whiten_zca", "components": 7, "eps": 0.0}, x, ROWS)
    assert fitted.output_shape((6, 5, 3)) == (6, 5, 3)
    variances = np.linalg.eigvalsh(covariance(seen_of(fitted, x)[ROWS]))
    assert np.allclose(variances[-7:], 1, atol=1e-3) and np.allclose(variances[:-7], 0, atol=1e-6)
    back = fitted.inverse(fitted.apply(torch.from_numpy(x)))
    again = fitted.inverse(fitted.apply(back.clone()))
    assert torch.allclose(again, back, atol=0.05)


@pytest.mark.parametrize("member", ["pca", "whiten_pca", "whiten_zca"])
def test_what_does_not_vary_is_dropped(member: str) -> None:
    x = images()
    x[:, 0] = 77  # a constant row of pixels
    x[..., 1] = x[..., 0]  # two equal channels
    fitted = preprocessing.build(member, x, ROWS)
    assert len(fitted.arrays()["scale"]) == 5 * 5 * 2
    assert np.abs(seen_of(fitted, x)).max() < 100
    if member == "whiten_zca":
        assert fitted.apply(torch.from_numpy(x))[:, 0].abs().max() < 1e-4
    assert np.allclose(fitted.inverse(fitted.apply(torch.from_numpy(x)))[ROWS], x[ROWS], atol=0.05)


def test_fewer_rows_than_features() -> None:
    x = images()
    fitted = preprocessing.build({"name": "whiten_pca", "eps": 0.0}, x, np.arange(20))
    assert fitted.output_shape((6, 5, 3)) == (19,)  # 20 points span 19 directions around their mean
    assert np.allclose(covariance(seen_of(fitted, x)[:20]), np.eye(19), atol=1e-3)


def test_moments_of_several_blocks_are_exact() -> None:
    x = RNG.integers(0, 256, (2500, 3, 3, 1), dtype=np.uint8)
    x[1100:] //= 3
    flat = x.reshape(2500, 9).astype(np.float64)
    mean, found = moments("pca", x, np.arange(2500))
    assert np.allclose(mean, flat.mean(axis=0) / 255, rtol=1e-13)
    assert np.allclose(found, covariance(flat) / 255**2, rtol=1e-10)
    far = RNG.normal(size=(2500, 3)) + 1e5
    mean, found = moments("pca", far, np.arange(2500))
    assert np.allclose(mean, far.mean(axis=0), rtol=1e-13) and np.allclose(found, covariance(far), rtol=1e-9, atol=1e-9)


def test_components_are_the_same_every_time_and_signed() -> None:
    x = images()
    one, other = (preprocessing.build("pca", x, ROWS).arrays()["components"] for _ in range(2))
    assert np.array_equal(one, other)
    assert (np.take_along_axis(one, np.abs(one).argmax(axis=1)[:, None], axis=1) > 0).all()


def test_pca_refusals() -> None:
    x = correlated()
    with pytest.raises(BadValue, match=r"pca.components=13 is more than there are: .* along 12 directions of 12"):
        preprocessing.build({"name": "pca", "components": 13}, x, ROWS)
    with pytest.raises(BadValue, match=r"pca.variance=0 is not possible: expected a value in \(0, 1\]"):
        preprocessing.part("pca", variance=0)
    with pytest.raises(BadData, match="needs features that vary"):
        preprocessing.build("whiten_pca", np.ones((300, 4)), ROWS)
    with pytest.raises(BadData, match=r"whiten_zca needs the covariance of all 12288 features, .* image_size="):
        preprocessing.build("whiten_zca", np.zeros((4, 64, 64, 3), dtype=np.uint8), np.arange(4))
    with pytest.raises(BadData, match="takes at most 8192"):
        preprocessing.build("pca", np.zeros((4, 9000)), np.arange(4))
    with pytest.raises(BadValue, match=r"fitted on samples of shape \(12,\), got \(11,\)"):
        preprocessing.build("pca", x, ROWS).apply(torch.zeros(2, 11))


def test_eps_follows_the_kind_of_data_unless_told() -> None:
    images = np.random.default_rng(3).integers(0, 256, (40, 3, 3, 1), dtype=np.uint8)
    table = images.reshape(40, 9).astype(np.float32)
    for x, usual in ((images, 1.0), (table, 1e-5)):
        told = preprocessing.build({"name": "whiten_zca", "eps": usual}, x, np.arange(40))
        np.testing.assert_array_equal(
            preprocessing.build("whiten_zca", x, np.arange(40)).arrays()["scale"], told.arrays()["scale"]
        )
