"""Edits: the smallest changes that mend a program, each one file: rate, start, activation, loss, inputs, and so on.

A member changes copies of a program's parts in place, and tells what a person would write::

    (parts: Parts, *, ...) -> Edited

It changes one thing only. What it cannot do it refuses with a reason, and leaves the parts as they were. Its `code` is
Python that does the same to `model, loss, optimizer, train, valid, batch_size, epochs` as a script holds them, train
and valid as pairs of tensors: a test runs it on a second copy and compares. Wherever that can be, what is tried and
what is shown are the same lines (`trainwell.edits.script`). What they draw comes from torch's global generator.

An argument that says which of several things to take is called `to`.
"""

from dataclasses import dataclass

from trainwell.family import Family, Part
from trainwell.probes.parts import Parts

edits = Family("edits", __name__, "edit")


@dataclass(frozen=True)
class Edited:
    """What an edit did.

    Args:
        why_not: Why it cannot be done; empty where it was.
        says: What was changed, from what to what, in a few words.
        code: Lines for the script, with `# was ...` behind what they replace.
    """

    why_not: str = ""
    says: str = ""
    code: str = ""


def apply(parts: Parts, *changes: Part) -> tuple[Parts, list[Edited]]:
    """Copies of the parts with the changes made one after another, and what each of them did."""
    made = parts.copy()
    return made, [edits.build(change, made) for change in changes]
