"""A run in a comparison, and a table with a column for each of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from trainwell.errors import BadRun, BadValue
from trainwell.report.charts.svg import colour
from trainwell.report.render import render
from trainwell.report.story import Story, read_story

_PARTS = {"train": "training", "valid": "validation", "heldout": "held-out"}


@dataclass(frozen=True)
class Contender:
    """A run that is compared.

    Args:
        name: What it is called on the page: as much of its path as tells it from the others.
        folder: As it was given.
        story: What it holds; of a study the run of its winner.
        colour: Number of its colour in the curves.
    """

    name: str
    folder: Path
    story: Story
    colour: int


@dataclass(frozen=True)
class Cell:
    """What a run has in a row of a table.

    Args:
        text: Plain text.
        kind: `yes`, `part` or `no` for what is good, doubtful or bad; empty for plain.
        best: Whether it is the best of the row.
    """

    text: str
    kind: str = ""
    best: bool = False


@dataclass(frozen=True)
class Row:
    """A row of a table: what it is about, and a cell for each run."""

    label: str
    cells: Sequence[Cell]


def contenders(folders: Sequence[str | Path]) -> list[Contender]:
    """Read the runs.

    Args:
        folders: Two or more, of runs or studies.

    Raises:
        BadRun: A folder holds no run, or a study that has trained none.
        BadValue: There are fewer than two, or one twice.
    """
    paths = [Path(folder) for folder in folders]
    if len(paths) < 2:
        raise BadValue(f"A comparison needs two runs or more, and {len(paths)} came.")
    stories = [_run(read_story(path)) for path in paths]
    places = [path.resolve() for path in paths]
    for place, path in enumerate(paths):
        first = places.index(places[place])
        if first != place:
            raise BadValue(f"{path} and {paths[first]} are the same folder. Give two that differ.")
    return [
        Contender(name, path, story, colour(place))
        for place, (name, path, story) in enumerate(zip(_names(places), paths, stories, strict=True))
    ]


def _run(story: Story) -> Story:
    if story.study is None:
        return story
    if story.best_run is None:
        raise BadRun(f"{story.path} is a study that has not trained its winner yet: there is no run to compare.")
    return story.best_run


def _names(places: Sequence[Path]) -> list[str]:
    """The last part of each path, and as many before it as it takes to tell them apart."""
    longest = max(len(place.parts) for place in places)
    for count in range(1, longest + 1):
        names = ["/".join(place.parts[-count:]) for place in places]
        if len(set(names)) == len(names):
            return names
    return [str(place) for place in places]


def table(runs: Sequence[Contender], rows: Sequence[Row], caption: str) -> Markup:
    """Rows with a column for each run.

    Args:
        runs: The runs.
        rows: The rows.
        caption: What the table is about.
    """
    return render("compare_table.html", runs=runs, rows=rows, caption=caption)


def differing(runs: Sequence[Contender], values: Sequence[dict[str, str]]) -> list[Row]:
    """The rows in which not all runs have the same.

    Args:
        runs: The runs.
        values: Of each run, text by name; what a run lacks is shown as such.
    """
    assert len(runs) == len(values), "one dictionary a run"
    names = list(dict.fromkeys(name for one in values for name in one))
    rows = [Row(name, [Cell(one.get(name, "–")) for one in values]) for name in names]
    return [row for row in rows if len({cell.text for cell in row.cells}) > 1]


def flat(content: dict[str, Any], path: str = "") -> dict[str, Any]:
    """Nested dictionaries as one, with dots between the names; a part stands under its own name with its arguments."""
    found: dict[str, Any] = {}
    for name, value in content.items():
        place = path if name == "name" and path else f"{path}.{name}" if path else name
        if isinstance(value, dict):
            found |= flat(value, place)
        elif isinstance(value, list) and value and all(isinstance(one, dict) and "name" in one for one in value):
            found[place] = ", ".join(map(_part, value))
        else:
            found[place] = value
    return found


def _part(part: dict[str, Any]) -> str:
    arguments = ", ".join(f"{name}={value}" for name, value in part.items() if name != "name")
    return f"{part['name']}({arguments})" if arguments else str(part["name"])


def words_of(key: str) -> str:
    """A key of a record as words: `valid_loss` is `validation loss`."""
    part, _, rest = key.partition("_")
    return f"{_PARTS.get(part, part)} {rest}".replace("_", " ").strip()
