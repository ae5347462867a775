import pytest
import torch
from torch import nn

from trainwell.errors import BadData, BadValue, UnknownName
from trainwell.family import Part
from trainwell.initializers import initializers
from trainwell.models import build, dropped, initialized, models, prepare


def test_models_take_the_parts_they_are_given() -> None:
    part = models.part(
        "mlp", widths=[8], activation={"name": "leaky_relu", "slope": 0.2}, norm="layer", dropout="dropout"
    )
    kinds = [type(module).__name__ for module in build(part, (4,), 2, 0)]
    assert kinds == ["Flatten", "Linear", "LayerNorm", "LeakyReLU", "Dropout", "Linear"]


def test_a_part_written_out_in_full_builds_the_same_bits() -> None:
    for id, shape in (("mlp", (6,)), ("convnet", (1, 9, 9))):
        part = models.part(id, activation="tanh")
        full = models.part(models.resolve(part).json())
        first, second = build(part, shape, 3, 0).state_dict(), build(full, shape, 3, 0).state_dict()
        assert all(torch.equal(value, second[name]) for name, value in first.items())


def test_wrong_names_and_values_are_refused_before_anything_is_built() -> None:
    with pytest.raises(UnknownName, match="Did you mean 'resnet18'"):
        build("resnet8", (3, 8, 8), 2, 0)
    with pytest.raises(UnknownName, match=r"There is no argument of models/mlp called 'width'. Did you mean 'widths'"):
        models.part("mlp", width=3)
    with pytest.raises(UnknownName, match=r"There is no activation called 'rleu'. Did you mean 'relu'"):
        models.part("mlp", activation="rleu")
    with pytest.raises(BadValue, match=r"got shape \(4,\) and 0 outputs"):
        build("mlp", (4,), 0, 0)
    with pytest.raises(BadValue, match=r"got shape \(0, 4\) and 1 outputs"):
        build("mlp", (0, 4), 1, 0)


def test_prepare_gives_a_module_deep_inside_what_reaches_it() -> None:
    model = nn.Sequential(nn.AvgPool2d(2), nn.Conv2d(1, 8, 2), nn.BatchNorm2d(8))
    model.data_initializers = {"1": initializers.part("whitening", eps=0.0)}
    images = torch.randn(64, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    assert prepare(model, images) == ["1"]
    covariance = torch.cov(model[1](model[0](images))[:, :4].transpose(0, 1).flatten(1))
    torch.testing.assert_close(covariance, torch.eye(4), atol=2e-3, rtol=0)
    assert not model[2].running_mean.any()
    assert model.training
    assert len(model[1]._forward_pre_hooks) == 0


def test_prepare_does_nothing_where_there_is_nothing_to_do() -> None:
    assert prepare(nn.Linear(2, 2), torch.zeros(0, 2)) == []
    with pytest.raises(BadData, match="the batch is empty"):
        prepare(build("convnet", (1, 8, 8), 2, 0), torch.zeros(0, 1, 8, 8))


def test_dropout_goes_behind_a_layer_and_a_branch_is_refused() -> None:
    layer = nn.Linear(2, 2)
    assert dropped(None, layer) == [layer]
    assert dropped(Part("dropouts", "dropout", {"p": 0.25}), layer)[1].p == 0.25
    with pytest.raises(BadValue, match="drops residual branches, and there is none in this place"):
        build(models.part("mlp", dropout="stochastic_depth"), (4,), 2, 0)


def test_initialized_draws_its_seed_from_the_default_generator() -> None:
    weights = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        model = nn.Sequential(nn.Linear(3, 3))
        initialized(model, "auto", activation="relu", head=model[0], head_scale=1.0)
        weights.append(model[0].weight.detach())
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
    assert model.data_initializers == {}
