"""The four curves of four learning rates."""

from collections.abc import Sequence
from typing import Any

from trainwell.lab.claim import Claim, Numbers, Verdict, by_parts
from trainwell.lab.claims import claims
from trainwell.lab.networks import stack
from trainwell.lab.training import built_in, course, plain_recipe
from trainwell.report.charts.lines import Line, Panel, lines

_RATES = (1e-4, 3e-4, 1e-3, 3e-3, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0)
_POINTS = 60  # of a curve, each a mean over the steps between
_WORSE = 2.0
_STRAIGHT = 0.5
_KINDS = ("low", "good", "high", "very high")


@claims.add
class LrFourCurves(Claim):
    """Loss curves, and of which kind each is."""

    id = "lr-four-curves"
    chapter = "optimisation"
    statement = (
        "A very high rate makes the loss grow, a high one lets it fall fast and stick at a bad level, a low one lets "
        "it fall slowly and about straight, a good one fast and far."
    )
    why = (
        "The rate is bounded by the curvature; near the bound the weights are too restless to settle, far below they "
        "creep."
    )
    question = "Are all four kinds there, in the order of the rates?"
    set_up = (
        "Digits, one hidden ReLU layer of 64, plain SGD at twelve rates from 1e-4 to 30, 10 epochs of batches of 16: "
        "the training loss, as a mean over 60 stretches."
    )
    mark = (
        "Good is the rate whose loss ends lowest. Low: a smaller rate that ends at twice that loss or more and falls "
        "at least half as much in the second half of the training as in the first. Very high: the loss is not finite, "
        "or ends above its start. High: a larger rate than good, not very high, that is below the good curve at some "
        "point of the first tenth and ends at twice its loss or more. Holds if all four kinds are found on every seed; "
        "in part if some are beside the good one; else it does not hold."
    )
    source = "CS231n, Neural Networks Part 3 (loss function) and Training Neural Networks II"
    num_seeds = (3, 1)

    def measure(self, *, quick: bool, seeds: Sequence[int]) -> dict[str, Any]:
        """Trainings at every rate."""
        return {"rates": _RATES, "curves": [[_curve(rate, seed, quick) for rate in _RATES] for seed in seeds]}

    def judge(self, numbers: Numbers) -> Verdict:
        """By the kinds that are found."""
        rates = numbers["rates"]
        found = [_kinds(rates, curves) for curves in numbers["curves"]]
        parts = [all(kinds[name] for kinds in found) for name in _KINDS]
        texts = [f"{name}: {', '.join(f'{rate:g}' for rate in found[0][name]) or 'none'}" for name in _KINDS]
        where = f"Rates of each kind on the first of {len(found)} seeds: {'; '.join(texts)}."
        if all(parts):
            return Verdict("holds", where)
        return by_parts([False, any(parts[:1] + parts[2:])], where)

    def figure(self, numbers: Numbers) -> str:
        """One curve of each kind."""
        kinds = _kinds(numbers["rates"], numbers["curves"][0])
        picked = {name: kinds[name][len(kinds[name]) // 2] for name in _KINDS if kinds[name]}
        above = [rate for rate in numbers["rates"] if rate > picked["good"]]
        if "high" not in picked and above:
            picked["next above good"] = above[0]
        curves = [
            Line(f"{name}: {rate:g}", [n / _POINTS for n in range(_POINTS + 1)],
                 numbers["curves"][0][numbers["rates"].index(rate)])
            for name, rate in picked.items()
        ]  # fmt: skip
        return lines(
            "The loss by the learning rate",
            "Low rates fall slowly, good ones fast and far, high ones stick, very high ones grow.",
            [Panel(curves, "share of the training", "training loss", y_span=(0.0, 4.0))],
        )


def _curve(rate: float, seed: int, quick: bool) -> list[float | None]:
    """The loss before training, then the mean over each of some stretches; None once it is not finite."""
    model = stack("relu", "he_normal", (64, 64), seed=seed, head=10, head_scale=0.1)
    epochs = 5 if quick else 10
    recipe = plain_recipe(
        optimizer={"name": "sgd", "lr": rate, "momentum": 0.0}, epochs=epochs, batch_size=16, seed=seed
    )
    data = built_in("digits")
    losses = course(data, recipe, model).losses
    size = epochs * len(data.splits["train"]) // 16 / _POINTS
    stretches = [losses[int(n * size) : int((n + 1) * size)] for n in range(_POINTS)]
    means = [sum(stretch) / len(stretch) if len(stretch) >= int(size) else None for stretch in stretches]
    return [losses[0], *means]


def _kinds(rates: Sequence[float], curves: Sequence[Sequence[float | None]]) -> dict[str, list[float]]:
    """The rates of each kind, as the mark has them."""
    ends = [_end(curve) for curve in curves]
    best = min((end, place) for place, end in enumerate(ends) if end is not None)[1]
    good, lowest = curves[best], ends[best] or 0.0
    found: dict[str, list[float]] = {name: [] for name in _KINDS}
    found["good"].append(rates[best])
    early = 1 + _POINTS // 10
    for place, (rate, curve, end) in enumerate(zip(rates, curves, ends, strict=True)):
        start = curve[0]
        if end is None or start is None or (place > best and end > start):
            found["very high"].append(rate)
        elif end < _WORSE * lowest:
            continue
        elif place < best:
            middle = curve[_POINTS // 2] or 0.0
            if middle - end >= _STRAIGHT * (start - middle):
                found["low"].append(rate)
        elif any(a < b for a, b in zip(curve[:early], good[:early], strict=True) if a is not None and b is not None):
            found["high"].append(rate)
    return found


def _end(curve: Sequence[float | None]) -> float | None:
    """Mean of the last tenth; None where it is not finite."""
    last = [value for value in curve[-_POINTS // 10 :] if value is not None]
    return sum(last) / len(last) if len(last) == _POINTS // 10 else None
