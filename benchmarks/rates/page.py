"""The page's tables of `lr_range.py`."""

from typing import Any

from readme import table, where


def lr_range(result: dict[str, Any]) -> str:
    """What every rule loses on every problem, and what that comes to."""
    results, settings = result["results"], result["settings"]
    names = list(result["summary"])
    rows = []
    for name, found in results.items():
        within = found["within"]
        rows.append(
            [
                name,
                f"{100 * found['best_accuracy']:.2f} at {found['best_rate']:.2g}",
                f"{min(within):.2g} - {max(within):.2g}",
                ", ".join(f"{rate:.2g}" for rate in found["rules"]["rates"]["rates"]),
                f"{found['cost']:.1f}",
                *(f"{100 * found['rules'][rule]['lost']:.2f}" for rule in names),
            ]
        )
    head = ["", "best of the sweep, %", "within 0.5", "suggested, by seed", "cost", *names]
    totals = []
    for rule, total in result["summary"].items():
        close = f"{total['close']} of {len(results)}"
        better = "" if rule == "rates" else f"{total['ours_better']} of {len(results)}"
        totals.append([rule, close, f"{100 * total['mean_lost']:.2f}", f"{100 * total['worst_lost']:.2f}", better])
    seeds = ", ".join(map(str, settings["seeds"]))
    longest = f"the longest training took {result['longest_training']:.1f} s of one core"
    said = f"Seeds {seeds}; {longest}. {where(result['machine'])}"
    means = "Points of test accuracy lost against the sweep's best; cost in full trainings."
    second = table(["", "within 0.5", "mean lost", "worst lost", "`rates` is better"], totals)
    return f"{said}\n\n{means}\n\n{table(head, rows)}\n\n{second}"
