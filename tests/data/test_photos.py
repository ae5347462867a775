import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from data.test_cut import photo
from trainwell.augmentations import augmentations
from trainwell.data.augment import Augmenter
from trainwell.data.batches import Feed, source_of
from trainwell.data.cut import cut
from trainwell.data.dataset import Data, sample_digests
from trainwell.data.images import BARS
from trainwell.data.open import open_data
from trainwell.data.photos import Photos
from trainwell.data.statistics import pixel_statistics
from trainwell.errors import BadValue
from trainwell.preprocessing import preprocessing

CPU = torch.device("cpu")


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    """20 photos: wide, tall, tiny, grey, turned by EXIF, a panorama, and a file that is none."""
    root = tmp_path / "mixed"
    for label in ("ants", "bees"):
        (root / label).mkdir(parents=True)
        for n in range(7):
            size = (60, 90 + n) if n % 2 else (90 + n, 60)
            Image.fromarray(photo(*size, seed=n + len(label) * (label == "bees"))).save(root / label / f"{n}.png")
    Image.fromarray(photo(12, 20, 50)).save(root / "ants" / "tiny.png")
    Image.fromarray(photo(70, 100, 51)).convert("L").save(root / "ants" / "grey.png")
    Image.fromarray(photo(40, 400, 52)).save(root / "ants" / "wide.png")
    turned = Image.Exif()
    turned[0x0112] = 6
    Image.fromarray(photo(60, 120, 53)).save(root / "bees" / "turned.jpg", exif=turned, quality=95)
    (root / "bees" / "broken.jpg").write_bytes(b"\xff\xd8\xff no photo")
    return root


def opened(root: Path, tmp_path: Path, **options: Any) -> tuple[Data, Photos]:
    data = open_data(root, cache=tmp_path / "cache", **({"image_size": 24, "short_side": 40} | options))
    assert isinstance(data.x, Photos)
    return data, data.x


def row_of(data: Data, name: str) -> int:
    return next(row for row, path in enumerate(data.names) if path.endswith(name))


def test_photos_of_all_kinds_are_kept_whole(mixed: Path, tmp_path: Path) -> None:
    data, photos = opened(mixed, tmp_path, seed=1)
    assert photos.shape == (18, 24, 24, 3) and photos.dtype == np.uint8 and not photos.pixels.flags.writeable
    shapes = np.stack((photos.heights, photos.widths), axis=1).tolist()
    sizes = {Path(name).name: tuple(shape) for name, shape in zip(data.names, shapes, strict=True)}
    assert sizes["0.png"] == (60, 40) and sizes["1.png"] == (40, 61)
    assert sizes["tiny.png"] == (12, 20) and sizes["wide.png"] == (40, 160) and sizes["turned.jpg"] == (80, 40)
    scaled = Image.open(mixed / "ants" / "3.png").resize((62, 40), Image.Resampling.BILINEAR)
    stored = photos.stored(row_of(data, "ants/3.png")).astype(int)
    assert np.abs(stored - np.asarray(scaled)).max() <= 1
    assert [q.path for q in data.quarantined] == ["bees/broken.jpg"]
    assert data.decoding["short_side"] == 40 and data.decoding["fit"] == "crop" and data.decoding["size"] == [24, 24]
    assert any("kept whole, at a short side of up to 40 pixels, for crops of 24 x 24" in note for note in data.notes)
    assert "1 image longer than 4 to 1: the middle kept" in data.notes
    assert "1 image smaller than 24 x 24 enlarged" in data.notes


def test_the_middle_of_a_panorama_is_kept(mixed: Path, tmp_path: Path) -> None:
    data, photos = opened(mixed, tmp_path)
    assert (photos.stored(row_of(data, "wide.png")) == photo(40, 400, 52)[:, 120:280]).all()


