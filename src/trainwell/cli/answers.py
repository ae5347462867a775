"""Predictions on standard output, part after part: a table, JSON, or comma-separated values."""

import csv
import json
import shutil
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, TextIO

import typer
from rich.cells import cell_len

if TYPE_CHECKING:
    from trainwell.data.dataset import Quarantined
    from trainwell.method.predictions import Predictions

_SHORTEST = 12  # characters that are left of a file name, however narrow the terminal is
_LONGEST = 80  # characters for file names where they are not cut; a longer one moves its own line only


class Writer(ABC):
    """Writes predictions as they come.

    Args:
        stream: Where to.
        classes: Names of the classes; empty in regression.
        top: How many classes to give; None for as many as the form has room for.
        rows: Whether files hold several samples each.
    """

    def __init__(self, stream: TextIO, classes: Sequence[str], *, top: int | None, rows: bool) -> None:
        self._stream, self._classes, self._top = stream, classes, top
        self._places = ("file", "row") if rows else ("file",)
        self._begun = False

    @abstractmethod
    def add(self, part: "Predictions") -> None:
        """Write some more."""

    def end(self, broken: Sequence["Quarantined"], notes: Sequence[str]) -> None:  # noqa: ARG002  (JSON takes them)
        """Nothing more comes."""
        self._stream.flush()

    def _shown(self, value: Any) -> list[Any]:
        """A predicted value, or several, as a list."""
        return value if isinstance(value, list) else [value]

    def _value_names(self, number: int) -> list[str]:
        return ["value"] if number == 1 else [f"value {k + 1}" for k in range(number)]


class AsJson(Writer):
    """One JSON document, a line for each prediction."""

    def __init__(self, stream: TextIO, classes: Sequence[str], *, top: int | None, rows: bool) -> None:
        super().__init__(stream, classes, top=top, rows=rows)
        self._before = f'{{"classes": {json.dumps(list(classes))}, "predictions": [\n'

    def add(self, part: "Predictions") -> None:
        from trainwell.record import finite  # torch is imported when a verb needs it

        for row in part.rows(self._top):
            self._stream.write(self._before + json.dumps(finite(row)))
            self._before = ",\n"

    def end(self, broken: Sequence["Quarantined"], notes: Sequence[str]) -> None:
        files = [{"file": each.path, "reason": each.reason} for each in broken]
        head = "" if self._before == ",\n" else self._before
        self._stream.write(f'{head}\n], "broken": {json.dumps(files)}, "notes": {json.dumps(list(notes))}}}\n')
        super().end(broken, notes)


class AsCsv(Writer):
    """A header line and a line for each prediction, quoted where a name needs it."""

    def add(self, part: "Predictions") -> None:
        out = csv.writer(self._stream, lineterminator="\n")
        for row in part.rows(self._top):
            places = [safe_bytes(str(row.get(name, ""))) for name in self._places]
            names, cells = zip(*self._cells(row), strict=True)
            if not self._begun:
                out.writerow([*self._places, *names])
                self._begun = True
            out.writerow([*places, *(f"{cell:.9g}" if isinstance(cell, float) else cell for cell in cells)])

    def _cells(self, row: dict[str, Any]) -> Iterator[tuple[str, Any]]:
        if "value" in row:
            values = self._shown(row["value"])
            yield from zip(self._value_names(len(values)), values, strict=True)
            return
        if "top" in row:
            for place, each in enumerate(row["top"], 1):
                yield f"class {place}", each["class"]
                yield f"probability {place}", each["probability"]
            return
        yield "class", row["class"]
        yield "probability", row["probability"]
        for name, probability in row["probabilities"].items():
            yield f"p({name})", probability


class AsTable(Writer):
    """Columns for the eye; on a terminal with a header that stands out, and file names that fit."""

    def __init__(self, stream: TextIO, classes: Sequence[str], *, top: int | None, rows: bool) -> None:
        super().__init__(stream, classes, top=top, rows=rows)
        self._room = shutil.get_terminal_size().columns if stream.isatty() else None
        self._widths: list[int] = []

    def add(self, part: "Predictions") -> None:
        top = (self._top or 1) if self._classes else None
        lines = [self._line(row) for row in part.rows(top)]
        if not lines:
            return
        header = self._header(len(lines[0]) - len(self._places))
        if not self._widths:
            self._widths = [len(name) for name in header]
            self._widths[len(self._places) :: 2] = [
                max(width, *map(cell_len, map(safe, self._classes)), 0)
                for width in self._widths[len(self._places) :: 2]
            ]
        self._widths = [max(width, *map(cell_len, cells)) for width, *cells in zip(self._widths, *lines, strict=True)]
        rest = sum(self._widths[1:]) + 2 * len(self._widths[1:])
        most = _LONGEST if self._room is None else max(_SHORTEST, self._room - rest)
        self._widths[0] = min(self._widths[0], most)
        if not self._begun:
            line = self._aligned(header)
            self._stream.write((typer.style(line, bold=True) if self._room is not None else line) + "\n")
            self._begun = True
        self._stream.writelines(self._aligned(cells) + "\n" for cells in lines)

    def _header(self, number: int) -> list[str]:
        """Names of the columns, `number` of them behind the places."""
        if not self._classes:
            return [*self._places, *self._value_names(number)]
        if number == 2:
            return [*self._places, "class", "probability"]
        pairs = [(f"class {place + 1}", "probability") for place in range(number // 2)]
        return [*self._places, *(name for pair in pairs for name in pair)]

    def _line(self, row: dict[str, Any]) -> list[str]:
        places = [safe(str(row.get(name, ""))) for name in self._places]
        if "value" in row:
            return [*places, *(f"{value:.6g}" for value in self._shown(row["value"]))]
        cells = [(safe(each["class"]), f"{each['probability']:.4f}") for each in row["top"]]
        return [*places, *(cell for pair in cells for cell in pair)]

    def _aligned(self, cells: Sequence[str]) -> str:
        padded = []
        for place, (cell, width) in enumerate(zip(cells, self._widths, strict=True)):
            number = place >= len(self._places) and (not self._classes or (place - len(self._places)) % 2 == 1)
            cell = cell if self._room is None else _fitted(cell, width)
            padded.append(f"{cell:>{width}}" if number else aligned(cell, width))
        return "  ".join(padded).rstrip()


def safe(text: str) -> str:
    """Text that can be printed on one line: control characters, and bytes that are no text, are written as escapes."""
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in safe_bytes(text)
    )


def safe_bytes(text: str) -> str:
    """Text that can be encoded: bytes that are no text are written as escapes."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def aligned(text: str, width: int) -> str:
    """The text with blanks behind it, up to so many columns of a terminal: letters of some scripts take two."""
    return text + " " * (width - cell_len(text))


def _fitted(text: str, width: int) -> str:
    """The text, its middle left out where it is longer."""
    if cell_len(text) <= width:
        return text
    tail = len(text) - 1
    while cell_len(text[tail - 1 :]) <= width // 2:
        tail -= 1
    head = 1
    while cell_len(text[: head + 1]) <= width - cell_len(text[tail:]) - 1:
        head += 1
    return f"{text[:head]}…{text[tail:]}"
