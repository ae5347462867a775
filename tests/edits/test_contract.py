"""What every edit owes: it works on copies only, says what it did, and its code does the same to a script."""

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from trainwell.edits import apply, edits
from trainwell.family import Part
from trainwell.probes.parts import Parts, parts
from trainwell.probes.training import train

Script = dict[str, Any]


def script(
    *layers: nn.Module,
    loss: Any = None,
    optimizer: Callable[[nn.Module], torch.optim.Optimizer] | None = None,
    x: Tensor | None = None,
    y: Tensor | None = None,
    batch_size: int = 8,
    epochs: int = 2,
) -> Script:
    """What a script holds: three classes of four numbers unless something else is asked for."""
    torch.manual_seed(0)
    x = torch.randn(40, 4) if x is None else x
    y = torch.arange(40) % 3 if y is None else y
    model = nn.Sequential(*(layers or (nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))))
    for module in model.modules():
        if hasattr(module, "reset_parameters"):
            module.reset_parameters()  # layers were made before the seed was set
    return {
        "model": model,
        "loss": nn.CrossEntropyLoss() if loss is None else loss,
        "optimizer": torch.optim.SGD(model.parameters(), lr=0.1) if optimizer is None else optimizer(model),
        "train": (x[:32], y[:32]),
        "valid": (x[32:], y[32:]),
        "batch_size": batch_size,
        "epochs": epochs,
    }


def sgd(**settings: Any) -> Callable[[nn.Module], torch.optim.Optimizer]:
    return lambda model: torch.optim.SGD(model.parameters(), **({"lr": 0.1} | settings))


def frozen(layer: nn.Module) -> nn.Module:
    return layer.requires_grad_(False)


def values(columns: int = 1, scale: float = 1.0, shift: float = 0.0) -> Tensor:
    torch.manual_seed(1)
    found = torch.randn(40, columns)
    found = (found - found[:32].mean(0)) / found[:32].std(0, correction=0)
    return scale * found + shift


