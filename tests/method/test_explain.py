"""The catalogue, the cards and the reference pages: read from the members themselves."""

import dataclasses
import json
import math
import re
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from trainwell.activations import activations
from trainwell.diagnoses.problems import problems
from trainwell.errors import BadValue, UnknownName
from trainwell.family import Member, Part
from trainwell.method.card import REQUIRED, card
from trainwell.method.catalogue import about, fact_texts, families, find, headline
from trainwell.method.explain import card_text, columns, curve_text, family_text, told
from trainwell.method.explanation import Explanation, explanation, owed, parse
from trainwell.method.plot import plot
from trainwell.method.reference import COMMAND, drawing, pages, write
from trainwell.models import build as build_model
from trainwell.optimizers import optimizers
from trainwell.recipes import Shape, choose
from trainwell.schedules import schedules

ROOT = Path(__file__).parent.parent.parent
MEMBERS = [pytest.param(member, id=f"{name}-{member.id}") for name, family in families().items() for member in family]

DOCSTRING = """What it is.

Definition: y = f(x),
over two lines.

More of it:
    y = x
    z = y

Reach for it when it
rains.

Leave it when the sun shines.

Cost: nothing.

Args:
    rate: How fast, in
        steps.
    x: What goes in: a number.

Returns:
    (N, F).

Raises:
    BadValue: It is negative.

Reference:
    Someone, "Something", 2020,
    section 3.
"""


def test_a_docstring_comes_apart() -> None:
    assert parse(DOCSTRING) == Explanation(
        summary="What it is.",
        definition="y = f(x), over two lines.\n\nMore of it:\n    y = x\n    z = y",
        reach="Reach for it when it rains.",
        leave="Leave it when the sun shines.",
        cost="nothing.",
        args={"rate": "How fast, in steps.", "x": "What goes in: a number."},
        returns="(N, F).",
        raises={"BadValue": "It is negative."},
        reference='Someone, "Something", 2020, section 3.',
    )
    assert parse("") == Explanation()
    problem = "It is.\n\nDefinition: y.\n\nLooks like: z.\n\nCauses: a; b.\n\nFixes, in order: c.\n\nMistaken for: d."
    assert parse(problem) == Explanation("It is.", "y.", looks="z.", causes="a; b.", fixes="c.", mistaken="d.")
    assert told(parse(problem)) == problem.split("\n\n")
    assert parse("Only a summary.") == Explanation(summary="Only a summary.")


@pytest.mark.parametrize("member", MEMBERS)
def test_every_member_explains_itself(member: Member) -> None:
    says = explanation(member)
    lacking = [part for part in owed(member.family) if not getattr(says, part)]
    assert not lacking, f"{member.family}/{member.id}: its docstring lacks {', '.join(lacking)}"
    assert set(member.hyper) <= says.args.keys()


@pytest.mark.parametrize("member", MEMBERS)
def test_every_fact_means_something(member: Member) -> None:
    known = fact_texts(families()[member.family])
    assert member.facts.keys() <= known.keys(), f"trainwell.{member.family} says nothing of some facts"


@pytest.mark.parametrize("member", MEMBERS)
def test_every_card_is_plain_data_and_its_lines_work(member: Member) -> None:
    """What is printed to be copied works: the import, and the edits, as far as a recipe and its network take them."""
    made = card(member)
    assert json.loads(json.dumps(made.json(), allow_nan=False))["id"] == member.id
    assert [parameter.name for parameter in made.parameters] == list(member.hyper)
    scope: dict[str, object] = {}
    exec(made.code.partition("\n")[0], scope)
    assert callable(scope[member.make.__qualname__])
    edits = [edit for edit in made.edits if not edit.startswith("recipe=")]
    shape = Shape("images", (3, 32, 32), ("cat", "dog"), 1000)
    recipe = choose(shape)[0].edit(edits)
    if member.family != "models" and any(edit.startswith("model.") for edit in edits):
        build_model(recipe.model, shape.input_shape, 2, seed=0)
    text = card_text(made)
    for line in (*made.code.splitlines(), *made.edits):
        assert line in text


def test_families_are_found_by_walking() -> None:
    found = families()
    assert list(found) == sorted(found)
    assert found["optimizers"] is optimizers
    assert found["rules"].noun == "rule"  # two folders deep
    assert {"activations", "augmentations", "models", "recipes", "schedules"} <= found.keys()
    assert headline(optimizers) == "from gradients to steps."
    assert about(optimizers).startswith("Optimizers: from gradients to steps.\n")


