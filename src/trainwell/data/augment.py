"""The augmentation engine: compose what all members ask for, then touch the pixels of the whole batch once."""

from collections.abc import Sequence

import torch
from torch import Tensor

from trainwell.augmentations import Geometry, Mask, Mix, augmentations
from trainwell.draws import Draws
from trainwell.errors import BadValue
from trainwell.family import Part


class Augmenter:
    """The augmentations of a recipe, bound to images of one size.

    Args:
        parts: Augmentations, in the order of the recipe.
        size: Height and width of the images; None for other data, which only mixes can augment.

    Raises:
        BadValue: An augmentation of pixels is asked for where there are none.
    """

    def __init__(self, parts: Sequence[Part], size: tuple[int, int] | None) -> None:
        self._members = [(part.name, augmentations.bind(part)) for part in parts]
        self._size = size
        on_pixels = [part.name for part in parts if not augmentations[part.name].facts.get("mixes_labels")]
        if size is None and on_pixels:
            raise BadValue(
                f"augment={','.join(on_pixels)} works on stored images, and this data has none. Leave it out."
            )
        self._geometry: list[Geometry] = []
        self._masks: list[Mask] = []
        self._mixes: list[Mix] = []

    def draw(self, draws: Draws) -> None:
        """Draw for the batch what each member does to each image."""
        asked = [make(draws.of(name, place), self._size or (1, 1)) for place, (name, make) in enumerate(self._members)]
        self._geometry = [item for item in asked if isinstance(item, Geometry)]
        self._masks = [item for item in asked if isinstance(item, Mask)]
        self._mixes = [item for item in asked if isinstance(item, Mix)]

    def move(self, x: Tensor) -> Tensor:
        """Flips and shifts of the drawn batch, as one gather of whole pixels; x is (N, H, W, C) of any type."""
        if not self._geometry:
            return x
        num, height, width, channels = x.shape
        rows = torch.arange(height, dtype=torch.int32).expand(num, -1)
        columns = torch.arange(width, dtype=torch.int32).expand(num, -1)
        for geometry in reversed(self._geometry):
            if geometry.shift is not None:
                shift = geometry.shift.to(torch.int32)
                rows = _reflected(rows + shift[:, :1], height)
                columns = _reflected(columns + shift[:, 1:], width)
            if geometry.flip is not None:
                columns = torch.where(geometry.flip[:, None], width - 1 - columns, columns)
        first = torch.arange(num, dtype=torch.int32)[:, None] * height + rows
        place = first[:, :, None] * width + columns[:, None, :]
        return x.reshape(-1, channels).index_select(0, place.view(-1).to(x.device)).view(num, height, width, channels)

    def blank(self, x: Tensor) -> Tensor:
        """Blank the masked boxes of a centred batch (N, H, W, C) with zero, in place."""
        _, height, width, _ = x.shape
        for mask in self._masks:
            box = mask.box.to(x.device)
            row, column = torch.arange(height, device=x.device), torch.arange(width, device=x.device)
            rows = (row >= box[:, :1]) & (row < box[:, 2:3])
            columns = (column >= box[:, 1:2]) & (column < box[:, 3:])
            x.masked_fill_((rows[:, :, None] & columns[:, None, :])[..., None], 0)
        return x

    def mix(self, x: Tensor, target: Tensor, num_classes: int | None) -> tuple[Tensor, Tensor]:
        """Blend the samples and their targets.

        Args:
            x: Samples, float, (N, ...).
            target: Classes, (N,) int64, or values, (N,) or (N, K) float.
            num_classes: Width of the distribution that classes turn into; None for values.

        Returns:
            Samples like `x`; targets as a distribution, (N, C) float32, or values like `target`.
        """
        if not self._mixes:
            return x, target
        if num_classes is not None:
            target = torch.nn.functional.one_hot(target, num_classes).to(torch.float32)
        for mix in self._mixes:
            partner, share = mix.partner.to(x.device), mix.share.to(x.device)
            x, target = _blend(x, partner, share), _blend(target, partner, share)
        return x, target


def _reflected(places: Tensor, side: int) -> Tensor:
    """Places outside 0 .. side - 1 folded back at the edge pixel, which is not repeated."""
    if side == 1:
        return torch.zeros_like(places)
    places = places.abs()
    return torch.where(places >= side, 2 * (side - 1) - places, places)


def _blend(values: Tensor, partner: Tensor, share: Tensor) -> Tensor:
    share = share.to(values.dtype).view(-1, *[1] * (values.dim() - 1))
    return values * share + values.index_select(0, partner) * (1 - share)
