"""Script: how lines reach the modules of a model, and what they leave behind."""

import pytest
import torch
from torch import nn

from trainwell.edits.script import carried_out, exchange, like_others, mapped, names_of, place
from trainwell.probes.parts import Parts, parts


class Odd(nn.Module):
    """Modules under every kind of name that there is."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(4, 4), nn.ModuleDict({"left-hand": nn.ReLU()}))
        self.items_ = nn.ModuleList([nn.Linear(4, 4)])
        self.add_module("0th", nn.Tanh())
        self.again = self.body[0]


def program() -> Parts:
    torch.manual_seed(0)
    model = nn.Linear(2, 2)
    x = torch.arange(12.0).reshape(6, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    return parts(
        model,
        nn.CrossEntropyLoss(),
        optimizer,
        (x, x[:, 0].long() % 2),
        (x, x[:, 0].long() % 2),
        batch_size=2,
        epochs=1,
    )


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("", "model"),
        ("body.0", "model.body[0]"),
        ("body.1.left-hand", "model.body[1]['left-hand']"),
        ("items_.0", "model.items_[0]"),
        ("0th", "model.get_submodule('0th')"),
    ],
)
def test_every_module_can_be_reached_and_exchanged(name: str, wanted: str) -> None:
    model = Odd()
    assert place(model, name) == wanted
    assert eval(wanted, {"model": model}) is model.get_submodule(name)
    names = {"model": model, "nn": nn}
    exec(exchange(model, name, "nn.Identity()"), names)
    now = names["model"].get_submodule(name)  # type: ignore[attr-defined]
    assert isinstance(now, nn.Identity)


def test_a_module_is_known_by_all_its_names() -> None:
    model = Odd()
    assert names_of(model, model.again) == ["body.0", "again"]


def test_lines_may_set_all_that_is_no_data() -> None:
    made = program()
    done = carried_out(
        made, "everything", "batch_size = 3\nepochs = 7\nmodel = nn.Sequential(model)\nloss = nn.NLLLoss()"
    )
    assert (made.batch_size, made.epochs, type(made.model), type(made.loss)) == (3, 7, nn.Sequential, nn.NLLLoss)
    assert done.says == "everything"


def test_samples_are_changed_one_by_one_by_what_was_found_in_all() -> None:
    made = program()
    done = mapped(made, "doubled", "top = train[0].max()\n", x="x / top", y="1 - y")
    x, y = made.train.batch(torch.tensor([5, 0]))
    assert torch.equal(x, torch.tensor([[10 / 11, 1.0], [0.0, 1 / 11]]))
    assert y.tolist() == [1, 1]
    assert torch.equal(made.valid.whole()[0], made.train.whole()[0])
    assert done.code == "top = train[0].max()\ntrain, valid = ((x / top, 1 - y) for x, y in (train, valid))"


def test_new_modules_go_where_the_others_are() -> None:
    assert like_others(nn.Linear(2, 2)) == ""
    assert like_others(nn.Linear(2, 2, device="meta")) == '.to("meta")'
    assert like_others(nn.Linear(2, 2, dtype=torch.float64)) == ".to(torch.float64)"
    assert like_others(nn.ReLU()) == ""
