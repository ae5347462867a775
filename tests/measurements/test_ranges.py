import torch

from trainwell.measurements.ranges import UnitRanges


def ranges_of(ranges: UnitRanges) -> list[list[float]]:
    return ranges.ranges()["act"].tolist()


def test_ranges_over_samples_places_and_batches() -> None:
    ranges = UnitRanges()
    ranges.add({"act": torch.tensor([[[1.0, 5.0], [2.0, 5.0]], [[0.0, 5.0], [1.0, 5.0]]])}, 2)
    assert ranges_of(ranges) == [[0.0, 5.0], [2.0, 5.0]]
    ranges.add({"act": torch.tensor([[-1.0, 4.0]])}, 1)
    assert ranges_of(ranges) == [[-1.0, 4.0], [2.0, 5.0]]
    assert ranges.samples == 3


def test_what_is_older_than_two_blocks_is_forgotten() -> None:
    ranges = UnitRanges(block=4)
    seen = []
    for value in (9.0, 1.0, 2.0, 3.0):  # two batches a block
        ranges.add({"act": torch.full((2, 1), value)}, 2)
        seen.append((ranges.samples, ranges_of(ranges)))
    assert seen[1:3] == [(4, [[1.0], [9.0]]), (6, [[1.0], [9.0]])]
    ranges.add({"act": torch.full((2, 1), 4.0)}, 2)
    assert (ranges.samples, ranges_of(ranges)) == (6, [[2.0], [4.0]])


def test_a_layer_that_changes_its_units_starts_anew_and_nothing_is_read() -> None:
    ranges = UnitRanges()
    ranges.add({"act": torch.ones(2, 3), "empty": torch.ones(0, 3)}, 2)
    ranges.add({"act": torch.zeros(2, 2)}, 2)
    assert ranges_of(ranges) == [[0.0, 0.0], [0.0, 0.0]]
    assert list(ranges.ranges()) == ["act"]


def test_the_order_in_memory_changes_nothing() -> None:
    """Convolutions have the units before the places: (N, C, H, W), of which the collector gives a view."""
    images = torch.randn(6, 3, 4, 5)
    wanted = [images.amin((0, 2, 3)).tolist(), images.amax((0, 2, 3)).tolist()]
    for layout in (torch.contiguous_format, torch.channels_last):
        ranges = UnitRanges()
        ranges.add({"act": images.contiguous(memory_format=layout).movedim(1, -1)}, 6)
        assert ranges_of(ranges) == wanted