def test_as_an_array_they_are_nearly_what_squares_would_be(mixed: Path, tmp_path: Path) -> None:
    _, photos = opened(mixed, tmp_path)
    squares = open_data(mixed, cache=tmp_path / "cache", image_size=24).x
    rows = np.array([5, 0, 17])
    assert photos[rows].shape == (3, 24, 24, 3) and (photos[rows][0] == photos[5]).all()
    assert photos[2:4].shape == (2, 24, 24, 3)
    assert np.abs(photos[:].astype(int) - squares.astype(int)).mean() < 3  # scaled twice
    mean, _ = pixel_statistics(photos, np.arange(18))  # type: ignore[arg-type]
    assert torch.allclose(mean, torch.tensor(photos[:].mean((0, 1, 2)), dtype=torch.float32), atol=1e-3)
    fitted = preprocessing.build("standardize", photos, np.arange(18))  # type: ignore[arg-type]
    assert fitted.apply(torch.from_numpy(photos[:]).float()).mean().abs() < 1e-4
    assert len(np.unique(sample_digests(photos, np.arange(18)))) == 18  # type: ignore[arg-type]


def test_found_again_and_not_when_damaged(mixed: Path, tmp_path: Path) -> None:
    first, photos = opened(mixed, tmp_path)
    (pixels,) = (tmp_path / "cache").glob("*/pixels.u8")
    shutil.copy(pixels, tmp_path / "kept")
    again, _ = opened(mixed, tmp_path)
    assert again.fingerprint == first.fingerprint
    assert opened(mixed, tmp_path, image_size=20)[0].fingerprint != first.fingerprint
    content = bytearray((tmp_path / "kept").read_bytes())
    content[len(content) // 2 :] = bytes(len(content) - len(content) // 2)
    pixels.unlink()
    pixels.write_bytes(content)
    _, mended = opened(mixed, tmp_path)
    assert (mended.pixels == np.fromfile(tmp_path / "kept", np.uint8)).all()
    sent = pickle.loads(pickle.dumps(photos))
    assert (sent[3] == photos[3]).all() and not isinstance(sent.pixels, np.memmap)


def test_read_like_an_earlier_run(mixed: Path, tmp_path: Path) -> None:
    data, photos = opened(mixed, tmp_path, enlarged=None)
    again = open_data(mixed, cache=tmp_path / "other", parts="test", like=data.decoding)
    assert isinstance(again.x, Photos) and (again.x.pixels == photos.pixels).all()
    older = {key: value for key, value in data.decoding.items() if key not in ("short_side", "fit")}
    assert isinstance(open_data(mixed, cache=tmp_path / "other", parts="test", like=older).x, np.memmap)
    more = open_data(mixed, cache=tmp_path / "other", parts="test", like=data.decoding, short_side=60)
    assert isinstance(more.x, Photos) and more.x.heights.max() > photos.heights.max()


def test_letterbox_shows_all_of_it(mixed: Path, tmp_path: Path) -> None:
    _, photos = opened(mixed, tmp_path, image_fit="letterbox")
    assert (photos.heights == photos.widths).all() and set(photos.heights.tolist()) == {20, 40}
    data = open_data(mixed, cache=tmp_path / "cache", image_size=24, image_fit="letterbox")
    assert data.decoding["fit"] == "letterbox" and data.decoding["short_side"] is None
    assert any(f"scaled to fit 24 x 24, with grey bars ({BARS} of 255)" in note for note in data.notes)
    wide = data.x[row_of(data, "wide.png")]
    assert (wide[:11] == BARS).all() and (wide[-11:] == BARS).all() and (wide[11:13] != BARS).any()
    like = open_data(mixed, cache=tmp_path / "other", parts="test", like=data.decoding)
    assert (like.x == data.x).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"short_side": 20}, "short_side=20 is below the image size, 24: crops would be enlarged"),
        ({"short_side": 600, "image_size": 400}, "short_side=600 has no effect: no image is larger than 400 x 400"),
    ],
)
def test_a_short_side_of_no_use(mixed: Path, tmp_path: Path, options: dict[str, int], message: str) -> None:
    with pytest.raises(BadValue, match=message):
        opened(mixed, tmp_path, **options)