def test_meanings_of_facts_are_read_from_the_family() -> None:
    texts = fact_texts(optimizers)
    assert list(texts) == ["decay", "rate", "two_pass", "wraps"]
    assert texts["two_pass"] == "Whether a step asks for the gradient twice, so that it needs a closure."
    assert texts["rate"].startswith("Usual band of `lr`") and texts["rate"].endswith(" of the optimizer within it.")
    assert fact_texts(schedules)["needs_loss"] == "Whether it goes by the losses."


def test_a_name_is_found_wherever_it_is() -> None:
    assert [(member.family, member.id) for member in find("lion")] == [("optimizers", "lion")]
    assert [member.family for member in find("lookahead")] == ["averages", "optimizers"]
    assert find("averages/lookahead") == [families()["averages"]["lookahead"]]
    with pytest.raises(BadValue, match=r"no technique called 'loin'. Did you mean 'lion'"):
        find("loin")
    with pytest.raises(BadValue, match=r"no technique called 'qqqq'. trainwell list"):
        find("qqqq")
    with pytest.raises(UnknownName, match=r"no optimizer called 'loin'. Did you mean 'lion'"):
        find("optimizers/loin")
    with pytest.raises(UnknownName, match=r"no family called 'optimizer'. Did you mean 'optimizers'"):
        find("optimizer/lion")
    with pytest.raises(BadValue, match=r"'optimizers' is a family.*trainwell list optimizers"):
        find("optimizers")
    with pytest.raises(BadValue, match=r"'mine:wavy' needs its family before it, for example activations/mine:wavy"):
        find("mine:wavy")


def needs_a_rate(groups: list[Tensor], *, rate: float) -> list[float]:
    """A member of one's own, without a default."""
    return [rate for _ in groups]


def test_parameters_in_words() -> None:
    lion = {parameter.name: dataclasses.astuple(parameter)[1:5] for parameter in card(optimizers["lion"]).parameters}
    assert lion["lr"] == ("float", "0.0003", "(0, inf)", "3e-05 to 0.003, by factors")
    assert lion["beta1"] == ("float", "0.9", "[0, 1)", "")
    lookahead = {p.name: dataclasses.astuple(p)[1:5] for p in card(optimizers["lookahead"]).parameters}
    assert lookahead["inner"] == ("one of optimizers", "sgd", "", "")
    assert lookahead["k"] == ("int", "5", "[1, inf)", "5 to 10")
    head = next(parameter for parameter in card(optimizers["muon"]).parameters if parameter.name == "head")
    assert head.kind == "adamw or muon"
    made = card(Member("optimizers", "own", needs_a_rate))
    assert made.parameters[0].default == REQUIRED
    assert made.edits == () and made.code.endswith("(groups, rate=...)")


def test_computed_facts_stand_beside_the_stated_ones() -> None:
    facts = {fact.name: fact for fact in card(activations["sigmoid"]).facts}
    assert facts["zero_centred"].stated is False and facts["zero_centred"].computed is False
    assert facts["steepest"].stated is None and facts["steepest"].computed == pytest.approx(0.25)
    assert facts["initializer"].computed is None
    text = card_text(card(activations["sigmoid"]))
    assert re.search(r"\n +stated +computed\n", text)
    assert re.search(r"\n  zero centred +no +no +Whether the mean output", text)
    assert "f(x)" in text and "slope" in text
    several = card(activations["maxout"])
    assert several.uncomputed == "" and all(fact.computed is None for fact in several.facts)
    assert "f(x)" not in card_text(several)


class Crowd(nn.Module):
    """Takes (N, 4) and nothing else."""

    def forward(self, x: Tensor) -> Tensor:
        return x @ torch.ones(4, 4)


def test_what_cannot_be_computed_is_said() -> None:
    made = card(Member("activations", f"{__name__}:Crowd", Crowd))
    assert made.uncomputed
    text = card_text(made)
    assert "could not be computed: " in text
    assert "f(x)" not in text


def test_a_problem_has_its_limits_on_its_card() -> None:
    made = card(problems["overfitting"])
    facts = {fact.name: fact for fact in made.facts}
    limits = facts["limits"].computed
    assert facts["limits"].stated is None and facts["limits"].text.startswith("Where the rule draws the line")
    ranges = facts["ranges"].stated
    assert limits.keys() == ranges.keys()
    assert all(ranges[name][0] <= limit <= ranges[name][1] for name, limit in limits.items())
    text = card_text(made, width=90)
    assert max(map(len, text.splitlines())) <= 90
    for words in ("Looks like: ", "Causes: ", "Fixes, in order: ", "Mistaken for: ", "\n  severity: warning\n"):
        assert words in text
    assert f"\n  limits: {', '.join(f'{name} {limit:.4g}' for name, limit in limits.items())}\n" in text


