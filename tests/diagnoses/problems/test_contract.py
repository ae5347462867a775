"""What every problem owes: a file, complete facts, sane ranges, no circle of explanations, and a whole card."""

import ast
import inspect
import textwrap
from collections.abc import Mapping

import pytest

from trainwell.diagnoses.problems import Fitted, centre, fitted, problems, unfitted
from trainwell.family import Member
from trainwell.method.explanation import explanation, owed

VOCABULARY = [
    "non-finite",
    "diverging-loss",
    "oscillating-loss",
    "loss-not-decreasing",
    "learning-rate-too-high",
    "learning-rate-too-low",
    "vanishing-gradient",
    "exploding-gradient",
    "saturated-activations",
    "dead-units",
    "symmetric-init",
    "init-too-small",
    "init-too-large",
    "init-mismatch",
    "missing-nonlinearity",
    "output-activation-mismatch",
    "loss-mismatch",
    "initial-loss-off",
    "input-not-normalised",
    "input-not-centred",
    "constant-feature",
    "labels-unlearnable",
    "label-out-of-range",
    "class-imbalance",
    "cannot-overfit-batch",
    "underfitting",
    "overfitting",
    "too-few-epochs",
    "batch-too-small",
    "batch-too-large",
    "over-regularised",
    "dropout-too-high",
    "selu-contract",
    "normalisation-broken",
    "optimizer-unsuited",
    "frozen-parameters",
    "output-width-mismatch",
    "missing-bias",
]
MEMBERS = [pytest.param(member, id=member.id) for member in problems]


@pytest.mark.parametrize("id", VOCABULARY)
def test_every_word_of_the_vocabulary_has_its_file(id: str) -> None:
    assert id in problems
    assert inspect.getmodule(problems[id].make).__name__ == f"trainwell.diagnoses.problems.{id.replace('-', '_')}"  # type: ignore[union-attr]


@pytest.mark.parametrize("member", MEMBERS)
def test_its_facts_are_complete(member: Member) -> None:
    facts = member.facts
    assert facts.keys() == {"severity", "explains", "ranges", "signs"}
    assert facts["severity"] in ("error", "warning", "note")
    assert member.paper
    assert facts["signs"] and len(set(facts["signs"])) == len(facts["signs"])
    for id in facts["explains"]:
        assert id in problems and id != member.id
    assert len(set(facts["explains"])) == len(facts["explains"])


@pytest.mark.parametrize("member", MEMBERS)
def test_its_ranges_are_sane(member: Member) -> None:
    for name, (low, high) in member.facts["ranges"].items():
        assert low < high, name
        assert low <= centre(low, high) <= high
    limits = fitted()[member.id].limits
    assert limits.keys() == member.facts["ranges"].keys()
    for name, (low, high) in member.facts["ranges"].items():
        assert low <= limits[name] <= high, f"{name}={limits[name]} lies outside of {low} .. {high}"
    trust = fitted()[member.id].trust
    assert trust.keys() <= set(member.facts["signs"])
    assert all(0 <= share <= 1 for share in trust.values())


@pytest.mark.parametrize("member", MEMBERS)
def test_its_source_names_its_limits_and_its_signs(member: Member) -> None:
    """No limit that nothing is held against, no sign that nothing gives: each stands as a word in the rule's file."""
    source = ast.parse(inspect.getsource(inspect.getmodule(member.make)))  # type: ignore[arg-type]
    functions = [node for node in source.body if isinstance(node, ast.FunctionDef)]
    body = [statement for function in functions for statement in function.body]
    words = {node.value for part in body for node in ast.walk(part) if isinstance(node, ast.Constant)}
    assert set(member.facts["ranges"]) <= words
    assert set(member.facts["signs"]) <= words


@pytest.mark.parametrize("member", MEMBERS)
def test_its_card_is_whole(member: Member) -> None:
    says = explanation(member)
    lacking = [part for part in (*owed("problems"), "returns") if not getattr(says, part)]
    assert not lacking, f"{member.id}: its docstring lacks {', '.join(lacking)}"
    assert {"evidence", "limits"} <= says.args.keys()
    for name in member.facts["ranges"]:
        assert f"`{name}`" in f"{says.definition} {says.args['limits']}", f"nothing is said of the limit {name}"


def test_explanations_make_no_circle() -> None:
    above = {member.id: set(member.facts["explains"]) for member in problems}

    def reached(id: str) -> set[str]:
        found: set[str] = set()
        left = [id]
        while left:
            fresh = above[left.pop()] - found
            found |= fresh
            left += fresh
        return found

    assert [id for id in above if id in reached(id)] == []


def test_a_problem_that_was_never_fitted_has_the_middle_of_its_ranges() -> None:
    assert centre(0.01, 1.0) == pytest.approx(0.1)
    assert centre(-1.0, 3.0) == 1.0
    member: Member = problems["overfitting"]
    made: Fitted = unfitted(member)
    ranges: Mapping[str, tuple[float, float]] = member.facts["ranges"]
    assert made.limits == {name: pytest.approx((low * high) ** 0.5) for name, (low, high) in ranges.items()}
    assert made.trust == {}


def test_signs_that_a_problem_gives_are_its_own() -> None:
    """`Suspicion("name", ...)` in a rule's file names a sign of that rule, wherever the name is written out."""
    for member in problems:
        source = ast.parse(textwrap.dedent(inspect.getsource(inspect.getmodule(member.make))))  # type: ignore[arg-type]
        for node in ast.walk(source):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Suspicion":
                named = (key.value for key in node.keywords if key.arg == "sign")
                sign = node.args[0] if node.args else next(named, None)
                if isinstance(sign, ast.Constant):
                    assert sign.value in member.facts["signs"], f"{member.id} gives {sign.value!r}"