def regression(*layers: nn.Module, **more: Any) -> Script:
    layers = layers or (nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
    return script(*layers, **({"loss": nn.MSELoss(), "y": values()} | more))


@dataclass(frozen=True)
class Case:
    """A program that an edit suits, and one on which it refuses."""

    suits: Callable[[], Script]
    refused: Callable[[], Script]
    args: dict[str, Any] = field(default_factory=dict)


class Penalised(nn.Module):
    """A loss that adds something of its own to one of torch's."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.CrossEntropyLoss()

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        loss: Tensor = self.inner(output, target) + output.abs().mean()
        return loss


def no_rate() -> Script:
    made = script()
    del made["optimizer"].param_groups[0]["lr"]
    return made


CASES = {
    "activation": Case(lambda: script(nn.Linear(4, 8), nn.Sigmoid(), nn.Linear(8, 3)), script),
    "batch-size": Case(script, script, {"size": 16}),
    "bias": Case(lambda: script(nn.Linear(4, 8, bias=False), nn.ReLU(), nn.Linear(8, 3)), script),
    "column-targets": Case(lambda: regression(y=values()[:, 0]), regression),
    "dropout": Case(lambda: script(nn.Linear(4, 8), nn.Dropout(0.9), nn.ReLU(), nn.Linear(8, 3)), script),
    "epochs": Case(script, lambda: script(epochs=1), {"factor": 1.4}),
    "hold": Case(lambda: script(optimizer=lambda model: sgd()(copy.deepcopy(model))), script),
    "impute": Case(lambda: script(x=torch.randn(40, 4).masked_fill(torch.eye(40, 4) > 0, torch.nan)), script),
    "initialise": Case(script, lambda: script(nn.Flatten(), nn.PReLU(), nn.BatchNorm1d(4))),
    "labels-from-zero": Case(lambda: script(y=torch.arange(40) % 2 + 1), script),
    "loss": Case(lambda: script(nn.Linear(4, 3), nn.Softmax(1), loss=nn.NLLLoss()), script, {"to": "cross_entropy"}),
    "loss-reduction": Case(lambda: script(loss=nn.CrossEntropyLoss(reduction="sum")), script),
    "minimise": Case(lambda: script(optimizer=sgd(maximize=True)), script),
    "no-decay": Case(lambda: script(optimizer=sgd(weight_decay=0.1)), script),
    "no-dropout": Case(lambda: script(nn.Linear(4, 8), nn.Dropout(0.9), nn.ReLU(), nn.Linear(8, 3)), script),
    "no-penalty": Case(lambda: script(loss=Penalised()), script),
    "nonlinearity": Case(lambda: script(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Linear(8, 3)), script),
    "norm": Case(script, lambda: script(nn.Linear(4, 3))),
    "norm-defaults": Case(
        lambda: script(nn.Linear(4, 8), nn.BatchNorm1d(8, eps=100.0, momentum=0.999), nn.ReLU(), nn.Linear(8, 3)),
        lambda: script(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3)),
    ),
    "optimizer": Case(script, lambda: script(frozen(nn.Linear(4, 3)))),
    "output-activation": Case(lambda: script(nn.Linear(4, 3), nn.ReLU()), script),
    "output-width": Case(lambda: script(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1)), script),
    "rate": Case(script, no_rate, {"factor": 0.1}),
    "regularise": Case(
        script,
        lambda: script(nn.Linear(4, 8), nn.ReLU(), nn.Dropout(), nn.Linear(8, 3), optimizer=sgd(weight_decay=0.1)),
    ),
    "standardise-inputs": Case(lambda: script(x=50 + 7 * torch.randn(40, 4)), lambda: script(x=values(4))),
    "standardise-targets": Case(lambda: regression(y=values(1, 30.0, 200.0)), regression),
    "unfreeze": Case(lambda: script(frozen(nn.Linear(4, 8)), nn.ReLU(), nn.Linear(8, 3)), script),
    "widen": Case(lambda: script(nn.Linear(4, 2), nn.ReLU(), nn.Linear(2, 3)), script),
}


def given(made: Script) -> Parts:
    return parts(**made, task="regression" if isinstance(made["loss"], nn.MSELoss) else "classification")


def seen(made: Script) -> dict[str, Any]:
    """All that makes a program, as numbers and words."""
    names = {id(p): name for name, p in made["model"].named_parameters()}
    groups = made["optimizer"].param_groups
    return {
        "model": str(made["model"]),
        "weights": {name: value.clone() for name, value in made["model"].state_dict().items()},
        "learning": [p.requires_grad for p in made["model"].parameters()],
        "loss": (str(made["loss"]), getattr(made["loss"], "reduction", "")),
        "optimizer": str(made["optimizer"]),
        "held": [sorted(names[id(p)] for p in group["params"] if id(p) in names) for group in groups],
        "state": len(made["optimizer"].state),
        "data": [tensor.clone() for pair in (made["train"], made["valid"]) for tensor in pair],
        "numbers": (made["batch_size"], made["epochs"]),
    }


def as_script(made: Parts) -> Script:
    found = {name: getattr(made, name) for name in ("model", "loss", "optimizer", "batch_size", "epochs")}
    return found | {"train": made.train.whole(), "valid": made.valid.whole()}


def check_same(one: dict[str, Any], other: dict[str, Any]) -> None:
    for name in one:
        if name == "weights":
            assert one[name].keys() == other[name].keys()
            assert all(torch.equal(value, other[name][each]) for each, value in one[name].items())
        elif name == "data":
            for mine, theirs in zip(one[name], other[name], strict=True):
                assert mine.dtype == theirs.dtype
                assert torch.equal(mine.nan_to_num(7.0), theirs.nan_to_num(7.0))
        else:
            assert one[name] == other[name], name


def test_every_edit_has_a_case() -> None:
    assert sorted(CASES) == edits.names


@pytest.mark.parametrize("name", CASES)
def test_works_on_copies_and_its_code_does_the_same_to_a_script(name: str) -> None:
    case, part = CASES[name], Part("edits", name, CASES[name].args)
    user = case.suits()
    before = seen(user)
    original = given(user)
    torch.manual_seed(3)
    made, (done,) = apply(original, part)
    check_same(seen(user), before)
    assert done.why_not == ""
    assert done.says and not done.says.endswith(".")
    changed = seen(as_script(made))
    with pytest.raises(AssertionError):
        check_same(dict(changed), before)
    pasted = case.suits() | {"torch": torch, "nn": nn}
    torch.manual_seed(3)
    exec(done.code, pasted)
    pasted["train"], pasted["valid"] = tuple(pasted["train"]), tuple(pasted["valid"])
    check_same(seen(pasted), changed)
    curves = train(made, steps=2)
    assert curves.taken == 2
    assert curves.broke is None


@pytest.mark.parametrize("name", CASES)
def test_refuses_with_a_reason_and_changes_nothing(name: str) -> None:
    case = CASES[name]
    args = {"size": 8} if name == "batch-size" else case.args
    made = given(case.refused())
    before = seen(as_script(made))
    done = edits.build(Part("edits", name, args), made)
    assert len(done.why_not) > 10
    assert not done.says
    assert not done.code
    check_same(seen(as_script(made)), before)
