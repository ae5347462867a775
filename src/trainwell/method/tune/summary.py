"""The summary of a study: what was found and how sure that is, for a person and as plain data."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from trainwell.method.tune.rank import ranked
from trainwell.report.words import duration
from trainwell.search.importances import LEAST
from trainwell.search.study import Outcome

_SHOWN = 10


def outcome_json(outcome: Outcome) -> dict[str, Any]:
    """An outcome as plain data."""
    return {
        "number": outcome.number,
        "stage": outcome.stage,
        "edits": list(outcome.proposal.edits),
        "settings": dict(outcome.proposal.settings),
        "state": outcome.state,
        "value": outcome.value,
        "values": outcome.values,
        "spread": outcome.spread,
        "valid_loss": outcome.valid_loss,
        "epochs": outcome.epochs,
        "seconds": round(outcome.seconds, 3),
        "how": sorted({result.how for result in outcome.results}),
        "why": next((result.why for result in outcome.results if result.why), ""),
    }


def trial_line(outcome: Outcome, metric: str) -> str:
    """An outcome in one line."""
    edits = " ".join(outcome.proposal.edits) or "the recipe's own settings"
    why = next((result.why for result in outcome.results if result.why), "")
    return f"{outcome.stage} {outcome.number}: {_score(outcome, metric)}  {edits}{f'  ({why})' if why else ''}"


def table(outcomes: Sequence[Outcome], winner: Outcome, metric: str) -> list[list[str]]:
    """The winner, and the best trials of each length, the longest first, as rows with a head."""
    others = [o for stage in _by_length(outcomes) for o in ranked(stage) if o.number != winner.number]
    best = [winner, *(o for o in others if o.state == "complete")]
    columns = {"stage": lambda o: o.stage, "trial": lambda o: str(o.number), metric: _value(metric), "spread": _spread}
    if metric != "valid_loss":
        columns["valid_loss"] = lambda o: f"{o.valid_loss:.4f}"
    columns |= {"epochs": lambda o: f"{o.epochs:g}", "settings": _settings}
    return [list(columns), *([cell(outcome) for cell in columns.values()] for outcome in best[:_SHOWN])]


def lines(rows: Sequence[Sequence[str]]) -> list[str]:
    """A table as plain text."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]) - 1)]
    return [
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[-1]]) for row in rows
    ]


def counts(outcomes: Sequence[Outcome]) -> str:
    """How many trials came to what end."""
    found: dict[str, int] = {}
    for outcome in outcomes:
        found[outcome.state] = found.get(outcome.state, 0) + 1
    return ", ".join(f"{count} {state}" for state, count in found.items())


def mattered(shares: Mapping[str, float] | None, complete: int) -> str:
    """The importances in words."""
    if shares is None:
        if complete < LEAST:
            return f"too few trials to tell: {complete} complete in the coarse stage, {LEAST} are needed"
        return "nothing to tell: all trials of the coarse stage ended alike"
    return ", ".join(f"{name} {share:.0%}" for name, share in shares.items())


def markdown(summary: Mapping[str, Any], rows: Sequence[Sequence[str]]) -> str:
    """The summary as a page."""
    head, *body = rows
    made = [
        f"# {summary['source']}: {summary['words']}",
        "\n".join(f"- {line}" for line in summary["told"]),
        "## The best trials",
        "\n".join(
            [
                f"| {' | '.join(head)} |",
                f"|{'---|' * len(head)}",
                *(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in body),
            ]
        ),
        "The winner stands first. Scores of trainings of different length cannot be compared; the winner was chosen "
        "among those of full length, over pairs with the same seed or fold.",
        f"## What mattered\n\n{summary['mattered']}",
    ]
    if summary["picture"] is not None:
        made.append(f"## Where the trials lie\n\n![trials]({summary['picture']})")
    verdict = summary["verdict"]["words"]
    made.append(f"## The run\n\n`{summary['run']}`: {verdict}\n\nIn all {duration(summary['seconds'])}.")
    return "\n\n".join(made) + "\n"


def shown(value: float, metric: str) -> float:
    """A score, which is such that higher is better, as the metric is usually given: of a loss the sign is turned."""
    return -value if metric.endswith("loss") else value


def _score(outcome: Outcome, metric: str) -> str:
    if outcome.value is None:
        return outcome.state
    spread = "" if outcome.spread is None else f" ± {outcome.spread:.4f}"
    state = "" if outcome.state == "complete" else f" ({outcome.state})"
    return f"{metric} {shown(outcome.value, metric):.4f}{spread}{state}"


def _value(metric: str) -> Callable[[Outcome], str]:
    return lambda outcome: "" if outcome.value is None else f"{shown(outcome.value, metric):.4f}"


def _spread(outcome: Outcome) -> str:
    return "" if outcome.spread is None else f"{outcome.spread:.4f}"


def _settings(outcome: Outcome) -> str:
    return " ".join(outcome.proposal.edits) or "(the recipe's own)"


def _by_length(outcomes: Sequence[Outcome]) -> list[list[Outcome]]:
    stages: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        stages.setdefault(outcome.stage, []).append(outcome)
    later_first = list(reversed(stages.values()))
    return sorted(later_first, key=lambda stage: -max(o.epochs for o in stage))