def test_a_line_is_drawn_from_corner_to_corner() -> None:
    drawn = plot([0.0, 1.0, 2.0, 3.0], [1.0, 2.0, 3.0, 4.0], width=12, height=4, braille=False)
    assert drawn.splitlines() == ["      4    *", "          *", "         *", "      1 *", "        0  3"]
    drawn = plot([0.0, 1.0], [5.0, 6.0], width=10, height=1)
    assert drawn.splitlines()[0] == "      5 ⡠⠊"  # dots in columns 0..3 and rows 3..0, as Unicode numbers them
    assert plot([0.0, 1.0], [-0.000182, 1.0], width=12, height=2).splitlines()[1].startswith(" -2e-04 ")
    for id in ("gelu", "tanh"):
        assert max(map(len, curve_text(id).splitlines())) <= 72


def test_zero_is_a_thin_line_and_a_flat_curve_a_straight_one() -> None:
    drawn = plot([-1.0, 1.0], [-1.0, 1.0], width=14, height=3, braille=False).splitlines()
    assert drawn == ["      1     **", "        - **-", "     -1 **", "        -1 0 1"]
    flat = plot([-1.0, 1.0], [0.5, 0.5], width=12, height=3, braille=False).splitlines()
    assert flat[1].strip() == "****"


def test_a_step_is_drawn_without_a_gap() -> None:
    drawn = plot([0.0, 1.0, 2.0, 3.0], [0.0, 0.0, 1.0, 1.0], width=12, height=4, braille=False).splitlines()
    assert drawn[:4] == ["      1   **", "          *", "         *", "      0 **-"]


def test_edits_clear_the_way_for_what_they_name() -> None:
    assert card(schedules["one_cycle"]).edits[:3] == ("warmup=0", "start=0", "schedule=one_cycle")
    assert card(families()["poolings"]["global_max"]).edits == ("model=convnet", "model.last_pooling=global_max")
    assert card(families()["initializers"]["whitening"]).edits == ()  # a model names the layer that it sets


def test_columns_are_aligned() -> None:
    assert columns([("a", "bb", "c"), ("aaa", "b", "")]) == "a    bb  c\naaa  b"
    assert columns([]) == ""
    rows = family_text(optimizers).splitlines()
    assert [row.split()[0] for row in rows] == optimizers.names
    starts = {row.index(optimizers[row.split()[0]].summary) for row in rows}
    assert len(starts) == 1


NUMBER = re.compile(r"-?\d+(?:\.\d+)?")


def test_reference_pages_are_up_to_date() -> None:
    folder = ROOT / "docs" / "reference"
    made = pages()
    there = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    again = f"docs/reference is not what the docstrings say. Run {COMMAND}"
    assert there == made.keys(), again
    for name, text in made.items():
        written = (folder / name).read_text()
        if name.endswith(".svg"):  # the last digits of a curve are the machine's
            assert NUMBER.sub("", written) == NUMBER.sub("", text), f"{again}: {name}"
            drawn, wanted = ([float(number) for number in NUMBER.findall(t)] for t in (written, text))
            assert drawn == pytest.approx(wanted, abs=0.2), f"{again}: {name}"
        else:
            assert written == text, f"{again}: {name}"


def test_pages_are_written_and_old_ones_go(tmp_path: Path) -> None:
    (tmp_path / "activations").mkdir()
    for name in ("gone.md", "activations/gone.svg", "kept.txt"):
        (tmp_path / name).write_text("old")
    write(tmp_path)
    there = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert there == pages().keys() | {"kept.txt"}
    page = (tmp_path / "optimizers.md").read_text()
    assert "## lion" in page and "- [lion](#lion): Step along the sign" in page
    assert "| `beta1` | float in \\[0, 1) | 0.9 |" in page
    assert "\nDefinition: c = beta1 m + (1 - beta1) g; x &lt;- (1 - lr weight_decay) x" in page
    index = (tmp_path / "README.md").read_text()
    assert f"| [optimizers](optimizers.md) | {len(optimizers.names)} | from gradients to steps. |" in index


def test_the_drawing_goes_through_the_function() -> None:
    """ReLU from -5 to 5 over 288 x 148 units with a margin of 16: its corner in the middle, its end at the top."""
    svg = drawing(Part("activations", "relu"))
    slope, values = (
        [tuple(map(float, place.split(","))) for place in points.split()]
        for points in re.findall(r'points="([^"]+)"', svg)
    )
    assert values[0] == (16.0, 164.0) and values[-1] == (304.0, 16.0)
    assert min(values, key=lambda place: math.dist(place, (160.0, 164.0))) == (160.0, 164.0)
    assert slope[-1] == pytest.approx((304.0, 164 - 148 / 5), abs=0.06)
