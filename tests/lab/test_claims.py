"""What every claim owes, asked of all of them."""

import json
from pathlib import Path
from xml.etree import ElementTree as Xml

import pytest

from trainwell.cli.main import run as program
from trainwell.lab.carry_out import carry_out
from trainwell.lab.claim import Claim
from trainwell.lab.claims import claims
from trainwell.lab.records import FOLDER, recorded

PAGE = Path(__file__).parent.parent / "techniques.md"
_FAST = 1.0  # seconds of a quick run that every test run can afford
ALL = list(claims)


def _quick() -> list[object]:
    found = []
    for claim in ALL:
        record = recorded(claim)
        slow = record is None or record.quick_seconds > _FAST
        found.append(pytest.param(claim, id=claim.id, marks=[pytest.mark.slow] if slow else []))
    return found


every = pytest.mark.parametrize("claim", ALL, ids=lambda claim: claim.id)


@every
def test_a_claim_says_what_it_is(claim: Claim) -> None:
    assert type(claim).__module__.rpartition(".")[2] == claim.id.replace("-", "_")
    for name in ("statement", "why", "question", "set_up", "mark", "source"):
        assert len(getattr(claim, name)) > 20, f"{claim.id} says nothing in {name}"
    assert "olds" in claim.mark
    assert claim.question.endswith("?")


def test_every_claim_is_one_of_the_page() -> None:
    rows = PAGE.read_text().partition("## Claims")[2].splitlines()
    listed = {id.strip() for row in rows if row.startswith("| ") for id in row.split("|")[1].split(",")}
    assert {claim.id for claim in ALL} <= listed


@every
def test_the_recorded_numbers_give_the_recorded_verdict_and_a_figure(claim: Claim) -> None:
    record = recorded(claim)
    assert record is not None, f"scripts/lab {claim.id} records its verdict"
    assert claim.judge(record.outcome.numbers) == record.outcome.verdict
    svg = Xml.fromstring(claim.figure(record.outcome.numbers))
    assert svg.findtext("{*}title")
    assert len(svg.findtext("{*}desc") or "") > 20


def test_nothing_is_recorded_of_what_is_no_claim() -> None:
    assert {path.stem for path in FOLDER.glob("*.json")} == {claim.id for claim in ALL}


@pytest.mark.parametrize("claim", _quick())
def test_the_quick_run_comes_to_the_recorded_verdict(claim: Claim) -> None:
    outcome = carry_out(claim, quick=True)
    record = recorded(claim)
    assert record is not None
    assert outcome.verdict.word == record.outcome.verdict.word, outcome.verdict.where
    assert json.loads(json.dumps(outcome.json(), allow_nan=False))["numbers"] == outcome.numbers
    Xml.fromstring(claim.figure(outcome.numbers))


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_whole_atlas(tmp_path: Path) -> None:
    """All claims, with what the quick runs above have measured: no verdict differs from its record."""
    assert program(["lab", "--quick", "--atlas", str(tmp_path)]) == 0
    page = (tmp_path / "index.html").read_text()
    assert page.count("<article ") == len(ALL)
    assert page.count("data-read=") >= len(ALL) // 2, "the charts can be read"
