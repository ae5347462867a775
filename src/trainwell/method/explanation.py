"""What a docstring says of a technique, in its parts.

Every member's docstring has a summary line, a definition, paragraphs that start with `Reach for it`, `Leave it` and
`Cost:`, and the sections `Args`, `Returns`, `Raises` and `Reference`. A problem is nothing to reach for: its paragraphs
start with `Looks like:`, `Causes:`, `Fixes, in order:` and `Mistaken for:`.
"""

import inspect
import re
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field

from trainwell.family import Member

_SECTION = re.compile(r"^(Args|Returns|Raises|Reference):\s*$", re.MULTILINE)
_NAMED = re.compile(r"^(\w+): ")
_STARTS = {
    "definition": "Definition:",
    "reach": "Reach for it",
    "leave": "Leave it",
    "cost": "Cost:",
    "looks": "Looks like:",
    "causes": "Causes:",
    "fixes": "Fixes, in order:",
    "mistaken": "Mistaken for:",
}
_OF_A_PROBLEM = ("summary", "definition", "looks", "causes", "fixes", "mistaken", "reference")
_OF_A_TECHNIQUE = ("summary", "definition", "reach", "leave", "cost", "reference")


@dataclass(frozen=True)
class Explanation:
    """A docstring in its parts; what it lacks is empty. A paragraph is one line, unless it has indented ones.

    Args:
        summary: What it is, in one sentence.
        definition: Formula, and what one has to know: paragraphs with empty lines between.
        reach: When to take it.
        leave: When not to.
        cost: What it costs.
        looks: Of a problem: by what one sees it.
        causes: Of a problem: what brings it about.
        fixes: Of a problem: what to do, the first thing first.
        mistaken: Of a problem: what it is taken for.
        args: Text by argument.
        returns: What comes out.
        raises: Text by error.
        reference: The source.
    """

    summary: str = ""
    definition: str = ""
    reach: str = ""
    leave: str = ""
    cost: str = ""
    looks: str = ""
    causes: str = ""
    fixes: str = ""
    mistaken: str = ""
    args: Mapping[str, str] = field(default_factory=dict)
    returns: str = ""
    raises: Mapping[str, str] = field(default_factory=dict)
    reference: str = ""


def explanation(member: Member) -> Explanation:
    """What the member's docstring says."""
    return parse(inspect.getdoc(member.make) or "")


def owed(family: str) -> tuple[str, ...]:
    """The parts that the docstring of every member of a family has."""
    return _OF_A_PROBLEM if family == "problems" else _OF_A_TECHNIQUE


def parse(docstring: str) -> Explanation:
    """The parts of a docstring whose lines begin at the margin."""
    head, *rest = _SECTION.split(docstring)
    sections = dict(zip(rest[::2], rest[1::2], strict=True))
    summary, _, body = head.partition("\n")
    told: dict[str, list[str]] = {kind: [] for kind in _STARTS}
    for paragraph in re.split(r"\n\s*\n", body.strip("\n")):
        if paragraph.strip():
            told[_kind(paragraph)].append(_flowing(paragraph))
    paragraphs = {kind: "\n\n".join(texts) for kind, texts in told.items()}
    named = {kind: start for kind, start in _STARTS.items() if start.endswith(":")}
    return Explanation(
        summary=summary.strip(),
        **paragraphs | {kind: paragraphs[kind].removeprefix(start).strip() for kind, start in named.items()},
        args=_items(sections.get("Args", "")),
        returns=_section(sections.get("Returns", "")),
        raises=_items(sections.get("Raises", "")),
        reference=_section(sections.get("Reference", "")),
    )


def _kind(paragraph: str) -> str:
    return next((kind for kind, start in _STARTS.items() if paragraph.startswith(start)), "definition")


def _flowing(paragraph: str) -> str:
    """The paragraph as one line; lines that are indented or start an item stay, since they are set like that."""
    lines = paragraph.strip("\n").splitlines()
    if any(line.startswith((" ", "- ")) for line in lines):
        return "\n".join(line.rstrip() for line in lines)
    return " ".join(line.strip() for line in lines)


def _section(text: str) -> str:
    paragraphs = re.split(r"\n\s*\n", textwrap.dedent(text).strip("\n"))
    return "\n\n".join(_flowing(paragraph) for paragraph in paragraphs if paragraph.strip())


def _items(text: str) -> dict[str, str]:
    """`name: text`, with further lines of the text indented."""
    items: dict[str, str] = {}
    name = ""
    for line in textwrap.dedent(text).strip("\n").splitlines():
        if start := _NAMED.match(line):
            name = start[1]
            items[name] = line[start.end() :].strip()
        elif line.strip() and name:
            items[name] += " " + line.strip()
    return items
