"""What every schedule owes."""

import itertools
import math
from collections.abc import Callable

import pytest

from trainwell.errors import BadValue
from trainwell.family import Member
from trainwell.schedules import multipliers, reaction, schedules

MEMBERS = [pytest.param(member, id=member.id) for member in schedules]
BY_PROGRESS = [pytest.param(member, id=member.id) for member in schedules if not member.facts["needs_loss"]]
BY_LOSS = [pytest.param(member, id=member.id) for member in schedules if member.facts["needs_loss"]]
FALLING = [1.0 / (epoch + 1) for epoch in range(40)]
STUCK = [1.0] * 40
BROKEN = [2.0, math.nan, math.inf, -1.0, -2.0, 0.0] * 7


def calls(member: Member) -> list[Callable[[float], float]]:
    """The member as functions of the progress alone: of what goes by the losses, one for each history."""
    if not member.facts["needs_loss"]:
        return [member]
    histories = ([], FALLING, STUCK, BROKEN)
    return [lambda progress, losses=losses: member(progress, losses) for losses in histories]


@pytest.mark.parametrize("member", MEMBERS)
def test_multipliers_are_within_0_and_1_and_repeat(member: Member) -> None:
    for call in calls(member):
        values = [call(i / 100) for i in range(101)]
        assert all(isinstance(value, float) and 0.0 <= value <= 1.0 for value in values)
        assert max(values) > 0.0
        assert values == [call(i / 100) for i in range(101)]


@pytest.mark.parametrize("member", BY_PROGRESS)
def test_is_worked_out_beforehand(member: Member) -> None:
    assert multipliers(member.id, 30) == [member(i / 30) for i in range(30)]
    assert reaction(member.id) is None


@pytest.mark.parametrize("member", MEMBERS)
def test_own_warm_up_is_one(member: Member) -> None:
    """It rises from near 0 where it says so, and starts at 1 where it does not."""
    for call in calls(member):
        rise = [call(i / 1000) for i in range(101)]
        if member.facts["own_warmup"]:
            assert rise[0] < 0.1
            assert all(sooner < later for sooner, later in itertools.pairwise(rise[:100]))
        elif not member.facts["needs_loss"]:
            assert rise[0] == 1.0


@pytest.mark.parametrize("member", MEMBERS)
def test_warm_up_goes_in_front_but_not_twice(member: Member) -> None:
    if member.facts["own_warmup"]:
        with pytest.raises(BadValue, match=f"The schedule {member.id} warms up by itself, .* Set warmup=0"):
            multipliers(member.id, 40, 0.25)
        return
    values = multipliers(member.id, 40, 0.25)
    assert len(values) == 40
    assert all(later - sooner == pytest.approx(0.1) for sooner, later in itertools.pairwise(values[:10]))
    assert values[10:] == ([1.0] * 30 if member.facts["needs_loss"] else [member(i / 30) for i in range(30)])


@pytest.mark.parametrize("member", BY_LOSS)
def test_reacts_to_the_losses_and_to_nothing_else(member: Member) -> None:
    assert multipliers(member.id, 30) == [1.0] * 30
    react = reaction(member.id)
    whole = [react(0.9, STUCK[:epoch]) for epoch in range(41)]
    assert whole == [react(0.9, tuple(STUCK[:epoch])) for epoch in range(41)]
    assert whole[0] == 1.0
    assert all(later <= sooner for sooner, later in itertools.pairwise(whole))
    assert whole[-1] < 0.1
    assert [react(0.9, FALLING[:epoch]) for epoch in range(41)] == [1.0] * 41


@pytest.mark.parametrize("member", MEMBERS)
def test_goes_behind_the_schedule_warmup_unless_it_cannot(member: Member) -> None:
    if member.facts["needs_loss"] or member.facts["own_warmup"]:
        with pytest.raises(BadValue, match=rf"warmup.then={member.id} is not possible"):
            multipliers({"name": "warmup", "then": member.id}, 10)
        return
    values = multipliers({"name": "warmup", "then": member.id, "fraction": 0.2}, 50)
    assert values[10:] == pytest.approx([member(i / 40) for i in range(40)])
