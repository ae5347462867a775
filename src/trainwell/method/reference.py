"""The reference pages: one a family, written from the same docstrings and facts that `explain` prints."""

import re
from pathlib import Path

from trainwell.family import Family, Part
from trainwell.method.card import Card, card, has_curve
from trainwell.method.catalogue import about, fact_texts, families, headline
from trainwell.method.explain import fact_value, told, use
from trainwell.probes.activation import curve

COMMAND = "scripts/reference"
_MADE = f"<!-- Written by {COMMAND} from the docstrings. Change those, and run it again. -->\n"
_WIDTH, _HEIGHT, _MARGIN = 320, 180, 16  # of a drawing, in its own units
_POINTS = 161  # a point every two units of the drawing


def pages() -> dict[str, str]:
    """Every page and drawing, by its path within the folder."""
    found = {"README.md": _index()}
    for name, family in families().items():
        cards = [card(member) for member in family]
        found[f"{name}.md"] = _page(family, cards)
        for member in family:
            if has_curve(member):
                found[f"{name}/{member.id}.svg"] = drawing(Part(name, member.id))
    return found


def write(folder: Path) -> None:
    """Write all pages into the folder, and take away what is no page any more."""
    made = pages()
    for old in [path for path in folder.rglob("*") if path.suffix in (".md", ".svg")]:
        if str(old.relative_to(folder)) not in made:
            old.unlink()
    for name, text in made.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def _index() -> str:
    rows = [
        f"| [{name}]({name}.md) | {len(family.names)} | {_escaped(headline(family), in_table=True)} |"
        for name, family in families().items()
    ]
    intro = "Every technique, by family. `trainwell list` and `trainwell explain NAME` print the same in a terminal."
    table = ["| family | members | what it is |", "|---|---|---|", *rows]
    return "\n".join([_MADE, "# Reference", "", intro, "", *table, ""])


def _page(family: Family, cards: list[Card]) -> str:
    intro = about(family).partition("\nFacts of a member")[0].strip()
    # Code blocks are indented by four already, as Markdown wants them.
    intro = re.sub(r"::$", ":", intro, flags=re.MULTILINE)
    blocks = [_MADE.rstrip(), f"# {family.name}", intro]
    facts = fact_texts(family)
    if facts:
        items = [f"- {name.replace('_', ' ')}: {_escaped(text)}" for name, text in facts.items()]
        blocks.append("Facts of a member:\n\n" + "\n".join(items))
    blocks.append("\n".join(f"- [{one.id}](#{one.id.lower()}): {_escaped(one.says.summary)}" for one in cards))
    return "\n\n".join([*blocks, *(_section(one) for one in cards)]) + "\n"


def _section(one: Card) -> str:
    says = one.says
    blocks = [f"## {one.id}", *(_escaped(text) for text in told(says))]
    if one.family == "activations" and any(fact.computed is not None for fact in one.facts):
        blocks.append(f"![{one.id} and its slope]({one.family}/{one.id}.svg)")
    stated = [fact for fact in one.facts if fact.stated is not None]
    if stated:
        words = [f"{fact.name.replace('_', ' ')} {fact_value(fact.stated)}" for fact in stated]
        blocks.append(_escaped("Facts: " + "; ".join(words) + "."))
    if one.parameters:
        rows = ["| parameter | what it may be | default | searched over | what it does |", "|---|---|---|---|---|"]
        for p in one.parameters:
            kind = f"{p.kind} in {p.limits}" if p.limits else p.kind
            cells = [f"`{p.name}`", *(_escaped(text, in_table=True) for text in (kind, p.default, p.search, p.text))]
            rows.append(f"| {' | '.join(cells)} |")
        blocks.append("\n".join(rows))
    if says.returns:
        blocks.append(_escaped(f"Gives: {says.returns}"))
    blocks += [_escaped(f"Raises {name}: {text}") for name, text in says.raises.items()]
    source = [_escaped(says.reference)] if says.reference else []
    source += [f"<{one.paper}>"] if one.paper else []
    if source:
        blocks.append("Source: " + " ".join(source))
    blocks.append("\n".join(["```", *use(one), "```"]))
    return "\n\n".join(blocks)


def _escaped(text: str, *, in_table: bool = False) -> str:
    """The text with what Markdown would take for its own made plain, but for words in code type."""
    parts = re.split(r"(`[^`]*`)", text)
    for place in range(0, len(parts), 2):
        parts[place] = re.sub(r"([*\[\]])", r"\\\1", parts[place]).replace("<", "&lt;")
    joined = "".join(parts)
    return joined.replace("|", "\\|").replace("\n", " ") if in_table else joined


def drawing(activation: Part) -> str:
    """An activation, and its slope as a dashed line, as SVG."""
    x, y, slope = curve(activation, _POINTS)
    low = min(0.0, float(y.min()), float(slope.min()))
    high = max(0.0, float(y.max()), float(slope.max()))
    right, up = _WIDTH - 2 * _MARGIN, _HEIGHT - 2 * _MARGIN
    first, last = float(x[0]), float(x[-1])

    def across(value: float) -> float:
        return _MARGIN + (value - first) / (last - first) * right

    def down(value: float) -> float:
        return _MARGIN + (high - value) / (high - low) * up

    def line(values: list[float], style: str) -> str:
        places = " ".join(f"{across(a):.1f},{down(b):.1f}" for a, b in zip(x.tolist(), values, strict=True))
        return f'<polyline fill="none" {style} points="{places}"/>'

    def label(text: str, at: tuple[float, float], anchor: str) -> str:
        style = 'font-family="sans-serif" font-size="10" fill="#808080"'
        return f'<text x="{at[0]:.1f}" y="{at[1]:.1f}" text-anchor="{anchor}" {style}>{text}</text>'

    zero_x, zero_y = across(0.0), down(0.0)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" role="img">',
        f"<title>{activation.name} and its slope (dashed)</title>",
        f'<path d="M{_MARGIN} {zero_y:.1f}H{_MARGIN + right}M{zero_x:.1f} {_MARGIN}V{_MARGIN + up}" stroke="#b0b0b0"/>',
        line(slope.tolist(), 'stroke="#d97706" stroke-width="1.5" stroke-dasharray="4 3"'),
        line(y.tolist(), 'stroke="#2563eb" stroke-width="2"'),
        label(f"{high:.3g}", (zero_x - 3, _MARGIN + 4), "end"),
        label(f"{low:.3g}", (zero_x - 3, _MARGIN + up + 12), "end"),
        label(f"{first:g}", (_MARGIN, zero_y + 12), "middle"),
        label(f"{last:g}", (_MARGIN + right, zero_y + 12), "middle"),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"