def test_what_has_no_effect_is_refused(tmp_path: Path, folder: Callable[..., Path]) -> None:
    arrays = (np.zeros((20, 8, 8, 3), np.uint8), np.arange(20) % 2)
    for options in ({"short_side": 40}, {"image_fit": "letterbox"}):
        name = next(iter(options))
        with pytest.raises(BadValue, match=f"{name}=.* has no effect"):
            open_data(arrays, **options)  # type: ignore[arg-type]
        with pytest.raises(BadValue, match=f"{name}=.* has no effect"):
            open_data("digits", **options)  # type: ignore[arg-type]
    squares = folder({"a": 12, "b": 12})
    with pytest.raises(BadValue, match="image_fit=letterbox has no effect: all images"):
        open_data(squares, cache=tmp_path / "cache", image_fit="letterbox")
    small = open_data(squares, cache=tmp_path / "cache", enlarged=2.0)
    assert isinstance(small.x, np.memmap)  # nothing is there to be cut from beyond what is shown


def feed_of(photos: Photos, augment: list[Any], side: int) -> Feed:
    parts = [augmentations.part(part) for part in augment]
    return Feed(
        source_of(photos),
        np.arange(len(photos)) % 2,
        np.arange(len(photos)),
        images=True,
        prepare=None,
        num_classes=2,
        device=CPU,
        batch_size=6,
        seed=3,
        augmenter=Augmenter(parts, (side, side)),
    )


def places(height: int, width: int) -> np.ndarray:
    """An image whose values say where they lie: row, column, 0."""
    rows, columns = np.mgrid[:height, :width]
    return np.stack((rows, columns, 0 * rows), axis=2).astype(np.uint8)


def test_scale_jitter_cuts_squares_from_all_of_a_photo() -> None:
    photos = Photos.of([places(60, 200)] * 6, side=20)
    feed = feed_of(photos, [{"name": "scale_jitter", "min_share": 1 / 3, "max_share": 1 / 2}], 20)
    left, extents = [], []
    for step in range(60):
        x = feed.batch(step)[0]
        rows, columns = (x[:, c].amax((1, 2)) - x[:, c].amin((1, 2)) + 1 for c in (0, 1))
        assert ((rows - columns).abs() <= 1).all()  # shapes are kept
        extents += columns.tolist()
        left += x[:, 1].amin((1, 2)).tolist()
    assert 18 <= min(extents) <= 21 and 28 <= max(extents) <= 30  # shares of the short side, 60
    assert min(left) < 15 and max(left) > 150  # the middle square begins at 70


def test_a_crop_is_cut_once_from_the_photo_and_mirrored_on_the_way() -> None:
    photos = Photos.of([photo(50, 80, n) for n in range(6)], side=16)
    feed = feed_of(photos, ["flip", "resized_crop"], 16)
    x, _ = feed.batch(0)
    indices, _, _ = feed.stream.at(0)
    plain = feed_of(photos, ["resized_crop"], 16).batch(0)[0]  # drawn at another place: only its kind is alike
    assert x.shape == plain.shape == (6, 3, 16, 16) and x.is_contiguous(memory_format=torch.channels_last)
    augmenter = feed._augmenter
    assert augmenter is not None and augmenter._window is not None
    window = augmenter._window.double().numpy()
    boxes = np.concatenate((window[:, :2], window[:, :2] + window[:, 2:]), axis=1)
    straight = cut(photos, indices.numpy(), boxes, 16).permute(0, 3, 1, 2).float()
    same = [torch.equal(a, b) for a, b in zip(x, straight, strict=True)]
    turned = [torch.equal(a, b.flip(2)) for a, b in zip(x, straight, strict=True)]
    assert all(a or b for a, b in zip(same, turned, strict=True)) and any(same) and any(turned)
    assert torch.equal(x, feed.batch(0)[0])  # the same step, the same crops


def test_other_augmentations_act_on_the_crop() -> None:
    photos = Photos.of([photo(50, 80, n) for n in range(6)], side=16)
    plain = feed_of(photos, [], 16)
    flipped = feed_of(photos, [{"name": "flip", "p": 1.0}], 16)  # no member crops: middles
    assert torch.equal(plain.batch(0)[0].flip(3), flipped.batch(0)[0])
    assert torch.equal(plain.clean(0)[0], torch.from_numpy(photos[plain.stream.at(0)[0].numpy()]).permute(0, 3, 1, 2))
    cropped = feed_of(photos, ["resized_crop"], 16).batch(0)[0]
    rotated = feed_of(photos, ["resized_crop", {"name": "rotate", "degrees": 0.0}], 16).batch(0)[0]
    assert torch.equal(cropped, rotated)
