"""Pairs: the same start, the same batches, and what lies between them."""

from collections.abc import Callable
from typing import Any

import pytest

from trainwell.diagnoses.pairs import Effect, Pairs
from trainwell.family import Part
from trainwell.probes.parts import Parts, parts

Script = tuple[Any, ...]
Ring = Callable[..., Script]


def edit(id: str, /, **args: Any) -> Part:
    return Part("edits", id, args)


def given(script: Script) -> Parts:
    return parts(*script[:5], batch_size=script[5], epochs=script[6])


def test_the_effect_is_that_of_pairs() -> None:
    effect = Effect((0.5, 0.6, 0.7), (0.6, 0.8, 1.0), 1.0)
    assert effect.mean == pytest.approx(0.2)
    # t = 2.920 at 95 % and 2 degrees of freedom; the differences spread by 0.1.
    assert effect.interval == pytest.approx((0.2 - 2.92 * 0.1 / 3**0.5, 0.2 + 2.92 * 0.1 / 3**0.5), abs=1e-3)
    assert "0.600 -> 0.800: +0.200" in str(effect)
    assert Effect((0.5,), (0.9,), 0.25).interval == (-float("inf"), float("inf"))
    assert "after 25% of the steps" in str(Effect((0.5,), (0.9,), 0.25))


def test_pairs_train_what_is_new_only_and_from_the_same_start(ring: Ring) -> None:
    pairs = Pairs(given(ring()), None, 0, 100.0, None)
    first = pairs.score((), 0)
    spent = pairs.spent
    assert pairs.score((), 0) == first
    assert pairs.score((edit("minimise"), edit("rate", factor=1.0)), 0) == first  # one refuses, one changes nothing
    assert spent < pairs.spent < 2.5 * spent
    assert pairs.score((edit("minimise"),), 0) is None
    assert pairs.score((edit("widen", width=1),), 0) is None  # not possible
    again = Pairs(given(ring()), None, 0, 100.0, None)
    started = (edit("initialise"),)
    assert pairs.score(started, 1) == again.score(started, 1)  # what an edit draws goes by the pair
    assert not pairs.over
    assert Pairs(given(ring()), None, 0, 100.0, 0.0).over


def test_a_pair_under_another_seed_is_another_program_where_there_is_one(ring: Ring) -> None:
    start = [float(p.detach().sum()) for p in ring(3)[0].parameters()]
    anew, _ = Pairs(given(ring(0)), ring, 1, 9.0, None).program((), 2)
    assert [float(p.detach().sum()) for p in anew.model.parameters()] == start
    same, _ = Pairs(given(ring(0)), None, 1, 9.0, None).program((), 2)
    assert [float(p.detach().sum()) for p in same.model.parameters()] != start
