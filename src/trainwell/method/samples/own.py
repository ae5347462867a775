"""Samples for a network that was trained on a data set of one's own: handed over as they are."""

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from trainwell.data.arrays import as_array
from trainwell.errors import BadData
from trainwell.method.samples.chunk import Chunk, slices


def chunks_of_own(
    given: Any, description: Mapping[str, Any], batch: int, *, file: str | None = None
) -> Iterator[Chunk]:
    """An array or tensor of samples as the data set gave them, (N, ...), or one sample.

    Raises:
        BadData: Its shape is not that of the samples the run was trained on.
    """
    shape = tuple(description["input_shape"])
    x = _tensor(given)
    x = x[None] if tuple(x.shape) == shape else x
    if tuple(x.shape[1:]) != shape or len(x) == 0:
        raise BadData(
            f"{'The input' if file is None else file} has shape {tuple(x.shape)}. The run was trained on a data set of "
            f"one's own with samples of shape {shape}: expected an array (N, {', '.join(map(str, shape))})."
        )
    yield from slices(x, batch, file=file)


def _tensor(given: Any) -> Tensor:
    if isinstance(given, list | tuple):
        return torch.stack([_tensor(each) for each in given])
    array = as_array(given)
    if array.dtype.kind not in "biuf":
        raise BadData(
            f"The input came as {type(given).__name__}. Expected arrays or tensors as the data set gives them."
        )
    found = torch.from_numpy(array.copy())
    return found.float() if found.is_floating_point() else found
