"""`trainwell lab` as it is typed."""

import dataclasses
import json
import re
from pathlib import Path

import pytest

from trainwell.cli.main import run
from trainwell.errors import BadValue
from trainwell.lab import records
from trainwell.lab.claim import Claim, Verdict
from trainwell.lab.claims import claims

_CLAIM = "tanh-is-sigmoid"


def test_the_list_has_every_claim_with_its_recorded_verdict(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["lab", "list", "--json"]) == 0
    rows = {row["id"]: row for row in json.loads(capsys.readouterr().out)}
    assert list(rows) == [claim.id for claim in claims]
    assert rows[_CLAIM]["verdict"] == "holds"
    assert run(["lab", "list"]) == 0
    assert f"  {_CLAIM}: {rows[_CLAIM]['statement']} [holds]\n" in capsys.readouterr().out


def test_all_of_one_claim_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["lab", "list", _CLAIM]) == 0
    out = capsys.readouterr().out
    for name in ("statement", "why", "question", "set-up", "mark", "source", "where"):
        assert f"\n{name}: " in out


def test_a_claim_is_run_drawn_and_remembered(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["lab", _CLAIM, "--quick", "--figure", "--out", str(tmp_path / "drawn"), "--cache", str(tmp_path)]
    assert run(words) == 0
    drawn = tmp_path / "drawn" / f"{_CLAIM}.svg"
    assert drawn.read_text().startswith("<svg")
    assert capsys.readouterr().out.startswith(f"{_CLAIM}: holds (")
    assert run([*words, "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert (found["verdict"]["word"], found["recorded"], found["figure"]) == ("holds", "holds", str(drawn))


def test_the_atlas_is_one_page_with_a_section_a_claim(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["lab", _CLAIM, "gelu-sigmoid-close", "--quick", "--cache", str(tmp_path), "--atlas", str(tmp_path / "a")]
    assert run(words) == 0
    assert str(tmp_path / "a" / "index.html") in capsys.readouterr().out
    text = (tmp_path / "a" / "index.html").read_text()
    for id in (_CLAIM, "gelu-sigmoid-close"):
        assert f'<article id="{id}">' in text
        assert f'<a href="#{id}">' in text
        assert f"trainwell lab {id} --quick" in text
    assert text.count("<svg") == 2
    assert not re.search(r'(?:src|href)="(?!#|data:)', text), "the page fetches something"
    (tmp_path / "file").write_text("")
    assert run([*words[:-1], str(tmp_path / "file" / "in it")]) == 3


def test_a_verdict_other_than_the_recorded_one_is_said_and_leaves_with_1(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    known = records.recorded(claims[_CLAIM])
    assert known is not None
    other = dataclasses.replace(known.outcome, verdict=Verdict("holds in part", ""))

    def changed(claim: Claim) -> records.Record:
        assert claim.id == _CLAIM
        return records.Record(other, 0.0)

    monkeypatch.setattr(records, "recorded", changed)
    assert run(["lab", _CLAIM, "--quick", "--cache", str(tmp_path)]) == 1
    assert "DIFFERS from the recorded verdict: holds in part." in capsys.readouterr().out


def test_nothing_is_recorded_where_the_quick_run_says_otherwise(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TRAINWELL_CACHE", str(tmp_path))
    records.write([_CLAIM], tmp_path)
    assert json.loads((tmp_path / f"{_CLAIM}.json").read_text())["verdict"]["word"] == "holds"
    (tmp_path / f"{_CLAIM}.json").unlink()
    words = iter(["holds", "does not hold here"])
    monkeypatch.setattr(claims[_CLAIM], "judge", lambda _: Verdict(next(words), ""))
    with pytest.raises(BadValue, match="Not recorded"):
        records.write([_CLAIM], tmp_path)
    assert not (tmp_path / f"{_CLAIM}.json").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["tanh-is-sigmoidal"], "Did you mean 'tanh-is-sigmoid'"),
        (["list", "--quick"], "runs nothing"),
        ([_CLAIM, "--out", "here"], "Add --figure"),
        ([_CLAIM, "--atlas", __file__], "is a file. Give a folder"),
        ([_CLAIM, "--figure", "--out", __file__], "is a file. Give a folder"),
    ],
)
def test_what_cannot_be_is_refused(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["lab", *words]) == 2
    assert said in capsys.readouterr().err
