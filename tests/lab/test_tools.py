"""What claims share: stacks and what passes through them, small trainings, walks of optimizers."""

import math

import pytest
import torch

from trainwell.errors import Diverged
from trainwell.lab.networks import drawn_loss, normal, passage, shares, stack
from trainwell.lab.training import CPU, built_in, course, ends_of, plain_recipe
from trainwell.lab.walks import walk
from trainwell.models import models
from trainwell.optimizers import optimizers
from trainwell.training.setup import set_up


def test_what_passes_through_a_stack_is_what_its_layers_give() -> None:
    model = stack("tanh", "xavier_normal", (5, 4, 3), seed=0, head=2)
    x = normal(6, 5, 1)
    found = passage(model, x, drawn_loss(6, 2, 2))
    first = model[1](x)
    assert torch.equal(found.inputs[0], first)
    assert torch.equal(found.outputs[1], model[:5](x))
    slope = 1 - found.outputs[0].square()
    torch.testing.assert_close(found.input_gradients[0], found.output_gradients[0] * slope)
    torch.testing.assert_close(found.weight_gradients[0], found.input_gradients[0].T @ x)
    assert [len(part) for part in (found.inputs, found.weight_gradients)] == [2, 2]
    assert passage(model, x).weight_gradients == []


def test_a_stack_is_filled_by_the_plain_rule() -> None:
    weight = stack("tanh", "xavier_normal", (400, 400), seed=0)[1].weight  # without the gain of tanh
    assert float(weight.detach().std()) == pytest.approx(math.sqrt(2 / 800), rel=0.02)


def test_shares_of_a_histogram() -> None:
    assert shares(torch.tensor([-0.9, -0.8, 0.1, 5.0]), (-1.0, 1.0), bins=2) == [0.5, 0.25]


def test_a_walk_takes_the_steps_of_its_optimizer() -> None:
    part = optimizers.part("sgd", lr=0.25, momentum=0.0)
    assert walk(lambda p: p.square().sum(), (1.0, -2.0), part, 3) == [[0.5**n, -2 * 0.5**n] for n in range(4)]
    assert len(walk(lambda p: p.square().sum(), (1.0,), part, 50, until=lambda p, _: abs(float(p[0])) < 0.3)) == 3
    steep = optimizers.part("sgd", lr=1e200, momentum=0.0)
    assert len(walk(lambda p: p.pow(4).sum(), (1.0,), steep, 50)) == 2
    noisy = walk(lambda p: p.sum(), (0.0,), part, 5, noise=1.0, seed=3)
    assert noisy == walk(lambda p: p.sum(), (0.0,), part, 5, noise=1.0, seed=3)
    assert noisy != walk(lambda p: p.sum(), (0.0,), part, 5, noise=1.0, seed=4)


def test_a_course_has_the_loss_of_every_step() -> None:
    steps: list[int] = []
    recipe = plain_recipe(model=models.part("mlp", widths=(8,)), epochs=2, batch_size=50)
    found = course(built_in("iris"), recipe, watch=lambda trainer: steps.append(trainer.step))
    assert steps == list(range(1, len(found.losses) + 1))
    assert found.losses[0] == pytest.approx(math.log(3), abs=0.1)
    assert found.last("train_loss") == found.scores[-1]["train_loss"]
    assert not found.diverged


def test_a_course_that_diverges_says_so() -> None:
    recipe = plain_recipe(
        model=models.part("mlp", widths=(8, 8, 8)),
        optimizer={"name": "sgd", "lr": 1e30, "momentum": 0.0},
        batch_size=20,
        epochs=3,
    )
    found = course(built_in("iris"), recipe)
    assert found.diverged
    assert found.last("train_loss") is None


def test_scores_at_the_end_are_those_of_the_course() -> None:
    recipe = plain_recipe(model=models.part("mlp", widths=(8,)), epochs=2, batch_size=50)
    last = course(built_in("iris"), recipe).scores[-1]
    found = ends_of(set_up(built_in("iris"), recipe, CPU.device))
    assert found == {name: last[name] for name in ("train_loss", "train_accuracy", "valid_loss", "valid_accuracy")}
    steep = recipe.edit(["optimizer.lr=1e30"])
    with pytest.raises(Diverged):
        ends_of(set_up(built_in("iris"), steep, CPU.device))
