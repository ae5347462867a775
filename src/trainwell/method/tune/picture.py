"""The picture of the trials: learning rate by weight decay, or what was searched in their place."""

import math
from collections.abc import Callable, Sequence
from xml.sax.saxutils import escape

from trainwell.errors import Refused
from trainwell.method.tune.ranges import DECAY, RATE
from trainwell.method.tune.rank import ranked
from trainwell.method.tune.summary import shown
from trainwell.recipe import Recipe
from trainwell.search.space import Range, Space
from trainwell.search.spelled import value_of
from trainwell.search.study import Outcome

_WIDTH, _HEIGHT, _LEFT, _TOP, _RIGHT, _BOTTOM = 640, 440, 84, 44, 24, 96
_POOR, _FAIR, _GOOD = (68, 1, 84), (33, 145, 140), (253, 231, 37)  # the ends and the middle of viridis
_SCORE = "score"


def picture(space: Space, outcomes: Sequence[Outcome], winner: Outcome, metric: str, recipe: Recipe) -> str | None:
    """A drawing of all trials as SVG; None where no range was searched.

    Colour is the rank of a trial within its stage, since trainings of other lengths end elsewhere; size is the length.

    Args:
        space: What the first stage searched.
        outcomes: Of all stages.
        winner: The one that is ringed.
        metric: Name of the score.
        recipe: That the trials edit.
    """
    keys = list(dict.fromkeys(d.key for d in space if isinstance(d, Range)))
    if not keys:
        return None
    keys.sort(key=lambda key: (key != RATE, key != DECAY))
    x_key, y_key = keys[0], keys[1] if len(keys) > 1 else _SCORE
    points = [(o, _value(space, o, x_key, metric, recipe), _value(space, o, y_key, metric, recipe)) for o in outcomes]
    drawn = [(o, x, y) for o, x, y in points if x is not None and (y is not None or o.state != "complete")]
    seen = [(x, y) for _, x, y in drawn if y is not None]
    if not seen:
        return None
    across = _axis(space, x_key, [x for x, _ in seen], _LEFT, _WIDTH - _RIGHT)
    upwards = _axis(space, y_key, [y for _, y in seen], _HEIGHT - _BOTTOM, _TOP)
    shade = _shades(outcomes)
    whole = max(o.epochs for o in outcomes)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="sans-serif" '
        'font-size="12">',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="white"/>',
        f'<text x="{_LEFT}" y="20" font-size="14">{len(drawn)} trials: {escape(metric)} by {escape(x_key)}'
        f"{'' if y_key == _SCORE else f' and {escape(y_key)}'}</text>",
        *_frame(across, upwards, x_key, metric if y_key == _SCORE else y_key),
    ]
    for outcome, x, y in sorted(drawn, key=lambda point: shade.get(id(point[0]), -1.0)):
        assert x is not None, "points without a place are left out above"
        at = (across[0](x), upwards[0](y) if y is not None else _HEIGHT - _BOTTOM)
        parts.append(_mark(outcome, at, shade.get(id(outcome)), 3.5 + 4.5 * math.sqrt(outcome.epochs / whole), metric))
    place = next(((x, y) for o, x, y in drawn if o.number == winner.number), None)
    if place is not None and place[1] is not None:
        x, y = across[0](place[0] or 0.0), upwards[0](place[1])
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="12" fill="none" stroke="#d62728" stroke-width="2"/>')
    return "\n".join([*parts, *_legend(), "</svg>", ""])


Axis = tuple[Callable[[float], float], list[float], Callable[[float], str]]


def _value(space: Space, outcome: Outcome, key: str, metric: str, recipe: Recipe) -> float | None:
    if key == _SCORE:
        return None if outcome.value is None else shown(outcome.value, metric)
    try:
        value = value_of(recipe.edit(outcome.proposal.edits), key)
    except Refused:  # what it failed of
        return None
    return value if isinstance(value, int | float) and (value > 0 or not _is_log(space, key)) else None


def _is_log(space: Space, key: str) -> bool:
    return any(isinstance(d, Range) and d.key == key and d.log for d in space)


