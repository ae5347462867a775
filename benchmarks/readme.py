"""Pieces of the README's pages."""

from collections.abc import Sequence
from typing import Any


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; all columns but the first are set to the right."""
    rule = ["---", *["--:"] * (len(head) - 1)]
    return "\n".join("| " + " | ".join(row) + " |" for row in [head, rule, *rows])


def where(machine: dict[str, Any]) -> str:
    """The machine and the versions in one sentence."""
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items() if version)
    commit = (machine["commit"] or "no commit")[:12]
    return f"{machine['processor']}, {machine['cores']} cores; {versions}; commit {commit}."
