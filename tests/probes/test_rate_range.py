import math

import pytest
import torch
from sklearn.datasets import load_diabetes
from torch import nn
from torch.nn import functional as F

from trainwell.errors import BadValue
from trainwell.probes.rate_range import rate_range

from .bowl import Bowl, bottomless, sgd, value


def adamw(model, lr):
    return torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=lr)


@pytest.mark.parametrize("curvature", [0.7, 37.0, 1000.0])
def test_a_bowl_diverges_at_two_over_its_curvature(curvature):
    result = rate_range(Bowl(curvature), value, bottomless, sgd, low=1e-6, high=100.0)
    limit = 2 / curvature
    assert result.ok
    assert limit / 2 < result.diverges < 2 * limit
    assert result.high <= result.diverges
    # A tenth of the limit is where the suggestion should be.
    assert limit / 20 < result.suggestion < limit / 5
    assert result.low < limit / 10
    assert f"diverges from {result.diverges:.2g}" in result.message
    assert result.rates[-1] < 100.0
    assert len(result.rates) == len(result.losses) == len(result.smoothed)


@pytest.mark.parametrize("scale", [1.0, 10.0])
def test_noisy_least_squares_diverges_at_two_over_the_largest_curvature(scale):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(512, 8, generator=generator) * scale
    y = x @ torch.randn(8, 1, generator=generator) + torch.randn(512, 1, generator=generator)
    limit = 2 / torch.linalg.eigvalsh(2 * x.T @ x / 512)[-1].item()
    model = nn.Linear(8, 1, bias=False)
    nn.init.zeros_(model.weight)
    result = rate_range(model, F.mse_loss, lambda s: (x[s * 64 % 512 :][:64], y[s * 64 % 512 :][:64]), sgd)
    assert limit / 2 < result.diverges < 2 * limit


def test_rates_are_evenly_spaced_in_their_logarithm():
    result = rate_range(Bowl(1e-6), value, bottomless, sgd, low=0.001, high=1.0, steps_per_decade=10)
    assert len(result.rates) == 31
    assert result.rates[0] == 0.001
    assert result.rates[10] == pytest.approx(0.01)
    assert result.rates[30] == pytest.approx(1.0)


def test_the_average_is_corrected_for_its_start():
    losses = iter([1.0, 2.0, 4.0] + [4.0] * 20)
    model = nn.Linear(1, 1)
    result = rate_range(
        model,
        lambda o, _: o.sum() * 0 + next(losses),
        lambda _: (torch.ones(1, 1), None),
        sgd,
        low=0.1,
        high=1.0,
        steps_per_decade=5,
        smoothing=0.5,
    )
    # Weights 1/2, 1/4, ... over their sum: (1 + 2 * 2) / 3, (1 + 2 * 2 + 4 * 4) / 7.
    assert result.smoothed[:3] == pytest.approx((1.0, 5 / 3, 3.0))


def test_a_curve_read_by_hand():
    # 2 for 20 steps, down to 1 within 20, 1 for 10, then 1.6.
    script = [2.0] * 20 + [2 - 0.05 * i for i in range(20)] + [1.0] * 10 + [1.6] * 30
    losses = iter(script)
    result = rate_range(
        nn.Linear(1, 1),
        lambda o, _: o.sum() * 0 + next(losses),
        lambda _: (torch.ones(1, 1), None),
        sgd,
        low=1e-5,
        high=1.0,
        steps_per_decade=10,
        smoothing=0.0,
    )
    assert result.losses == pytest.approx(script[:51])
    # Two steps to both sides: at step 20 the slope is half of the steepest.
    assert result.low == pytest.approx(result.rates[20])
    assert result.suggestion == pytest.approx(result.rates[40] / 10)
    assert result.high == result.diverges == pytest.approx(result.rates[49])


