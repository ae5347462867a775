"""The catalogue: all families and their members, found by walking the package; no list is written by hand."""

import functools
import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator, Mapping, Sequence
from types import ModuleType

import trainwell
from trainwell.errors import BadValue, UnknownName, nearest
from trainwell.family import Family, Member

_FACT = re.compile(r"^ {4}(\w+): (.*)$")


def families() -> dict[str, Family]:
    """Every family by its name, sorted."""
    return {name: getattr(module, name) for name, module in _homes().items()}


@functools.cache
def _homes() -> dict[str, ModuleType]:
    """The package of each family: one that holds a `Family` of its own name."""
    return dict(sorted(_within(trainwell.__path__, "trainwell")))


def _within(path: Sequence[str], package: str) -> Iterator[tuple[str, ModuleType]]:
    for found in pkgutil.iter_modules(path):
        if found.ispkg:
            module = importlib.import_module(f"{package}.{found.name}")
            if isinstance(getattr(module, found.name, None), Family):
                yield found.name, module
            yield from _within(module.__path__, module.__name__)


def family_named(name: str) -> Family:
    """The family; raises `UnknownName` with the nearest."""
    known = families()
    if name not in known:
        raise UnknownName("family", name, known)
    return known[name]


def find(name: str) -> list[Member]:
    """The members that a name means: of each family that has one of this name, or the one of `family/name`.

    Args:
        name: `lion`, `optimizers/lion`, or `activations/package.module:attribute` for one of one's own.

    Raises:
        UnknownName: No such family, or no such member of it.
        BadValue: No family has a member of this name, or the name of one's own has no family before it.
    """
    family, slash, id = name.partition("/")
    if slash:
        return [family_named(family)[id]]
    known = families()
    if name in known:
        raise BadValue(f"{name!r} is a family, not a technique: trainwell list {name} prints its members.")
    if ":" in name:
        raise BadValue(
            f"{name!r} needs its family before it, for example activations/{name}. Known: {', '.join(known)}."
        )
    found = [family[name] for family in known.values() if name in family]
    if not found:
        near = nearest(name, {id for family in known.values() for id in family.names} | set(known))
        hint = f" Did you mean {near!r}?" if near else ""
        raise BadValue(
            f"There is no technique called {name!r}.{hint} trainwell list prints the families, trainwell list FAMILY "
            "what is in one."
        )
    return found


def about(family: Family) -> str:
    """What the family says of itself: the docstring of its package."""
    return inspect.getdoc(_homes()[family.name]) or ""


def headline(family: Family) -> str:
    """What the family is, in one line, without its name."""
    first = about(family).partition("\n")[0]
    return first.partition(": ")[2] or first


def fact_texts(family: Family) -> Mapping[str, str]:
    """What each fact of a member means, by its name, as the family's docstring has it under `Facts of a member`."""
    texts: dict[str, str] = {}
    name = ""
    for line in about(family).partition("Facts of a member")[2].partition("\n")[2].splitlines():
        if start := _FACT.match(line):
            name = start[1]
            texts[name] = start[2]
        elif line.startswith(" ") and name:
            texts[name] += " " + line.strip()
        elif not line.startswith(" ") and texts:
            break
    return texts
