import pytest
import torch

from trainwell.errors import BadValue
from trainwell.poolings import poolings

MAP = torch.tensor([[[[1.0, 2, 0, 9], [3, 4, 0, 9], [5, 0, 0, 9], [0, 0, 1, 9]]]])


def test_windows_by_hand() -> None:
    assert poolings["max"](1, 2)(MAP).tolist() == [[[[4.0, 9.0], [5.0, 9.0]]]]
    assert poolings["avg"](1, 2)(MAP).tolist() == [[[[2.5, 4.5], [1.25, 4.75]]]]


def test_what_is_left_over_at_the_edge_is_dropped() -> None:
    assert poolings["max"](1, 2, size=3)(MAP).tolist() == [[[[5.0]]]]
    assert torch.equal(poolings["avg"](1, 2, size=1)(MAP), MAP)


def test_whole_maps_by_hand() -> None:
    assert poolings["global_avg"](1, 2)(MAP).tolist() == [[52 / 16]]
    assert poolings["global_max"](1, 2)(MAP).tolist() == [[9.0]]


def test_a_window_of_no_size_is_refused() -> None:
    with pytest.raises(BadValue, match=r"max.size=0"):
        poolings["max"](1, 2, size=0)
