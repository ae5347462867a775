import pytest
import torch
from torch import nn
from torch.nn import functional as F

from trainwell.draws import order
from trainwell.probes.controls import (
    CONTROLS,
    controls,
    evaluation_mode,
    initialised,
    no_decay,
    no_dropout,
    shuffled_labels,
    standardised_inputs,
    zeroed_inputs,
)
from trainwell.probes.paired import paired
from trainwell.probes.program import program


def relu_net(layers: int = 1) -> nn.Sequential:
    torch.manual_seed(0)
    hidden = [layer for _ in range(layers) for layer in (nn.Linear(64, 64), nn.ReLU())]
    return nn.Sequential(*hidden, nn.Linear(64, 10))


def effect(change, model, batches, *, lr=0.1, decay=0.0, **more):
    optimizer = torch.optim.SGD(model.parameters(), lr=lr, weight_decay=decay)
    return paired(model, F.cross_entropy, optimizer, batches, {"change": change}, **more).effects[0]


def changed(model, change, batch, loss=F.cross_entropy, forward=None, seed=0, axis=1):
    """A program with the change, what was said, and the loss of a step on it."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with program(model, loss, optimizer, [batch], batch, forward=forward, seed=seed, axis=axis) as trial:
        why = change(trial)
        return trial, why, trial.step(0)[0]


def test_standardised_inputs_help_raw_ones_and_only_them(batches):
    def shifted(step):
        x, y = batches(step)
        return x + 20, y

    mended = effect(standardised_inputs, relu_net(), shifted)
    assert mended.train.unchanged > 2.2  # log 10 is 2.3: nothing is learnt
    assert mended.train.relative < -0.4
    clean = effect(standardised_inputs, relu_net(), batches)
    assert abs(clean.train.relative) < 0.05
    assert clean.train.share == pytest.approx(1.0, abs=0.05)


def test_standardised_inputs_have_mean_0_and_spread_1_per_feature():
    torch.manual_seed(0)
    x = torch.randn(50, 3, 4, 4) * torch.tensor([1.0, 10.0, 0.0])[:, None, None] + 5
    ids = torch.arange(50)
    model = nn.Conv2d(3, 1, 4)
    forward = lambda model, x: model(x["image"])[:, 0, 0]  # noqa: E731
    batch = ({"image": x, "id": ids}, torch.zeros(50, 1))
    trial, why, _ = changed(model, standardised_inputs, batch, F.mse_loss, forward)
    image = trial.batches[0][0]["image"]
    assert why == ""
    assert image.dtype == torch.float32
    assert image.mean((0, 2, 3)).tolist() == pytest.approx([0, 0, 0], abs=1e-5)
    assert image.std((0, 2, 3), correction=0).tolist() == pytest.approx([1, 1, 0], abs=1e-5)
    assert torch.equal(image, trial.held[0]["image"])
    assert trial.batches[0][0]["id"] is ids
    last, _, _ = changed(
        nn.Linear(2, 1), standardised_inputs, (x[:, 0, :, :2], torch.zeros(50, 4, 1)), F.mse_loss, axis=-1
    )
    assert last.batches[0][0].std((0, 1), correction=0).tolist() == pytest.approx([1, 1], abs=1e-5)
    _, why, _ = changed(nn.Embedding(50, 1), standardised_inputs, (ids, torch.zeros(50, 1)), F.mse_loss)
    assert why == "no input holds floating-point numbers with an axis of samples"


def test_zeroed_inputs_tell_how_much_is_learnt_without_any(batches):
    torch.manual_seed(0)
    x, y = torch.randn(1312, 64), (torch.rand(1312) < 0.9).long()

    def noise(step):
        return x[step * 32 :][:32], y[step * 32 :][:32]

    def uneven(step):
        return batches(step)[0], (batches(step)[1] > 0).long()

    # Inputs that say nothing about labels of which nine tenths are alike: all that is learnt is their frequency.
    blind = effect(zeroed_inputs, relu_net(), noise).held
    assert blind.share > 0.9
    assert abs(blind.relative) < 0.2
    # Labels as uneven, and inputs that tell: most of the fall is that of the frequency, and yet the ends differ.
    telling = effect(zeroed_inputs, relu_net(), uneven).held
    assert telling.share < 0.9
    assert telling.relative > 0.5
    assert effect(zeroed_inputs, relu_net(), batches).held.share < 0.1


def test_zeroed_inputs_keep_whole_numbers_possible():
    x = (torch.randn(4, 3), torch.tensor([3, 1, 2, 2]))
    forward = lambda model, x: model(x[0] + x[1][:, None])  # noqa: E731
    trial, _, _ = changed(nn.Linear(3, 2), zeroed_inputs, (x, torch.zeros(4, dtype=torch.int64)), forward=forward)
    assert not trial.batches[0][0][0].any()
    assert trial.batches[0][0][1].tolist() == [3, 3, 3, 3]
    assert x[0].all()


def test_shuffled_labels_are_learnt_slower_unless_they_were_shuffled_before(digits, batches):
    y = digits[1]
    mixed = y[torch.from_numpy(order(0, 0, len(y)))]

    def spoilt(step):
        return batches(step)[0], mixed[step * 32 % 1760 :][:32]

    clean = effect(shuffled_labels, relu_net(), batches, num_batches=10)
    assert clean.train.mean > 0.3
    assert clean.train.share < 0.3
    assert abs(effect(shuffled_labels, relu_net(), spoilt, num_batches=10).train.mean) < 0.05


def test_labels_are_dealt_out_once_over_all_batches(digits):
    x, y = digits
    batches = [(x[i : i + 10], {"label": y[i : i + 10], "twice": 2 * y[i : i + 10]}) for i in (0, 10, 20)]
    model = nn.Linear(64, 10)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with program(model, F.cross_entropy, optimizer, batches, batches[0], seed=3) as trial:
        assert shuffled_labels(trial) == ""
        labels = [batch[1]["label"] for batch in trial.batches]
        assert all(
            torch.equal(batch[1]["twice"], 2 * label) for batch, label in zip(trial.batches, labels, strict=True)
        )
        assert torch.equal(torch.cat(labels).sort().values, y[:30].sort().values)
        assert not torch.equal(torch.cat(labels), y[:30])
        assert not torch.equal(labels[0].sort().values, y[:10].sort().values)
        assert trial.batches[0][0] is batches[0][0]
    uneven = [(x[:10], y[:10]), (x[:10], y[:10, None])]
    with program(model, F.cross_entropy, optimizer, uneven, uneven[0]) as trial:
        assert "differ in shape" in shuffled_labels(trial)
        assert trial.batches == uneven


def test_weights_too_small_are_mended_and_sound_ones_stay_as_good(batches):
    small = relu_net(3)
    for p in small.parameters():
        p.data.mul_(0.05)
    assert effect(initialised, small, batches, lr=0.5).train.mean < -0.4
    assert abs(effect(initialised, relu_net(), batches, lr=0.5).train.mean) < 0.05


def test_layers_are_filled_for_the_activation_that_is_called():
    class Functional(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = nn.Linear(400, 400)
            self.second = nn.Linear(400, 400)
            self.head = nn.Linear(400, 10)
            self.second.requires_grad_(False)

        def forward(self, x):
            return self.head(F.relu(self.second(F.relu(self.first(x)))))

    torch.manual_seed(0)
    model = Functional()
    batch = (torch.randn(8, 400), torch.zeros(8, dtype=torch.int64))
    optimizer = torch.optim.Adam(model.parameters())
    with program(model, F.cross_entropy, optimizer, [batch], batch, seed=1) as trial:
        trial.step(0)
        assert trial.optimizer.state
        assert initialised(trial) == ""
        assert not trial.optimizer.state
        # He's: 2 / fan_in. Frozen weights stay.
        assert trial.model.first.weight.var().item() == pytest.approx(2 / 400, rel=0.02)
        assert torch.equal(trial.model.second.weight, model.second.weight)
        assert not trial.model.first.bias.any()
        # Glorot's at the head, where nothing follows.
        assert trial.model.head.weight.var().item() == pytest.approx(2 / 410, rel=0.1)
    assert changed(nn.Embedding(4, 10), initialised, (torch.arange(4), torch.arange(4)))[1].startswith(
        "the model holds no"
    )
    wrapped = nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Linear(400, 10)))
    assert changed(wrapped, initialised, batch)[1] == "the weight of 0 is made from others and cannot be filled"


class Dropping(nn.Module):
    """Drops by a layer, by a function, within a recurrent layer and within attention."""

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p
        self.layer = nn.Dropout(p)
        self.recurrent = nn.GRU(64, 16, num_layers=2, dropout=p, batch_first=True)
        self.attention = nn.MultiheadAttention(16, 2, dropout=p, batch_first=True)
        self.head = nn.Linear(16, 10)

    def forward(self, x):
        h, _ = self.recurrent(self.layer(x)[:, None].expand(-1, 3, -1))
        h, _ = self.attention(h, h, h)
        h = F.scaled_dot_product_attention(h, h, h, dropout_p=self.p if self.training else 0.0)
        return self.head(F.dropout(h[:, -1], self.p, self.training))


def test_no_dropout_reaches_every_kind(batches):
    torch.manual_seed(0)
    model = Dropping(0.5)
    x, y = batches(0)
    expected = F.cross_entropy(model.eval()(x), y).item()
    assert changed(model, lambda _: "", (x, y))[2] != pytest.approx(expected, rel=1e-6)
    _, why, value = changed(model, no_dropout, (x, y))
    assert why == ""
    assert value == pytest.approx(expected, rel=1e-6)
    assert model.layer.p == 0.5
    assert changed(Dropping(0.0), no_dropout, (x, y))[1] == "nothing is dropped"


def test_too_much_dropout_shows_beside_a_usual_share(batches):
    def net(p):
        return nn.Sequential(*relu_net()[:2], nn.Dropout(p), nn.Linear(64, 10))

    assert effect(no_dropout, net(0.95), batches).train.mean < -0.3
    assert abs(effect(no_dropout, net(0.1), batches).train.mean) < 0.1


def test_too_much_decay_shows_beside_a_usual_one(batches):
    assert effect(no_decay, relu_net(), batches, decay=1.0).train.mean < -0.3
    assert abs(effect(no_decay, relu_net(), batches, decay=1e-4).train.mean) < 0.01
    assert effect(no_decay, relu_net(), batches).why_not == "the optimizer has no weight decay"


def test_evaluation_mode_goes_by_the_running_statistics(mlp, batches):
    x, y = batches(0)
    expected = F.cross_entropy(mlp.eval()(x), y).item()
    trial, why, value = changed(mlp.train(), evaluation_mode, (x, y))
    assert (why, value) == ("", pytest.approx(expected, rel=1e-6))
    assert not trial.model[1].num_batches_tracked
    trial, _, _ = changed(Dropping(0.5), evaluation_mode, (x, y))
    assert [trial.model.recurrent.training, trial.model.layer.training] == [True, False]
    # Modes last through a whole training; what knows no mode does not change.
    unmoved = effect(evaluation_mode, relu_net(), batches, steps=6)
    assert unmoved.train.mean == unmoved.held.mean == 0.0
    assert effect(evaluation_mode, mlp, batches, steps=6).train.mean != 0.0


def test_every_control_of_a_healthy_network_leaves_all_as_it_was(mlp, batches, digits, nothing_touched):
    optimizer = torch.optim.AdamW(mlp.parameters(), lr=1e-3)
    with nothing_touched(mlp, *digits):
        result = controls(mlp, F.cross_entropy, optimizer, batches, steps=10, repeats=2)
    assert [effect.name for effect in result.effects] == list(CONTROLS)
    assert all(effect.why_not == "" and effect.train.repeats == 2 for effect in result.effects)
    assert not optimizer.state
    assert optimizer.param_groups[0]["weight_decay"] == 0.01
    assert controls(mlp, F.cross_entropy, optimizer, batches, steps=10, repeats=2) == result
