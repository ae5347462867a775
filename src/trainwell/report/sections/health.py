"""Health: what went on in each layer over time, as colours: dead, saturated, vanishing or exploding at a glance."""

import functools
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

import numpy as np
from markupsafe import Markup

from trainwell.report.charts.conditions import Shade, conditions
from trainwell.report.charts.scale import short_text
from trainwell.report.progress import progress
from trainwell.report.render import figure, render
from trainwell.report.section import Section
from trainwell.report.story import Story
from trainwell.report.words import counted, number

_NARROW = 12  # layers up to which two pictures stand side by side
_MOST_NAMED = 8  # layers in a sentence; the pictures name all of them
_PROBLEMS = {
    "dead-units", "saturated-activations", "vanishing-gradient", "exploding-gradient", "init-too-small",
    "init-too-large", "init-mismatch", "non-finite", "initializer_misfit", "saturating_hidden",
}  # fmt: skip


@dataclass(frozen=True)
class _Layers:
    """A measurement by layer: names, times and values, (L, T)."""

    names: Sequence[str]
    times: Sequence[float]
    x_label: str
    values: np.ndarray


@dataclass(frozen=True)
class _View:
    """How a measurement is shown.

    Args:
        key: The measurement.
        title: Of its picture.
        label: What its numbers are.
        caption: How to read it.
        change: Of the values what is shown.
        limit: Problem and name of a limit that the legend shows; None for none.
        factors: Least and most that the colours reach, where the values are factors; None where they are shares.
        marked: What is wrong with layers that are marked.
        flags: Which layers are marked, and how bad it is; None marks none.
    """

    key: str
    title: str
    label: str
    caption: str
    change: Callable[[np.ndarray], np.ndarray]
    limit: tuple[str, str] | None = None
    factors: tuple[float, float] | None = None
    marked: str = ""
    flags: Callable[[Story, _Layers], dict[int, str]] | None = None

    def shade(self, values: np.ndarray) -> Shade:
        """How these values become colours: those of factors are as strong as the largest one asks for."""
        if self.factors is None:
            return Shade(limit=None if self.limit is None else _limit(*self.limit))
        known = values[np.isfinite(values) & (values > 0)]
        reach = float(np.exp(np.abs(np.log(known)).max())) if len(known) else 1.0
        return Shade(min(max(reach, self.factors[0]), self.factors[1]), factor=True)


def health(story: Story) -> Section | None:
    """Layers by time; None where nothing was measured by layer."""
    figures, said, most, looks = [], [], 0, 0
    for view in _VIEWS:
        layers = _layers(story, view.key)
        if layers is None:
            continue
        flags = {} if view.flags is None else view.flags(story, layers)
        figures.append(_picture(view, layers, flags))
        if flags:
            told = [f"{layers.names[place]} ({words})" for place, words in flags.items()]
            more = f", and {len(told) - _MOST_NAMED:,} more" if len(told) > _MOST_NAMED else ""
            limit = "" if view.limit is None else f" (limit {number(_limit(*view.limit))})"
            said.append(f"{view.marked}{limit}: {', '.join(told[:_MOST_NAMED])}{more}.")
        most, looks = max(most, len(layers.names)), max(looks, len(layers.times))
    if not figures:
        return None
    findings = [one for one in story.findings if one.get("problem") in _PROBLEMS]
    if not any(one["problem"] == "exploding-gradient" for one in findings):
        said += _said(story)
    words = f"{counted(most, 'layer')}, {counted(looks, 'look')}; "
    words += "what stands out is marked and said below." if said or findings else "the diagnoses mark no layer."
    html = render("health.html", figures=figures, said=said, findings=findings, narrow=most <= _NARROW)
    return Section("health", "Health of the layers", html, words)


def _layers(story: Story, key: str) -> _Layers | None:
    """A measurement by layer, at the steps at which it was taken; None where it was not."""
    columns = story.measures.names(f"{key}.")
    if not columns:
        return None
    values = np.stack([story.measures[name] for name in columns])
    taken = ~np.isnan(values).all(axis=0)
    if not taken.any():
        return None
    times, x_label = progress(story, story.measures["step"][taken])
    names = [name.removeprefix(f"{key}.") for name in columns]
    return _Layers(names, times.tolist(), x_label, values[:, taken])


def _picture(view: _View, layers: _Layers, flags: dict[int, str]) -> Markup:
    shown = view.change(layers.values)
    drawing = conditions(
        view.title,
        _described(layers, shown, flags),
        shown,
        rows=layers.names,
        times=layers.times,
        x_label=layers.x_label,
        value_label=view.label,
        shade=view.shade(shown),
        flagged=flags.keys(),
    )
    rows = [[name, *_ends(row)] for name, row in zip(layers.names, shown, strict=True)]
    return figure(
        drawing,
        f"{view.caption}{_span(layers.names, _last(shown))}",
        rows,
        ["layer", "first", "lowest", "highest", "last"],
    )


def _described(layers: _Layers, shown: np.ndarray, flags: dict[int, str]) -> str:
    """The picture in words."""
    if np.isnan(shown).all():
        return "No layer has a number."
    low, high = (divmod(int(find(shown)), shown.shape[1]) for find in (np.nanargmin, np.nanargmax))
    told = [
        f"{word} {number(float(shown[place]))} in {layers.names[place[0]]} at {layers.x_label} "
        f"{number(round(layers.times[place[1]], 2))}"
        for word, place in (("lowest", low), ("highest", high))
    ]
    marked = ", ".join(layers.names[place] for place in flags)
    return f"{counted(len(layers.names), 'layer')}: {'; '.join(told)}." + (f" Marked: {marked}." if marked else "")


