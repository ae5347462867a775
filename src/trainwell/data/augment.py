"""The augmentation engine: compose what all members ask for, then touch the pixels of the whole batch once."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from trainwell.augmentations import Colour, Geometry, Mask, Mix, Plan, augmentations
from trainwell.data.colour import apply_colour
from trainwell.data.cut import cut, middle
from trainwell.data.geometry import moved
from trainwell.data.photos import Photos
from trainwell.draws import Draws
from trainwell.errors import BadValue
from trainwell.family import Part


class Augmenter:
    """The augmentations of a recipe, bound to images of one size.

    Args:
        parts: Augmentations, in the order of the recipe.
        size: Height and width of the images; None for other data, which only mixes can augment.
        fill: Stored values that masks blank with, usually the mean colour of the training pixels, (C,) in 0..255;
            None for black.
        covariance: Covariance of the colours of the training pixels, (C, C) in squares of 0..255, for `lighting`.

    Raises:
        BadValue: An augmentation of pixels is asked for where there are none.
    """

    def __init__(
        self,
        parts: Sequence[Part],
        size: tuple[int, int] | None,
        *,
        fill: Tensor | None = None,
        covariance: Tensor | None = None,
    ) -> None:
        self._members = [(part.name, augmentations.bind(part)) for part in parts]
        self._cropper = next((i for i, part in enumerate(parts) if photo_scale(part) is not None), None)
        self._size = size
        self._fill, self._covariance = fill, covariance
        on_pixels = [name for name, make in self._members if size is None and _needs_images(make)]
        if on_pixels:
            raise BadValue(
                f"augment={','.join(on_pixels)} works on stored images, and this data has none. Leave it out."
            )
        self._geometries: list[Geometry] = []
        self._colours: list[Colour] = []
        self._masks: list[Mask] = []
        self._mixes: list[Mix] = []
        self._window: Tensor | None = None

    def draw(self, draws: Draws, sizes: Tensor | None = None) -> None:
        """Draw for the batch what each member does to each image.

        Args:
            draws: Randomness of this batch, N images.
            sizes: Height and width of each one's photo, (N, 2) int64, where crops are cut from whole photos; the first
                member that crops at several scales then does so. That comes before all else, whatever its place.
        """
        asked: list[Plan] = []
        self._window = None
        for place, (name, make) in enumerate(self._members):
            if sizes is not None and place == self._cropper:
                (crop,) = _plans(make, draws.of(name, place), sizes)
                assert isinstance(crop, Geometry), "what crops asks for a geometry"
                self._window = crop.window
            else:
                asked += _plans(make, draws.of(name, place), self._size or (1, 1))
        self._geometries = [plan for plan in asked if isinstance(plan, Geometry)]
        self._colours = [plan for plan in asked if isinstance(plan, Colour)]
        self._masks = [plan for plan in asked if isinstance(plan, Mask)]
        self._mixes = [plan for plan in asked if isinstance(plan, Mix)]

    def crops(self, photos: Photos, rows: Tensor) -> Tensor:
        """The drawn crops of these photos, or their middles where none was asked for, (N, S, S, C) uint8.

        Flips that come next are done on the way, and are not done by `pixels` again.
        """
        at = rows.numpy()
        if self._window is None:
            boxes = middle(photos.heights[at], photos.widths[at])
        else:
            first, extent = self._window.double().numpy().reshape(-1, 2, 2).swapaxes(0, 1)
            boxes = np.concatenate((first, first + extent), axis=1)
        mirrored = np.zeros(len(at), bool)
        while self._geometries and _only_flips(self._geometries[0]):
            flip = self._geometries.pop(0).flip
            assert flip is not None, "a geometry that only flips has flips"
            mirrored ^= flip.numpy()
        return cut(photos, at, boxes, photos.side, mirrored=mirrored)

    def pixels(self, x: Tensor) -> Tensor:
        """The drawn batch before preprocessing: geometry, then colour, then masks.

        Args:
            x: Stored images, (N, H, W, C) uint8; left as they are.

        Returns:
            Images of the same shape, uint8 or, after colour, float32 in 0..255; `x` itself where nothing is asked for.

        Raises:
            BadValue: The images are no bytes.
        """
        if x.dtype != torch.uint8:
            raise BadValue(f"Augmentations work on stored images of uint8, got {x.dtype}. Store them as 0..255.")
        out = moved(x, self._geometries)
        if self._colours:
            out = apply_colour(out, self._colours, covariance=self._covariance)
        if self._masks:
            out = self._blanked(out.clone() if out is x else out)
        return out

    def mix(self, x: Tensor, target: Tensor, num_classes: int | None) -> tuple[Tensor, Tensor]:
        """Blend the samples and their targets.

        Args:
            x: Samples, float, (N, ...); images (N, C, H, W) where rectangles are pasted.
            target: Classes, (N,) int64, or values, (N,) or (N, K) float.
            num_classes: Width of the distribution that classes turn into; None for values.

        Returns:
            Samples like `x`; targets as a distribution, (N, C) float32, or values like `target`.

        Raises:
            BadValue: Rectangles are to be pasted into samples that are no images.
        """
        if not self._mixes:
            return x, target
        if num_classes is not None:
            target = torch.nn.functional.one_hot(target, num_classes).to(torch.float32)
        for mix in self._mixes:
            partner, share = mix.partner.to(x.device), mix.share.to(x.device)
            x = _blend(x, partner, share) if mix.box is None else _pasted(x, partner, mix.box)
            target = _blend(target, partner, share)
        return x, target

    def _blanked(self, x: Tensor) -> Tensor:
        """Blank the masked boxes, in place."""
        fill = torch.zeros(x.shape[-1]) if self._fill is None else self._fill
        fill = fill if x.is_floating_point() else fill.round()
        fill = fill.to(x.device, x.dtype)
        for mask in self._masks:
            if x.device.type == "cpu":
                images, blank = x.numpy(), fill.expand(x.shape[1:]).contiguous().numpy()
                for i, rows, columns in _rectangles(mask.box):
                    images[i, rows, columns] = blank[rows, columns]
            else:
                inside = _inside(mask.box.to(x.device), x.shape[1], x.shape[2])
                torch.where(inside[..., None], fill, x, out=x)
        return x


def photo_scale(part: Part) -> float | None:
    """Short side, relative to the image size, at which photos are kept for this augmentation; None for most."""
    member = augmentations[part.name]
    scale = member.facts.get("photo_scale")
    if isinstance(scale, str):
        return 1 / float(part.args.get(scale, member.hyper[scale].default))
    return scale


def _only_flips(geometry: Geometry) -> bool:
    """Whether nothing but mirroring left and right is asked for."""
    return all((value is not None) == (name == "flip") for name, value in vars(geometry).items())


def _plans(make: Callable[..., Any], draws: Draws, size: tuple[int, int] | Tensor) -> tuple[Plan, ...]:
    """What a member asks for, which may be several things."""
    asked = make(draws, size)
    return asked if isinstance(asked, tuple) else (asked,)


def _needs_images(make: Callable[..., Any]) -> bool:
    """Whether a member asks for more than blends, told from what it asks of one sample."""
    nothing = np.zeros(1, dtype=np.int64)
    plans = _plans(make, Draws(0, nothing, nothing), (1, 1))
    return any(not isinstance(plan, Mix) or plan.box is not None for plan in plans)


def _rectangles(box: Tensor) -> Iterator[tuple[int, slice, slice]]:
    """Each image's box as its rows and columns: on a CPU slices cost a third of a mask over all pixels, or less."""
    for i, (top, left, bottom, right) in enumerate(box.clamp(min=0).tolist()):
        yield i, slice(top, bottom), slice(left, right)


