"""Edits of the network and of the optimizer: what becomes of layers, weights and groups."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations
from torch.optim import Optimizer
from torch.optim.lr_scheduler import CosineAnnealingLR, LRScheduler, MultiStepLR, OneCycleLR, StepLR

from trainwell.edits import Edited, edits
from trainwell.family import Part
from trainwell.probes.parts import Parts, parts
from trainwell.probes.training import train


def program(
    model: nn.Module,
    optimizer: Optimizer | None = None,
    *,
    x: Tensor | None = None,
    schedule: Callable[[Optimizer], LRScheduler] | None = None,
    epochs: int = 2,
) -> Parts:
    torch.manual_seed(0)
    x = torch.randn(24, 4) if x is None else x
    y = torch.arange(24) % 3
    optimizer = optimizer or torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    scheduler = schedule(optimizer) if schedule else None
    return parts(
        model, nn.CrossEntropyLoss(), optimizer, (x, y), (x, y), batch_size=8, epochs=epochs, scheduler=scheduler
    )


def done(made: Parts, name: str, /, **args: Any) -> Edited:
    found: Edited = edits.build(Part("edits", name, args), made)
    return found


def held(made: Parts) -> set[int]:
    return {id(p) for group in made.optimizer.param_groups for p in group["params"]}


def kinds(model: nn.Module) -> list[str]:
    return [type(module).__name__ for module in model.modules() if not list(module.children())]


@pytest.mark.parametrize(
    ("act", "wanted"), [(nn.ReLU(), 2 / 400), (nn.SELU(), 1 / 400), (nn.Tanh(), 2 / 700), (nn.Sigmoid(), 32 / 700)]
)
def test_layers_start_as_their_activation_wants(act: nn.Module, wanted: float) -> None:
    model = nn.Sequential(nn.Linear(4, 400), act, nn.Linear(400, 300), act, nn.Linear(300, 3))
    for p in model.parameters():
        nn.init.constant_(p, 5.0)
    made = program(model)
    train(made, steps=1)
    assert made.optimizer.state
    done(made, "initialise")
    assert model[2].weight.var().item() == pytest.approx(wanted, rel=0.05)
    assert model[4].weight.var().item() == pytest.approx(1 / 900, rel=0.15)  # torch's own start of the last layer
    assert all(float(p.detach().abs().max()) == 0 for name, p in model.named_parameters() if name.endswith("bias"))
    assert not made.optimizer.state
    assert made.optimizer.param_groups[0]["momentum"] == 0.9


def test_what_is_frozen_or_shared_with_an_embedding_keeps_its_weights() -> None:
    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.words = nn.Embedding(5, 4)
            self.still = nn.Linear(4, 4).requires_grad_(False)
            self.moving = nn.Linear(4, 4)
            self.out = nn.Linear(4, 5, bias=False)
            self.out.weight = self.words.weight

        def forward(self, x: Tensor) -> Tensor:
            out: Tensor = self.out(torch.relu(self.moving(torch.relu(self.still(self.words(x))))))
            return out

    model = Tied()
    before = copy.deepcopy(model.state_dict())
    done(program(model, x=torch.arange(24) % 5), "initialise")
    same = [name for name, value in model.state_dict().items() if torch.equal(value, before[name])]
    assert same == ["words.weight", "still.weight", "still.bias", "out.weight"]


def test_a_weight_made_from_others_cannot_be_filled() -> None:
    model = nn.Sequential(parametrizations.weight_norm(nn.Linear(4, 4)), nn.ReLU(), nn.Linear(4, 3))
    assert "the weight of 0 is made from others" in done(program(model), "initialise").why_not


def test_hidden_activations_are_exchanged_wherever_they_are_used() -> None:
    act = nn.Sigmoid()
    model = nn.Sequential(nn.Linear(4, 8), act, nn.Sequential(nn.Linear(8, 8), act), nn.Linear(8, 3), nn.LogSoftmax(1))
    done(program(model), "activation", to="gelu")
    assert kinds(model) == ["Linear", "GELU", "Linear", "GELU", "Linear", "LogSoftmax"]


def test_functions_that_bend_are_not_within_reach() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.two = nn.Linear(4, 4), nn.Linear(4, 3)

        def forward(self, x: Tensor) -> Tensor:
            out: Tensor = self.two(torch.sigmoid(self.one(x)))
            return out

    assert "no module" in done(program(Net()), "activation", to="relu").why_not


def test_dropout_of_layers_attention_and_recurrence_is_set() -> None:
    model = nn.ModuleList([nn.Dropout2d(0.3), nn.LSTM(4, 4, 2, dropout=0.4), nn.MultiheadAttention(4, 2, dropout=0.1)])
    made = program(nn.Linear(4, 3))
    made.model = model
    done(made, "no-dropout")
    assert (model[0].p, model[1].dropout, model[2].dropout) == (0.0, 0.0, 0.0)


def test_an_optimizer_holds_every_parameter_that_learns_and_keeps_the_decay() -> None:
    model = nn.Sequential(nn.Linear(4, 8).requires_grad_(False), nn.ReLU(), nn.Linear(8, 8), nn.Linear(8, 3))
    made = program(model, torch.optim.SGD(model[3].parameters(), lr=0.1, weight_decay=0.02))
    done(made, "optimizer", to="adamw", lr=0.01)
    assert type(made.optimizer) is torch.optim.AdamW
    assert held(made) == {id(p) for layer in (model[2], model[3]) for p in layer.parameters()}
    assert (made.optimizer.param_groups[0]["weight_decay"], made.optimizer.param_groups[0]["lr"]) == (0.02, 0.01)


def test_a_stale_optimizer_holds_the_model_again_group_by_group() -> None:
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
    other = copy.deepcopy(model)
    groups = [{"params": list(other.parameters()), "lr": 0.3}, {"params": [model[2].bias], "lr": 0.7}]
    made = program(model, torch.optim.Adagrad(groups))
    done(made, "hold")
    assert held(made) == {id(p) for p in model.parameters()}
    assert [len(group["params"]) for group in made.optimizer.param_groups] == [3, 1]
    assert [group["lr"] for group in made.optimizer.param_groups] == [0.3, 0.7]
    before = model[0].weight.detach().clone()
    train(made, steps=1)
    assert not torch.equal(before, model[0].weight)


def test_a_schedule_turns_the_new_optimizer_in_proportion() -> None:
    model = nn.Linear(4, 3)
    made = program(model, torch.optim.SGD(model.parameters(), lr=0.4), schedule=lambda o: StepLR(o, 1, 0.5))
    done(made, "optimizer", to="adam", lr=0.01)
    train(made, steps=3)
    assert made.optimizer.param_groups[0]["lr"] == pytest.approx(0.005)


def test_a_one_cycle_schedule_goes_on_with_another_optimizer() -> None:
    model = nn.Linear(4, 3)
    made = program(
        model,
        torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9),
        schedule=lambda o: OneCycleLR(o, 0.4, total_steps=6),
    )
    done(made, "optimizer", to="adamw", lr=0.001)
    assert train(made).broke is None
    assert made.optimizer.param_groups[0]["lr"] < 0.001


@pytest.mark.parametrize(
    ("schedule", "end"),
    [
        (lambda o: CosineAnnealingLR(o, 4), 0.0),
        (lambda o: StepLR(o, 2, 0.1), 0.001),
        (lambda o: MultiStepLR(o, [3], 0.1), 0.01),
    ],
)
def test_a_longer_training_stretches_its_schedule(schedule: Callable[[Optimizer], LRScheduler], end: float) -> None:
    made = program(nn.Linear(4, 3), schedule=schedule, epochs=4)
    done(made, "epochs", factor=3.0)
    assert made.epochs == 12
    rates: list[float] = []
    train(made, watch=lambda *_: rates.append(made.optimizer.param_groups[0]["lr"]))
    assert rates[3 * 5] > 0.04  # in the sixth epoch of twelve
    assert made.optimizer.param_groups[0]["lr"] == pytest.approx(end, abs=1e-9)


def test_norms_stand_behind_hidden_layers_by_the_shape_of_what_they_give() -> None:
    model = nn.Sequential(nn.Conv2d(1, 6, 3), nn.ReLU(), nn.Flatten(), nn.Linear(24, 5), nn.ReLU(), nn.Linear(5, 3))
    made = program(model, x=torch.randn(24, 1, 4, 4))
    done(made, "norm")
    assert (model[0][1].num_features, model[3][1].num_features) == (6, 5)
    assert kinds(model).count("BatchNorm2d") == kinds(model).count("BatchNorm1d") == 1
    assert {id(p) for p in model.parameters()} <= held(made)


def test_norms_of_another_kind_are_exchanged_and_no_more_are_put_in() -> None:
    model = nn.Sequential(nn.Linear(4, 6), nn.GroupNorm(6, 6), nn.ReLU(), nn.Linear(6, 6), nn.ReLU(), nn.Linear(6, 3))
    made = program(model)
    done(made, "norm")
    assert kinds(model) == ["Linear", "BatchNorm1d", "ReLU", "Linear", "ReLU", "Linear"]
    assert train(made, steps=2).broke is None


def test_batch_norm_is_refused_for_single_samples() -> None:
    made = program(nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 3)))
    made.batch_size = 1
    assert "one sample" in done(made, "norm").why_not
    assert done(made, "norm", to="layer").why_not == ""
    assert kinds(made.model).count("LayerNorm") == 1


def test_layers_in_a_row_bend_and_others_are_left() -> None:
    model = nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.1), nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 3))
    made = program(model)
    done(made, "nonlinearity")
    assert kinds(model) == ["Linear", "Dropout", "ReLU", "Linear", "Tanh", "Linear"]


def test_biases_come_where_no_norm_brings_one() -> None:
    model = nn.Sequential(nn.Linear(4, 8, bias=False), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3, bias=False))
    made = program(model)
    done(made, "bias")
    assert model[0].bias is None
    assert torch.equal(model[3].bias, torch.zeros(3))
    train(made, steps=1)
    assert float(model[3].bias.detach().abs().max()) > 0


def test_a_module_that_cuts_the_graph_is_put_out_of_the_way() -> None:
    class Cut(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.detach()

    model = nn.Sequential(nn.Linear(4, 8), Cut(), nn.ReLU(), nn.Linear(8, 3))
    made = program(model)
    assert "1 no longer cuts" in done(made, "unfreeze").says
    before = model[0].weight.detach().clone()
    train(made, steps=1)
    assert not torch.equal(before, model[0].weight)


def test_what_was_frozen_learns_and_is_held() -> None:
    model = nn.Sequential(nn.Linear(4, 8).requires_grad_(False), nn.ReLU(), nn.Linear(8, 3))
    made = program(model, torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.1))
    done(made, "unfreeze")
    before = model[0].weight.detach().clone()
    train(made, steps=1)
    assert not torch.equal(before, model[0].weight)


def test_narrow_layers_get_the_width_of_their_neighbours_with_the_norm_behind_them() -> None:
    model = nn.Sequential(nn.Linear(4, 40), nn.ReLU(), nn.Linear(40, 1), nn.BatchNorm1d(1), nn.ReLU(), nn.Linear(1, 3))
    made = program(model)
    done(made, "widen")
    assert (model[2].out_features, model[3].num_features, model[5].in_features) == (40, 40, 40)
    assert (model[0].out_features, model[5].out_features) == (40, 3)
    assert {id(p) for p in model.parameters()} <= held(made)
    assert train(made, steps=2).broke is None


def test_a_width_that_is_asked_for_is_that_of_all_narrower_layers() -> None:
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3))
    done(program(model), "widen", width=12)
    assert [model[place].out_features for place in (0, 2, 4)] == [12, 16, 3]
    assert model[2].in_features == 12


def test_a_layer_that_something_else_reads_is_not_widened() -> None:
    model = nn.Sequential(nn.Linear(4, 2), nn.Unflatten(1, (1, 2)), nn.Conv1d(1, 3, 2), nn.Flatten())
    assert "what reads 0 is not a linear layer" in done(program(model), "widen").why_not


def test_dropout_is_put_behind_what_bends_only_where_there_is_none() -> None:
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
    made = program(model)
    done(made, "regularise", decay=0.02, dropout=0.4)
    assert model[1][1].p == 0.4
    assert made.optimizer.param_groups[0]["weight_decay"] == 0.02
    done(made, "regularise", decay=0.03, dropout=0.4)
    assert kinds(model).count("Dropout") == 1


def test_norms_get_torchs_own_numbers_back() -> None:
    model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8, eps=1.0, momentum=0.99), nn.ReLU(), nn.Linear(8, 3))
    made = program(model)
    assert "eps 1.0 -> 1e-05, momentum 0.99 -> 0.1" in done(made, "norm-defaults").says
    assert (model[1].eps, model[1].momentum) == (1e-5, 0.1)


def test_a_batch_is_not_larger_than_what_there_is_to_train_on() -> None:
    made = program(nn.Linear(4, 3))
    done(made, "batch-size", size=1000)
    assert made.batch_size == 24
