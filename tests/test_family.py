"""Families and parts, on a family made for the test and on those of the package."""

import copy
import importlib
import pickle
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
import torch

from trainwell.augmentations import augmentations
from trainwell.data.augment import Augmenter
from trainwell.draws import Draws
from trainwell.errors import BadValue, UnknownName
from trainwell.family import Family, Part, check_value
from trainwell.models import models
from trainwell.optimizers import optimizers
from trainwell.schedules import schedules

INIT = '''
"""Fruits."""
from trainwell.family import Family
peels = Family("peels", __name__ + ".peels", "peel")
fruits = Family("fruits", __name__, "fruit")
'''
APPLE = '''
from typing import Literal
from grocery import fruits
from trainwell.family import Part

@fruits.add("apple", paper="https://example.org", limits={"weight": "(0, 10]"}, tune={"weight": (1.0, 2.0)}, sour=True)
def apple(basket: list, *, weight: float = 1.0, count: int = 1, colour: Literal["red", "green"] = "red") -> list:
    """An apple a day.

    More words.
    """
    return basket + [("apple", weight, count, colour)]
'''
PEAR = '''
from grocery import fruits

@fruits.add("pear", limits={"weight": "[0, 1)"})
class Pear:
    """A pear."""

    def __init__(self, basket: list, *, weight: float, spots: tuple[int, ...] = ()) -> None:
        self.basket, self.weight, self.spots = basket, weight, spots
'''


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, str], None]]:
    """Writes modules that can be imported for the length of the test: `package("name.module", text)`."""
    written: set[str] = set()

    def write(name: str, text: str) -> None:
        path = tmp_path.joinpath(*name.split("."))
        path.parent.mkdir(exist_ok=True)
        path.with_suffix(".py").write_text(text)
        written.add(name.partition(".")[0])
        importlib.invalidate_caches()

    monkeypatch.syspath_prepend(tmp_path)
    yield write
    for name in [name for name in sys.modules if name.partition(".")[0] in written]:
        del sys.modules[name]


@pytest.fixture
def fruits(package: Callable[[str, str], None]) -> Family:
    for name, text in (("__init__", INIT), ("apple", APPLE), ("pear", PEAR)):
        package(f"grocery.{name}", text)
    family: Family = importlib.import_module("grocery").fruits
    return family


def test_members_are_found_by_walking_the_folder(fruits: Family) -> None:
    assert "grocery.apple" not in sys.modules
    assert fruits.names == ["apple", "pear"]
    assert [member.id for member in fruits] == ["apple", "pear"]
    assert "apple" in fruits
    assert "plum" not in fruits
    member = fruits["apple"]
    assert (member.family, member.paper, member.summary) == ("fruits", "https://example.org", "An apple a day.")
    assert member.tune == {"weight": (1.0, 2.0)}
    assert member.facts == {"sour": True}
    assert list(member.hyper) == ["weight", "count", "colour"]


def test_a_new_file_is_a_new_member(fruits: Family, package: Callable[[str, str], None]) -> None:
    package("grocery.plum", "from grocery import fruits\n@fruits.add('plum')\ndef plum() -> str:\n    return 'blue'\n")
    assert fruits.names == ["apple", "pear", "plum"]
    assert fruits.build("plum") == "blue"


def test_two_of_one_name_are_refused(fruits: Family, package: Callable[[str, str], None]) -> None:
    package("grocery.second", "from grocery import fruits\n@fruits.add('apple')\ndef other() -> None: ...\n")
    with pytest.raises(BadValue, match=r"two fruits called 'apple': in grocery\.apple and grocery\.second"):
        fruits.names  # noqa: B018


def test_a_range_for_what_it_does_not_take_is_our_mistake(fruits: Family) -> None:
    with pytest.raises(AssertionError, match=r"\['pips'\], which it does not take"):

        @fruits.add("melon", limits={"pips": "[0, 1]"})
        def melon(*, weight: float = 1.0) -> float:
            return weight


