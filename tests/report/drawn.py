"""Run folders with a record made up for a test, and what can be read off the charts of a page."""

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as Xml


def folder(path: Path, lines: list[dict[str, Any]], found: dict[str, Any] | None = None) -> Path:
    """A run folder with this record, and these findings."""
    path.mkdir(exist_ok=True)
    (path / "recipe.json").write_text('{"format": 1}')
    (path / "record.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    if found is not None:
        (path / "findings.json").write_text(json.dumps({"format": 1, **found}))
    return path


def read(svg: str) -> list[dict[str, Any]]:
    """The panels of a chart, as the script sees them."""
    found: list[dict[str, Any]] = json.loads(Xml.fromstring(svg).attrib["data-read"])
    return found


def charts(html: str) -> dict[str, list[dict[str, Any]]]:
    """The panels of all charts in a piece of a page, by the titles of the charts."""
    found = [f"<svg{part.partition('</svg>')[0]}</svg>" for part in html.split("<svg")[1:]]
    return {str(Xml.fromstring(svg).findtext("{*}title")): read(svg) for svg in found}


def texts(joined: str | list[str]) -> list[str]:
    """Texts that a chart holds in one string."""
    return joined if isinstance(joined, list) else joined.split("|")
