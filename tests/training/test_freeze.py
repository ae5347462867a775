import copy

import pytest
import torch
from torch import nn

from trainwell.averages import averages
from trainwell.errors import BadValue, Failed, UnknownName
from trainwell.losses import losses
from trainwell.optimizers import optimizers, parameter_groups
from trainwell.penalties import penalties
from trainwell.training.freeze import all_but, check_frozen, fingerprint, freeze, frozen_state


def network() -> nn.Module:
    torch.manual_seed(0)
    body = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.5))
    return nn.Sequential(body, nn.Linear(8, 8), nn.BatchNorm1d(8), nn.Linear(8, 3))


def batch() -> tuple[torch.Tensor, torch.Tensor]:
    return torch.randn(16, 4, generator=torch.Generator().manual_seed(1)), torch.arange(16) % 3


def test_what_is_frozen_is_named() -> None:
    model = network()
    assert freeze(model, ["0", "1.bias"]) == [
        "0.0.weight",
        "0.0.bias",
        "0.1.weight",
        "0.1.bias",
        "1.bias",
        "0.1.running_mean",
        "0.1.running_var",
        "0.1.num_batches_tracked",
    ]
    learnt = [name for name, p in model.named_parameters() if p.requires_grad]
    assert learnt == ["1.weight", "2.weight", "2.bias", "3.weight", "3.bias"]
    assert "2.weight" in freeze(model, ["2"])  # what was frozen before stays so
    assert set(frozen_state(model)) > {"0.0.weight", "2.running_mean"}


@pytest.mark.parametrize("copied", [False, True])
def test_it_stays_in_evaluation_mode_whatever_calls_train(copied: bool) -> None:
    model = network()
    freeze(model, ["0"])
    assert not any(module.training for module in model[0].modules())  # at once
    model = copy.deepcopy(model) if copied else model
    model.eval()
    model.train()
    assert not any(module.training for module in model[0].modules())
    assert model.training and model[2].training
    x, _ = batch()
    before = model[0][1].running_mean.clone()
    torch.testing.assert_close(model[0](x), model[0](x))  # nothing is dropped
    assert torch.equal(model[0][1].running_mean, before)


@pytest.mark.parametrize("optimizer", [member.id for member in optimizers])
def test_every_optimizer_leaves_it_alone(optimizer: str) -> None:
    """With decay, an average that writes back, and a bound on the weights: all may touch what learns, and no more."""
    model = network()
    freeze(model, ["0", "1.weight"])
    before = fingerprint(frozen_state(model))
    learnt = model[3].weight.detach().clone()
    stepper = optimizers.build(optimizers.part(optimizer), parameter_groups(model, weight_decay_on="all"))
    average = averages.build(averages.part("lookahead", every=1))
    bound = penalties.bind({"name": "max_norm", "limit": 0.1})
    x, y = batch()

    def gradient() -> torch.Tensor:
        stepper.zero_grad()
        loss = losses.bind("cross_entropy")(model.train()(x), y)
        loss.backward()
        return loss

    for step in range(1, 4):
        gradient()
        stepper.step(gradient)
        bound(model)
        average.update(model, step, 3)
    check_frozen(model, before, dict(model.state_dict()))
    assert not torch.equal(model[3].weight, learnt)


def test_a_change_is_noticed() -> None:
    model = network()
    freeze(model, ["0"])
    before, kept = fingerprint(frozen_state(model)), {name: v.clone() for name, v in model.state_dict().items()}
    check_frozen(model, before, kept)
    kept["0.1.running_mean"] += 1e-6  # only in the weights that were kept
    with pytest.raises(Failed, match="has changed in training"):
        check_frozen(model, before, kept)
    model[0][1].running_var.mul_(1.0001)
    with pytest.raises(Failed, match="not to be trusted"):
        check_frozen(model, before, dict(model.state_dict()))


def test_a_negative_zero_is_no_change() -> None:
    """An average of equal weights turns -0 into 0."""
    assert fingerprint({"w": torch.tensor([-0.0, 1.0])}) == fingerprint({"w": torch.tensor([0.0, 1.0])})
    assert fingerprint({"w": torch.tensor([1.0])}) != fingerprint({"v": torch.tensor([1.0])})


def test_all_but_the_head() -> None:
    model = network()
    assert all_but(model, "3") == ["0", "1", "2"]
    assert all_but(model, "0.0") == ["1", "2", "3", "0.1", "0.2", "0.3"]
    model.token = nn.Parameter(torch.zeros(1))
    freeze(model, all_but(model, "3"))
    assert [name for name, p in model.named_parameters() if p.requires_grad] == ["3.weight", "3.bias"]
    with pytest.raises(UnknownName, match="no module of the network called 'head'"):
        all_but(model, "head")


def test_names_that_cannot_be() -> None:
    with pytest.raises(BadValue, match=r"freeze=3.wieght matches nothing.*Did you mean '3.weight'"):
        freeze(network(), ["3.wieght"])
    with pytest.raises(BadValue, match="leaves nothing to learn"):
        freeze(network(), ["0", "1", "2", "3"])
