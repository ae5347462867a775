import pytest
import torch

from trainwell.errors import BadValue
from trainwell.models import build, models


def test_layers_and_parameters_by_hand() -> None:
    model = build("mlp", (13,), 3, 0)
    assert sum(p.numel() for p in model.parameters()) == 13 * 64 + 64 + 64 * 64 + 64 + 64 * 3 + 3
    assert model(torch.zeros(2, 13)).tolist() == [[0.0] * 3] * 2


def test_head_starts_small_and_the_rest_by_the_activation() -> None:
    model = build(models.part("mlp", widths=[500]), (400,), 300, 0)
    assert model[1].weight.std().item() == pytest.approx((2 / 400) ** 0.5, rel=0.02)
    assert model[-1].weight.std().item() == pytest.approx(0.1 * (2 / 800) ** 0.5, rel=0.02)
    assert model[-1].weight.abs().max().item() <= 0.1 * (6 / 800) ** 0.5


def test_no_hidden_layer_is_a_linear_model_and_images_are_flattened() -> None:
    model = build(models.part("mlp", widths=[]), (2, 3, 3), 4, 0)
    assert [tuple(p.shape) for p in model.parameters()] == [(4, 18), (4,)]
    assert model(torch.zeros(5, 2, 3, 3)).shape == (5, 4)


def test_a_norm_with_a_shift_takes_the_bias() -> None:
    assert build(models.part("mlp", norm="batch"), (4,), 2, 0)[1].bias is None
    assert build("mlp", (4,), 2, 0)[1].bias is not None


def test_a_width_of_0_is_refused() -> None:
    with pytest.raises(BadValue, match=r"mlp.widths=\(4, 0\) is not possible"):
        build(models.part("mlp", widths=[4, 0]), (4,), 2, 0)


def test_skip_adds_a_line_that_starts_at_0() -> None:
    plain, model = build("mlp", (2, 3), 2, 0), build(models.part("mlp", skip=True), (2, 3), 2, 0)
    x = torch.arange(12.0).reshape(2, 2, 3)
    assert sum(p.numel() for p in model.parameters()) == sum(p.numel() for p in plain.parameters()) + 6 * 2
    assert torch.equal(model(x), model.deep(x))
    model.wide.weight.data[1] = 1.0
    assert (model(x) - model.deep(x)).tolist() == [[0.0, pytest.approx(15)], [0.0, pytest.approx(51)]]


def test_skip_leaves_the_start_of_the_rest_as_it_is() -> None:
    model = build(models.part("mlp", widths=[500], skip=True), (400,), 300, 0)
    assert model.deep[1].weight.std().item() == pytest.approx((2 / 400) ** 0.5, rel=0.02)
    assert model.deep[-1].weight.std().item() == pytest.approx(0.1 * (2 / 800) ** 0.5, rel=0.02)
    assert not model.deep[-1].bias.any()


def test_the_line_learns() -> None:
    model = build(models.part("mlp", skip=True), (4,), 2, 0)
    model(torch.ones(3, 4)).sum().backward()
    assert model.wide.weight.grad.tolist() == [[3.0] * 4] * 2


def test_skip_without_hidden_layers_is_refused() -> None:
    with pytest.raises(BadValue, match=r"mlp\.skip=True has no effect without hidden layers"):
        build(models.part("mlp", widths=[], skip=True), (4,), 2, 0)


def test_a_norm_behind_the_activation_leaves_the_bias() -> None:
    model = build(models.part("mlp", widths=[8], norm="layer", norm_place="after"), (4,), 2, 0)
    x = torch.randn(5, 4, generator=torch.Generator().manual_seed(0))
    hidden = torch.nn.functional.layer_norm(model[1](x).relu(), (8,))
    torch.testing.assert_close(model(x), model[-1](hidden))
    assert model[1].bias is not None


def test_maxout_reads_wider_layers() -> None:
    part = models.part("mlp", widths=[6], norm="batch", activation={"name": "maxout", "pieces": 4})
    model = build(part, (5,), 2, 0)
    assert (model[1].out_features, model[2].num_features, model[-1].in_features) == (24, 24, 6)
    after = build(models.part(part, norm_place="after"), (5,), 2, 0)
    assert (after[1].out_features, after[3].num_features, after[-1].in_features) == (24, 6, 6)
