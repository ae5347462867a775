"""Leakage between samples: faulty networks, their clean twins, and healthy ones that look faulty."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from trainwell.errors import BadValue
from trainwell.probes.leakage import Leakage, Reach, leakage


def batch(*shape: int) -> tuple[Tensor, Tensor]:
    draws = torch.Generator().manual_seed(0)
    return torch.randn(*shape, generator=draws), torch.arange(shape[0]) % 3


class Last(nn.Module):
    """A class from the last step of a sequence, (N, T, 6)."""

    def __init__(self, batch_first: bool, kind: type[nn.RNNBase] = nn.LSTM) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.recurrent = kind(6, 7, batch_first=batch_first)
        self.head = nn.Linear(7, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.recurrent(x)[0][:, -1])


class Doing(nn.Module):
    """A linear layer with something done before or after it."""

    def __init__(self, do: Callable[[nn.Module, Tensor], Tensor], features: int = 6) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layer = nn.Linear(features, 4)
        self.do = do

    def forward(self, x: Tensor) -> Tensor:
        return self.do(self.layer, x)


def modes(found: Leakage) -> list[Reach]:
    reaches = [found.evaluation, found.training, found.with_batch_norm]
    assert None not in reaches
    return reaches  # type: ignore[return-value]


def clean(found: Leakage) -> bool:
    return all(reach.pairs == 0 and reach.strength == 0 and reach.gradient in (0, None) for reach in modes(found))


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU, nn.RNN])
def test_a_recurrent_layer_that_takes_samples_for_steps(kind: type[nn.RNNBase]) -> None:
    faulty = leakage(Last(False, kind), batch(8, 5, 6))
    for reach in modes(faulty):
        # A sample reaches those behind it, which are half of the pairs, and none before it.
        assert (reach.pairs, reach.later, reach.earlier) == (0.5, 1.0, 0.0)
        assert reach.gradient_pairs == 0.5
        assert reach.strength is not None and reach.strength > 0.05
        assert reach.gradient is not None and reach.gradient > 0.05
    twin = leakage(Last(True, kind), batch(8, 5, 6))
    assert clean(twin)
    assert twin.evaluation is not None and twin.evaluation.own > 0.01
    # Healthy as well: samples along the second axis, as torch's recurrent layers have it unless told otherwise.
    along = Last(False, kind)
    x, y = batch(8, 5, 6)
    assert clean(
        leakage(along, (x.transpose(0, 1).contiguous(), y), forward=lambda m, x: m.head(m.recurrent(x)[0][-1]))
    )


def test_softmax_over_the_samples() -> None:
    faulty = leakage(Doing(lambda layer, x: layer(x).softmax(0)), batch(8, 6))
    assert [reach.pairs for reach in modes(faulty)] == [1, 1, 1]
    assert [reach.gradient_pairs for reach in modes(faulty)] == [1, 1, 1]
    assert clean(leakage(Doing(lambda layer, x: layer(x).softmax(1)), batch(8, 6)))


def test_a_mean_over_the_batch_reaches_by_one_over_n_minus_one() -> None:
    found = leakage(Doing(lambda layer, x: layer(x) - layer(x).mean(dim=0)), batch(8, 6)).evaluation
    assert found is not None
    # A change d of one output changes itself by d (1 - 1/8) and the others by -d / 8.
    assert found.strength == pytest.approx(1 / 7, rel=1e-4)
    assert found.gradient == pytest.approx(1 / 7, rel=1e-4)
    layer_norm = leakage(Doing(lambda layer, x: layer(x) - layer(x).mean(dim=1, keepdim=True)), batch(8, 6))
    assert clean(layer_norm)
    # Its outputs sum to 0: along (1, 1, 1, 1) they have no gradient, in other directions they have.
    assert layer_norm.evaluation is not None and layer_norm.evaluation.gradient == 0


def test_the_change_of_the_own_output_by_hand() -> None:
    x, y = batch(8, 6)
    found = leakage(nn.Identity(), (x, y)).evaluation
    assert found is not None
    # Each sample is exchanged for the next one, the last for the first.
    assert found.own == pytest.approx(float((x.roll(-1, 0) - x).square().mean().sqrt() / x.square().mean().sqrt()))


def test_a_reshape_that_mixes_samples() -> None:
    sample = batch(8, 2, 6)
    faulty = leakage(Doing(lambda layer, x: layer(x.permute(1, 2, 0).reshape(8, 12)), 12), sample)
    assert faulty.evaluation is not None and faulty.evaluation.pairs > 0.5
    assert clean(leakage(Doing(lambda layer, x: layer(x.permute(0, 2, 1).reshape(8, 12)), 12), sample))


def test_batch_norm_explains_itself_and_no_more(mlp: nn.Module) -> None:
    sample = batch(8, 64)
    evaluation, training, with_batch_norm = modes(found := leakage(mlp, sample))
    assert found.num_batch_norms == 1
    assert (evaluation.pairs, training.pairs) == (0, 0)
    assert (training.gradient, with_batch_norm.pairs) == (0, 1)
    assert with_batch_norm.strength is not None and with_batch_norm.strength > 0.05

    class ByHand(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return (x - x.mean(dim=0)) / (x.std(dim=0) + 1e-5)

    mlp[1] = ByHand()
    evaluation, training, with_batch_norm = modes(found := leakage(mlp, sample))
    assert (found.num_batch_norms, evaluation.pairs, training.pairs, with_batch_norm.pairs) == (0, 1, 1, 1)


def test_what_happens_in_training_mode_only_is_seen_there() -> None:
    class Mixing(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x + 0.5 * x.flip(0) if self.training else x

    found = leakage(nn.Sequential(nn.Linear(6, 4), Mixing()), batch(8, 6))
    assert found.evaluation is not None and found.evaluation.pairs == 0
    # Each sample reaches one of the seven others, at half strength: (1/2)^2 over 7 of them.
    assert found.training is not None and found.training.pairs == pytest.approx(1 / 7)
    assert found.training.strength == pytest.approx(0.5 / 7**0.5, rel=1e-4)


@pytest.mark.parametrize(
    "model",
    [
        nn.Sequential(nn.Linear(6, 8), nn.LayerNorm(8), nn.GELU(), nn.Dropout(0.5), nn.Linear(8, 1)),
        nn.Sequential(nn.Unflatten(1, (6, 1)), nn.GroupNorm(2, 6), nn.ReLU(inplace=True), nn.Flatten()),
        nn.Sequential(nn.ReLU(inplace=True), nn.Linear(6, 2)),
        nn.TransformerEncoderLayer(6, 2, 8, batch_first=True),
    ],
)
def test_healthy_networks_do_not_leak(model: nn.Module) -> None:
    found = leakage(model, batch(8, 6) if not isinstance(model, nn.TransformerEncoderLayer) else batch(8, 5, 6))
    assert clean(found), found
    assert found.unseen == ()


def test_attention_over_the_samples_leaks() -> None:
    found = leakage(nn.TransformerEncoderLayer(6, 2, 8, batch_first=False), batch(8, 5, 6))
    assert found.evaluation is not None and found.evaluation.pairs == 1


def test_dicts_whole_numbers_and_outputs_that_cannot_be_seen() -> None:
    class Words(nn.Module):
        def __init__(self, dim: int) -> None:
            super().__init__()
            torch.manual_seed(0)
            self.table = nn.Embedding(20, 6)
            self.dim = dim

        def forward(self, given: dict[str, Tensor]) -> dict[str, Any]:
            found = (self.table(given["words"]) * given["mask"][:, :, None]).sum(dim=1)
            return {"logits": found.softmax(self.dim), "words": given["words"], "loss": found.mean()}

    draws = torch.Generator().manual_seed(0)
    x = {"words": torch.randint(0, 20, (8, 5), generator=draws), "mask": torch.ones(8, 5, dtype=torch.bool)}
    found, faulty = (leakage(Words(dim), (x, torch.arange(8))) for dim in (1, 0))
    assert found.evaluation is not None and (found.evaluation.pairs, found.evaluation.gradient) == (0, None)
    assert faulty.evaluation is not None and faulty.evaluation.pairs == 1
    assert found.unseen == ("output words: holds torch.int64", "output loss: shape () has no axis of 8 samples")


def test_what_cannot_be_looked_at_is_said() -> None:
    x, y = batch(8, 6)
    alike = leakage(nn.Linear(6, 2), (x[:1].expand(8, 6), y))
    assert (alike.evaluation, alike.num_changed) == (None, 0)
    assert alike.unseen == ("input: all samples of the batch are the same, none can be exchanged",)
    other = leakage(Doing(lambda layer, x: layer(x.reshape(16, 3)), 3), (x, y))
    assert other.evaluation is None
    assert other.unseen == ("output: shape (16, 4) has no axis of 8 samples",)
    nan = leakage(Doing(lambda layer, x: layer(x) / 0), (x, y))
    assert nan.unseen == ("outputs in evaluation mode are not finite", "outputs in training mode are not finite")
    cut = leakage(Doing(lambda layer, x: layer(x).detach()), (x, y)).evaluation
    assert cut is not None and (cut.pairs, cut.gradient) == (0, None)
    ignoring = leakage(Doing(lambda layer, x: layer(x * 0)), (x, y)).evaluation
    assert ignoring is not None and (ignoring.own, ignoring.strength) == (0, None)


def test_noise_that_no_seed_holds_is_measured_and_does_not_count() -> None:
    noise = torch.Generator().manual_seed(0)
    model = Doing(lambda layer, x: layer(x) + 1e-3 * torch.randn(8, 4, generator=noise))
    found = leakage(model, batch(8, 6), forward=lambda _, x: model(x)).evaluation
    assert found is not None and found.noise > 1e-4
    assert found.pairs < 0.2
    assert found.own > 0.1


def test_impossible_requests_are_refused() -> None:
    with pytest.raises(BadValue, match="of 1 samples"):
        leakage(nn.Linear(6, 2), batch(1, 6))
    with pytest.raises(BadValue, match="num_changed=0"):
        leakage(nn.Linear(6, 2), batch(8, 6), num_changed=0)
    with pytest.raises(BadValue, match="fails on this batch"):
        leakage(nn.Linear(5, 2), batch(8, 6))


def test_nothing_is_touched_and_the_same_call_gives_the_same(mlp, batches, nothing_touched) -> None:
    x, y = batches(0)
    with nothing_touched(mlp, x, y):
        first = leakage(mlp, (x, y))
    torch.manual_seed(99)
    assert leakage(mlp, (x, y)) == first
    assert len(list(mlp[0]._forward_hooks)) == 0


def test_autocast_inference_mode_frozen_and_tied_layers() -> None:
    class Tied(nn.Module):
        def __init__(self, dim: int) -> None:
            super().__init__()
            torch.manual_seed(0)
            self.layer = nn.Linear(6, 6).requires_grad_(False)
            self.dim = dim

        def forward(self, x: Tensor) -> Tensor:
            return (x + self.layer(torch.tanh(self.layer(x)))).softmax(self.dim)

    def forward(model: nn.Module, x: Tensor) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            return model(x)

    with torch.inference_mode():
        found, faulty = (leakage(Tied(dim), batch(8, 6), forward=forward) for dim in (1, 0))
    assert clean(found)
    assert found.evaluation is not None and found.evaluation.gradient == 0
    assert faulty.evaluation is not None and (faulty.evaluation.pairs, faulty.evaluation.gradient_pairs) == (1, 1)


def test_gradients_that_cannot_be_had_are_said() -> None:
    class Cut(torch.autograd.Function):
        @staticmethod
        def forward(_: Any, x: Tensor) -> Tensor:
            return x.clone()

        @staticmethod
        def backward(*_: Any) -> Tensor:
            raise RuntimeError("no way back")

    found = leakage(Doing(lambda layer, x: layer(Cut.apply(x))), batch(8, 6))
    assert found.unseen == ("gradients in evaluation mode: no way back", "gradients in training mode: no way back")
    assert found.evaluation is not None and (found.evaluation.pairs, found.evaluation.gradient) == (0, None)


def test_an_input_that_shows_no_tensor_is_said() -> None:
    class Sealed:
        def __init__(self) -> None:
            self.x = torch.ones(8, 6)

    sealed = Sealed()
    found = leakage(nn.Linear(6, 2), (sealed, torch.arange(8)), forward=lambda model, x: model(x.x))
    assert found.unseen == ("input: Sealed shows no tensor of samples, none can be exchanged",)
