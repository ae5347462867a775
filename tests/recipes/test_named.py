"""Recipes that follow a source: they fit the data they are for, refuse the rest, train two steps, and learn."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import trainwell
from trainwell.data.open import open_data
from trainwell.errors import BadValue
from trainwell.initializers import fans_of
from trainwell.models import build as build_model
from trainwell.recipe import Recipe
from trainwell.recipes import Shape, build, epochs_for, recipes
from trainwell.training.engine import Engine
from trainwell.training.loop import Trainer
from trainwell.training.setup import set_up, shape_of

NAMED = {
    "lenet-sigmoid-1998": "lenet",
    "alexnet-style": "alexnet",
    "vgg-style": "vgg",
    "resnet-he": "resnet18",
    "modern-convnet": "convnext",
    "airbench-style": "convnet",
    "selu-mlp": "mlp",
    "maxout": "vgg",
}
TAKE_ROWS = {"selu-mlp", "maxout"}
TEN = tuple("0123456789")
DIGITS = Shape("images", (1, 8, 8), TEN, 1437)
MNIST = Shape("images", (1, 28, 28), TEN, 60_000)
CIFAR = Shape("images", (3, 32, 32), ("ant", "bee"), 50_000)
VALUES = Shape("images", (3, 64, 48), (), 500)
PHOTOS = Shape("images", (3, 224, 224), ("ant", "bee"), 244)
IMAGENET = Shape("images", (3, 224, 224), ("ant", "bee"), 1_200_000)
WINE = Shape("table", (13,), ("a", "b"), 178)
DIABETES = Shape("table", (10,), (), 442)
SHAPES = {
    "digits": DIGITS,
    "mnist": MNIST,
    "cifar": CIFAR,
    "values": VALUES,
    "photos": PHOTOS,
    "imagenet": IMAGENET,
    "wine": WINE,
    "diabetes": DIABETES,
}


def test_all_that_the_book_names_are_there() -> None:
    assert set(NAMED) | {"small_images", "large_images", "table"} == set(recipes.names)


@pytest.mark.parametrize("data", SHAPES)
@pytest.mark.parametrize("name", NAMED)
def test_fits_the_data_or_says_what_it_takes(name: str, data: str) -> None:
    shape = SHAPES[data]
    if name in TAKE_ROWS and shape.side > 64:
        with pytest.raises(BadValue, match=rf"recipe={name} is for images of up to 64 pixels, and these have 224"):
            build(name, shape)
        return
    if name not in TAKE_ROWS and shape.kind == "table":
        with pytest.raises(BadValue, match=rf"recipe={name} is for images, and this data is a table. Take table,"):
            build(name, shape)
        return
    made = build(name, shape)
    assert Recipe.from_json(json.loads(json.dumps(made.json()))) == made
    assert made.model.name == (NAMED[name] if shape.kind == "images" else "mlp")
    assert made.loss.name == ("cross_entropy" if shape.classes else "mse")
    assert made.batch_size <= shape.count or made.batch_size == 32
    assert 10 <= made.epochs <= 600
    used = [part.name for part in made.augment]
    mirrored = shape.kind == "images" and not shape.reads_one_way and name not in ("lenet-sigmoid-1998", *TAKE_ROWS)
    assert ("flip" in used) is mirrored
    assert made.views == "one" or mirrored
    if shape.count < 10_000 and shape.side < 100:
        model = build_model(made.model, shape.input_shape, max(1, len(shape.classes)), 0)
        assert model(torch.randn(2, *shape.input_shape)).shape == (2, max(1, len(shape.classes)))


@pytest.mark.parametrize("classes", [True, False])
@pytest.mark.parametrize("name", NAMED)
def test_builds_and_takes_two_steps(name: str, classes: bool) -> None:
    draws = np.random.default_rng(0)
    y = np.arange(40) % 4
    x = (draws.integers(0, 120, (40, 12, 12, 3)) + 30 * y[:, None, None, None]).astype(np.uint8)
    data = open_data((x, y if classes else draws.normal(size=40).astype(np.float32)))
    recipe = build(name, shape_of(data)).replace(batch_size=8, epochs=1.0)
    setup = set_up(data, recipe, torch.device("cpu"))
    engine = Engine(torch.device("cpu"), "fp32", "contiguous", False, 1)
    optimizer = setup.optimizer(engine.place(setup.model), setup.rate)
    start = [p.detach().clone() for p in setup.model.parameters() if p.requires_grad]
    plan = setup.plan([recipe.epochs])
    trainer = Trainer(setup.model, optimizer, setup.rate, setup.feeds["train"], setup.feeds["valid"], engine, plan)
    for _ in range(2):
        trainer.advance()
    learnt = [p for p in setup.model.parameters() if p.requires_grad]
    assert all(torch.isfinite(p).all() for p in learnt)
    assert sum(not torch.equal(p, before) for p, before in zip(learnt, start, strict=True)) > len(learnt) / 2


@pytest.mark.parametrize("name", ["selu-mlp", "maxout"])
def test_tables_take_two_steps(name: str, tmp_path: Path) -> None:
    run = trainwell.fit("wine", [f"recipe={name}", "epochs=1", "threads=1"], out=tmp_path / "run")
    assert run.recipe.model.name == "mlp"
    assert run.verdict["finished"]


def test_the_rates_are_those_of_the_papers_at_their_batches() -> None:
    he = build("resnet-he", CIFAR)
    assert (he.batch_size, he.optimizer.args["lr"], he.optimizer.args["weight_decay"]) == (128, 0.1, 1e-4)
    assert build("resnet-he", DIGITS).optimizer.args["lr"] == pytest.approx(0.1 * 32 / 128)
    alex = build("alexnet-style", IMAGENET)
    assert (alex.batch_size, alex.optimizer.args["lr"], alex.model.args["hidden"]) == (128, 0.01, (4096, 4096))
    vgg = build("vgg-style", IMAGENET)
    assert (vgg.batch_size, vgg.optimizer.args["lr"], vgg.model.args["stages"]) == (256, 0.01, (1, 1, 2, 2, 2))
    assert build("vgg-style", DIGITS).model.args["stages"] == (1, 1, 2)  # 8 px can be halved three times
    modern = build("modern-convnet", IMAGENET)
    assert modern.optimizer.args["lr"] == pytest.approx(4e-3 * (256 / 4096) ** 0.5)
    assert (modern.model.args["blocks"], modern.model.args["width"]) == ((3, 3, 9, 3), 96)
    old = build("lenet-sigmoid-1998", MNIST)
    assert (old.epochs, old.optimizer.args["momentum"], old.optimizer.args["weight_decay"]) == (20.0, 0.0, 0.0)
    assert old.schedule.args["factor"] ** 4 == pytest.approx(1 / 50)


def test_selu_keeps_its_contract() -> None:
    for shape in (WINE, DIABETES, MNIST):
        made = build("selu-mlp", shape)
        assert made.model.args["skip"] is False
        assert made.model.args["norm"].name == "none"
        assert made.model.args["dropout"].name == "alpha_dropout"
        assert made.preprocess.name == "standardize"
        assert (made.penalties, made.bias, made.optimizer.args["weight_decay"]) == ((), 0.0, 0.0)
    model = build_model(build("selu-mlp", WINE).model, (13,), 2, 0).eval()
    hidden = [module for module in model if isinstance(module, nn.Linear)][:-1]
    assert len(hidden) == 8
    for layer in hidden[1:]:
        assert layer.weight.var().item() == pytest.approx(1 / fans_of(layer.weight).fan_in, rel=0.1)
    outputs = torch.nn.Sequential(*list(model)[:-1])(torch.randn(4096, 13, generator=torch.Generator().manual_seed(0)))
    assert outputs.mean().abs().item() < 0.2
    assert outputs.std().item() == pytest.approx(1.0, abs=0.2)


def test_small_images_of_colour_are_airbench_but_for_the_epochs() -> None:
    assert build("small_images", CIFAR) == build("airbench-style", CIFAR)
    few = Shape("images", (3, 32, 32), ("ant", "bee"), 3000)
    assert build("small_images", few).difference(build("airbench-style", few)) == ["epochs: 26.0 -> 10.0"]
    changed = {
        line.partition(":")[0] for line in build("small_images", MNIST).difference(build("airbench-style", MNIST))
    }
    assert changed == {"model", "optimizer", "epochs", "norm_bias_rate"}


def test_epochs_make_so_many_steps_within_bounds() -> None:
    assert epochs_for(1000, 50, steps=100, low=2, high=90) == 5.0
    assert epochs_for(1000, 50, steps=1, low=2, high=90) == 2.0
    assert epochs_for(10, 50, steps=100, low=2, high=90) == 90.0
    assert epochs_for(10, 50, steps=100, low=2) == 500.0


@pytest.mark.parametrize(
    ("name", "epochs", "goal"),
    [
        ("selu-mlp", 8, 0.95),
        pytest.param("lenet-sigmoid-1998", 40, 0.90, marks=pytest.mark.slow),
        pytest.param("vgg-style", 30, 0.90, marks=pytest.mark.slow),
        pytest.param("alexnet-style", 30, 0.95, marks=pytest.mark.slow),
        pytest.param("maxout", 10, 0.97, marks=pytest.mark.slow),
        pytest.param("resnet-he", 10, 0.95, marks=pytest.mark.slow),
        pytest.param("airbench-style", 5, 0.95, marks=pytest.mark.slow),
        pytest.param("modern-convnet", 20, 0.80, marks=pytest.mark.slow),
    ],
)
def test_learns_digits(name: str, epochs: int, goal: float, tmp_path: Path) -> None:
    edits = [f"recipe={name}", f"epochs={epochs}", "threads=1", "precision=fp32", "layout=contiguous", "compile=no"]
    run = trainwell.fit("digits", edits, out=tmp_path / "run", options=trainwell.Options(checks=False))
    assert max(line["valid_accuracy"] for line in run.record("epoch")) >= goal
