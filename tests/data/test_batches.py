"""Batches by index: who is in them, and what the network is given."""

from typing import Any

import numpy as np
import pytest
import torch

from trainwell.augmentations import augmentations
from trainwell.data.augment import Augmenter
from trainwell.data.batches import ArraySource, DatasetSource, Feed, Stream
from trainwell.errors import BadData
from trainwell.preprocessing import preprocessing

CPU = torch.device("cpu")


@pytest.mark.parametrize(("count", "batch_size"), [(10, 4), (10, 5), (7, 7), (5, 3), (101, 10), (1, 1)])
def test_every_sample_is_seen_once_an_epoch_in_batches_of_one_size(count: int, batch_size: int) -> None:
    stream = Stream(count, batch_size, seed=0)
    seen: list[tuple[int, int]] = []
    for step in range(3 * count):  # as many epochs as the batch holds samples, three times over
        indices, epoch, here = stream.at(step)
        assert len(indices) == batch_size
        assert 1 <= here <= batch_size
        epochs = [epoch] * here + [epoch + 1] * (batch_size - here)
        seen += zip(epochs, indices.tolist(), strict=True)
    assert len(seen) == len(set(seen)) == 3 * count * batch_size
    assert set(seen) == {(epoch, index) for epoch in range(3 * batch_size) for index in range(count)}


def test_a_batch_may_straddle_two_epochs() -> None:
    stream = Stream(10, 4, seed=0)
    indices, epoch, here = stream.at(2)
    assert (epoch, here) == (0, 2)
    first, second = stream.at(0)[0].tolist() + stream.at(1)[0].tolist() + indices[:2].tolist(), indices[2:].tolist()
    assert sorted(first) == list(range(10))
    assert sorted(second + stream.at(3)[0].tolist() + stream.at(4)[0].tolist()) == list(range(10))


def test_steps_may_be_visited_in_any_order() -> None:
    forward, backward = Stream(10, 4, seed=3), Stream(10, 4, seed=3)
    ahead = [forward.at(step)[0].tolist() for step in range(30)]
    assert [backward.at(step)[0].tolist() for step in reversed(range(30))][::-1] == ahead
    other = Stream(10, 4, seed=4)
    assert ahead != [other.at(step)[0].tolist() for step in range(30)]


def test_a_batch_is_never_larger_than_the_split() -> None:
    stream = Stream(6, 100, seed=0)
    assert stream.batch_size == 6
    assert sorted(stream.at(5)[0].tolist()) == list(range(6))
    assert stream.steps(3) == 3


def test_epochs_may_be_fractions() -> None:
    stream = Stream(100, 10, seed=0)
    assert [stream.steps(epochs) for epochs in (1, 2.5, 0.16, 0.001, 0.25)] == [10, 25, 2, 1, 2]
    assert Stream(10, 4, seed=0).steps(3) == 8  # 7.5


def images(n: int = 12) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (n, 6, 4, 3), dtype=np.uint8)


def image_feed(rows: np.ndarray, augment: list[Any] | None = None, **options: Any) -> Feed:
    x = images()
    given: dict[str, Any] = {
        "images": True,
        "prepare": preprocessing.build("standardize", x, rows),
        "num_classes": 12,
        "device": CPU,
        "batch_size": 4,
        "seed": 0,
    }
    fill = options.pop("fill", None)
    engine = None if augment is None else Augmenter([augmentations.part(part) for part in augment], (6, 4), fill=fill)
    return Feed(ArraySource(x), np.arange(12), rows, augmenter=engine, **(given | options))


ROWS = np.array([1, 3, 4, 7, 8, 10, 11])


def standardised(x: np.ndarray) -> np.ndarray:
    fitted = images()[ROWS] / 255
    return ((x / 255 - fitted.mean((0, 1, 2))) / fitted.std((0, 1, 2))).transpose(0, 3, 1, 2)


def test_images_come_standardised_in_channels_last_memory() -> None:
    feed = image_feed(ROWS)
    x, y = feed.batch(0)
    rows = ROWS[feed.stream.at(0)[0]]
    assert y.tolist() == rows.tolist()
    assert x.shape == (4, 3, 6, 4)
    assert x.dtype == torch.float32
    assert x.is_contiguous(memory_format=torch.channels_last)
    assert np.abs(x.numpy() - standardised(images()[rows])).max() < 1e-5
    assert len(feed) == 7


