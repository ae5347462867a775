"""How the recipe decides how images are read."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from trainwell.data.photos import Photos
from trainwell.errors import BadValue
from trainwell.method.evaluate import evaluate
from trainwell.method.fit import fit
from trainwell.method.look import Look, Options, look
from trainwell.method.screen import Silent
from trainwell.training.machine import pick_device
from trainwell.training.setup import set_up


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """40 photos of 60 x 40, bright or dark."""
    rng = np.random.default_rng(0)
    for n in range(40):
        label, low = (("dark", 0), ("bright", 120))[n % 2]
        path = tmp_path / "photos" / label / f"{n:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        coarse = rng.integers(low, low + 120, (4, 6, 3), dtype=np.uint8)
        Image.fromarray(coarse).resize((60, 40), Image.Resampling.BICUBIC).save(path)
    return tmp_path / "photos"


def looked(source: object, cache: Path, *edits: str) -> Look:
    return look(source, edits, Options(cache=cache), Silent())


def short_side(data: object) -> int | None:
    return int(data.heights.max()) if isinstance(data, Photos) else None


@pytest.mark.parametrize(
    ("edits", "expected"),
    [
        ((), None),
        (("augment=flip,crop",), None),
        (("augment=flip,resized_crop",), 18),  # 16 * 256 / 224
        (("augment=scale_jitter",), 34),  # 16 * 480 / 224
        (("augment=scale_jitter", "augment.scale_jitter.min_share=0.5"), 32),
        (("augment=resized_crop", "short_side=30"), 30),
        (("recipe=vgg-style",), None),  # which crops small images otherwise
        (("recipe=modern-convnet", "image_size=72"), None),  # there is no more in 60 x 40 than that shows
    ],
)
def test_photos_are_kept_where_the_augmentations_cut_from_them(
    photos: Path, tmp_path: Path, edits: tuple[str, ...], expected: int | None
) -> None:
    size = () if any(edit.startswith("image_size") for edit in edits) else ("image_size=16",)
    found = looked(photos, tmp_path / "cache", *edits, *size)
    assert short_side(found.data.x) == expected
    assert found.data.decoding["short_side"] == expected
    assert found.data.x.shape[1:3] == ((16, 16) if size else (72, 72))


def test_a_named_recipe_keeps_photos_too(photos: Path, tmp_path: Path) -> None:
    for n, path in enumerate(sorted(photos.rglob("*.png"))):
        Image.open(path).resize((150, 100 + n)).save(path)
    found = looked(photos, tmp_path / "cache", "recipe=modern-convnet", "image_size=72")
    assert short_side(found.data.x) == 82  # 72 * 256 / 224


def test_arrays_are_read_as_before(tmp_path: Path) -> None:
    arrays = (np.random.default_rng(0).integers(0, 256, (40, 12, 12, 3), dtype=np.uint8), np.arange(40) % 2)
    assert isinstance(looked(arrays, tmp_path, "augment=flip,resized_crop").data.x, np.ndarray)
    with pytest.raises(BadValue, match="short_side=40 has no effect: photos are kept whole where"):
        looked(arrays, tmp_path, "augment=flip,resized_crop", "short_side=40")
    with pytest.raises(BadValue, match="image_fit=letterbox has no effect: images get bars where"):
        looked("digits", tmp_path, "image_fit=letterbox")


def test_a_short_side_that_nothing_cuts_from_is_refused(photos: Path, tmp_path: Path) -> None:
    found = looked(photos, tmp_path / "cache", "image_size=16", "short_side=30", "augment=flip")
    with pytest.raises(BadValue, match=r"short_side=30 has no effect: no augmentation cuts .* Add resized_crop or"):
        set_up(found.data, found.recipe, pick_device("cpu"))


@pytest.mark.parametrize("edits", [(), ("image_fit=letterbox",)])
def test_a_run_on_photos_is_evaluated_on_what_it_saw(photos: Path, tmp_path: Path, edits: tuple[str, ...]) -> None:
    options = Options(cache=tmp_path / "cache", checks=False, device="cpu")
    small = ("model=lenet", "image_size=16", "augment=resized_crop", "views=one", "average=none", "precision=fp32")
    run = fit(photos, [*small, *edits, "epochs=1"], out=tmp_path / "run", options=options)
    decoding = run.description()["decoding"]
    assert decoding["short_side"] == 18 and decoding["fit"] == ("letterbox" if edits else "crop")
    again = evaluate(run, photos, options=options)
    assert again.part == "valid" and again.seen == 0
    elsewhere = tmp_path / "elsewhere"
    photos.rename(elsewhere)
    whole = evaluate(run, elsewhere, options=Options(cache=tmp_path / "other", device="cpu"))
    assert whole.count == 40 and whole.seen == 40  # the copies of what it was trained on are known again
