import itertools

import pytest
import torch
from torch.nn import functional

from trainwell.errors import BadValue
from trainwell.poolings import poolings, shrinks
from trainwell.poolings.fractional_max import starts

MAP = torch.tensor([[[[1.0, 2, 0, 9], [3, 4, 0, 9], [5, 0, 0, 9], [0, 0, 1, 9]]]])
MAPS = torch.randn(4, 3, 25, 25, generator=torch.Generator().manual_seed(0))


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


def test_shrinks_reads_what_was_set() -> None:
    assert shrinks("max") == 2.0
    assert shrinks(poolings.part("avg", size=3)) == 3.0
    assert shrinks({"name": "fractional_max", "ratio": 1.5}) == 1.5


@pytest.mark.parametrize("ratio", [1.1, 2**0.5, 1.9, 2.0])
def test_fractional_max_equals_torch_with_the_same_begins(ratio: float) -> None:
    module = poolings["fractional_max"](3, 2, ratio=ratio)
    for step in range(5):
        torch.manual_seed(step)
        out = module(MAPS)
        torch.manual_seed(step)
        begins = torch.rand(2).flip(0).expand(4, 3, 2).contiguous()  # torch takes the columns first
        expected = functional.fractional_max_pool2d(MAPS, 2, output_size=int(25 / ratio), _random_samples=begins)
        assert torch.equal(out, expected)
    middle = torch.full((4, 3, 2), 0.5)
    expected = functional.fractional_max_pool2d(MAPS, 2, output_size=int(25 / ratio), _random_samples=middle)
    assert torch.equal(module.eval()(MAPS), expected)


def test_fractional_max_gradient_equals_torch() -> None:
    own, other = (MAPS.clone().requires_grad_() for _ in range(2))
    poolings["fractional_max"](3, 2).eval()(own).pow(2).sum().backward()
    middle = torch.full((4, 3, 2), 0.5)
    functional.fractional_max_pool2d(other, 2, output_size=17, _random_samples=middle).pow(2).sum().backward()
    torch.testing.assert_close(own.grad, other.grad)


@pytest.mark.parametrize("side", [2, 3, 9, 100])
@pytest.mark.parametrize("ratio", [1.001, 1.25, 2**0.5, 2.0])
def test_windows_step_by_one_or_two_from_edge_to_edge(side: int, ratio: float) -> None:
    for begin in (0.0, 0.3, 0.999):
        found = starts(side, ratio, torch.tensor(begin)).tolist()
        assert len(found) == int(side / ratio)
        assert found[-1] == side - 2
        longest = 2 if side <= 2 * len(found) else 3  # 9 -> 4: one row is left out
        if len(found) > 1:
            assert found[0] == 0
            assert {after - before for before, after in itertools.pairwise(found)} <= set(range(1, longest + 1))


def test_fractional_max_of_two_is_max_pooling() -> None:
    assert torch.equal(poolings["fractional_max"](3, 2, ratio=2.0)(MAPS[..., :24, :24]), functional.max_pool2d(MAPS, 2))


def test_fractional_max_refusals() -> None:
    with pytest.raises(BadValue, match=r"ratio=1.0 is not possible: expected a value in \(1, 2\]"):
        poolings["fractional_max"](3, 2, ratio=1.0)
    with pytest.raises(BadValue, match=r"maps \(4, 3, 1, 25\): a side is shorter than its window of 2"):
        poolings["fractional_max"](3, 2)(MAPS[:, :, :1])
