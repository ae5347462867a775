"""Data: how much there is of what, how it was split, what was set aside, and what is to be known of it."""

from collections.abc import Mapping, Sequence
from typing import Any

from trainwell.report.render import render
from trainwell.report.section import Section
from trainwell.report.story import Story
from trainwell.report.words import counted, number, value

_PARTS = {"train": "training", "valid": "validation", "heldout": "held out"}
_MOST_CLASSES = 20  # at once
_MOST_FILES = 500  # of those set aside
_SHOWN = {
    "counts",
    "imbalance",
    "split",
    "duplicates",
    "listing",
    "features",
    "target",
    "sizes",
    "modes",
    "converted",
}  # told in another way


def data(story: Story) -> Section | None:
    """The data, as the run found it."""
    found = story.data
    if not found:
        return None
    facts: Mapping[str, Any] = found.get("facts") or {}
    quarantined = list(found.get("quarantined") or ())
    classes, parts = _classes(found, facts.get("counts") or {})
    html = render(
        "data.html",
        rows=_rows(found, facts),
        classes=classes[:_MOST_CLASSES],
        rest=classes[_MOST_CLASSES:],
        parts=parts,
        quarantined=quarantined,
        aside=counted(len(quarantined), "file"),
        most=_MOST_FILES,
        same=_same(facts.get("duplicates") or {}),
        notes=[str(note) for note in found.get("notes", ())],
    )
    return Section("data", "Data", html, _words(found, quarantined))


def _words(found: Mapping[str, Any], quarantined: Sequence[Any]) -> str:
    rows = sum(part["rows"] for part in (found.get("splits") or {}).values())
    num_classes = len(found.get("classes") or ())
    task = f" in {num_classes:,} classes" if num_classes else ""
    aside = f"; {len(quarantined):,} set aside" if quarantined else "; none set aside"
    return f"{rows:,} samples{task}{aside}."


def _rows(found: Mapping[str, Any], facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Name and value of what there is to say in a line each."""
    splits = ", ".join(
        f"{part['rows']:,} {_PARTS.get(name, name)}" for name, part in (found.get("splits") or {}).items()
    )
    split = facts.get("split") or {}
    seed = f", seed {split['seed']}" if "seed" in split else ""
    shape = [int(side) for side in found.get("shape") or ()][1:]
    rows = [
        ("Source", str(found.get("source", ""))),
        ("Kind", f"{found.get('kind', '')}, {found.get('task', '')}"),
        ("Each sample", " x ".join(map(str, shape)) if len(shape) > 1 else counted(sum(shape) or 1, "number")),
        ("Split", f"{splits} ({split.get('rule', 'rule not written down')}{seed})"),
    ]
    if facts.get("imbalance") is not None:
        words = (
            "as large as the smallest" if facts["imbalance"] == 1 else f"{facts['imbalance']:.3g} times the smallest"
        )
        rows.append(("Largest class", words))
    if facts.get("sizes"):
        rows.append(("Sizes of the files", _sizes(facts["sizes"])))
    if facts.get("modes"):
        converted = f"; {facts['converted']:,} converted" if facts.get("converted") else ""
        rows.append(("Pixels", ", ".join(f"{mode} ({count:,})" for mode, count in facts["modes"].items()) + converted))
    if facts.get("target"):
        rows.append(("Target", value(facts["target"])))
    if facts.get("features"):
        rows.append(("Features", value(facts["features"])))
    rows += [(name.replace("_", " ").capitalize(), value(given)) for name, given in facts.items() if name not in _SHOWN]
    rows.append(("Fingerprint", str(found.get("fingerprint", ""))))
    return rows


def _sizes(found: Mapping[str, Any]) -> str:
    smallest, median, largest = (f"{found[n][0]} x {found[n][1]}" for n in ("smallest", "median", "largest"))
    return f"all {median}" if smallest == largest else f"{smallest} to {largest}, median {median}"


def _classes(
    found: Mapping[str, Any], counts: Mapping[str, Mapping[str, int]]
) -> tuple[list[dict[str, Any]], list[str]]:
    """The classes, as they come or, where there are many, the largest first; and the names of the columns."""
    names = [str(name) for name in found.get("classes") or ()]
    if not names or not counts:
        return [], []
    first = "train" if "train" in counts else next(iter(counts))
    if len(names) > _MOST_CLASSES:
        names.sort(key=lambda name: -counts[first].get(name, 0))
    most = max(1, *(counts[first].get(name, 0) for name in names))
    order = [first, *(part for part in counts if part != first)]
    rows = [
        {
            "name": name,
            "counts": [counts[part].get(name, 0) for part in order],
            "percent": number(100 * counts[first].get(name, 0) / most),
        }
        for name in names
    ]
    return rows, [_PARTS.get(part, part) for part in order]


def _same(found: Mapping[str, Any]) -> dict[str, Any] | None:
    """What is said of samples that come more than once; None where none do."""
    if not found.get("groups"):
        return None
    once = found["groups"] == 1
    words = [
        f"{counted(found['groups'], 'sample')} {'comes' if once else 'come'} more than once "
        f"({found['extra']:,} beyond the first{'' if once else ' of each'})."
    ]
    if found.get("dropped_from_train"):
        were = "was" if found["dropped_from_train"] == 1 else "were"
        words.append(f"{found['dropped_from_train']:,} {were} left out of the training part, being in validation too.")
    else:
        words.append("Copies of a sample stand on the same side of the split.")
    if found.get("conflicts"):
        stand = "stands" if found["conflicts"] == 1 else "stand"
        words.append(f"{found['conflicts']:,} {stand} under more than one class: at least one label is wrong.")
    shown = [("Some of them", found.get("shown") or []), ("With different labels", found.get("conflicts_shown") or [])]
    return {"words": " ".join(words), "shown": [(title, groups) for title, groups in shown if groups]}