def test_unknown_names_are_answered_with_the_nearest(fruits: Family) -> None:
    with pytest.raises(UnknownName) as caught:
        fruits.part("aple")
    assert str(caught.value) == "There is no fruit called 'aple'. Did you mean 'apple'? Known: apple, pear."
    with pytest.raises(UnknownName) as caught:
        fruits.part("xyz")
    assert str(caught.value) == "There is no fruit called 'xyz'. Known: apple, pear."
    with pytest.raises(UnknownName) as caught:
        fruits.part("apple", wieght=2.0)
    assert str(caught.value) == (
        "There is no argument of fruits/apple called 'wieght'. Did you mean 'weight'? Known: colour, count, weight."
    )


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ({"weight": 0}, r"apple\.weight=0 is not possible: expected a value in \(0, 10\]\."),
        ({"weight": 10.5}, r"apple\.weight=10\.5 is not possible: expected a value in \(0, 10\]\."),
        ({"weight": "much"}, r"apple\.weight='much' is not possible: expected a number\."),
        ({"weight": True}, r"apple\.weight=True is not possible: expected a number\."),
        ({"weight": float("nan")}, r"apple\.weight is not a number \(NaN\): expected \(0, 10\]\."),
        ({"count": 1.5}, r"apple\.count=1\.5 is not possible: expected a whole number\."),
        ({"colour": "blue"}, r"apple\.colour='blue' is not possible: expected one of 'red', 'green'\."),
    ],
)
def test_impossible_values_are_refused_as_a_part_and_in_a_direct_call(
    fruits: Family, args: dict[str, Any], message: str
) -> None:
    with pytest.raises(BadValue, match=message):
        fruits.part("apple", **args)
    with pytest.raises(BadValue, match=message):
        fruits["apple"]([], **args)
    apple = importlib.import_module("grocery.apple").apple
    with pytest.raises(BadValue, match=message):
        apple([], **args)


def test_a_class_checks_its_arguments_too(fruits: Family) -> None:
    fruits.names  # noqa: B018
    pear = importlib.import_module("grocery.pear").Pear
    made = pear(["x"], weight=0, spots=[1, 2])
    assert (made.basket, made.weight, made.spots) == (["x"], 0.0, (1, 2))
    assert isinstance(made.weight, float)
    with pytest.raises(BadValue, match=r"pear\.weight=1\.0 is not possible: expected a value in \[0, 1\)"):
        pear([], weight=1.0)
    with pytest.raises(BadValue, match=r"pear\.spots=\[0\.5\] is not possible: expected a list of values"):
        pear([], weight=0.5, spots=[0.5])


def test_what_is_needed_and_not_given_is_named(fruits: Family) -> None:
    with pytest.raises(BadValue, match="fruits/pear needs a value for weight; none was given"):
        fruits.part("pear")
    pear = fruits["pear"].make
    with pytest.raises(BadValue, match="fruits/pear needs a value for weight; none was given"):
        pear([], spots=(1,))


def test_build_and_bind_call_the_member(fruits: Family) -> None:
    part = fruits.part("apple", weight=2)
    assert fruits.build(part, ["x"]) == ["x", ("apple", 2.0, 1, "red")]
    assert fruits.bind(part)([]) == [("apple", 2.0, 1, "red")]
    assert fruits.build({"name": "pear", "weight": 0.5}, []).weight == 0.5


def test_a_part_reads_as_data_both_ways(fruits: Family) -> None:
    part = fruits.part("pear", weight=0.5, spots=[3])
    assert part.json() == {"name": "pear", "weight": 0.5, "spots": (3,)}
    assert fruits.part(part.json()) == part
    assert str(part) == "pear(weight=0.5, spots=(3,))"
    assert str(fruits.part("apple")) == "apple"
    assert fruits.part(part, weight=0.25) == Part("fruits", "pear", {"weight": 0.25, "spots": (3,)})
    for nothing in (None, 3, {"weight": 1.0}, {"name": 3}):
        with pytest.raises(BadValue, match=r"Expected the name of one of fruits, got .*\. Known: apple, pear\."):
            fruits.part(nothing)  # type: ignore[arg-type]


def test_a_part_is_frozen_and_hashed_by_what_it_says(fruits: Family) -> None:
    part = fruits.part("apple", weight=2)
    with pytest.raises(TypeError):
        part.args["weight"] = 3.0  # type: ignore[index]
    with pytest.raises(AttributeError):
        part.name = "pear"  # type: ignore[misc]
    given = {"weight": 2.0}
    same = Part("fruits", "apple", given)
    given["weight"] = 3.0
    assert part == same
    assert hash(part) == hash(same)
    assert part != fruits.part("apple", weight=3)
    assert len({part, same, fruits.part("apple", weight=3)}) == 2
    for copied in (copy.deepcopy(part), copy.copy(part), pickle.loads(pickle.dumps(part))):
        assert copied == part
        assert isinstance(copied, Part)


def test_a_part_of_another_family_is_refused(fruits: Family) -> None:
    with pytest.raises(BadValue, match="Expected one of fruits, got 'sgd' of optimizers"):
        fruits.part(optimizers.part("sgd", lr=0.1))


