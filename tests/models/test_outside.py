"""Networks from outside the package, brought by `package.module:factory`."""

import sys
import types
from collections.abc import Iterator

import pytest
import torch
from torch import nn

from trainwell.errors import BadValue, UnknownName
from trainwell.models import build, models

SOURCE = '''
from torch import nn


def with_shape(input_shape, num_outputs, width=4, *, bias: bool = True):
    """A layer."""
    return nn.Sequential(nn.Linear(input_shape[0], width), nn.Linear(width, num_outputs, bias=bias))


def with_classes(num_classes: int, width: int = 4, block=nn.Linear, **rest):
    return block(width, num_classes)


def positional(width, /, num_outputs):
    return nn.Linear(width, num_outputs)


def fixed():
    return nn.Linear(4, 2)


def needy(depth: int):
    return nn.Linear(4, depth)


def wrong():
    return "no module"


class Net(nn.Module):
    def __init__(self, num_outputs: int, width: int = 3) -> None:
        super().__init__()
        self.layer = nn.Linear(width, num_outputs)
'''


@pytest.fixture(autouse=True)
def mine() -> Iterator[None]:
    module = types.ModuleType("mine_for_test")
    exec(SOURCE, module.__dict__)
    sys.modules["mine_for_test"] = module
    yield
    del sys.modules["mine_for_test"]


def test_factory_gets_what_its_signature_names() -> None:
    model = build(models.part("mine_for_test:with_shape", width=6, bias=False), (5,), 3, 0)
    assert (model[0].weight.shape, model[1].weight.shape, model[1].bias) == ((6, 5), (3, 6), None)
    assert build("mine_for_test:with_classes", (5,), 7, 0).weight.shape == (7, 4)
    assert build({"name": "mine_for_test:positional", "width": 9}, (5,), 7, 0).weight.shape == (7, 9)
    assert build("mine_for_test:fixed", (5,), 7, 0).weight.shape == (2, 4)
    assert build(models.part("mine_for_test:Net", width=8), (5,), 7, 0).layer.weight.shape == (7, 8)


def test_deterministic_and_the_global_random_state_is_left() -> None:
    before = torch.get_rng_state()
    weights = [build("mine_for_test:fixed", (5,), 2, seed).weight for seed in (0, 0, 1)]
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_arguments_are_checked_against_the_signature() -> None:
    with pytest.raises(
        UnknownName, match=r"no argument of models/mine_for_test:with_shape called 'widht'. Did you mean 'width'"
    ):
        models.part("mine_for_test:with_shape", widht=6)
    with pytest.raises(BadValue, match=r"with_classes.width='six' is not possible: expected a whole number"):
        models.part("mine_for_test:with_classes", width="six")
    with pytest.raises(UnknownName, match="called 'num_outputs'"):
        models.part("mine_for_test:with_shape", num_outputs=6)
    with pytest.raises(UnknownName, match="called 'block'"):
        models.part("mine_for_test:with_classes", block="Linear")
    with pytest.raises(BadValue, match="needs a value for depth"):
        models.part("mine_for_test:needy")


def test_defaults_are_written_out() -> None:
    assert models.resolve("mine_for_test:with_shape").args == {"width": 4, "bias": True}


def test_what_is_no_factory_is_refused() -> None:
    with pytest.raises(BadValue, match=r"'mine_for_test:wrong' gave str, expected a torch.nn.Module"):
        build("mine_for_test:wrong", (5,), 2, 0)
    with pytest.raises(UnknownName, match=r"called 'fixd'. Did you mean 'fixed'"):
        build("mine_for_test:fixd", (5,), 2, 0)
    with pytest.raises(BadValue, match="cannot be imported"):
        build("no_such_module_at_all:net", (5,), 2, 0)


def test_a_member_of_the_package_keeps_its_own_signature() -> None:
    model = build(models.part("trainwell.models.mlp:mlp", widths=[3]), (5,), 2, 0)
    assert isinstance(model, nn.Sequential)
    assert model[1].weight.shape == (3, 5)
