"""Test-time views: what may be asked for, and where the crops lie."""

import numpy as np
import pytest

from trainwell.data.views import View, Views
from trainwell.errors import BadValue, UnknownName


def test_words_become_views() -> None:
    assert Views.parse([]) is None
    assert Views.parse(["crops=1"]) == Views()
    assert Views.parse(["crops=10", "scales=224, 256"]) == Views(10, (224, 256), True)
    assert Views.parse(["flips=True"]) == Views(flips=True)
    assert Views(10) == Views(10, flips=True)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["crops=3"], r"expected 1 \(middle\), 5"),
        (["crops=many"], "expected 1, 5 or 10"),
        (["crops=10", "flips=false"], "Set crops=5"),
        (["crops=5", "crops=5"], "once is enough"),
        (["crops"], r"Expected crops=1\|5\|10"),
        (["flips=2"], "expected true or false"),
        (["scales="], "whole numbers"),
        (["scales=256,224.5"], "whole numbers"),
        (["scales=256,256"], "comes twice"),
        (["scales=0"], "expected a value in"),
    ],
)
def test_what_cannot_be_is_refused(words: list[str], message: str) -> None:
    with pytest.raises(BadValue, match=message):
        Views.parse(words)


def test_an_unknown_key_is_named() -> None:
    with pytest.raises(UnknownName, match="Did you mean 'crops'"):
        Views.parse(["crop=5"])


def test_scales_below_the_input_are_refused() -> None:
    assert Views(10, (224, 640)).short_side(224) == 640
    with pytest.raises(BadValue, match="crops of 224 x 224"):
        Views(10, (200, 256)).short_side(224)


def test_several_crops_are_cut_at_256_for_224() -> None:
    assert Views(10).scales_for(224) == (256,)
    assert Views(5).scales_for(32) == (37,)
    assert Views(flips=True).scales_for(32) == (32,)


def test_the_book_has_fifty_views() -> None:
    views = Views.parse(["crops=10", "scales=224,256,384,480,640"])
    assert views is not None
    each = views.each(224)
    assert len(each) == len(set(each)) == views.count == 50
    assert {view.scale for view in each} == {224, 256, 384, 480, 640}
    assert sum(view.mirrored for view in each) == 25
    assert views.text(224).startswith("50 views")


def test_boxes_by_hand() -> None:
    heights, widths = np.array([300, 600]), np.array([400, 300])
    # At scale 200 a crop of 100 is half of the short side of 300.
    expected = {
        "middle": [[75, 125, 225, 275], [225, 75, 375, 225]],
        "top left": [[0, 0, 150, 150], [0, 0, 150, 150]],
        "bottom right": [[150, 250, 300, 400], [450, 150, 600, 300]],
        "top right": [[0, 250, 150, 400], [0, 150, 150, 300]],
        "bottom left": [[150, 0, 300, 150], [450, 0, 600, 150]],
    }
    for place, boxes in expected.items():
        assert View(200, place, False).boxes(heights, widths, 100).tolist() == boxes


def test_boxes_stay_within_the_image() -> None:
    draws = np.random.default_rng(0)
    heights, widths = draws.integers(30, 900, (2, 200))
    for view in Views(5, (224, 237, 401)).each(224):
        boxes = view.boxes(heights, widths, 224)
        assert (boxes >= 0).all()
        assert (boxes[:, 2] <= heights).all() and (boxes[:, 3] <= widths).all()
