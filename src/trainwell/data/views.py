"""Views: the crops, scales and mirror images of one image over which predictions are averaged at test time.

At a scale the short side of the image is brought to that many pixels, and crops of the network's input size are taken:
the middle; or the four corners and the middle; or those five and their mirror images, the ten of AlexNet and ResNet.

Reference:
    Krizhevsky et al., "ImageNet Classification with Deep Convolutional Neural Networks", 2012, section 4.1.
    He et al., "Deep Residual Learning for Image Recognition", 2015, section 3.4 (scales 224, 256, 384, 480 and 640).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from trainwell.errors import BadValue, UnknownName
from trainwell.family import check_value

MIDDLE, CORNERS = "middle", ("top left", "top right", "bottom left", "bottom right")
DEFAULT_RATIO = 256 / 224  # of the scale to the side of the crop where several are cut and no scale is given
_LARGEST = 4096
_KEYS = ("crops", "scales", "flips")


@dataclass(frozen=True)
class View:
    """One crop at one scale, as it is or mirrored.

    Args:
        scale: Pixels of the image's short side.
        place: `middle` or the name of a corner.
        mirrored: Whether left and right change places.
    """

    scale: int
    place: str
    mirrored: bool

    def boxes(self, heights: np.ndarray, widths: np.ndarray, side: int) -> np.ndarray:
        """Where the crop lies in stored images.

        Args:
            heights: Of the stored images, in pixels, (n,).
            widths: As many.
            side: Side of the crop at this scale.

        Returns:
            Top, left, bottom, right in stored pixels, (n, 4) float64; fractions are possible.
        """
        heights, widths = np.asarray(heights, np.float64), np.asarray(widths, np.float64)
        size = np.minimum(heights, widths) * (side / self.scale)
        down = {"top": 0.0, "bottom": 1.0}.get(self.place.split()[0], 0.5)
        across = {"left": 0.0, "right": 1.0}.get(self.place.split()[-1], 0.5)
        top, left = down * (heights - size), across * (widths - size)
        bottom, right = np.minimum(top + size, heights), np.minimum(left + size, widths)  # rounding may go beyond
        return np.stack((top, left, bottom, right), axis=1)


@dataclass(frozen=True)
class Views:
    """What predictions are averaged over.

    Args:
        crops: 1 is the middle; 5 the corners and the middle; 10 those and their mirror images.
        scales: Pixels to which the short side is brought; empty is the input's side for one crop, and 256/224 of it for
            several.
        flips: Whether the mirror image of each crop is taken too; with 10 crops it always is.

    Raises:
        BadValue: A value that is not possible, or a scale that comes twice.
    """

    crops: Literal[1, 5, 10] = 1
    scales: tuple[int, ...] = ()
    flips: bool = False

    def __post_init__(self) -> None:
        if self.crops not in (1, 5, 10) or isinstance(self.crops, bool):
            raise BadValue(
                f"crops={self.crops}: expected 1 (middle), 5 (corners and middle) or 10 (with mirror images)."
            )
        check_value("flips", self.flips, bool)
        scales = check_value("scales", self.scales, tuple[int, ...])
        for scale in scales:
            check_value("scales", scale, int, f"[1, {_LARGEST}]")
        if len(set(scales)) < len(scales):
            raise BadValue(f"scales={_text(scales)}: a scale comes twice. Each counts once; leave out the second.")
        object.__setattr__(self, "scales", scales)
        object.__setattr__(self, "flips", self.flips or self.crops == 10)

    @classmethod
    def parse(cls, words: Iterable[str]) -> "Views | None":
        """Views from `crops=10`, `scales=224,256` and `flips=true`; None where nothing is given.

        Raises:
            UnknownName: Another key.
            BadValue: No `=`, a key that comes twice, or a value that is not possible.
        """
        given: dict[str, str] = {}
        for word in words:
            key, equals, text = (piece.strip() for piece in word.partition("="))
            if not equals:
                raise BadValue(f"{word!r} says nothing of views. Expected crops=1|5|10, scales=224,256 or flips=true.")
            if key not in _KEYS:
                raise UnknownName("option of test-time views", key, _KEYS)
            if key in given:
                raise BadValue(f"{key} is given more than once; once is enough.")
            given[key] = text
        if not given:
            return None
        crops = _number("crops", given.get("crops", "1"))
        scales = tuple(_number("scales", text) for text in given["scales"].split(",")) if "scales" in given else ()
        flips = given.get("flips", "false").lower()
        if flips not in ("true", "false"):
            raise BadValue(f"flips={given['flips']}: expected true or false.")
        if crops == 10 and "flips" in given and flips == "false":
            raise BadValue("crops=10 holds the mirror images of five crops. Set crops=5 to do without them.")
        return cls(crops, scales, flips == "true")  # type: ignore[arg-type]  # refused there

    @property
    def plain(self) -> bool:
        """Whether the image as it is read for the network is enough: one crop, at its own scale, perhaps mirrored."""
        return self.crops == 1 and not self.scales

    @property
    def count(self) -> int:
        """Views of an image."""
        return (5 if self.crops > 1 else 1) * max(1, len(self.scales)) * (2 if self.flips else 1)

    def scales_for(self, side: int) -> tuple[int, ...]:
        """The scales for an input of this side.

        Raises:
            BadValue: A scale is below the side, so that no crop fits.
        """
        small = [scale for scale in self.scales if scale < side]
        if small:
            raise BadValue(
                f"scales={_text(self.scales)}: the network takes crops of {side} x {side}, which do not fit into an "
                f"image whose short side is {small[0]}. Give scales from {side} on."
            )
        return self.scales or (round(side * DEFAULT_RATIO) if self.crops > 1 else side,)

    def short_side(self, side: int) -> int:
        """The short side at which images should be read for an input of this side: the largest scale."""
        return max(self.scales_for(side))

    def each(self, side: int) -> tuple[View, ...]:
        """All the views for an input of this side, scale by scale."""
        places = (MIDDLE,) if self.crops == 1 else (*CORNERS, MIDDLE)
        mirrored = (False, True) if self.flips else (False,)
        return tuple(
            View(scale, place, mirror) for scale in self.scales_for(side) for mirror in mirrored for place in places
        )

    def text(self, side: int) -> str:
        """The views in words, for an input of this side."""
        words = ["5 crops" if self.crops > 1 else "the middle crop"]
        words += ["their mirror images" if self.crops > 1 else "its mirror image"] if self.flips else []
        scales = self.scales_for(side)
        at = f" at {'scale' if len(scales) == 1 else 'scales'} {', '.join(map(str, scales))}"
        number = f"{self.count} view{'s' * (self.count > 1)}"
        return f"{number}: {' and '.join(words)}{at}"


def _number(key: str, text: str) -> int:
    if not text.strip().isdecimal():
        raise BadValue(f"{key}={text}: expected {'1, 5 or 10' if key == 'crops' else 'whole numbers of pixels'}.")
    return int(text)


def _text(scales: Iterable[int]) -> str:
    return ",".join(map(str, scales))
