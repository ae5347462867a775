"""Recipes by name, and which one data gets."""

import inspect
import json

import pytest

from trainwell.errors import UnknownName
from trainwell.recipe import Recipe
from trainwell.recipes import Shape, batch_size, build, choose, recipes

PHOTOS = Shape("images", (3, 32, 32), ("ant", "bee"), 50_000)
SHAPES = {
    "small_images": [
        PHOTOS,
        Shape("images", (1, 28, 28), tuple("0123456789"), 300),
        Shape("images", (3, 64, 8), (), 5),
    ],
    "large_images": [Shape("images", (3, 65, 40), ("ant", "bee"), 244), Shape("images", (3, 224, 224), tuple("ab"), 2)],
    "table": [Shape("table", (13,), ("a", "b"), 178), Shape("table", (10,), (), 442)],
}
ALL = [(name, shape) for name, shapes in SHAPES.items() for shape in shapes]


@pytest.mark.parametrize(("name", "shape"), ALL)
def test_data_gets_its_recipe(name: str, shape: Shape) -> None:
    chosen, why = choose(shape)
    assert chosen == build(name, shape)
    assert why.startswith(f"recipe {name}: ")


def test_the_reason_is_given_in_words() -> None:
    assert choose(PHOTOS)[1] == "recipe small_images: 32 x 32 pixels, at most 64"
    assert choose(Shape("images", (3, 100, 200), ("ant", "bee"), 9))[1] == (
        "recipe large_images: 200 x 100 pixels, more than 64"
    )
    assert choose(Shape("table", (13,), ("a",), 9))[1] == "recipe table: 13 columns"
    assert choose(Shape("images", (1, 28, 28), ("7", "8"), 9))[1] == (
        "recipe small_images: 28 x 28 pixels, at most 64; no mirror images, since the classes read as digits or letters"
    )


@pytest.mark.parametrize(
    ("classes", "one_way"),
    [(("0", "1"), True), (("a", "B"), True), (("10", "11"), True), (("ant", "b"), False), ((), False), (("é",), False)],
)
def test_digits_and_letters_read_one_way(classes: tuple[str, ...], one_way: bool) -> None:
    assert Shape("images", (1, 28, 28), classes, 10).reads_one_way is one_way


@pytest.mark.parametrize("side", [28, 128])
def test_digits_and_letters_are_never_mirrored(side: int) -> None:
    for classes, mirrored in ((tuple("0123"), False), (("ant", "bee"), True)):
        chosen, _ = choose(Shape("images", (3, side, side), classes, 1000))
        assert ("flip" in [part.name for part in chosen.augment]) is mirrored
        assert chosen.views.startswith("flip") is mirrored


@pytest.mark.parametrize(("name", "shape"), ALL)
def test_every_recipe_reads_back_from_json(name: str, shape: Shape) -> None:
    made = build(name, shape)
    assert Recipe.from_json(json.loads(json.dumps(made.json()))) == made
    assert made.loss.name == ("cross_entropy" if shape.classes else "mse")
    assert (made.image_size, made.threads, made.precision, made.seed) == (None, None, "auto", 0)


@pytest.mark.parametrize("name", recipes.names)
def test_every_recipe_says_what_it_is_and_where_it_comes_from(name: str) -> None:
    member = recipes[name]
    assert member.summary.endswith(".")
    assert member.paper
    assert "Reference:" in (inspect.getdoc(member.make) or "")


def test_an_unknown_recipe_is_answered_with_the_nearest() -> None:
    with pytest.raises(UnknownName, match=r"no recipe called 'tables'\. Did you mean 'table'"):
        build("tables", SHAPES["table"][0])


def test_the_batch_is_the_power_of_two_nearest_to_so_many_steps() -> None:
    assert batch_size(50_000, steps=40, low=32, high=1024) == 1024
    assert batch_size(2560, steps=40, low=32, high=1024) == 64
    assert batch_size(2559, steps=40, low=32, high=1024) == 32
    assert batch_size(3, steps=40, low=32, high=1024) == 32


def test_rate_and_epochs_follow_the_size_of_the_data() -> None:
    large, few = build("small_images", PHOTOS), build("small_images", Shape("images", (3, 32, 32), ("a", "b"), 1250))
    assert large.epochs < few.epochs <= 40
    assert (few.batch_size, large.batch_size) == (32, 1024)
    assert few.optimizer.args["lr"] < large.optimizer.args["lr"]
    table = build("table", Shape("table", (4,), ("a",), 120))
    assert table.epochs == 400.0  # 1500 steps of 32