def _span(names: Sequence[str], last: np.ndarray) -> str:
    """Between which values the layers end, and which ones those are."""
    if np.isnan(last).all():
        return ""
    if np.nanmin(last) == np.nanmax(last):
        return f" At the last look {short_text(float(np.nanmin(last)))} in all."
    ends = int(np.nanargmin(last)), int(np.nanargmax(last))
    low, high = (f"{short_text(float(last[place]))} ({names[place]})" for place in ends)
    return f" At the last look from {low} to {high}."


def _last(values: np.ndarray) -> np.ndarray:
    """The last known value of each layer, (L,); NaN where there is none."""
    known = [row[~np.isnan(row)] for row in values]
    return np.array([row[-1] if len(row) else np.nan for row in known])


def _ends(row: np.ndarray) -> list[Any]:
    known = row[~np.isnan(row)]
    return [float(v) for v in (known[0], known.min(), known.max(), known[-1])] if len(known) else ["–"] * 4


def _said(story: Story) -> Iterator[str]:
    """What the record says of all layers together."""
    norms = story.measures["gradient_norm"] if "gradient_norm" in story.measures else np.zeros(0)
    known = norms[np.isfinite(norms)]
    limit = _limit("exploding-gradient", "rise")
    if len(known) > 1 and known[0] > 0 and known[1:].max() / known[0] > limit:
        yield (
            f"All layers: the gradient grows to {number(float(known[1:].max() / known[0]))} times what it was at the "
            f"first look; the limit is {number(limit)}."
        )


def _dead(_story: Story, layers: _Layers) -> dict[int, str]:
    limit = _limit("dead-units", "end")
    return {place: f"{share:.0%}" for place, share in enumerate(_last(layers.values)) if share > limit}


def _flow(story: Story, layers: _Layers) -> dict[int, str]:
    """Layers without a gradient; and the first, where its gradient beside its size is next to nothing."""
    found = {place: "none at the last look" for place, size in enumerate(_last(layers.values)) if size == 0}
    ratio, limit = _first_over_last(story), _limit("vanishing-gradient", "watched")
    if ratio is not None and ratio < limit:
        found[0] = f"beside its size {ratio:.1g} times that of the last layer in the median look, limit {limit:.1g}"
    return found


def _first_over_last(story: Story) -> float | None:
    """Gradient over size of the first layer, beside that of the last, as the median of all looks."""
    gradients, sizes = (_layers(story, key) for key in ("gradient_flow", "weight_norm"))
    if gradients is None or sizes is None or len(gradients.names) < 2 or gradients.names != sizes.names:
        return None
    if gradients.values.shape != sizes.values.shape:
        return None
    with np.errstate(divide="ignore", invalid="ignore"):
        beside = gradients.values / sizes.values
        ratios = beside[0] / beside[-1]
    known = ratios[np.isfinite(ratios)]
    return float(np.median(known)) if len(known) else None


def _over_median(values: np.ndarray) -> np.ndarray:
    """Over the median of the layers, which of an even number is the lower one, as the measurement has it."""
    middle = np.sort(values, axis=0)[(np.sum(~np.isnan(values), axis=0) - 1) // 2, np.arange(values.shape[1])]
    none = np.where(values > 0, np.inf, values)  # what it is beside a layer that gets nothing
    return np.where(middle > 0, values / np.where(middle > 0, middle, 1.0), none)


def _over_first(values: np.ndarray) -> np.ndarray:
    known = [row[~np.isnan(row) & (row > 0)] for row in values]
    first = np.array([row[0] if len(row) else np.nan for row in known])
    return values / first[:, None]


@functools.cache
def _limits() -> dict[str, Any]:
    text = resources.files("trainwell").joinpath("diagnoses", "problems", "limits.json").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text)["problems"]
    return found


def _limit(problem: str, name: str) -> float:
    """A limit of the diagnoses, as it was fitted; read as a file, since the rules themselves need torch."""
    return float(_limits()[problem]["limits"][name])


_VIEWS = (
    _View(
        "dead_units",
        "Dead units",
        "share of units",
        "Units that say the same for every sample get no gradient. Calm is 0.",
        np.asarray,
        limit=("dead-units", "end"),
        marked="Units that are dead at the last look",
        flags=_dead,
    ),
    _View(
        "saturation",
        "Saturation",
        "share of values",
        "Values at which the activation is flat. Of ReLU and its kin about half is usual; the limit is for activations "
        "that are flat on both sides, such as sigmoid and tanh.",
        np.asarray,
        limit=("saturated-activations", "flat"),
    ),
    _View(
        "activation_scale",
        "Activation scale",
        "spread between samples",
        "How far apart the samples are behind each activation. A signal that shrinks from layer to layer turns blue "
        "downwards, one that grows turns orange.",
        np.asarray,
        factors=(10.0, 1e4),
    ),
    _View(
        "gradient_flow",
        "Gradient flow",
        "gradient over that of the median layer",
        "Blue layers get less gradient than the others, orange ones more: blue at the top is a gradient that vanishes "
        "on its way back.",
        _over_median,
        factors=(10.0, 1e4),
        marked="Next to no gradient",
        flags=_flow,
    ),
    _View(
        "weight_norm",
        "Weight norm",
        "length over that at the first look",
        "Blue weights have shrunk, orange ones have grown.",
        _over_first,
        factors=(2.0, 100.0),
    ),
)
