"""Leave one family out: limits fitted on the programs of the others, and judged on it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from doctor.recorded import Record
from doctor.score import Answer, Limits, answer

Fit = Callable[[list[str]], Limits]  # ids of the programs that may be looked at -> limits


def left_out(records: Sequence[Record], singly: str = "") -> Iterator[tuple[str, list[str], list[Record]]]:
    """Each fold: its name, the ids of the programs to fit on, and the records to judge.

    Args:
        records: Of all families.
        singly: A family whose programs have nothing in common: each is a fold of its own.

    Raises:
        SystemExit: There are not two folds.
    """
    folds: dict[str, list[Record]] = {}
    for record in records:
        folds.setdefault(record.id if record.family == singly else record.family, []).append(record)
    if len(folds) < 2:
        raise SystemExit(f"All programs are of one family ({', '.join(folds) or 'none'}): there is no other to fit on.")
    for name, held in sorted(folds.items()):
        yield name, [record.id for record in records if all(record is not one for one in held)], held


def judged_apart(records: Sequence[Record], fit: Fit, singly: str = "") -> dict[str, Answer]:
    """The answer to each program, by id, by limits that were fitted without its fold."""
    answers: dict[str, Answer] = {}
    for name, rest, held in left_out(records, singly):
        known = fit(rest)
        answers |= {record.id: answer(record, known) for record in held}
        print(f"fitted on {len(rest):3}, judged on {len(held):3}: {name}", flush=True)
    return answers


def differences(one: Mapping[str, Answer], other: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Findings of both by id, where two sets of answers differ; None where one of them has no answer."""
    pairs = {id: (said(one.get(id)), said(other.get(id))) for id in sorted(one.keys() | other.keys())}
    return {id: pair for id, pair in pairs.items() if pair[0] != pair[1]}


def said(answer: Mapping[str, Any] | None) -> list[Any] | None:
    """What an answer says; what it failed with counts."""
    return None if answer is None else [*answer["findings"], *([answer["error"]] if answer["error"] else [])]
