"""Grids of heads: against a loop with torch's own optimizer, and what is folded into the weights."""

import copy
import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from trainwell.data.batches import ArraySource, Feed, Stream
from trainwell.draws import key
from trainwell.errors import BadValue
from trainwell.losses import losses
from trainwell.training.engine import Engine
from trainwell.training.features import features_of
from trainwell.training.heads import Features, Head, best, grid, train_heads

CPU = torch.device("cpu")
LOSS = losses.bind({"name": "cross_entropy", "smoothing": 0.1})
PLAIN = losses.bind("cross_entropy")


def clusters(count: int = 90, scale: float = 1.0) -> Features:
    generator = torch.Generator().manual_seed(0)
    target = torch.arange(count) % 3
    centres = torch.randn(3, 6, generator=generator) * 2 + 5
    x = centres[target] + torch.randn(count, 6, generator=generator)
    return Features(x[None, :60], target[:60], x[60:], target[60:], scale)


def settings(**changed: Any) -> dict[str, Any]:
    fixed = {"loss": LOSS, "plain_loss": PLAIN, "num_outputs": 3, "num_classes": 3, "with_bias": True}
    return fixed | {"epochs": 10, "batch_size": 16, "seed": 0} | changed


def test_a_head_of_the_grid_is_what_torch_trains_alone() -> None:
    features = clusters()
    trained = train_heads(features, grid((0.1, 1.0), (0.0, 1e-2), 2), **settings())
    for head in (trained[1], trained[-1]):
        x = features.train[0].double()
        spread = x.std(0, correction=0) * math.sqrt(6)
        shift, x = x.mean(0), (x - x.mean(0)) / spread
        layer = nn.Linear(6, 3).double()
        generator = torch.Generator().manual_seed(key(0, "head", head.seed))
        with torch.no_grad():
            layer.weight.copy_((torch.randn(6, 3, generator=generator) * 1e-3).T)
            layer.bias.zero_()
        groups = [{"params": [layer.weight], "weight_decay": head.weight_decay}, {"params": [layer.bias]}]
        stepper = torch.optim.SGD(groups, lr=head.lr, momentum=0.9, nesterov=True)
        stream = Stream(60, 16, key(0, "heads", head.seed) % 2**53)
        steps = stream.steps(10)
        for step in range(steps):
            for group in stepper.param_groups:
                group["lr"] = head.lr * 0.5 * (1 + math.cos(math.pi * step / steps))
            indices = stream.at(step)[0]
            stepper.zero_grad()
            LOSS(layer(x[indices]), features.target[indices]).backward()
            stepper.step()
        assert head.weight is not None and head.bias is not None and head.scores is not None
        torch.testing.assert_close(head.weight.double(), layer.weight.detach() / spread, rtol=1e-3, atol=1e-4)
        outputs = (features.valid.double() - shift) / spread @ layer.weight.T + layer.bias
        expected = float(PLAIN(outputs, features.valid_target).detach())
        assert head.scores["valid_loss"] == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("balanced", [True, False])
def test_every_class_is_drawn_alike_often_where_that_is_asked(balanced: bool) -> None:
    seen: list[Tensor] = []

    def loss(output: Tensor, target: Tensor) -> Tensor:
        seen.append(target)
        return LOSS(output, target)

    x, target = clusters().train[0], torch.tensor([0] * 50 + [1] * 5 + [2] * 5)
    train_heads(Features(x[None], target, None, None), [Head(1.0, 0.0, 0)], **settings(loss=loss, balanced=balanced))
    counts = torch.cat(seen).bincount()
    assert (counts.max() < 1.1 * counts.min()) if balanced else (counts[0] > 8 * counts[1])


@pytest.mark.parametrize("with_bias", [True, False])
def test_the_folded_head_gives_the_scores_on_the_features_as_they_are(with_bias: bool) -> None:
    features = clusters(scale=1 / 9)
    head = train_heads(features, [Head(1.0, 0.0, 0)], **settings(with_bias=with_bias))[0]
    assert head.weight is not None and head.scores is not None and (head.bias is not None) is with_bias
    outputs = (features.valid @ head.weight.T + (head.bias if head.bias is not None else 0.0)) / 9
    accuracy = float((outputs.argmax(1) == features.valid_target).double().mean())
    assert head.scores["valid_accuracy"] == accuracy >= 0.9
    assert head.scores["valid_loss"] == pytest.approx(float(PLAIN(outputs, features.valid_target)), rel=1e-4)


