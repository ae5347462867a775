"""Which way trials are run: as asked, or the one that is measured to be fastest."""

import pytest

from trainwell.errors import BadValue, MissingExtra, UnknownName
from trainwell.search.running import auto
from trainwell.search.running import choose as choosing
from trainwell.search.running.choose import check_how, choose
from trainwell.search.work import Work

from .conftest import Lazy, go_on, results, trial


@pytest.mark.parametrize(("how", "error"), [("fuse", UnknownName), ("fused:here", UnknownName), ("ray:", BadValue)])
def test_a_way_that_there_is_not_is_refused(how: str, error: type[Exception]) -> None:
    with pytest.raises(error, match="ray:"):
        check_how(how)


@pytest.mark.parametrize("count", [{"workers": 0}, {"workers": -1}, {"width": 0}])
def test_numbers_that_run_nothing_are_refused(work: Work, count: dict[str, int]) -> None:
    with pytest.raises(BadValue, match="expected at least 1"):
        choose(work, "side_by_side", **count)


def test_ray_is_an_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choosing, "find_spec", lambda _name: None)
    with pytest.raises(MissingExtra, match=r"trainwell\[ray\]"):
        check_how("ray:10.0.0.1:6379")


def test_little_work_is_not_worth_timing(work: Work) -> None:
    said: list[str] = []
    stream = Lazy([trial(number) for number in range(3)])
    with choose(work, say=said.append) as runner:
        run = runner.run(stream, go_on)
        next(run)
        assert stream.read == 2  # a sampler may learn from results: no more are read than it takes to choose
        assert {result.number for result in run} == {1, 2}
    assert said == ["running trials in turn"]


def test_the_fastest_of_what_was_timed_is_taken(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auto, "_WORTH_TIMING", 0.0)
    monkeypatch.setattr(auto, "_SECONDS_TO_START", 0.0)
    said: list[str] = []
    with choose(work, say=said.append, workers=2, width=16) as runner:
        found = results(runner, [trial(number, 0.01 * (number + 1)) for number in range(16)])
        assert len(found) == 16
        timed = runner._timed  # type: ignore[attr-defined]
    assert set(timed) == {"in turn", "side by side", "fused", "side by side, fused"}
    fastest = min(timed, key=timed.__getitem__)
    taken = fastest if timed["in turn"] > 1.15 * timed[fastest] else "in turn"
    assert {result.how for result in found.values()} == {"fused" if "fused" in taken else taken}
    assert len(said) == 1 and all(way in said[0] for way in timed)
    assert ("workers" in said[0].partition("(")[0]) == ("side by side" in taken)


def test_what_cannot_be_fused_is_not_timed_as_such(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auto, "_WORTH_TIMING", 0.0)
    trials = [trial(number, edits=(f"model.widths={8 + number}",)) for number in range(2)]
    runner = choose(work, workers=1)
    assert set(results(runner, trials)) == {0, 1}
    assert set(runner._timed) == {"in turn"}  # type: ignore[attr-defined]


@pytest.mark.parametrize("place", [0, 1])
def test_a_trial_that_cannot_be_is_its_own_result(place: int, work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auto, "_WORTH_TIMING", 0.0)
    trials = [trial(0), trial(1)]
    trials[place] = trial(place, edits=("model.norm=nothing",))
    found = results(choose(work, workers=1), trials)
    assert [found[number].state for number in (place, 1 - place)] == ["failed", "complete"]
