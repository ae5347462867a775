"""What a docstring says of a technique, in its parts.

Every member's docstring has a summary line, a definition, paragraphs that start with `Reach for it`, `Leave it` and
`Cost:`, and the sections `Args`, `Returns`, `Raises` and `Reference`.
"""

import inspect
import re
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field

from trainwell.family import Member

_SECTION = re.compile(r"^(Args|Returns|Raises|Reference):\s*$", re.MULTILINE)
_NAMED = re.compile(r"^(\w+): ")
_PREFIX = "Definition: "


@dataclass(frozen=True)
class Explanation:
    """A docstring in its parts; what it lacks is empty. A paragraph is one line, unless it has indented ones.

    Args:
        summary: What it is, in one sentence.
        definition: Formula, and what one has to know: paragraphs with empty lines between.
        reach: When to take it.
        leave: When not to.
        cost: What it costs.
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
    args: Mapping[str, str] = field(default_factory=dict)
    returns: str = ""
    raises: Mapping[str, str] = field(default_factory=dict)
    reference: str = ""


def explanation(member: Member) -> Explanation:
    """What the member's docstring says."""
    return parse(inspect.getdoc(member.make) or "")


def parse(docstring: str) -> Explanation:
    """The parts of a docstring whose lines begin at the margin."""
    head, *rest = _SECTION.split(docstring)
    sections = dict(zip(rest[::2], rest[1::2], strict=True))
    summary, _, body = head.partition("\n")
    told: dict[str, list[str]] = {"definition": [], "reach": [], "leave": [], "cost": []}
    for paragraph in re.split(r"\n\s*\n", body.strip("\n")):
        if paragraph.strip():
            told[_kind(paragraph)].append(_flowing(paragraph))
    paragraphs = {kind: "\n\n".join(texts) for kind, texts in told.items()}
    return Explanation(
        summary=summary.strip(),
        definition=paragraphs["definition"].removeprefix(_PREFIX),
        reach=paragraphs["reach"],
        leave=paragraphs["leave"],
        cost=paragraphs["cost"].removeprefix("Cost:").strip(),
        args=_items(sections.get("Args", "")),
        returns=_section(sections.get("Returns", "")),
        raises=_items(sections.get("Raises", "")),
        reference=_section(sections.get("Reference", "")),
    )


def _kind(paragraph: str) -> str:
    starts = {"Reach for it": "reach", "Leave it": "leave", "Cost:": "cost"}
    return next((kind for start, kind in starts.items() if paragraph.startswith(start)), "definition")


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
