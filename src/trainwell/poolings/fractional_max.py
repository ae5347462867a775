"""Fractional max pooling: shrink a map by less than two, over random regions."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from trainwell.draws import StepDraws
from trainwell.errors import BadValue
from trainwell.poolings import check_dimensions, poolings

_MAX_POOLS = (functional.max_pool1d, functional.max_pool2d, functional.max_pool3d)
_WINDOW = 2  # side of the regions: they overlap where the map shrinks by less
_EVALUATED = 0.5  # where the regions begin in evaluation: the middle of what training draws from


class FractionalMax(nn.Module):
    """Max pooling over windows of two whose starts are drawn, the same for all samples and channels of a step.

    torch has it for 2 and 3 dimensions, with a draw for each sample and channel; it leaves channels-last memory and is
    slower there. The largest of all windows of two is found first, and the rows and columns that are wanted are
    picked from it.

    Args:
        dimensions: Dimensions of the map.
        ratio: Side of the map over that of what is left.
    """

    draws: StepDraws | None = None
    layer: int = 0

    def __init__(self, dimensions: int, ratio: float) -> None:
        super().__init__()
        self.dimensions = dimensions
        self.ratio = ratio

    def forward(self, maps: Tensor) -> Tensor:
        """The pooled maps."""
        if min(maps.shape[2:]) < _WINDOW:
            raise BadValue(
                f"fractional_max got maps {tuple(maps.shape)}: a side is shorter than its window of {_WINDOW}. "
                "Pool less often, or use larger images."
            )
        if self.training:
            generator = None if self.draws is None else self.draws.generator(self.layer, maps.device)
            begins = torch.rand(self.dimensions, generator=generator, device=maps.device)
        else:
            begins = torch.full((self.dimensions,), _EVALUATED, device=maps.device)
        pooled = _MAX_POOLS[self.dimensions - 1](maps, _WINDOW, 1)
        channels_last = pooled.stride(1) == 1  # index_select would give up this order of memory
        pooled = pooled.movedim(1, -1) if channels_last else pooled
        for axis, (side, begin) in enumerate(zip(maps.shape[2:], begins, strict=True), start=1 if channels_last else 2):
            pooled = pooled.index_select(axis, starts(side, self.ratio, begin))
        return pooled.movedim(-1, 1) if channels_last else pooled

    def extra_repr(self) -> str:
        """The ratio."""
        return f"ratio={self.ratio}"


def starts(side: int, ratio: float, begin: Tensor) -> Tensor:
    """Where the windows of one axis start, (int(side / ratio),) int64, rising from 0 to side - 2.

    a_i = floor(s (i + u)) - floor(s u), with the step s that makes the last one end at the edge.

    Args:
        side: Length of the axis, at least 2.
        ratio: Side over what is left, in [1, 2].
        begin: u, a scalar in [0, 1).
    """
    count = int(side / ratio)
    last = side - _WINDOW
    step = last / max(1, count - 1)
    places = torch.arange(count, device=begin.device, dtype=torch.float64) + begin
    found = (places * step).floor() - (begin.double() * step).floor()
    found[-1] = last  # torch's form; rounding may miss it by one
    return found.long()


@poolings.add(
    "fractional_max",
    paper="https://arxiv.org/abs/1412.6071",
    tune={"ratio": (1.2, 2.0)},
    limits={"ratio": "(1, 2]"},
    overall=False,
    shrinks="ratio",
    draws=True,
)
def fractional_max(features: int, dimensions: int, *, ratio: float = 2**0.5) -> nn.Module:  # noqa: ARG001
    """Keep the largest value of windows of two whose places are drawn, so that a map shrinks by less than two.

    A side s becomes int(s / ratio). Windows start at a_i = floor(t (i + u)) - floor(t u), with the step
    t = (s - 2) / (int(s / ratio) - 1): they follow each other by 1 or 2 in pseudo-random order and overlap. (Where the
    side shrinks by more than two, as from 9 to 4, some follow by 3 and leave a row out.) In training u is drawn anew
    for each axis and step, the same for all samples and channels (torch draws one for each); in evaluation u = 1/2. The
    paper averages several passes with drawn regions instead: average passes in training mode to have that.

    Reach for it when a small data set of images overfits, and time allows for a deeper network: each of its poolings
    loses less, and the regions distort the maps a little differently in each step.

    Leave it when time counts, or beside strong augmentation or dropout, with which it underfits.

    Cost: several times a max pooling of the same map, and with ratio sqrt(2) twice the poolings, and the convolutions
    between them, for the same overall shrinking.

    Args:
        features: Not needed.
        dimensions: Dimensions of the map, 1 to 3.
        ratio: Side of the map over that of what is left, the paper's alpha (torch's `output_ratio` is 1 / ratio).

    Returns:
        (N, C, H, W) -> (N, C, int(H / ratio), int(W / ratio)).

    Raises:
        BadValue: There are no dimensions to pool, or more than 3; or later a map with a side of 1.

    Reference:
        Graham, "Fractional Max-Pooling", 2014, section 2: pseudo-random, overlapping regions.
    """
    check_dimensions("fractional_max", dimensions)
    return FractionalMax(dimensions, ratio)
