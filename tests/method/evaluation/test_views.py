"""`evaluate` with views: figures against crops that are cut and averaged here, the gain, the cost, what is refused."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from scipy import stats
from sklearn import metrics

from method.evaluation.conftest import EDITS, Said
from trainwell import Options, Run, evaluate, fit
from trainwell.data.views import Views
from trainwell.errors import BadValue
from trainwell.method.load import load

NO_CHECKS = Options(checks=False)


def files(photos: Path, part: str = "test") -> tuple[list[Path], np.ndarray]:
    """The files in the order of an evaluation, and their classes."""
    paths = [path for name in ("above", "below") for path in sorted((photos / part / name).iterdir())]
    return paths, np.array([int(path.parent.name == "below") for path in paths])


def answers(run: Run, squares: np.ndarray) -> np.ndarray:
    """Probabilities of images that are of the network's size."""
    with torch.no_grad():
        values = run.preprocessing().apply(torch.from_numpy(squares.astype(np.float32)))
        return run.model()(values.permute(0, 3, 1, 2)).double().softmax(1).numpy()


def middle(image: Image.Image, side: int) -> np.ndarray:
    """The largest square in the middle, scaled to a side."""
    short = min(image.size)
    left, top = (image.width - short) / 2, (image.height - short) / 2
    box = (left, top, left + short, top + short)
    return np.asarray(image.resize((side, side), Image.Resampling.BILINEAR, box=box, reducing_gap=3.0))


def ten_at_24(path: Path) -> np.ndarray:
    """The ten crops of 16 x 16 of a photo whose short side is scaled to 24."""
    image = Image.open(path)
    ratio = 24 / min(image.size)
    size = round(image.width * ratio), round(image.height * ratio)
    pixels = np.asarray(image.resize(size, Image.Resampling.BILINEAR, reducing_gap=3.0))
    down, across = pixels.shape[0] - 16, pixels.shape[1] - 16
    # In the middle a half pixel is rounded up, where the box is moved to whole ones.
    corners = [(0, 0), (0, across), (down, 0), (down, across), ((down + 1) // 2, (across + 1) // 2)]
    five = [pixels[top : top + 16, left : left + 16] for top, left in corners]
    return np.stack([*five, *(crop[:, ::-1] for crop in five)])


def test_ten_crops_of_photos_by_hand(run: Run, photos: Path, said: Said) -> None:
    paths, target = files(photos)
    found = evaluate(run, photos, views=Views(10, (24,)), screen=said)
    expected = np.stack([answers(run, ten_at_24(path)).mean(0) for path in paths])
    assert found.target.tolist() == target.tolist()
    assert np.allclose(found.predicted, expected, atol=2e-3)
    single = answers(run, np.stack([middle(Image.open(path), 16) for path in paths]))
    assert np.abs(single - found.predicted).max() > 0.01
    [beside] = found.views["beside"]
    for name, probabilities in (("metrics", found.predicted), ("beside", single)):
        figures = found.metrics if name == "metrics" else beside["metrics"]
        assert figures["accuracy"] == metrics.accuracy_score(target, probabilities.argmax(1))
        assert figures["log_loss"] == pytest.approx(metrics.log_loss(target, probabilities), rel=1e-4)
    ours, theirs = found.predicted.argmax(1) == target, single.argmax(1) == target
    better = int((ours & ~theirs).sum()), int((theirs & ~ours).sum())
    assert tuple(beside["test"]["better"]) == better
    expected_p = stats.binomtest(better[0], sum(better)).pvalue if sum(better) else 1.0
    assert beside["test"]["p"] == pytest.approx(expected_p)
    assert any("was not trained on mirror images" in line for line in said.lines)


@pytest.mark.parametrize("views", [None, Views(flips=True), Views(10, (18, 24))])
def test_predictions_are_those_of_the_evaluation(run: Run, photos: Path, views: Views | None) -> None:
    found = evaluate(run, photos, views=views)
    said = load(run).predict([str(path) for path in files(photos)[0]], views=views)
    assert np.allclose(said.probabilities, found.predicted, atol=1e-6)


def test_the_cost_is_told(run: Run, photos: Path) -> None:
    views = evaluate(run, photos, views=Views(5, (20, 24))).views
    assert views["count"] == 10
    assert views["text"] == "10 views: 5 crops at scales 20, 24"
    assert views["ratio"] == pytest.approx(views["seconds"] / views["beside"][0]["seconds"])
    assert views["milliseconds_a_sample"] == pytest.approx(1000 * views["seconds"] / 30)


def test_the_middle_at_its_own_scale_is_the_single_view(run: Run, photos: Path) -> None:
    plain = evaluate(run, photos)
    for views in (Views(), Views(1, (16,))):
        found = evaluate(run, photos, views=views)
        assert np.allclose(found.predicted, plain.predicted, atol=1e-6)
        assert len(found.views["beside"]) == (0 if views == Views() else 1)
    assert plain.views["beside"] == []


def test_views_that_cannot_be(run: Run, photos: Path, tmp_path: Path) -> None:
    with pytest.raises(BadValue, match="crops of 16 x 16"):
        evaluate(run, photos, views=Views(5, (12,)))
    table = fit("iris", ["epochs=1"], out=tmp_path / "table", options=NO_CHECKS)
    with pytest.raises(BadValue, match="trained on a table"):
        evaluate(table, "iris", views=Views(flips=True))
    where = fit(photos, [*EDITS, "image_size=16", "preprocess=mean_image"], out=tmp_path / "where", options=NO_CHECKS)
    with pytest.raises(BadValue, match="preprocess=mean_image"):
        evaluate(where, photos, views=Views(10))
    assert evaluate(where, photos, views=Views(5)).count == 30


def test_arrays_are_scaled_up_and_crops_that_are_all_the_same_refused(
    bright_quarters: Callable[..., dict[str, Any]], tmp_path: Path, said: Said
) -> None:
    run = fit(bright_quarters(120), EDITS, out=tmp_path / "run", options=NO_CHECKS)
    fresh = bright_quarters(40, seed=1)
    with pytest.raises(BadValue, match="all crops are the same"):
        evaluate(run, fresh, views=Views(5, (8,)))
    found = evaluate(run, fresh, views=Views(5), screen=said)
    assert found.views["text"] == "5 views: 5 crops at scale 9"
    assert any("stored as 8 x 8" in line for line in said.lines)
    large = np.stack([np.asarray(Image.fromarray(x).resize((9, 9), Image.Resampling.BILINEAR)) for x in fresh["x"]])
    corners = [(0, 0), (0, 1), (1, 0), (1, 1), (0, 0)]
    each = [answers(run, large[:, top : top + 8, left : left + 8]) for top, left in corners]
    assert np.allclose(found.predicted, np.mean(each, axis=0), atol=5e-3)


def test_the_views_of_the_recipe_are_a_rival_too(
    bright_quarters: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    edits = [edit for edit in EDITS if not edit.startswith(("augment", "views"))]
    run = fit(bright_quarters(120), [*edits, "augment=flip", "views=flip"], out=tmp_path / "run", options=NO_CHECKS)
    fresh = bright_quarters(40, seed=1)
    beside = evaluate(run, fresh, views=Views(10)).views["beside"]
    assert [each["count"] for each in beside] == [1, 2]
    assert beside[1]["metrics"] == evaluate(run, fresh).metrics
