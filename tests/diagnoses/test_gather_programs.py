"""Evidence of programs of many kinds: losses with parts of their own, dicts, frozen parameters."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from trainwell.diagnoses.gather import constant_loss, gather, loss_facts, penalty
from trainwell.probes.parts import Parts, parts

from .gathered import only, program, same, state


def penalised(share: float) -> Parts:
    given = program()
    before = {name: tensor.clone() for name, tensor in given.model.state_dict().items()}
    model, criterion = given.model, nn.CrossEntropyLoss()

    def loss(output: Tensor, target: Tensor) -> Tensor:
        weights = dict(model.named_parameters())["4.weight"]
        return criterion(output, target) + share * weights.square().sum()

    given.loss = loss
    assert same(before, dict(given.model.state_dict()))
    return given


def test_a_loss_that_reaches_for_the_model_is_given_the_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a penalty on the weights of the last layer these shrink while it trains; the user's own stay."""
    only(monkeypatch, "rate-/10")
    given = penalised(0.5)
    before = state(given)
    found = gather(given)
    assert [name for name in before if not same(before[name], state(given)[name])] == []
    first, last = found.looks[0].norms["4.weight"], found.looks[-1].norms["4.weight"]
    assert last < 0.75 * first
    assert gather(program()).looks[-1].norms["4.weight"] > first


def test_the_share_of_a_penalty_in_the_loss() -> None:
    given = penalised(0.5)
    sample = given.train.first(80)
    given.model.eval()
    with torch.no_grad():
        plain = float(nn.functional.cross_entropy(given.model(sample[0]), sample[1]))
        added = 0.5 * float(given.model[4].weight.square().sum())  # type: ignore[index, union-attr, operator]
    assert penalty(given, sample) == pytest.approx(added / (plain + added), rel=1e-4)
    assert penalty(program(), sample) == 0


def test_the_loss_of_the_best_constant_output_by_hand() -> None:
    """Of three classes as frequent as 1/2, 1/4, 1/4 it is their entropy; of values it is their variance."""
    y = torch.tensor([0, 0, 1, 2]).repeat(20)
    given = program()
    given.train = parts(given.model, given.loss, given.optimizer, (torch.randn(80, 6), y), batch_size=4, epochs=1).train
    sample = (torch.randn(80, 6), y)
    assert constant_loss(given, sample) == pytest.approx(1.5 * np.log(2), abs=1e-3)
    values = torch.tensor([[0.0], [2.0]]).repeat(40, 1)
    model = nn.Linear(6, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    line = parts(model, nn.MSELoss(), optimizer, (sample[0], values), batch_size=4, epochs=1)
    assert constant_loss(line, (sample[0], values)) == pytest.approx(1.0, abs=1e-4)


class Wrapped(nn.Module):
    """A loss of torch's with something in front."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.CrossEntropyLoss(weight=torch.ones(3), label_smoothing=0.25, reduction="sum")

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        return self.inner(output["logits"], target)  # type: ignore[no-any-return, call-overload]


@pytest.mark.parametrize(
    ("loss", "name", "part"),
    [
        (nn.MSELoss(), "MSELoss", {"reduction": "mean"}),
        (Wrapped(), "CrossEntropyLoss", {"reduction": "sum", "label_smoothing": 0.25, "has_weight": 1.0}),
        (nn.functional.l1_loss, "l1_loss", {}),
        (nn.BCEWithLogitsLoss(pos_weight=torch.ones(1)), "BCEWithLogitsLoss", {"has_pos_weight": 1.0}),
    ],
)
def test_what_a_loss_is_called_and_holds(loss: Callable[..., Tensor], name: str, part: dict[str, Any]) -> None:
    found, settings = loss_facts(loss)
    assert found == name
    assert part.items() <= settings.items()
    assert "has_weight" in part or "has_weight" not in settings


def test_dicts_in_and_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """A module that takes and gives a dict, over a data set, with a frozen layer and one that is used twice."""

    class Pair(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.left, self.right, self.last = nn.Linear(3, 8), nn.Linear(3, 8), nn.Linear(8, 3)
            self.between = nn.Linear(8, 8)
            self.right.requires_grad_(False)

        def forward(self, x: dict[str, Tensor]) -> dict[str, Tensor]:
            hidden = torch.tanh(self.left(x["left"]) + self.right(x["right"]))
            return {"logits": self.last(self.between(torch.relu(self.between(hidden))))}

    def loss(output: dict[str, Tensor], target: Tensor) -> Tensor:
        return nn.functional.cross_entropy(output["logits"], target)

    only(monkeypatch, "rate-x10", "standardised")
    x, y = program().train.whole()
    data = [({"left": row[:3], "right": row[3:]}, int(label)) for row, label in zip(x, y, strict=True)]
    torch.manual_seed(0)
    model = Pair()
    given = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=1e-3)
    found = gather(parts(model, loss, given, data, data, batch_size=16, epochs=4))
    assert {one.name for one in found.architecture.layers} >= {"left", "right", "between"}  # type: ignore[union-attr]
    assert found.watched is not None
    assert found.watched.end is not None
    assert found.inputs is not None
    assert [part.name for part in found.inputs.parts] == ["left", "right"]
    assert found.trials["rate-x10"].curves is not None
    assert found.looks[-1].gradients["right.weight"] is None
    assert found.looks[-1].gradients["left.weight"] is not None


def test_frozen_parameters_that_nobody_has_learnt(monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch)
    learnt = torch.ones(4, 6)

    def build(seed: int) -> Parts:
        torch.manual_seed(seed)
        model = nn.Sequential(nn.Linear(6, 4), nn.Linear(4, 4), nn.Linear(4, 3))
        with torch.no_grad():
            model[0].weight.copy_(learnt)
        model[0].weight.requires_grad_(False)
        model[1].weight.requires_grad_(False)
        optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.1)
        x, y = program().train.whole()
        return parts(model, nn.CrossEntropyLoss(), optimizer, (x, y), (x, y), batch_size=20, epochs=1)

    assert gather(build(0), build=build).facts.random_frozen == ("1.weight",)
    assert gather(build(0)).facts.random_frozen == ()


def test_evidence_can_be_gathered_where_gradients_are_off(monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch)
    plain = repr(gather(program()).watched)
    given = program()
    with torch.no_grad():
        assert repr(gather(given).watched) == plain
        assert not torch.is_grad_enabled()