@pytest.mark.parametrize(("make_optimizer", "good"), [(sgd, 0.3), (adamw, 0.01)])
def test_a_healthy_network_has_its_good_rate_within_the_interval(mlp, batches, make_optimizer, good):
    result = rate_range(mlp, F.cross_entropy, batches, make_optimizer)
    assert result.ok, result.message
    assert result.low < good < result.high
    assert result.low <= result.suggestion <= result.high
    assert result.message.startswith(
        f"loss falls with rates from {result.low:.2g} to {result.high:.2g}, diverges from "
    )
    assert result.advice == ""


def test_repeats_give_medians_and_see_other_batches(mlp, batches):
    steps = []

    def recorded(step):
        steps.append(step)
        return batches(step)

    single = [rate_range(mlp, F.cross_entropy, batches, adamw, high=1e-1)]
    result = rate_range(mlp, F.cross_entropy, recorded, adamw, high=1e-1, repeats=3)
    assert sorted(set(steps)) == list(range(3 * 61))
    single += [
        rate_range(mlp, F.cross_entropy, lambda s, k=k: batches(s + k * 61), adamw, high=1e-1, seed=k) for k in (1, 2)
    ]
    assert result.suggestion == pytest.approx(sorted(one.suggestion for one in single)[1])
    assert result.losses == single[0].losses


def test_repeats_draw_other_masks(mlp, batches):
    seen = []

    def recorded(output, y):
        seen.append(F.cross_entropy(output, y))
        return seen[-1]

    rate_range(mlp, recorded, lambda _: batches(0), sgd, low=1e-9, high=1e-8, repeats=2)
    assert seen[0] != seen[len(seen) // 2]


def test_rate_scale_of_a_group_counts():
    def scaled(model, lr):
        return torch.optim.SGD([{"params": list(model.parameters()), "rate_scale": 100.0}], lr=lr)

    plain = rate_range(Bowl(2.5), value, bottomless, sgd)
    result = rate_range(Bowl(2.5), value, bottomless, scaled, low=1e-7, high=0.1)
    assert plain.diverges / result.diverges == pytest.approx(100, rel=1e-3)


def test_no_divergence_is_said():
    result = rate_range(Bowl(1.3), value, bottomless, sgd, low=1e-4, high=0.5)
    assert result.ok
    assert result.diverges is None
    assert "does not diverge up to 0.5" in result.message
    assert result.high == pytest.approx(0.5)


def test_flat(mlp, batches):
    for p in mlp.parameters():
        nn.init.zeros_(p)
    mlp[-1].bias.requires_grad_(False)
    result = rate_range(mlp, F.cross_entropy, batches, adamw)
    assert not result.ok
    assert "loss stays at 2.303 with rates from 1e-05 to 10" in result.message
    assert "gradients do not reach the weights" in result.advice
    assert result.low is result.high is result.suggestion is result.diverges is None
    assert result.json()["low"] is None


def test_noise_is_not_taken_for_a_fall():
    generator = torch.Generator().manual_seed(3)
    noise = (1 + 0.5 * torch.randn(200, generator=generator)).tolist()
    for start in range(0, 100, 10):
        result = rate_range(
            nn.Linear(1, 1),
            lambda o, y: o.sum() * 0 + y,
            lambda s, start=start: (torch.ones(1, 1), noise[start + s]),
            sgd,
            high=1.0,
        )
        assert not result.ok, result.message
        assert "stays at" in result.message


def test_a_loss_that_jumps_with_every_step_does_not_fall():
    class Jumping(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.zeros((), dtype=torch.float64))

        def forward(self, _):
            return 1 + torch.sin(1e9 * self.weight.detach()) / 2 + self.weight - self.weight.detach()

    result = rate_range(Jumping(), value, bottomless, sgd)
    assert torch.tensor(result.losses).std() > 0.2
    assert not result.ok, result.message


def test_a_fall_smaller_than_the_difference_between_batches_is_found():
    data = load_diabetes()
    x = torch.tensor((data.data - data.data.mean(0)) / data.data.std(0), dtype=torch.float32)
    y = torch.tensor((data.target - data.target.mean()) / data.target.std(), dtype=torch.float32)[:, None]
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Dropout(0.3), nn.Linear(32, 1))
    result = rate_range(model, F.mse_loss, lambda s: (x[s * 8 % 440 :][:8], y[s * 8 % 440 :][:8]), sgd)
    assert result.ok, result.message
    assert result.low < 0.03 < result.high
    # With the same batches and masks the lowest rates change nothing, whatever the batches differ by.
    assert torch.tensor(result.losses[:15]).std() > 0.2
    assert torch.tensor(result.smoothed[:15]).std() < 0.001