def _axis(space: Space, key: str, values: Sequence[float], first: float, last: float) -> Axis:
    """Value -> place, the ticks, and how a tick is written."""
    log = _is_log(space, key)
    low, high = (math.log10(v) if log else v for v in (min(values), max(values)))
    margin = max((high - low) * 0.06, 0.05 if log else 1e-3)
    low, high = low - margin, high + margin

    def place(value: float) -> float:
        return first + (last - first) * ((math.log10(value) if log else value) - low) / (high - low)

    if log:
        ticks = [10.0**n for n in range(math.ceil(low), math.floor(high) + 1)]
        if len(ticks) < 3:
            exponents = range(math.floor(low), math.ceil(high) + 1)
            ticks = [m * 10.0**n for n in exponents for m in (1, 2, 5) if low <= math.log10(m) + n <= high]
    else:
        ticks = [low + (high - low) * share for share in (0.1, 0.3, 0.5, 0.7, 0.9)]
    return place, ticks, lambda value: f"{value:.3g}"


def _frame(across: Axis, upwards: Axis, x_name: str, y_name: str) -> list[str]:
    right, bottom = _WIDTH - _RIGHT, _HEIGHT - _BOTTOM
    parts = [f'<path d="M{_LEFT} {_TOP}V{bottom}H{right}" fill="none" stroke="#555"/>']
    for tick in across[1]:
        x = across[0](tick)
        parts.append(f'<path d="M{x:.1f} {_TOP}V{bottom}" stroke="#eee"/>')
        parts.append(f'<text x="{x:.1f}" y="{bottom + 16}" text-anchor="middle">{across[2](tick)}</text>')
    for tick in upwards[1]:
        y = upwards[0](tick)
        parts.append(f'<path d="M{_LEFT} {y:.1f}H{right}" stroke="#eee"/>')
        parts.append(f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{upwards[2](tick)}</text>')
    middle = (_TOP + bottom) / 2
    parts.append(f'<text x="{(_LEFT + right) / 2}" y="{bottom + 34}" text-anchor="middle">{escape(x_name)}</text>')
    parts.append(
        f'<text x="18" y="{middle}" text-anchor="middle" transform="rotate(-90 18 {middle})">{escape(y_name)}</text>'
    )
    return parts


def _shades(outcomes: Sequence[Outcome]) -> dict[int, float]:
    """By complete trial, the share of those of its stage that it is better than."""
    found: dict[int, float] = {}
    for stage in {outcome.stage for outcome in outcomes}:
        order = ranked([o for o in outcomes if o.stage == stage and o.state == "complete"])
        found |= {id(o): 1.0 - place / max(1, len(order) - 1) for place, o in enumerate(order)}
    return found


def _mark(outcome: Outcome, at: tuple[float, float], shade: float | None, radius: float, metric: str) -> str:
    x, y = at
    value = outcome.state if outcome.value is None else f"{metric} {shown(outcome.value, metric):.4f}"
    edits = " ".join(outcome.proposal.edits) or "the recipe's own settings"
    title = f"<title>{escape(f'{outcome.stage} {outcome.number}: {value}; {edits}')}</title>"
    if shade is None:
        return f'<path d="M{x - 4:.1f} {y - 4:.1f}l8 8m0 -8l-8 8" stroke="#999" stroke-width="1.5">{title}</path>'
    if not outcome.proposal.edits:
        side = radius * 1.8
        return (
            f'<rect x="{x - side / 2:.1f}" y="{y - side / 2:.1f}" width="{side:.1f}" height="{side:.1f}" '
            f'fill="{_colour(shade)}" stroke="#333">{title}</rect>'
        )
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}" fill="{_colour(shade)}" stroke="#333">{title}</circle>'


def _colour(share: float) -> str:
    low, high, between = (_POOR, _FAIR, share * 2) if share < 0.5 else (_FAIR, _GOOD, share * 2 - 1)
    return "#" + "".join(f"{round(a + (b - a) * between):02x}" for a, b in zip(low, high, strict=True))


def _legend() -> list[str]:
    y = _HEIGHT - 38
    return [
        *(
            f'<rect x="{_LEFT + 12 * n}" y="{y - 10}" width="12" height="12" fill="{_colour(n / 5)}"/>'
            for n in range(6)
        ),
        f'<text x="{_LEFT + 80}" y="{y}">worst .. best of its stage; larger: longer; ring: the winner</text>',
        f'<text x="{_LEFT + 80}" y="{y + 18}">square: the recipe\'s own; cross: pruned, diverged or failed</text>',
    ]