def test_training_batches_are_augmented_by_sample_and_epoch_and_others_are_not() -> None:
    feed = image_feed(ROWS, [{"name": "flip"}])
    plain = {int(y): x for step in range(2) for x, y in zip(*feed.clean(step), strict=True)}
    assert len(plain) == 7
    flipped: dict[tuple[int, int], bool] = {}
    for step in range(7):  # 4 epochs of 7 samples
        indices, epoch, here = feed.stream.at(step)
        x, y = feed.batch(step)
        assert y.tolist() == ROWS[indices].tolist()
        for place, (image, row) in enumerate(zip(x, y.tolist(), strict=True)):
            mirrored = torch.equal(image, plain[row].flip(2))
            assert mirrored or torch.equal(image, plain[row])
            flipped[row, epoch + (place >= here)] = mirrored
    assert all(flipped[row, epoch] != flipped[row, epoch + 1] for row in ROWS for epoch in range(3))


def test_cutout_blanks_with_the_mean_before_any_preprocessing() -> None:
    mean = torch.from_numpy(images()[ROWS].mean((0, 1, 2))).float()
    for prepare in ("standardize", "min_max", "none"):
        fitted = preprocessing.build(prepare, images(), ROWS)
        feed = image_feed(ROWS, [{"name": "cutout", "length": 0.5}], fill=mean, prepare=fitted)
        x, _ = feed.batch(0)
        clean, _ = feed.clean(0)
        changed = (x != clean).any(dim=1)
        assert changed.any()
        seen = fitted.apply(mean.round()[None, None, None])[0, 0, 0]
        assert torch.allclose(x.permute(0, 2, 3, 1)[changed], seen, atol=1e-6)


def test_a_projection_makes_rows_of_images() -> None:
    fitted = preprocessing.build("whiten_pca", images(), ROWS)
    feed = image_feed(ROWS, ["flip", "mixup"], prepare=fitted)
    x, y = feed.batch(0)
    assert x.dim() == 2
    assert y.shape == (4, 12)
    rows = images()[ROWS[feed.stream.at(0)[0]]]
    clean, _ = feed.clean(0)
    assert torch.allclose(clean, fitted.apply(torch.from_numpy(rows).float()), atol=1e-5)


def test_mixed_targets_are_distributions() -> None:
    feed = image_feed(ROWS, ["mixup"])
    _, y = feed.batch(0)
    assert y.shape == (4, 12)
    assert torch.allclose(y.sum(1), torch.ones(4))


def test_the_same_step_gives_the_same_batch_in_any_run() -> None:
    one, other = (image_feed(ROWS, ["flip", "crop", "cutout", "mixup"]) for _ in range(2))
    later = [one.batch(step) for step in range(6)][5]
    assert all(torch.equal(a, b) for a, b in zip(later, other.batch(5), strict=True))


def test_a_pass_shows_every_sample_once_in_order() -> None:
    feed = image_feed(ROWS, ["flip"])
    batches = list(feed.passes(3))
    assert [len(y) for _, y in batches] == [3, 3, 1]
    assert torch.cat([y for _, y in batches]).tolist() == ROWS.tolist()
    assert np.abs(torch.cat([x for x, _ in batches]).numpy() - standardised(images()[ROWS])).max() < 1e-5
    assert [len(y) for _, y in feed.passes(4)] == [4, 3]
    assert torch.cat([y for _, y in feed.passes(2, 3)]).tolist() == ROWS[[0, 2, 4]].tolist()
    assert torch.cat([y for _, y in feed.passes(100, 100)]).tolist() == ROWS.tolist()
    x, y = feed.some([6, 0])
    assert y.tolist() == [11, 1]
    assert np.abs(x.numpy() - standardised(images()[[11, 1]])).max() < 1e-5


def table_feed(source: Any, target: Any, rows: np.ndarray, **options: Any) -> Feed:
    given: dict[str, Any] = {"images": False, "prepare": None, "num_classes": None, "device": CPU, "batch_size": 3}
    return Feed(source, target, rows, seed=0, **(given | options))


def test_a_table_is_standardised_by_its_training_rows() -> None:
    table = np.random.default_rng(0).normal(5, 3, (20, 4)).astype(np.float32)
    train, valid = np.arange(0, 15), np.arange(15, 20)
    fitted = preprocessing.build("standardize", table, train)
    target = table[:, :1].copy()
    for rows in (train, valid):
        feed = table_feed(ArraySource(table), target, rows, prepare=fitted)
        x, y = next(feed.passes(100))
        expected = (table[rows] - table[train].mean(0)) / table[train].std(0)
        assert np.abs(x.numpy() - expected).max() < 1e-5
        assert np.array_equal(y.numpy(), target[rows])
        step_x, step_y = feed.batch(1)
        assert torch.equal(step_x, x[feed.stream.at(1)[0]])
        assert torch.equal(step_y, y[feed.stream.at(1)[0]])
    assert table[0, 0] == target[0, 0]  # what is stored is left as it was