def test_a_loss_that_overflows_ends_the_test(mlp, batches):
    def until(step):
        x, y = batches(step)
        return (x if step < 40 else x * math.nan), y

    result = rate_range(mlp, F.cross_entropy, until, adamw, low=1e-4)
    assert result.ok
    assert len(result.losses) == 41
    assert result.rates[37] <= result.diverges <= result.rates[40]
    assert result.json()["losses"][-1] is None
    early = rate_range(mlp, F.cross_entropy, lambda s: until(s + 38), adamw)
    assert not early.ok
    assert len(early.losses) == 3


def test_diverges_at_once():
    result = rate_range(Bowl(1000.0), value, bottomless, sgd, low=0.1, high=10.0)
    assert not result.ok
    assert result.message == f"loss never falls with rates from 0.1 to {result.rates[-1]:.2g}, and diverges from 0.1"
    assert "Start the test at lower rates" in result.advice
    assert result.diverges == pytest.approx(0.1)
    assert len(result.rates) <= 5


def test_uphill(mlp, batches):
    result = rate_range(mlp, lambda o, y: -F.cross_entropy(o, y) + 5, batches, sgd, low=1e-3)
    assert result.ok  # Going down a negated loss is falling too: only the sign of the user's loss is his.
    turned = rate_range(
        mlp, F.cross_entropy, batches, lambda m, lr: torch.optim.SGD(m.parameters(), lr=lr, maximize=True)
    )
    assert not turned.ok
    assert "never falls" in turned.message
    assert "goes down the gradient" in turned.advice


def test_nan_from_the_start_and_frozen(mlp, batches):
    result = rate_range(mlp, lambda o, _: o.sum() * math.nan, batches, sgd)
    assert not result.ok
    assert "the loss is nan before the first step" in result.message
    assert result.json()["losses"] == [None]
    result = rate_range(mlp.requires_grad_(False), F.cross_entropy, batches, sgd)
    assert not result.ok
    assert "no parameter is trainable" in result.message
    assert result.rates == ()


def test_nothing_is_touched_and_a_second_call_agrees(mlp, batches, digits, nothing_touched):
    with nothing_touched(mlp, *digits):
        first = rate_range(mlp, F.cross_entropy, batches, adamw)
    torch.manual_seed(99)
    assert rate_range(mlp, F.cross_entropy, batches, adamw) == first
    assert rate_range(mlp, F.cross_entropy, batches, adamw, seed=1).losses != first.losses


def test_a_loss_that_reaches_for_the_users_model_leaves_its_gradients(mlp, batches, nothing_touched):
    def with_penalty(output, y):
        return F.cross_entropy(output, y) + 1e-4 * sum(p.square().sum() for p in mlp.parameters())

    with nothing_touched(mlp):
        assert rate_range(mlp, with_penalty, batches, adamw).ok


@pytest.mark.parametrize(
    "options",
    [{"low": 0.0}, {"low": 1.0, "high": 0.1}, {"steps_per_decade": 4}, {"repeats": 0}, {"smoothing": 1.0}],
)
def test_impossible_values_are_refused(mlp, batches, options):
    with pytest.raises(BadValue, match="is not possible: expected"):
        rate_range(mlp, F.cross_entropy, batches, sgd, **options)