def _inside(box: Tensor, height: int, width: int) -> Tensor:
    """Which pixels lie in each image's box, (N, H, W) bool."""
    row, column = torch.arange(height, device=box.device), torch.arange(width, device=box.device)
    rows = (row >= box[:, :1]) & (row < box[:, 2:3])
    columns = (column >= box[:, 1:2]) & (column < box[:, 3:])
    return rows[:, :, None] & columns[:, None, :]


def _pasted(x: Tensor, partner: Tensor, box: Tensor) -> Tensor:
    """The images with the partner's rectangle in place of their own."""
    if x.dim() != 4:
        raise BadValue(
            f"Rectangles can only be pasted into images, (N, C, H, W), and these samples are {tuple(x.shape)}. "
            "Leave cutmix out, or take mixup or a preprocessing that keeps images."
        )
    stored = x.permute(0, 2, 3, 1)
    if x.device.type == "cpu" and x.dtype != torch.bfloat16:  # which numpy does not have
        out, others = stored.clone(), partner.tolist()
        images, pasted = stored.numpy(), out.numpy()
        for i, rows, columns in _rectangles(box):
            pasted[i, rows, columns] = images[others[i], rows, columns]
    else:
        inside = _inside(box.to(x.device), x.shape[2], x.shape[3])
        out = torch.where(inside[..., None], stored.index_select(0, partner), stored)
    return out.permute(0, 3, 1, 2)


def _blend(values: Tensor, partner: Tensor, share: Tensor) -> Tensor:
    """share times the values, the rest from the partner's."""
    # Images lie in memory channels last; taken as (N, C, H, W) this is 4 to 15 times as slow.
    stored = values.permute(0, 2, 3, 1) if values.dim() == 4 else values
    share = share.to(values.dtype).view(-1, *[1] * (values.dim() - 1))
    blended = stored.index_select(0, partner)
    torch.lerp(blended, stored, share, out=blended)
    return blended.permute(0, 3, 1, 2) if values.dim() == 4 else blended
