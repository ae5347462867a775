"""What every schedule that goes by the progress owes."""

import itertools
import math

import pytest

from trainwell.family import Member
from trainwell.schedules import multipliers, schedules

MEMBERS = [pytest.param(member, id=member.id) for member in schedules if not member.facts.get("needs_loss")]


@pytest.mark.parametrize("member", MEMBERS)
def test_multipliers_are_finite_and_at_least_0(member: Member) -> None:
    values = [member(i / 100) for i in range(101)]
    assert all(isinstance(value, float) and math.isfinite(value) and value >= 0.0 for value in values)
    assert values == [member(i / 100) for i in range(101)]


@pytest.mark.parametrize("member", MEMBERS)
def test_warm_up_goes_in_front(member: Member) -> None:
    values = multipliers(member.id, 40, 0.25)
    assert len(values) == 40
    assert all(later - sooner == pytest.approx(0.1) for sooner, later in itertools.pairwise(values[:10]))
    assert values[10:] == [member(i / 30) for i in range(30)]
