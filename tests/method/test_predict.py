"""Predictions of new files, arrays and rows: the same numbers as an evaluation, whatever way they come."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from PIL import Image
from torch import nn
from torch.utils.data import TensorDataset

import trainwell as tw
from trainwell.data.open import open_data
from trainwell.data.views import Views
from trainwell.errors import BadData, BadRun, BadValue
from trainwell.method.load import Predictor
from trainwell.method.samples.chunk import size_of
from trainwell.method.samples.images import chunks_of_arrays
from trainwell.method.samples.read import chunks
from trainwell.method.samples.tables import named
from trainwell.training.engine import Engine
from trainwell.training.evaluate import outputs
from trainwell.training.setup import make_feeds

NO_CHECKS = tw.Options(checks=False)
EASY = ["model.width=8", "batch_size=32", "precision=fp32", "layout=contiguous", "threads=1", "augment=none"]
QUICK = ["epochs=3", "precision=fp32", "threads=1"]
CLASSES = ("north east", "north west", "south east", "south west")


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory, bright_quarters: Callable[..., dict[str, np.ndarray]]) -> Path:
    """Class folders of 8 x 8 PNGs."""
    root = tmp_path_factory.mktemp("photos")
    data = bright_quarters(120)
    for row, (image, label) in enumerate(zip(data["x"], data["y"], strict=True)):
        (root / CLASSES[label]).mkdir(exist_ok=True)
        Image.fromarray(image).save(root / CLASSES[label] / f"{row:03}.png")
    return root


@pytest.fixture(scope="module")
def predictor(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Predictor:
    out = tmp_path_factory.mktemp("runs") / "photos"
    return tw.load(tw.fit(photos, [*EASY, "epochs=2", "views=flip"], out=out, options=NO_CHECKS))


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory, bright_quarters: Callable[..., dict[str, np.ndarray]]) -> Path:
    """Class folders of JPEGs larger than what the network takes, of several sizes."""
    root = tmp_path_factory.mktemp("large")
    for row, image in enumerate(bright_quarters(32, side=40, seed=1)["x"]):
        folder = root / CLASSES[row % 4]
        folder.mkdir(exist_ok=True)
        Image.fromarray(image[: 40 - row % 8]).save(folder / f"{row:02}.jpg")
    return root


@pytest.fixture(scope="module")
def houses() -> pl.DataFrame:
    draws = np.random.default_rng(0)
    size, town = draws.normal(100, 20, 80).round(1), draws.choice(["Ulm", "Bonn"], 80)
    cheap = np.where(size + 40 * (town == "Ulm") < 120, "yes", "no")
    return pl.DataFrame({"size": size, "town": town, "cheap": cheap})


@pytest.fixture(scope="module")
def appraiser(houses: pl.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Predictor:
    folder = tmp_path_factory.mktemp("houses")
    houses.write_csv(folder / "houses.csv")
    options = tw.Options(checks=False, target="cheap")
    return tw.load(tw.fit(folder / "houses.csv", QUICK, out=folder / "run", options=options))


def by_outputs(predictor: Predictor, source: Any) -> np.ndarray:
    """What `training.evaluate.outputs` says to all of a source."""
    run = predictor.run
    data = open_data(source, parts="test", like=run.description()["decoding"])
    engine = Engine(torch.device("cpu"), run.recipe.precision, run.recipe.layout, False, 1)
    feed = make_feeds(data, run.recipe, engine.device, run.preprocessing(), run.target())["test"]
    return outputs(engine.place(run.model()), feed, engine, run.description()["views"])[0].numpy()


def test_files_get_the_same_numbers_as_an_evaluation(predictor: Predictor, photos: Path, large: Path) -> None:
    for folder in (photos, large):
        found = predictor.predict(folder)
        np.testing.assert_allclose(found.probabilities, by_outputs(predictor, folder), rtol=0, atol=1e-7)
    assert found.names == tuple(str(path) for path in sorted(large.rglob("*.jpg")))
    assert found.classes == CLASSES and len(found) == 32
    assert found.notes == ("32 of 32 images of another size: scaled, and the middle cut, to 8 x 8",)


def test_views_get_the_same_numbers_as_an_evaluation(
    predictor: Predictor, photos: Path, large: Path, tmp_path: Path
) -> None:
    copy = shutil.copytree(photos, tmp_path / "copy")  # of what it was trained on, a part set aside would be scored
    for folder, views in ((large, Views(5, (12, 16))), (copy, Views(5, (9,))), (large, Views(flips=True))):
        expected = tw.evaluate(predictor.run, folder, views=views).predicted
        np.testing.assert_allclose(predictor.predict(folder, views=views).probabilities, expected, rtol=0, atol=1e-7)
    notes = predictor.predict(large, views=Views(5, (12, 16)), batch=7).notes
    assert len(notes) == len(set(notes)) and any("averaged over 10 views" in note for note in notes)
    aside = tw.evaluate(predictor.run, f"{photos}/")  # with a slash it is the same folder
    assert (aside.part, aside.seen) == ("valid", 0) and aside.count < len(list(photos.rglob("*.png")))


@pytest.mark.parametrize("how", [["image_fit=letterbox", "augment=none"], ["short_side=12", "augment=resized_crop"]])
def test_photos_kept_whole_or_with_bars(how: list[str], large: Path, tmp_path: Path) -> None:
    run = tw.fit(large, [*EASY[:-1], *how, "image_size=8", "epochs=1"], out=tmp_path / "run", options=NO_CHECKS)
    expected = tw.evaluate(run, shutil.copytree(large, tmp_path / "copy")).predicted
    found = tw.load(run).predict(large)
    np.testing.assert_allclose(found.probabilities, expected, rtol=0, atol=1e-7)
    pictures = [Image.open(path).copy() for path in found.names]
    files = [tmp_path / f"{number}.png" for number in range(len(pictures))]  # which are not decoded at a fraction
    for picture, file in zip(pictures, files, strict=True):
        picture.save(file)
    found, expected = tw.load(run).predict(pictures), tw.load(run).predict(files).probabilities
    np.testing.assert_allclose(found.probabilities, expected, rtol=0, atol=1e-6)


def test_arrays_tensors_and_pictures(predictor: Predictor, photos: Path) -> None:
    paths = sorted(photos.rglob("*.png"))[:6]
    expected = predictor.predict(paths).probabilities
    pictures = [Image.open(path) for path in paths]
    arrays = np.stack([np.asarray(picture) for picture in pictures])
    ways = [
        pictures,
        arrays,
        list(arrays),
        torch.from_numpy(arrays),
        arrays.transpose(0, 3, 1, 2),
        arrays / 255,
        map(str, paths),
    ]
    for way in ways:
        np.testing.assert_allclose(predictor.predict(way).probabilities, expected, rtol=0, atol=1e-6)
    for one in (paths[0], pictures[0], arrays[0], arrays[0].transpose(2, 0, 1)):
        np.testing.assert_allclose(predictor.predict(one).probabilities, expected[:1], rtol=0, atol=1e-6)
    halves = predictor.predict(arrays, batch=2)
    np.testing.assert_allclose(halves.probabilities, expected, rtol=0, atol=1e-6)
    assert halves.names == ("0", "1", "2", "3", "4", "5")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (np.zeros((2, 8, 8), np.uint8), "1 channel, and the model was trained on 3"),
        (np.zeros((8, 8), np.uint8), "1 channel, and the model was trained on 3"),
        (np.zeros((2, 8, 8, 4), np.uint8), "4 channels"),
        (np.full((2, 8, 8, 3), -1.5), "not yet standardised"),
        (np.zeros((2, 8, 8, 3), complex), "complex128"),
        (np.zeros(5, np.uint8), "has shape"),
        (np.zeros((0, 8, 8, 3), np.uint8), "no image"),
        ([], "the list is empty"),
        (pl.DataFrame({"a": [1]}), "trained on images"),
        ("missing.png", "There is no file or folder missing.png"),
        (["README.md", "table.csv"], "is a table"),
    ],
)
def test_what_does_not_fit_is_refused(predictor: Predictor, given: Any, words: str, tmp_path: Path) -> None:
    (tmp_path / "README.md").touch()
    before = Path.cwd()
    os.chdir(tmp_path)
    try:
        with pytest.raises(BadData, match=words):
            predictor.predict(given)
    finally:
        os.chdir(before)


def test_values_out_of_range_are_refused(predictor: Predictor, appraiser: Predictor) -> None:
    image = np.zeros((8, 8, 3), np.uint8)
    with pytest.raises(BadValue, match="batch"):
        predictor.predict(image, batch=0)
    with pytest.raises(BadValue, match="1 to 4"):
        predictor.predict(image).top(5)
    with pytest.raises(BadValue, match="probabilities or"):
        predictor.predict(image).values  # noqa: B018
    with pytest.raises(BadValue, match="views of images"):
        appraiser.predict({"size": 90, "town": "Ulm"}, views=Views(flips=True))
    with pytest.raises(BadRun, match="There is no run folder"):
        tw.load("nowhere")


def test_files_are_converted_and_it_is_said(predictor: Predictor, tmp_path: Path) -> None:
    colour = Image.new("RGB", (8, 8), (200, 100, 0))
    colour.convert("L").save(tmp_path / "a grey.png")
    colour.convert("RGBA").save(tmp_path / "b alpha.png")
    colour.quantize(4).save(tmp_path / "c palette.png")
    Image.fromarray(np.full((8, 8), 51_400, np.uint16)).save(tmp_path / "d deep.png")
    Image.new("L", (8, 8), 200).save(tmp_path / "e same.png")
    exif = Image.Exif()
    exif[0x0112] = 3
    colour.save(tmp_path / "f turned.jpg", exif=exif)
    (tmp_path / ".hidden.png").touch()
    (tmp_path / "g notes.txt").write_text("no image")
    (tmp_path / "h broken.png").write_bytes(b"\x89PNG and no more")
    (tmp_path / "i [red]\n.jpg").touch()
    (tmp_path / "j self.png").symlink_to("j self.png")
    (tmp_path / "loop").symlink_to(tmp_path)
    found = predictor.predict(tmp_path)
    assert [Path(name).name[0] for name in found.names] == list("abcdef")
    assert [(Path(q.path).name[0], q.reason) for q in found.broken] == [
        ("h", "damaged: its header cannot be read"),
        ("i", "empty file"),
        ("j", "cannot be read: Too many levels of symbolic links"),
    ]
    assert found.notes == (
        "1 hidden or system file passed over",
        "1 file that is no image passed over",
        "3 of 6 images grey: converted to RGB, as the model takes it",
        "1 of 6 images with transparency: put on white",
        "1 of 6 images with a palette: converted to RGB",
        "1 of 6 images of 16 bits: scaled to 8",
        "1 of 6 images turned upright, as their EXIF says",
    )
    np.testing.assert_allclose(found.probabilities[3], found.probabilities[4], atol=1e-7)  # 51,400 / 257 is 200
    same = predictor.predict([tmp_path / "b alpha.png", Image.open(tmp_path / "b alpha.png").filename])
    assert same.probabilities[0].tolist() == same.probabilities[1].tolist()


def test_a_colour_array_is_not_taken_for_many_narrow_grey_ones() -> None:
    decoding = {"kind": "images", "channels": 1, "size": [12, 12]}
    with pytest.raises(BadData, match=r"shape \(12, 12, 3\), which is an image of 3 channels.* trained on 1"):
        next(chunks_of_arrays(np.zeros((12, 12, 3), np.uint8), decoding, 10))
    with pytest.raises(BadData, match="which is an image of 4 channels, and the model was trained on 3"):
        next(chunks_of_arrays(np.zeros((12, 12, 4), np.uint8), decoding | {"channels": 3}, 10))
    with pytest.raises(BadData, match=r"the input came as set\. Expected paths"):
        next(chunks_of_arrays({"a.png"}, decoding, 10))
    with pytest.raises(BadData, match=r"the input came as ndarray, str\. Expected paths"):
        next(chunks_of_arrays(["a.png", np.zeros((12, 12), np.uint8)], decoding, 10))
    for shape, number in {(12, 12): 1, (3, 12, 12): 3, (12, 12, 1): 1, (1, 12, 12): 1, (4, 12, 12, 1): 4}.items():
        assert next(chunks_of_arrays(np.zeros(shape, np.uint8), decoding, 10)).total == number


def test_only_broken_files_give_no_predictions(predictor: Predictor, tmp_path: Path) -> None:
    (tmp_path / "a.png").touch()
    found = predictor.predict([tmp_path / "a.png", tmp_path / "gone.png"])
    assert (len(found), found.labels, found.probabilities.shape) == (0, (), (0, 4))
    assert [q.reason for q in found.broken] == ["empty file", "cannot be read: No such file or directory"]
    (tmp_path / "a.png").unlink()
    with pytest.raises(BadData, match=r"No image in .*: nothing"):
        predictor.predict(tmp_path)


def test_a_result_can_be_read_in_several_ways(predictor: Predictor, photos: Path) -> None:
    found = predictor.predict(sorted(photos.rglob("*.png"))[:3])
    best = found.probabilities.argmax(1)
    assert found.labels == tuple(CLASSES[k] for k in best)
    for said, top, row in zip(found, found.top(2), found.json()["predictions"], strict=True):
        assert (said.label, said.probability) == top[0] == (row["class"], row["probability"])
        assert top[0][1] >= top[1][1]
        assert sum(row["probabilities"].values()) == pytest.approx(1, abs=1e-12)
    assert [row["top"][0]["class"] for row in found.json(top=1)["predictions"]] == list(found.labels)


def test_tables_however_they_come(appraiser: Predictor, houses: pl.DataFrame, tmp_path: Path) -> None:
    rows = houses.drop("cheap")
    expected = appraiser.predict(rows).probabilities
    whole = by_outputs(appraiser, appraiser.run.data["source"])
    np.testing.assert_allclose(expected, whole, rtol=0, atol=1e-7)
    rows.write_csv(tmp_path / "new.csv")
    rows.write_parquet(tmp_path / "new.parquet")
    ways = [
        tmp_path / "new.csv",
        tmp_path / "new.parquet",
        pd.DataFrame(rows.to_dict(as_series=False)),  # polars itself would ask for pyarrow
        rows.to_dict(as_series=False),
        rows.to_dicts(),
    ]
    for way in ways:
        np.testing.assert_allclose(appraiser.predict(way).probabilities, expected, rtol=0, atol=1e-7)
    assert appraiser.predict(tmp_path / "new.csv").names[:2] == (f"{tmp_path}/new.csv:1", f"{tmp_path}/new.csv:2")
    one = appraiser.predict({"town": "Ulm", "size": rows["size"][0]})
    assert (len(one), one.names) == (1, ("0",))


def test_tables_are_checked(appraiser: Predictor, houses: pl.DataFrame, tmp_path: Path) -> None:
    with pytest.raises(BadData, match="lacks 1 column the model was trained on: town"):
        appraiser.predict(houses.drop("town"))
    with pytest.raises(BadData, match="size' holds words such as 'big'"):
        appraiser.predict({"size": ["big"], "town": ["Ulm"]})
    with pytest.raises(BadData, match="3 features, and the model takes 2, in this order: size, town"):
        appraiser.predict(np.zeros((4, 3)))
    with pytest.raises(BadData, match=r"photo\.png is no table or array, and the model was trained on a table"):
        (tmp_path / "photo.png").touch()
        appraiser.predict(tmp_path / "photo.png")
    strange = houses.with_columns(town=pl.lit("Rome"), size=pl.lit(None), colour=pl.lit("red"))
    notes = appraiser.predict(strange).notes
    assert [note.partition(": ")[2] for note in notes] == [
        "column 'cheap', the target, is not looked at",
        "1 column that the model does not use: colour",
        f"column 'size': 80 gaps, of which training had none, filled with the median of the training rows, "
        f"{appraiser.run.description()['decoding']['columns'][0]['median']:g}",
        "column 'town': words that were not learnt, taken as no known level: 'Rome'",
    ]
    (tmp_path / "empty.csv").touch()
    houses.write_csv(tmp_path / "houses.csv")
    found = appraiser.predict([tmp_path / "empty.csv", tmp_path / "houses.csv"])
    assert len(found) == 80 and "empty" in found.broken[0].reason


def test_values_come_in_the_units_of_the_target(tmp_path: Path) -> None:
    draws = np.random.default_rng(0)
    x = draws.normal(size=(120, 3))
    y = 1000 + 50 * x[:, 0]
    run = tw.fit((x, y), ["epochs=20", *QUICK[1:]], out=tmp_path / "run", options=NO_CHECKS)
    found = tw.load(run).predict(pd.DataFrame(x, columns=["x0", "x1", "x2"]))
    assert found.values.shape == (120,) and found.labels == ()
    np.testing.assert_allclose(found.values, tw.evaluate(run, (x, y)).predicted[:, 0], atol=1e-6)
    np.testing.assert_allclose(tw.load(run).predict(x).values, found.values)
    assert np.corrcoef(found.values, y)[0, 1] > 0.8
    assert next(iter(found)).value == found.values[0] == found.json()["predictions"][0]["value"]
    np.savez(tmp_path / "new.npz", x=x)
    np.testing.assert_allclose(tw.load(run).predict(tmp_path / "new.npz").values, found.values)
    with pytest.raises(BadValue, match="values, not classes"):
        found.top(1)
    with pytest.raises(BadValue, match="not classes"):
        found.probabilities  # noqa: B018


def test_what_a_file_of_arrays_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    np.savez(tmp_path / "both.npz", x=np.zeros((3, 2)), x_test=np.ones((7, 2)))
    description = {"kind": "own", "input_shape": [2], "decoding": {"kind": "own"}}
    [*parts] = chunks("~/both.npz", description, width=0, short_side=None, batch=3)
    assert [len(part.origins) for part in parts] == [3, 3, 1]
    assert [origin.row for part in parts for origin in part.origins] == [1, 2, 3, 4, 5, 6, 7]
    assert all(isinstance(part.x, torch.Tensor) and part.x.dtype == torch.float32 for part in parts)
    assert parts[0].x is not None and float(parts[0].x.sum()) == 6


def test_chunks_are_as_even_as_those_of_an_evaluation() -> None:
    assert [size_of(count, 250) for count in (0, 1, 250, 251, 1000)] == [1, 1, 250, 126, 250]


def test_an_array_may_have_the_columns_that_training_dropped() -> None:
    x = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    assert named(x, ["x0", "x2"], 3, "it").to_dict(as_series=False) == {"x0": [1.0, 4.0], "x2": [3.0, 6.0]}
    assert named(x[:, :2], ["x0", "x2"], 3, "it").to_dict(as_series=False) == {"x0": [1.0, 4.0], "x2": [2.0, 5.0]}


def test_a_network_and_data_of_ones_own(tmp_path: Path) -> None:
    draws = torch.Generator().manual_seed(0)
    x = torch.randn(60, 2, 5, generator=draws)
    y = (x.sum((1, 2)) > 0).long()
    network = nn.Sequential(nn.Flatten(), nn.Linear(10, 2))
    run = tw.fit(TensorDataset(x, y), QUICK, model=network, out=tmp_path / "run", options=NO_CHECKS)
    with pytest.raises(BadRun, match="Give it again"):
        tw.load(run)
    found = tw.load(run, model=nn.Sequential(nn.Flatten(), nn.Linear(10, 2))).predict(x[:7])
    with torch.no_grad():
        expected = run.model(network)(x[:7]).softmax(1).numpy()
    np.testing.assert_allclose(found.probabilities, expected, atol=1e-6)
    with pytest.raises(BadData, match=r"expected an array \(N, 2, 5\)"):
        tw.load(run, model=network).predict(x[:, :1])
