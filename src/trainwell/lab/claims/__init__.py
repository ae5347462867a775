"""The claims: one file each, found by walking this folder, registered where it stands."""

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

from trainwell.errors import UnknownName
from trainwell.lab.claim import CHAPTERS, Claim

C = TypeVar("C", bound=type[Claim])


class Claims:
    """The claims there are, by id."""

    def __init__(self) -> None:
        self._known: dict[str, Claim] = {}
        self._walked = False

    def add(self, claim: C) -> C:
        """Register the claim that is defined below."""
        assert claim.id not in self._known, f"there are two claims called {claim.id}"
        assert claim.chapter in CHAPTERS, f"{claim.id} is in no chapter of the lab"
        self._known[claim.id] = claim()
        return claim

    def _walk(self) -> dict[str, Claim]:
        if not self._walked:
            for module in pkgutil.iter_modules(__path__):
                importlib.import_module(f"{__name__}.{module.name}")
            self._walked = True
        return self._known

    def __iter__(self) -> Iterator[Claim]:
        """By chapter, and by name within it."""
        return iter(sorted(self._walk().values(), key=lambda claim: (CHAPTERS.index(claim.chapter), claim.id)))

    def __getitem__(self, id: str) -> Claim:
        """The claim called `id`; raises `UnknownName` with the nearest."""
        known = self._walk()
        if id not in known:
            raise UnknownName("claim", id, known)
        return known[id]


claims = Claims()


def source_of(claim: Claim) -> str:
    """The text of the file that a claim is written in."""
    return Path(inspect.getfile(type(claim))).read_text()
