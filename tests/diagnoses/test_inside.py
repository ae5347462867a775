"""Which activation some units belong to: modules, functions, and what runs twice."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from trainwell.diagnoses.gather import gather
from trainwell.diagnoses.inside import activation_of, flat_units
from trainwell.probes.parts import parts


class Block(nn.Module):
    """A function called inside a module, and a module that runs twice."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.bend = nn.Linear(6, 6), nn.SiLU()

    def forward(self, x: Tensor) -> Tensor:
        return self.bend(self.bend(torch.tanh(self.layer(x))))


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.block, self.gate, self.head = Block(), nn.Softmax(dim=1), nn.Linear(6, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(functional.leaky_relu(self.gate(self.block(x)).relu().relu()))


def test_every_way_to_write_an_activation() -> None:
    model = Net()
    x = torch.randn(40, 6, generator=torch.Generator().manual_seed(0))
    given = torch.optim.SGD(model.parameters(), lr=0.1)
    found = gather(parts(model, nn.CrossEntropyLoss(), given, (x, torch.arange(40) % 2), batch_size=8, epochs=1))
    units = found.looks[0].units
    ids = {unit.name: activation_of(found, unit) for unit in units}
    assert ids["block.tanh()"] == "tanh"
    assert ids["block.bend"] == ids["block.bend:2"] == "swish"
    assert ids["relu()"] == ids["relu():2"] == "relu"
    assert ids["leaky_relu()"] == "leaky_relu"
    assert [unit.name for unit in flat_units(found, units, "both")] == ["block.tanh()"]
    below = [unit.name for unit in flat_units(found, units, "below")]
    assert below == ["block.bend", "block.bend:2", "relu()", "relu():2"]
