"""Outputs that do or do not tell the samples apart, and modes that do or do not agree."""

import pytest
import torch
from torch import Tensor, nn

from trainwell.errors import BadValue
from trainwell.probes.outputs import Outputs, outputs


def look(model: nn.Module, x: Tensor) -> Outputs:
    found = outputs(model, (x, torch.zeros(len(x))))
    assert found is not None
    return found


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_figures_worked_out_by_hand() -> None:
    class Shift(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x + 3 if self.training else x

    # One output, 1 and 5: scale sqrt((1 + 25) / 2), spread 2.
    found = look(Shift(), torch.tensor([[1.0], [5.0]]))
    assert found.evaluation.scale == pytest.approx(13**0.5)
    assert found.evaluation.spread == 2
    assert found.evaluation.alike == pytest.approx(2 / 13**0.5)
    assert (found.evaluation.distinct, found.evaluation.finite) == (1, 1)
    assert (found.gap, found.gap_without_dropout, found.noise) == (1.5, 1.5, 0)
    assert found.agreement == pytest.approx(1)
    assert (found.same_class, found.num_tracked) == (None, None)
    assert (found.num_samples, found.num_inputs, found.num_outputs) == (2, 2, 1)


def test_an_output_that_is_the_same_for_all_samples() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3))
    clean = look(model, noise(32, 6))
    assert clean.evaluation.alike is not None and clean.evaluation.alike > 0.1
    assert clean.evaluation.distinct == clean.training.distinct == 1
    nn.init.constant_(model[0].bias, -100.0)  # every unit dead
    faulty = look(model, noise(32, 6))
    assert faulty.evaluation.distinct == 1 / 32
    assert faulty.evaluation.spread < 1e-7
    assert faulty.training == faulty.evaluation
    # Healthy as well: a head started at zero under a bias; one input that comes 32 times.
    same = look(nn.Linear(6, 3), noise(1, 6).expand(32, 6))
    assert (same.num_inputs, same.evaluation.distinct) == (1, 1)
    zero = nn.Linear(6, 3)
    nn.init.zeros_(zero.weight)
    nn.init.zeros_(zero.bias)
    nothing = look(zero, noise(32, 6))
    assert (nothing.evaluation.scale, nothing.evaluation.alike, nothing.gap, nothing.agreement) == (0, None, None, None)


def test_a_large_shared_part_shows_as_alike_but_distinct() -> None:
    model = nn.Linear(6, 3)
    nn.init.constant_(model.bias, 1000.0)
    found = look(model, noise(32, 6)).evaluation
    assert found.alike is not None and found.alike < 1e-2
    assert found.distinct == 1


def test_an_output_alike_in_one_mode_only() -> None:
    class Broken(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x if self.training else x * 0 + 1

    found = look(Broken(), noise(32, 6))
    assert (found.training.distinct, found.evaluation.distinct) == (1, 1 / 32)
    assert (found.evaluation.alike, found.gap, found.agreement) == (0, None, None)


def test_dropout_and_batch_norm_are_told_apart() -> None:
    torch.manual_seed(0)
    x = noise(256, 20)
    dropping = look(nn.Sequential(nn.Linear(20, 50), nn.Dropout(0.5), nn.Linear(50, 4)), x)
    assert dropping.gap is not None and dropping.noise is not None
    assert dropping.gap > 0.3
    assert dropping.gap_without_dropout == pytest.approx(0, abs=1e-6)
    # Two draws differ by sqrt(2) times what each differs from the mean.
    assert dropping.noise / dropping.gap == pytest.approx(2**0.5, rel=0.1)

    norm = nn.BatchNorm1d(20)
    fresh = look(norm, 10 * x + 5)
    assert fresh.num_tracked == 0
    assert fresh.gap is not None and fresh.gap > 0.5
    assert fresh.gap_without_dropout == fresh.gap
    assert fresh.noise == 0
    for _ in range(100):
        norm(10 * x + 5)
    settled = look(norm, 10 * x + 5)
    assert settled.num_tracked == 100
    assert look(nn.Sequential(norm, nn.BatchNorm1d(20)), x).num_tracked == 0
    assert settled.gap == pytest.approx(0, abs=0.01)
    assert settled.agreement == pytest.approx(1, abs=1e-4)
    assert settled.same_class is not None and settled.same_class > 0.98


def test_a_frozen_momentum_leaves_the_modes_apart() -> None:
    torch.manual_seed(0)
    faulty = nn.Sequential(nn.BatchNorm1d(20, momentum=0.0), nn.Linear(20, 4))
    clean = nn.Sequential(nn.BatchNorm1d(20), nn.Linear(20, 4))
    x = noise(256, 20) * torch.logspace(-2, 1, 20) + 3
    for model in (faulty, clean):
        for _ in range(200):
            model(x)
    gaps = [look(model, x).gap for model in (faulty, clean)]
    assert gaps[0] is not None and gaps[0] > 0.5
    assert gaps[1] is not None and gaps[1] < 0.01


def test_what_is_not_finite_is_counted() -> None:
    class Half(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.sqrt()

    found = look(Half(), torch.tensor([[-1.0], [4.0], [9.0], [-2.0]])).evaluation
    assert found.finite == 0.5
    assert found.scale == pytest.approx((13 / 4) ** 0.5)


def test_dicts_are_taken_and_what_cannot_be_seen_is_said() -> None:
    class Both(nn.Module):
        def forward(self, given: dict[str, Tensor]) -> dict[str, Tensor]:
            return {"y": given["a"] * 2, "mean": given["a"].mean()}

    sample = ({"a": noise(5, 2)}, torch.arange(5))
    found = outputs(Both(), sample)
    assert found is not None
    assert found.unseen == ("output mean: shape () has no axis of 5 samples",)
    assert found.num_outputs == 2
    assert outputs(Both(), sample, forward=lambda model, x: model(x)["mean"]) is None
    with pytest.raises(BadValue, match="pair"):
        outputs(Both(), sample[0])  # type: ignore[arg-type]


def test_nothing_is_touched_and_the_same_call_gives_the_same(mlp, batches, nothing_touched) -> None:
    x, y = batches(0)
    with nothing_touched(mlp, x, y):
        first = outputs(mlp, (x, y))
    torch.manual_seed(99)
    assert outputs(mlp, (x, y)) == first
    assert outputs(mlp, (x, y), seed=1) != first
