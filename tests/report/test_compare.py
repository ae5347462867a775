"""The page that compares runs."""

import json
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest

from trainwell.errors import BadRun, BadValue
from trainwell.record import read_record
from trainwell.report.compare import write_comparison


class Page(HTMLParser):
    """The text of each section, and the rows of its tables."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.text: dict[str, str] = {}
        self.rows: dict[str, list[list[str]]] = {}
        self.scripts = 0
        self._section, self._cell = "", False
        self.feed(path.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "section":
            self._section = dict(attrs)["id"] or ""
            self.text[self._section], self.rows[self._section] = "", []
        if tag == "tr" and self._section:
            self.rows[self._section].append([])
        if tag in ("th", "td") and self._section:
            self.rows[self._section][-1].append("")
            self._cell = True
        self.scripts += tag == "script"

    def handle_endtag(self, tag: str) -> None:
        if tag in ("th", "td"):
            self._cell = False
        if tag == "section":
            self._section = ""

    def handle_data(self, data: str) -> None:
        if self._section:
            self.text[self._section] += data
            if self._cell:
                self.rows[self._section][-1][-1] += data

    def row(self, section: str, label: str) -> list[str]:
        return next([cell.strip() for cell in row[1:]] for row in self.rows[section] if row[0].strip() == label)


def test_two_runs_on_the_same_data(iris_run: Path, iris_longer: Path, tmp_path: Path) -> None:
    page = Page(write_comparison([iris_run, iris_longer], tmp_path / "page.html"))
    assert [cell.strip(" \N{BLACK CIRCLE}") for cell in page.rows["scores"][0][1:]] == ["short", "longer"]
    found = [json.loads((run / "findings.json").read_text())["verdict"] for run in (iris_run, iris_longer)]
    assert page.row("verdicts", "in words") == [verdict["words"] for verdict in found]
    scores = [f"{verdict['scores']['valid_loss']:.4f}" for verdict in found]
    assert page.row("scores", "validation loss") == scores
    rows = {row[0]: row[1:] for row in page.rows["recipe"][1:]}
    assert rows["epochs"] == ["4", "8"]
    assert rows["optimizer.lr"][1] == "0.02"
    assert "batch_size" not in rows, "what is the same is left out"
    assert "same data, split in the same way" in page.text["data"]
    assert "validation samples. Which samples each of them gets right is" in page.text["scores"]
    assert "trainwell evaluate " in page.text["scores"]
    assert "--against" in page.text["scores"]
    assert "p =" not in page.text["scores"], "no test was made"
    assert page.text["curves"].count("by epochs") >= 1


def test_the_time_to_a_score_is_that_of_the_record(iris_run: Path, iris_longer: Path, tmp_path: Path) -> None:
    page = Page(write_comparison([iris_run, iris_longer], tmp_path / "page.html"))
    records = [read_record(run, "epoch") for run in (iris_run, iris_longer)]
    goal = min(max(line["valid_accuracy"] for line in record) for record in records)
    cells = page.row("pace", f"{goal:.4f} (what all of them reached)")
    for cell, record in zip(cells, records, strict=True):
        first = next(line for line in record if line["valid_accuracy"] >= goal)
        assert cell == f"{first['seconds']:.1f} s, epoch {round(first['epoch'], 2):g}"


def test_runs_on_other_data_are_said_to_be(iris_run: Path, wine_run: Path, tmp_path: Path) -> None:
    page = Page(write_comparison([iris_run, wine_run], tmp_path / "page.html"))
    assert "different data" in page.text["data"]
    assert "were not scored on the same samples" in page.text["scores"]
    assert "--against" not in page.text["scores"], "no sample has the features of both"
    assert "none can be set against another" in page.text["scores"]
    assert "pace" not in page.text
    fingerprints = [json.loads((run / "data.json").read_text())["fingerprint"][:12] for run in (iris_run, wine_run)]
    assert page.row("data", "fingerprint") == fingerprints
    assert "<strong>" not in (tmp_path / "page.html").read_text().split('id="scores"')[1].split("</table>")[0]
    assert page.rows["scores"][0][1].strip(" \N{BLACK CIRCLE}").endswith("/short"), "told apart by their paths"


def test_runs_of_the_same_kind_on_other_data_can_be_tried_on_new_data(
    iris_run: Path, iris_longer: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    shutil.copytree(iris_longer, other)
    data = json.loads((other / "data.json").read_text())
    (other / "data.json").write_text(json.dumps(data | {"fingerprint": "0", "shape": [9, *data["shape"][1:]]}))
    page = Page(write_comparison([iris_run, other], tmp_path / "page.html"))
    assert " DATA --against " in page.text["scores"]
    (other / "best" / "model.json").unlink()
    page = Page(write_comparison([iris_run, other], tmp_path / "page.html"))
    assert "--against" not in page.text["scores"], "what has no weights cannot be evaluated"


def test_a_run_that_was_stopped_can_be_compared(iris_run: Path, iris_longer: Path, tmp_path: Path) -> None:
    stopped = tmp_path / "stopped"
    shutil.copytree(iris_longer, stopped)
    (stopped / "findings.json").unlink()
    lines = (stopped / "record.jsonl").read_text().splitlines(keepends=True)
    last = [place for place, line in enumerate(lines) if '"kind": "epoch"' in line][2]
    (stopped / "record.jsonl").write_text("".join(lines[: last + 1]))
    page = Page(write_comparison([iris_run, stopped], tmp_path / "page.html"))
    assert page.row("verdicts", "verdict")[1].endswith("stopped before its end")
    epoch = json.loads(lines[last])["epoch"]
    assert page.row("scores", "scores of")[1] == f"epoch {round(epoch, 2):g}, the last so far"


def test_names_of_a_user_are_text(iris_run: Path, iris_longer: Path, tmp_path: Path) -> None:
    plain = Page(write_comparison([iris_run, iris_longer], tmp_path / "page.html"))
    hostile = tmp_path / "<script>alert(1)<script>{{7*7}}"
    shutil.copytree(iris_run, hostile)
    page = Page(write_comparison([hostile, iris_longer], tmp_path / "page.html"))
    assert page.scripts == plain.scripts
    assert page.rows["scores"][0][1].strip(" \N{BLACK CIRCLE}") == hostile.name


def test_what_cannot_be_compared_is_refused(iris_run: Path, iris_longer: Path, tmp_path: Path) -> None:
    (tmp_path / "again").symlink_to(iris_run)
    with pytest.raises(BadValue, match="are the same folder"):
        write_comparison([iris_run, tmp_path / "again"], tmp_path / "page.html")
    with pytest.raises(BadValue, match="two runs or more, and 1 came"):
        write_comparison([iris_run], tmp_path / "page.html")
    with pytest.raises(BadRun, match="There is no run folder"):
        write_comparison([iris_run, tmp_path / "nowhere"], tmp_path / "page.html")
    letter = tmp_path / "letter.html"
    letter.write_text("dear")
    with pytest.raises(BadValue, match=r"is no page of Trainwell: it is left alone"):
        write_comparison([iris_run, iris_longer], letter)
    with pytest.raises(BadValue, match="is a folder"):
        write_comparison([iris_run, iris_longer], tmp_path)
    assert letter.read_text() == "dear"
    assert not (tmp_path / "page.html").exists()


def test_a_page_of_ours_is_replaced(
    iris_run: Path, iris_longer: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert write_comparison([iris_run, iris_longer]) == Path("comparison.html")
    first = Path("comparison.html").read_text()
    write_comparison([iris_longer, iris_run])
    assert Path("comparison.html").read_text() != first