def test_values_to_predict() -> None:
    x = torch.randn(80, 4, generator=torch.Generator().manual_seed(0))
    y = torch.stack([x[:, 0] - x[:, 1], x[:, 2] * 2], 1)
    mse = losses.bind("mse")
    given = settings(loss=mse, plain_loss=mse, num_outputs=2, num_classes=None, epochs=40)
    trained = train_heads(Features(x[None, :60], y[:60], x[60:], y[60:]), grid((0.1, 1.0), (0.0,), 1), **given)
    assert trained[best(trained, "valid_r2", 30)].scores["valid_r2"] > 0.99


def test_copies_are_seen_and_constant_features_do_no_harm() -> None:
    features = clusters()
    constant = torch.full((1, 60, 1), 7.0)
    constant[0, ::2] += 1e-6  # but for the last bits, which are not to be taken for what tells samples apart
    blank = torch.cat([features.train, constant], 2)
    copies = torch.cat([blank, torch.zeros_like(blank)])  # a copy that says nothing: half of what is seen
    held = torch.cat([features.valid, torch.full((30, 1), 7.0001)], 1)
    one = train_heads(Features(blank, features.target, held, features.valid_target), [Head(1.0, 0.0, 0)], **settings())
    two = train_heads(Features(copies, features.target, held, features.valid_target), [Head(1.0, 0.0, 0)], **settings())
    assert one[0].scores["valid_accuracy"] > 0.9
    assert two[0].scores["valid_loss"] > one[0].scores["valid_loss"]


def test_a_grid_has_no_pair_that_decay_alone_throws_about() -> None:
    pairs = {(head.lr, head.weight_decay) for head in grid()}
    assert (100.0, 0.01) in pairs and (10.0, 0.1) in pairs
    assert (30.0, 0.1) not in pairs and (100.0, 0.1) not in pairs
    assert [(head.lr, head.weight_decay) for head in grid((100.0,), (0.5,), 1)] == [(100.0, 0.5)], "as it was asked for"


def test_the_best_is_finite_and_within_an_error_of_the_highest_that_of_the_lowest_loss() -> None:
    def scored(accuracy: float, loss: float) -> Head:
        return Head(1.0, 0.0, 0, {"valid_accuracy": accuracy, "valid_loss": loss})

    heads = [scored(0.8, 0.2), scored(0.9, 0.4), scored(0.9, 0.3), scored(0.95, math.nan)]
    assert best(heads, "valid_accuracy", 10_000) == 2
    assert best(heads, "valid_accuracy", 10) == 2, "0.9 of 10 is known to 0.095"
    assert best(heads, "valid_accuracy", 8) == 0, "0.9 of 8 is known to 0.106"
    assert best(heads, "valid_loss", 10_000) == 0
    with pytest.raises(BadValue, match="None of the heads has a finite loss"):
        best(heads[3:], "valid_accuracy", 10)


class Bodied(nn.Module):
    """A network that scales what its head gives, and drops some of what it gets."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(5, 7), nn.BatchNorm1d(7), nn.ReLU(), nn.Dropout(0.5))
        self.head = nn.Linear(7, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.body(x)) * 0.25


def feed(rows: Tensor) -> Feed:
    x = torch.randn(40, 5, generator=torch.Generator().manual_seed(2))
    given: dict[str, Any] = {"images": False, "prepare": None, "num_classes": 3, "device": CPU}
    return Feed(ArraySource(x), torch.arange(40) % 3, rows.numpy(), batch_size=8, seed=0, **given)


def test_features_are_what_goes_into_the_head_in_evaluation_mode() -> None:
    torch.manual_seed(0)
    model = Bodied().train()
    before = copy.deepcopy(model.state_dict())
    train, valid = feed(torch.arange(30)), feed(torch.arange(30, 40))
    found = features_of(model, "head", train, valid, Engine(CPU, "fp32", "contiguous", False, 1))
    assert (found.train.shape, found.valid.shape) == ((1, 30, 7), (10, 7))
    assert found.scale == pytest.approx(0.25)
    assert model.training and model.body.training
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    with torch.no_grad():
        torch.testing.assert_close(found.train[0], model.eval().body(train.some(torch.arange(30))[0]))


def test_a_head_that_is_not_the_last_thing_is_refused() -> None:
    model = nn.Sequential(nn.Linear(5, 7), nn.Linear(7, 3), nn.Softmax(1))
    with pytest.raises(BadValue, match=r"not those of its head \(1\).*transfer=full"):
        features_of(model, "1", feed(torch.arange(30)), None, Engine(CPU, "fp32", "contiguous", False, 1))
