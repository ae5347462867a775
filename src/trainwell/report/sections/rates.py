"""Rates: which learning rates were tried before training, what the loss did at each, and which one was taken."""

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from trainwell.report.charts.lines import Line, Panel, lines
from trainwell.report.charts.scale import short_text
from trainwell.report.render import figure, render
from trainwell.report.section import Section
from trainwell.report.story import Story

_ROOM = 0.15  # above what is of interest, as a share of its height
_KEYS = ("rates", "losses")


def rates(story: Story) -> Section | None:
    """The learning-rate range test of a run, or of a study; None where no rates were tried."""
    ramps = [line for line in story.lines["rate"] if line.get("probe") == "rate_range" and _told(line)]
    tried = [line for line in story.lines["rate"] if line.get("probe") == "rate_interval" and _told(line)]
    figures = [*map(_ramp, ramps[-1:]), *map(_interval, tried[-1:])]
    if not figures:
        return None
    last = (ramps + tried)[-1]
    message = str(last.get("message", ""))
    words = f"{message[:1].upper()}{message[1:]}." + (f" {last['advice']}" if last.get("advice") else "")
    return Section("rates", "Learning rates tried", render("rates.html", figures=figures), words)


def _told(line: Mapping[str, Any]) -> bool:
    return all(line.get(key) for key in _KEYS)


def _ramp(line: Mapping[str, Any]) -> Markup:
    """Losses of a single training whose rate rises with each step."""
    tried, losses, smoothed = line["rates"], line["losses"], line.get("smoothed") or []
    drawn = [Line("of each step", tried, losses, style="faint", colour=6)]
    if smoothed:
        drawn.append(Line("smoothed", tried[: len(smoothed)], smoothed, colour=1))
    panel = Panel(drawn, "rate", "loss", log_x=True, y_span=_heights(line), x_marks=_marks(line), x_zone=_zone(line))
    chosen = line.get("chosen")
    caption = "The rate rises with each step of one training." + _shaded(line, "where the loss falls")
    own = ", the recipe's own" if chosen is not None and chosen == line.get("recipe") else ""
    caption += "" if chosen is None else f" Taken: {short_text(chosen)}{own}."
    rows = [[rate, loss, smooth] for rate, loss, smooth in zip(tried, losses, smoothed or losses, strict=False)]
    drawing = lines("Loss by learning rate", f"{line.get('message', '')}.", [panel])
    return figure(drawing, caption, rows, ["rate", "loss", "smoothed"])


def _interval(line: Mapping[str, Any]) -> Markup:
    """Where each rate had a short training of its own: how it ended, by the length of that training."""
    lengths = sorted(set(line.get("shares") or [1.0] * len(line["rates"])))
    points = sorted(
        zip(line["rates"], line.get("shares") or lengths * len(line["rates"]), line["losses"], strict=False)
    )
    drawn = []
    for length in lengths:
        of = [(rate, loss) for rate, share, loss in points if share == length]
        drawn.append(Line(f"{length:.0%} of the steps", [rate for rate, _ in of], [loss for _, loss in of]))
    start = line.get("start")
    panel = Panel(
        drawn,
        "rate",
        "loss",
        log_x=True,
        y_span=_heights(line),
        marks=[] if start is None else [(start, "before training")],
        x_marks=_marks(line),
        x_zone=_zone(line),
    )
    caption = "Each rate had short trainings of its own; what is not drawn diverged."
    caption += _shaded(line, "where the loss falls by nine tenths of what it falls at best")
    rows = [[rate, share, loss] for rate, share, loss in points]
    drawing = lines("Loss at the end, by learning rate", f"{line.get('message', '')}.", [panel])
    return figure(drawing, caption, rows, ["rate", "share of the steps", "loss"])


def _heights(line: Mapping[str, Any]) -> tuple[float, float] | None:
    """From the lowest loss to the highest of what did not run away; None where that is nothing."""
    end = line.get("diverges") or max(line["rates"])
    known = [loss for rate, loss in zip(line["rates"], line["losses"], strict=False) if loss is not None and rate < end]
    if line.get("start") is not None:
        known = [loss for loss in known if loss <= 2 * line["start"]] + [line["start"]]
    if not known or not max(known) > min(known):
        return None
    room = (max(known) - min(known)) * _ROOM
    return min(known) - room, max(known) + room


def _zone(line: Mapping[str, Any]) -> tuple[float, float] | None:
    low, high = line.get("low"), line.get("high")
    return (float(low), float(high)) if low and high else None


def _shaded(line: Mapping[str, Any], words: str) -> str:
    """What the pale stretch is, where there is one."""
    zone = _zone(line)
    return "" if zone is None else f" Shaded: {words}, {short_text(zone[0])} to {short_text(zone[1])}."


def _marks(line: Mapping[str, Any]) -> list[tuple[float, str]]:
    """The rates that have a name; those that are the same have one mark."""
    names: dict[float, list[str]] = {}
    for key, name in (
        ("suggestion", "suggested"),
        ("recipe", "recipe"),
        ("chosen", "chosen"),
        ("diverges", "diverges"),
    ):
        if line.get(key):
            names.setdefault(float(line[key]), []).append(name)
    return [(rate, " = ".join(found)) for rate, found in names.items()]
