"""Which inputs the weights read as they are, and what a sum over the features makes of scale and centre."""

import math

import pytest
import torch
from torch import Tensor, nn

from trainwell.diagnoses.evidence import Evidence
from trainwell.diagnoses.feeding import fed, offset, prominence, spread
from trainwell.diagnoses.gather import gather
from trainwell.probes.inputs import Input, inputs
from trainwell.probes.parts import parts


def seen(model: nn.Module, x: Tensor | dict[str, Tensor]) -> Evidence:
    torch.manual_seed(0)
    first = next(iter(x.values())) if isinstance(x, dict) else x
    given = torch.optim.SGD(model.parameters(), lr=0.5)
    y = (first[:, 0] > 0).long()
    return gather(parts(model, nn.CrossEntropyLoss(), given, (x, y), (x, y), batch_size=20, epochs=2))


class Lookup(nn.Module):
    """Numbers and codes, read by name."""

    def __init__(self) -> None:
        super().__init__()
        self.table, self.layer = nn.Embedding(5, 4), nn.Linear(3, 4)
        self.head = nn.Linear(4, 2)

    def forward(self, x: dict[str, Tensor]) -> Tensor:
        return self.head(torch.relu(self.layer(x["numbers"]) + self.table(x["codes"])))


def test_codes_and_normed_inputs_have_no_scale() -> None:
    both = {"numbers": torch.randn(60, 3), "codes": torch.arange(60) % 5}
    assert [part.name for part in fed(seen(Lookup(), both))] == ["numbers"]
    normed = nn.Sequential(nn.BatchNorm1d(3), nn.Linear(3, 2))
    assert fed(seen(normed, torch.randn(60, 3))) == ()
    flat = nn.Sequential(nn.Flatten(), nn.Linear(3, 2), nn.BatchNorm1d(2))
    assert len(fed(seen(flat, torch.randn(60, 3)))) == 1


def columns(*pairs: tuple[float, float]) -> Input:
    """Columns of these means and standard deviations."""
    signs = torch.tensor([-1.0, 1.0]).repeat(20)
    x = torch.stack([mean + size * signs for mean, size in pairs], dim=1)
    return inputs(lambda _: (x, x), num_batches=1).parts[0]


def test_numbers_by_hand() -> None:
    part = columns((0.0, 1.0), (3.0, 2.0), (5.0, 0.0), (4.0, 2000.0))
    assert spread(part) == pytest.approx(math.sqrt((1 + 4 + 2000**2) / 3))
    assert offset(part) == pytest.approx(math.sqrt(25 / (1 + 4 + 2000**2)))
    assert prominence(part) == pytest.approx(3.0)


def test_a_column_that_hardly_varies_weighs_little() -> None:
    assert (part := columns((0.0, 1.0), (0.0, 1.0), (0.5, 0.001))).centre == pytest.approx(500 / math.sqrt(3), rel=1e-3)
    assert offset(part) == pytest.approx(0.5 / math.sqrt(2), rel=1e-3)
    assert prominence(part) == pytest.approx(0.0)


def test_nothing_varies() -> None:
    part = columns((1.0, 0.0), (2.0, 0.0))
    assert (spread(part), offset(part), prominence(part)) == (None, None, None)
