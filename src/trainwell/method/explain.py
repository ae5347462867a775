"""`list` and `explain`: the catalogue and the cards as text."""

import textwrap
from collections.abc import Iterable, Sequence

from trainwell.family import Family, Part
from trainwell.method.card import REQUIRED, Card, Fact, Parameter, value_text
from trainwell.method.catalogue import families, headline
from trainwell.method.explanation import Explanation
from trainwell.method.plot import plot
from trainwell.probes.activation import curve

_PLOT_WIDTH = 72  # columns; fits a terminal of 80 with a margin
_PLOT_POINTS = 257  # two points a dot of the plot, or nearly
_INDENT = "  "
_FLAGS = {"strategies": "--strategy", "pruners": "--pruner"}  # of `tune`


def families_text() -> str:
    """All families: name, number of members, what they are."""
    rows = [(family.name, str(len(family.names)), headline(family)) for family in families().values()]
    return columns([("family", "members", ""), *rows])


def family_text(family: Family) -> str:
    """The members of a family: name, what it is, source."""
    return columns([(member.id, member.summary, member.paper or "") for member in family])


def columns(rows: Iterable[Sequence[str]]) -> str:
    """Rows as aligned columns, two spaces apart."""
    return "\n".join(line.rstrip() for line in _aligned(list(rows)))


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of one length: the cells of each row, filled up to the widest of their column."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)) for row in rows]


def card_text(card: Card, *, width: int = 100, braille: bool = True) -> str:
    """A card for reading.

    Args:
        card: The card.
        width: Columns; addresses and lines to copy are not broken.
        braille: Whether curves are drawn in braille characters, or in plain ones.
    """
    says = card.says
    blocks = [f"{card.family}/{card.id}", *(_wrapped(text, width) for text in told(says))]
    if card.family == "activations" and any(fact.computed is not None for fact in card.facts):
        blocks.append(curve_text(card.id, braille=braille))
    if card.facts:
        blocks.append("facts\n" + _facts(card.facts, width))
    if card.uncomputed:
        blocks.append(_wrapped(f"Its facts and its curve could not be computed: {card.uncomputed}", width))
    if card.parameters:
        blocks.append("parameters\n" + "\n".join(_parameter(parameter, width) for parameter in card.parameters))
    if says.returns:
        blocks.append("gives\n" + _wrapped(says.returns, width, _INDENT))
    if says.raises:
        lines = [_wrapped(f"{name}: {text}", width, _INDENT) for name, text in says.raises.items()]
        blocks.append("raises\n" + "\n".join(lines))
    source = [_wrapped(says.reference, width, _INDENT)] if says.reference else []
    source += [_INDENT + card.paper] if card.paper else []
    if source:
        blocks.append("source\n" + "\n".join(source))
    blocks.append("use\n" + "\n".join(_INDENT + line for line in use(card)))
    return "\n\n".join(blocks)


def told(says: Explanation) -> list[str]:
    """What a docstring says before its sections, in the order of reading; what it lacks is left out."""
    texts = (
        says.summary,
        says.definition and f"Definition: {says.definition}",
        says.reach,
        says.leave,
        says.cost and f"Cost: {says.cost}",
        says.looks and f"Looks like: {says.looks}",
        says.causes and f"Causes: {says.causes}",
        says.fixes and f"Fixes, in order: {says.fixes}",
        says.mistaken and f"Mistaken for: {says.mistaken}",
    )
    return [text for text in texts if text]


def use(card: Card) -> list[str]:
    """Lines to copy: for the command line, and in Python."""
    command = [f"trainwell fit DATA {' '.join(card.edits)}"] if card.edits else []
    if card.family in _FLAGS:
        command = [f"trainwell tune DATA {_FLAGS[card.family]} {card.id}"]
    return command + card.code.splitlines()


def curve_text(id: str, *, braille: bool = True) -> str:
    """An activation and its derivative, drawn."""
    x, y, slope = (values.tolist() for values in curve(Part("activations", id), _PLOT_POINTS))
    drawn = [("f(x)", y), ("slope", slope)]
    return "\n".join(f"{name}\n{plot(x, values, width=_PLOT_WIDTH, braille=braille)}" for name, values in drawn)


def fact_value(value: object) -> str:
    """A fact's value in words; empty where there is none."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else value_text(value)


def _facts(facts: Sequence[Fact], width: int) -> str:
    rows = [[fact.name.replace("_", " "), fact_value(fact.stated)] for fact in facts]
    texts = [fact.text for fact in facts]
    if any(fact.computed is not None for fact in facts):
        computed = [fact_value(fact.computed) for fact in facts]
        rows = [["", "stated", "computed"], *([*row, value] for row, value in zip(rows, computed, strict=True))]
        texts = ["", *texts]
    starts = _aligned(rows)
    if len(_INDENT + starts[0]) > width // 2:
        return "\n".join(_long_fact(fact, width) for fact in facts)
    lines = []
    for start, text in zip(starts, texts, strict=True):
        indent = " " * (len(_INDENT + start) + 2)
        lines.append((_INDENT + start + _filled(text, width, indent)[len(_INDENT + start) :]).rstrip())
    return "\n".join(lines)


def _long_fact(fact: Fact, width: int) -> str:
    """A fact whose value leaves no room for its meaning beside it."""
    values = [fact_value(value) for value in (fact.stated, fact.computed) if value is not None]
    told = _wrapped(f"{fact.name.replace('_', ' ')}: {'; computed '.join(values)}", width, _INDENT)
    return "\n".join([told, *([_wrapped(fact.text, width, _INDENT * 3)] if fact.text else [])])


def _parameter(parameter: Parameter, width: int) -> str:
    needed = parameter.default == REQUIRED
    clauses = [f"{parameter.kind}, {parameter.default}" + ("" if needed else " by default")]
    clauses += [f"in {parameter.limits}"] if parameter.limits else []
    clauses += [f"searched over {parameter.search}"] if parameter.search else []
    first = f"{_INDENT}{parameter.name}: {'; '.join(clauses)}"
    return "\n".join([first, *([_wrapped(parameter.text, width, _INDENT * 3)] if parameter.text else [])])


def _wrapped(text: str, width: int, indent: str = "") -> str:
    """Paragraphs, filled; one that has its own lines keeps them."""
    paragraphs = text.split("\n\n")
    return "\n\n".join(textwrap.indent(p, indent) if "\n" in p else _filled(p, width, indent) for p in paragraphs)


def _filled(text: str, width: int, indent: str) -> str:
    wrapper = textwrap.TextWrapper(width, initial_indent=indent, subsequent_indent=indent)
    wrapper.break_long_words = wrapper.break_on_hyphens = False  # what is copied stays whole
    return wrapper.fill(text)
