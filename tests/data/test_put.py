"""Writing images back to their places, by entries of whatever width fits."""

import pytest
import torch

from trainwell.data.put import put


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
@pytest.mark.parametrize("shape", [(4, 4, 3), (3, 5, 1), (1, 1, 1)])
def test_images_come_to_their_places_and_the_others_stay(dtype: torch.dtype, shape: tuple[int, ...]) -> None:
    batch = torch.randint(0, 256, (6, *shape), dtype=torch.uint8).to(dtype)
    values = torch.randint(0, 256, (2, *shape), dtype=torch.uint8).to(dtype)
    expected = batch.clone()
    expected[1], expected[4] = values[0], values[1]
    put(batch, torch.tensor([1, 4]), values)
    assert torch.equal(batch, expected)


def test_bits_that_are_no_number_are_copied_as_they_are() -> None:
    values = torch.full((1, 4), float("nan")).view(torch.int32).bitwise_or(7).view(torch.float32)
    batch = torch.zeros(2, 4)
    put(batch, torch.tensor([1]), values)
    assert torch.equal(batch[1].view(torch.int32), values[0].view(torch.int32))