class Squares(torch.utils.data.Dataset[tuple[torch.Tensor, int]]):
    def __len__(self) -> int:
        return 10

    def __getitem__(self, row: int) -> tuple[torch.Tensor, int]:
        return torch.tensor([row, row * row]), row % 2


def test_a_dataset_is_read_sample_by_sample() -> None:
    source = DatasetSource(Squares())
    assert len(source) == 10
    assert source.take(torch.tensor([3, 0])).tolist() == [[3, 9], [0, 0]]
    feed = table_feed(source, np.arange(10) % 2, np.array([2, 5, 9]), num_classes=2)
    x, y = next(feed.passes(10))
    assert x.tolist() == [[2, 4], [5, 25], [9, 81]]
    assert x.dtype == torch.int64  # as it is: an embedding takes whole numbers
    assert y.tolist() == [0, 1, 1]


def test_samples_of_several_shapes_are_refused() -> None:
    class Ragged(Squares):
        def __getitem__(self, row: int) -> tuple[torch.Tensor, int]:
            return torch.zeros(row + 1), 0

    with pytest.raises(BadData, match=r"several shapes \(\(1,\), \(3,\)\)\. Expected one shape: resize or pad them"):
        DatasetSource(Ragged()).take(torch.tensor([0, 2]))


def test_an_array_source_reads_what_cannot_be_written(tmp_path: Any) -> None:
    np.save(tmp_path / "x.npy", images())
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    source = ArraySource(mapped)
    assert np.array_equal(source.take(torch.tensor([2, 2, 5])).numpy(), images()[[2, 2, 5]])
    assert source.placed(CPU) is source


UNEVEN = torch.tensor([0] * 60 + [2] * 5 + [3] * 1 + [0] * 11)  # of class 1 there is none


def test_every_class_is_drawn_alike_often_and_within_it_every_sample() -> None:
    stream = Stream(77, 10, seed=0, classes=UNEVEN)
    seen = [(visit, index) for step in range(77) for visit, index in _drawn(stream, step)]  # ten epochs
    assert stream.steps(10) == 77  # an epoch keeps its length
    for epoch in range(10):
        drawn = UNEVEN[[index for _, index in seen[epoch * 77 : (epoch + 1) * 77]]].bincount(minlength=4).tolist()
        assert drawn[1] == 0
        assert sorted(drawn[:1] + drawn[2:]) == [25, 26, 26]
    assert len(set(seen)) == len(seen)  # a sample is told apart from itself, so that each copy is augmented anew
    often = torch.tensor([index for _, index in seen]).bincount(minlength=77)
    for number in (0, 2, 3):
        of_class = often[torch.eq(UNEVEN, number)]
        assert of_class.max() - of_class.min() <= 1
    batches = [UNEVEN[stream.at(step)[0]].bincount(minlength=4) for step in range(77)]
    assert all(torch.count_nonzero(batch) >= 2 for batch in batches)  # mixed, not one class after the other


def test_classes_drawn_alike_are_a_function_of_the_seed_and_the_step() -> None:
    forward, backward = (Stream(77, 10, seed=3, classes=UNEVEN) for _ in range(2))
    ahead = [list(_drawn(forward, step)) for step in range(40)]
    assert [list(_drawn(backward, step)) for step in reversed(range(40))][::-1] == ahead
    other = Stream(77, 10, seed=4, classes=UNEVEN)
    assert ahead != [list(_drawn(other, step)) for step in range(40)]


def test_a_sample_that_comes_twice_is_augmented_twice() -> None:
    x, target = np.random.default_rng(0).integers(0, 256, (9, 8, 8, 3), dtype=np.uint8), np.array([0] * 8 + [1])
    engine = Augmenter([augmentations.part("crop")], (8, 8))
    given: dict[str, Any] = {"prepare": None, "num_classes": 2, "device": CPU, "batch_size": 8, "seed": 0}
    feed = Feed(ArraySource(x), target, np.arange(9), images=True, augmenter=engine, balanced=True, **given)
    images, classes = feed.batch(0)
    rare = images[classes == 1].flatten(1).unique(dim=0)
    assert (classes == 1).sum() >= 3
    assert len(rare) > 1
    again = feed.again(batch_size=8, seed=0, augmenter=engine, balanced=True)
    assert torch.equal(again.batch(0)[0], images)
    plain = feed.again(batch_size=8, seed=0, augmenter=None)
    assert sorted(plain.stream.at(0)[0].tolist() + plain.stream.at(1)[0][:1].tolist()) == list(range(9))


def _drawn(stream: Stream, step: int) -> list[tuple[int, int]]:
    return list(zip(stream.visits(step).tolist(), stream.at(step)[0].tolist(), strict=True))