def test_nested_parts_are_checked_and_resolved() -> None:
    part = models.part("mlp", widths=[8, 4], activation={"name": "leaky_relu", "slope": 0.3}, dropout="dropout")
    assert part.args["activation"] == Part("activations", "leaky_relu", {"slope": 0.3})
    assert part.args["dropout"] == Part("dropouts", "dropout")
    assert part.json()["activation"] == {"name": "leaky_relu", "slope": 0.3}
    full = models.resolve(part)
    assert full.args["dropout"] == Part("dropouts", "dropout", {"p": 0.5, "scaling": "training"})
    assert full.args["norm"] == Part("norms", "none")
    assert full.args["head_scale"] == 0.1
    assert models.resolve(full) == full
    assert models.part("mlp", dropout=None).args["dropout"] is None
    with pytest.raises(UnknownName, match=r"no activation called 'leaky_rel'\. Did you mean 'leaky_relu'"):
        models.part("mlp", activation="leaky_rel")
    with pytest.raises(BadValue, match=r"dropout\.p=1 is not possible: expected a value in \[0, 1\)"):
        models.part("mlp", dropout={"name": "dropout", "p": 1})
    with pytest.raises(BadValue, match="Expected the name of one of activations, got None"):
        models.part("mlp", activation=None)


def test_an_augmentation_of_ones_own_is_registered_and_used(package: Callable[[str, str], None]) -> None:
    package(
        "mine.upside",
        "from trainwell.augmentations import Geometry, augmentations\n"
        "from trainwell.draws import Draws\n"
        "import torch\n"
        '@augmentations.add("aside", limits={"far": "[0, 4]"})\n'
        "def aside(draws: Draws, size: tuple[int, int], *, far: int = 1) -> Geometry:\n"
        "    return Geometry(shift=torch.tensor([[0, far]]).expand(len(draws), 2))\n",
    )
    try:
        part = augmentations.part("mine.upside:aside", far=2)
        with pytest.raises(BadValue, match=r"aside\.far=9 is not possible: expected a value in \[0, 4\]"):
            augmentations.part("mine.upside:aside", far=9)
        assert "aside" in augmentations  # by its own name from now on
        augmenter = Augmenter([part], (1, 4))
        augmenter.draw(Draws(0, torch.zeros(1).numpy(), torch.zeros(1).numpy()))
        moved = augmenter.pixels(torch.tensor([0, 1, 2, 3], dtype=torch.uint8).view(1, 1, 4, 1))
        assert moved.flatten().tolist() == [2, 3, 2, 1]
    finally:
        augmentations._members.pop("aside", None)


def test_a_plain_function_from_outside_is_a_member_too(fruits: Family, package: Callable[[str, str], None]) -> None:
    package("mine.fig", "def fig(basket, *, weight: float = 1.0):\n    return [*basket, weight]\n_hidden = 3\n")
    assert fruits.build({"name": "mine.fig:fig", "weight": 2}, [0]) == [0, 2.0]
    assert "fig" not in fruits.names
    with pytest.raises(BadValue, match=r"mine\.fig:fig\.weight='a' is not possible: expected a number"):
        fruits.part("mine.fig:fig", weight="a")
    with pytest.raises(UnknownName) as caught:
        fruits.part("mine.fig:figs")
    assert str(caught.value) == "There is no fruit in mine.fig called 'figs'. Did you mean 'fig'? Known: fig."


@pytest.mark.parametrize("id", ["nowhere.to_be_found:x", ":x", ".here:x"])
def test_a_module_that_is_not_there_is_said_to_be_missing(id: str) -> None:
    with pytest.raises(BadValue, match=r"schedule '.*': the module '.*' cannot be imported .* package\.module:attr"):
        schedules.part(id)


@pytest.mark.parametrize(
    ("value", "kind", "fitted"),
    [
        (3, float, 3.0),
        (3.0, int, 3),
        (None, int | None, None),
        ([1, 2], tuple[int, ...], (1, 2)),
        ([1, 2.5], tuple[int, float], (1, 2.5)),
        ("a", Literal["a", "b"], "a"),
        (object, Any, object),
        (True, bool, True),
    ],
)
def test_values_are_brought_to_their_type(value: Any, kind: Any, fitted: Any) -> None:
    checked = check_value("here", value, kind)
    assert checked == fitted
    assert type(checked) is type(fitted)


@pytest.mark.parametrize(
    ("value", "kind", "expected"),
    [
        (1, bool, "true or false"),
        ("1", int | None, "a whole number or none"),
        ((1, 2, 3), tuple[int, int], "a list of values"),
        (3, str, "a word"),
    ],
)
def test_values_of_another_type_are_refused(value: Any, kind: Any, expected: str) -> None:
    with pytest.raises(BadValue, match=f"here=.* is not possible: expected {expected}"):
        check_value("here", value, kind)


@pytest.mark.parametrize(
    ("limits", "inside", "outside"),
    [("[0, 1]", (0, 1, 0.5), (-0.1, 1.1)), ("(0, 1)", (0.5,), (0, 1)), ("(0, inf)", (1e9,), (0, float("inf")))],
)
def test_limits_are_intervals(limits: str, inside: tuple[float, ...], outside: tuple[float, ...]) -> None:
    for value in inside:
        assert check_value("here", value, float, limits) == value
    for value in outside:
        with pytest.raises(BadValue, match="expected a value in"):
            check_value("here", value, float, limits)
