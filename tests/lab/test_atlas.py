"""The atlas: what does not hold comes first, every claim has its row and its section, and nothing breaks out."""

import dataclasses
import json
import re

import pytest

from trainwell.cli.main import run
from trainwell.lab.atlas import Entry, page
from trainwell.lab.carry_out import Outcome
from trainwell.lab.claim import Verdict, Word
from trainwell.lab.claims import claims
from trainwell.lab.records import recorded


def _outcome(id: str, word: Word, where: str) -> Outcome:
    record = recorded(claims[id])
    assert record is not None
    return dataclasses.replace(record.outcome, verdict=Verdict(word, where), machine="<b>machine")


def _page() -> str:
    given: list[tuple[str, Word, str]] = [
        ("tanh-is-sigmoid", "holds", "They are 0.5 apart. A second sentence."),
        ("gelu-sigmoid-close", "does not hold here", "<script>alert(1)</script>"),
        ("whitening", "holds in part", "On the subspace"),
    ]
    entries = [Entry(claims[id], _outcome(id, word, where), word) for id, word, where in given]
    return page([dataclasses.replace(entries[0], recorded="holds in part"), *entries[1:]])


def test_what_does_not_hold_stands_first_and_what_holds_is_not_among_it() -> None:
    text = _page()
    assert "3 claims: 1 hold, 1 hold in part, 1 do not hold here." in text
    first = text.partition('id="doubtful"')[2].partition("</section>")[0]
    assert re.findall(r'href="#([\w-]+)"', first) == ["gelu-sigmoid-close", "whitening"]
    assert text.index('id="doubtful"') < text.index('id="summary"') < text.index("<article")


def test_the_summary_has_a_line_a_claim_and_the_section_the_rest() -> None:
    text = _page()
    summary = text.partition('id="summary"')[2].partition("</section>")[0]
    assert re.findall(r'href="#([\w-]+)"', summary) == ["tanh-is-sigmoid", "gelu-sigmoid-close", "whitening"]
    assert "<td>They are 0.5 apart.</td>" in summary
    section = text.partition('<article id="tanh-is-sigmoid">')[2].partition("</article>")[0]
    for words in ("They are 0.5 apart. A second sentence.", "Pass mark", "Set-up", "Source", "<svg", "All numbers"):
        assert words in section
    assert ">trainwell lab tanh-is-sigmoid<" in section
    assert "differs from the recorded verdict: holds in part" in section
    assert text.count("differs from") == 1


def test_texts_cannot_break_out() -> None:
    text = _page()
    assert "<script>alert" not in text
    assert "<b>machine" not in text
    assert "&lt;script&gt;alert" in text


def test_explain_tells_a_claim(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", "sgd-zigzag"]) == 0
    out = capsys.readouterr().out
    assert claims["sgd-zigzag"].statement in out
    assert "\nverdict: holds" in out
    assert run(["explain", "claims/whitening", "--json"]) == 0  # a technique is called so, too
    assert json.loads(capsys.readouterr().out)[0]["mark"] == claims["whitening"].mark
    assert run(["explain", "sgd-zig"]) == 2
    assert "There is no technique called 'sgd-zig'" in capsys.readouterr().err
    assert run(["explain", "claims/sgd-zig"]) == 2
    assert "Did you mean 'sgd-zigzag'" in capsys.readouterr().err
