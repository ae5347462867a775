"""What every member of every family owes, asked of all of them."""

import inspect

import pytest

from trainwell.errors import UnknownName
from trainwell.family import Family, Member
from trainwell.method.catalogue import families

FAMILIES = tuple(families().values())
MEMBERS = [pytest.param(family, member, id=f"{family.name}-{member.id}") for family in FAMILIES for member in family]


@pytest.mark.parametrize(("family", "member"), MEMBERS)
def test_member_says_what_it_is_and_where_it_comes_from(family: Family, member: Member) -> None:
    assert len(member.summary) > 10
    assert member.summary.endswith((".", ":")) or member.summary[0].islower()
    assert "Reference:" in (inspect.getdoc(member.make) or ""), f"{family.name}/{member.id} names no source"
    for name in member.hyper:
        assert f"{name}: " in (inspect.getdoc(member.make) or ""), f"{name} is not described"


@pytest.mark.parametrize(("family", "member"), MEMBERS)
def test_search_ranges_and_defaults_are_possible_values(family: Family, member: Member) -> None:
    for name, span in member.tune.items():
        values = span[:2] if span[-1] == "log" else span
        for value in values:
            assert family.part(member.id, **{name: value}).args[name] == value
    defaults = {n: p.default for n, p in member.hyper.items() if p.default is not inspect.Parameter.empty}
    if defaults.keys() == member.hyper.keys():
        assert family.part(family.part(member.id, **defaults).json()) == family.part(member.id, **defaults)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_unknown_name_is_answered_with_the_nearest(family: Family) -> None:
    known = family.names[0]
    with pytest.raises(UnknownName, match=f"There is no {family.noun} called '{known}x'. Did you mean '{known}'"):
        family.part(known + "x")
