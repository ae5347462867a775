"""Families: a folder of techniques that share one signature, and is its own registry.

A technique registers itself where it stands::

    @schedules.add("cosine", paper="https://arxiv.org/abs/1608.03983", limits={"final": "[0, 1]"})
    def cosine(progress: float, *, final: float = 0.0) -> float: ...

and is found by walking the family's folder, so that a new file is all it takes to add one. What a member acts on comes
first; its hyper-parameters are keyword-only. They are checked (name, type, limits) when a `Part` is made from them and
when the member is called directly, so a wrong value is refused before anything is trained.

A name of the form `package.module:attribute` brings a member from outside the package.
"""

import functools
import importlib
import inspect
import math
import pkgutil
import sys
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from trainwell.errors import BadValue, UnknownName

T = TypeVar("T")
Plain = None | bool | int | float | str
Tune = Mapping[str, tuple[Any, ...]]


@dataclass(frozen=True)
class Part:
    """A technique by name, with its hyper-parameters: plain, frozen data.

    Made by `Family.part` or `part`, which check it; equal when name and arguments are.

    Args:
        family: Name of the family, e.g. `optimizers`.
        name: Id of the member.
        args: Hyper-parameters that were set; a value is plain or again a `Part`. Read only.
    """

    family: str
    name: str
    args: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "args", types.MappingProxyType(dict(self.args)))

    def __hash__(self) -> int:
        return hash((self.family, self.name, tuple(sorted(self.args))))

    def __reduce__(self) -> tuple[Any, ...]:
        return (Part, (self.family, self.name, dict(self.args)))

    def __str__(self) -> str:
        inside = ", ".join(f"{key}={value}" for key, value in self.args.items())
        return f"{self.name}({inside})" if inside else self.name

    def json(self) -> dict[str, Any]:
        """The part as a flat JSON object: `{"name": "sgd", "lr": 0.1}`."""
        return {"name": self.name} | {k: v.json() if isinstance(v, Part) else v for k, v in self.args.items()}


@dataclass(frozen=True)
class Member:
    """One technique of a family.

    Args:
        family: Name of the family.
        id: Exact id, unique within the family.
        make: The function or class as it was written; calling it checks nothing.
        paper: Address of the source, where it has one.
        tune: Search range by hyper-parameter: `(low, high)`, `(low, high, "log")` or the choices.
        limits: What is possible, as an interval: `{"p": "[0, 1)"}`.
        parts: Hyper-parameters that name a member of another family, with that family.
        facts: What else is known of the technique, as the family states.
    """

    family: str
    id: str
    make: Callable[..., Any]
    paper: str | None = None
    tune: Tune = field(default_factory=dict)
    limits: Mapping[str, str] = field(default_factory=dict)
    parts: Mapping[str, "Family"] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def summary(self) -> str:
        """First line of the docstring."""
        return (inspect.getdoc(self.make) or "").partition("\n")[0]

    @functools.cached_property
    def hyper(self) -> dict[str, inspect.Parameter]:
        """The keyword-only parameters of the signature, by name, in order."""
        parameters = inspect.signature(self.make).parameters.values()
        return {p.name: p for p in parameters if p.kind is inspect.Parameter.KEYWORD_ONLY}

    @functools.cached_property
    def types(self) -> dict[str, Any]:
        """The annotations of the signature, by name."""
        target = self.make.__init__ if inspect.isclass(self.make) else self.make
        return typing.get_type_hints(target)

    def check(self, args: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments, checked and with nested parts resolved; raises `BadValue` or `UnknownName`."""
        checked = {}
        for name, value in args.items():
            if name not in self.hyper:
                raise UnknownName(f"argument of {self.family}/{self.id}", name, self.hyper)
            where = f"{self.id}.{name}"
            if name in self.parts:
                optional = value is None and type(None) in typing.get_args(self.types.get(name))
                checked[name] = None if optional else self.parts[name].part(value)
            else:
                checked[name] = check_value(where, value, self.types.get(name, Any), self.limits.get(name))
        missing = [n for n, p in self.hyper.items() if p.default is inspect.Parameter.empty and n not in args]
        if missing:
            raise BadValue(f"{self.family}/{self.id} needs a value for {', '.join(missing)}; none was given.")
        return checked

    def resolved(self, args: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments with the defaults filled in, nested parts too."""
        full = {n: p.default for n, p in self.hyper.items() if p.default is not inspect.Parameter.empty} | dict(args)
        for name, family in self.parts.items():
            if full.get(name) is not None:
                full[name] = family.resolve(full[name])
        return full

    def __call__(self, *inputs: Any, **args: Any) -> Any:
        """Call the technique with its arguments checked."""
        return self.make(*inputs, **self.check(args))


class Family:
    """A folder of techniques.

    Args:
        name: Plural noun, as the folder is called.
        package: `__name__` of the folder's `__init__`.
        noun: What one member is called in messages.
    """

    def __init__(self, name: str, package: str, noun: str) -> None:
        self.name = name
        self.noun = noun
        self._package = package
        self._members: dict[str, Member] = {}
        self._walked = False

    def add(
        self,
        id: str,
        *,
        paper: str | None = None,
        tune: Tune | None = None,
        limits: Mapping[str, str] | None = None,
        parts: Mapping[str, "Family"] | None = None,
        **facts: Any,
    ) -> Callable[[T], T]:
        """Register the function or class below under `id`; direct calls of it are checked from then on."""

        def register(make: T) -> T:
            assert callable(make), f"{id} is not callable"
            raw: Callable[..., Any] = make
            if inspect.isclass(make):
                member = Member(self.name, id, make, paper, tune or {}, limits or {}, parts or {}, facts)
                make.__init__ = _checked(make.__init__, member)
                shown: Any = make
            else:
                member = Member(self.name, id, raw, paper, tune or {}, limits or {}, parts or {}, facts)
                shown = _checked(raw, member)
            strange = [n for n in (*member.tune, *member.limits, *member.parts) if n not in member.hyper]
            assert not strange, f"{self.name}/{id} declares a range for {strange}, which it does not take"
            known = self._members.get(id)
            if known is not None and known.make.__module__ != raw.__module__:
                raise BadValue(
                    f"There are two {self.name} called {id!r}: in {known.make.__module__} and {raw.__module__}."
                )
            self._members[id] = member
            return typing.cast(T, shown)

        return register

    def _walk(self) -> dict[str, Member]:
        if not self._walked:
            for module in pkgutil.iter_modules(sys.modules[self._package].__path__):
                importlib.import_module(f"{self._package}.{module.name}")
            self._walked = True
        return self._members

    def __iter__(self) -> Iterator[Member]:
        members = self._walk()
        return iter([members[id] for id in sorted(members)])

    def __contains__(self, id: str) -> bool:
        return id in self._walk()

    @property
    def names(self) -> list[str]:
        """The ids, sorted."""
        return sorted(self._walk())

    def __getitem__(self, id: str) -> Member:
        """The member called `id`; raises `UnknownName` with the nearest known name."""
        if ":" in id:
            return self._outside(id)
        members = self._walk()
        if id not in members:
            raise UnknownName(self.noun, id, members)
        return members[id]

    def _outside(self, id: str) -> Member:
        module_name, _, attribute = id.partition(":")
        try:
            module = importlib.import_module(module_name)
        except (ImportError, ValueError, TypeError) as error:  # an empty name, or a relative one
            raise BadValue(
                f"{self.noun} {id!r}: the module {module_name!r} cannot be imported ({error}). "
                "Expected package.module:attribute, importable from the folder you are in."
            ) from error
        found = getattr(module, attribute, None)
        if found is None or not callable(found):
            callables = [n for n, v in vars(module).items() if callable(v) and not n.startswith("_")]
            raise UnknownName(f"{self.noun} in {module_name}", attribute, callables)
        for member in self._members.values():
            if member.make is getattr(found, "__wrapped__", found):
                return member
        return Member(self.name, id, found)

    def part(self, value: "Part | str | Mapping[str, Any]", /, **args: Any) -> Part:
        """A checked `Part` from an id, a JSON object with a `name`, or a part; `args` are set on top.

        Raises:
            UnknownName: No such member, or no such argument.
            BadValue: An argument is of the wrong type or outside its limits.
        """
        if isinstance(value, Part):
            if value.family != self.name:
                raise BadValue(f"Expected one of {self.name}, got {value.name!r} of {value.family}.")
            name, given = value.name, dict(value.args)
        elif isinstance(value, str):
            name, given = value, {}
        elif isinstance(value, Mapping) and isinstance(value.get("name"), str):
            given = dict(value)
            name = given.pop("name")
        else:
            raise BadValue(f"Expected the name of one of {self.name}, got {value!r}. Known: {', '.join(self.names)}.")
        return Part(self.name, name, self[name].check(given | args))

    def resolve(self, value: "Part | str | Mapping[str, Any]") -> Part:
        """The part with every default written out."""
        part = self.part(value)
        return Part(self.name, part.name, self[part.name].resolved(part.args))

    def build(self, value: "Part | str | Mapping[str, Any]", *inputs: Any) -> Any:
        """Call the member that `value` names on `inputs`, with its arguments."""
        part = self.part(value)
        return self[part.name].make(*inputs, **part.args)

    def bind(self, value: "Part | str | Mapping[str, Any]") -> Callable[..., Any]:
        """The member with its arguments set and checked once: for what is called every step."""
        part = self.part(value)
        return functools.partial(self[part.name].make, **part.args)


def _checked(function: Callable[..., Any], member: Member) -> Callable[..., Any]:
    @functools.wraps(function)
    def call(*inputs: Any, **args: Any) -> Any:
        hyper = {n: v for n, v in args.items() if n in member.hyper}
        if hyper:
            args = args | {n: v for n, v in member.check(_with_defaults(member, hyper)).items() if n in hyper}
        return function(*inputs, **args)

    return call


def _with_defaults(member: Member, args: Mapping[str, Any]) -> dict[str, Any]:
    required = (n for n, p in member.hyper.items() if p.default is inspect.Parameter.empty)
    missing = [n for n in required if n not in args]
    if missing:
        raise BadValue(f"{member.family}/{member.id} needs a value for {', '.join(missing)}; none was given.")
    return dict(args)


def check_value(where: str, value: Any, kind: Any, limits: str | None = None) -> Any:
    """The value, if it is of the annotated type and within its limits; a whole number is taken for a float.

    Args:
        where: What the value is for, as the user writes it: `sgd.lr`.
        value: What came.
        kind: The annotation: a plain type, a union, a `Literal`, a tuple, or Any.
        limits: An interval such as `(0, 1]`; `inf` is understood.

    Raises:
        BadValue: With what came and what was expected.
    """
    if kind is Any:
        return value
    ok, fitted = _fits(value, kind)
    if not ok:
        raise BadValue(f"{where}={value!r} is not possible: expected {_kind_text(kind)}.")
    if isinstance(value, float) and math.isnan(value):
        raise BadValue(f"{where} is not a number (NaN): expected {limits or 'a number'}.")
    if limits is not None and isinstance(value, int | float) and not isinstance(value, bool):
        low_closed, low, high, high_closed = _interval(limits)
        above = value >= low if low_closed else value > low
        below = value <= high if high_closed else value < high
        if not (above and below):
            raise BadValue(f"{where}={value!r} is not possible: expected a value in {limits}.")
    return fitted


def _fits(value: Any, kind: Any) -> tuple[bool, Any]:
    origin = typing.get_origin(kind)
    if origin in (typing.Union, types.UnionType):
        for option in typing.get_args(kind):
            ok, fitted = _fits(value, option)
            if ok:
                return True, fitted
        return False, value
    if origin is typing.Literal:
        return value in typing.get_args(kind), value
    if origin is tuple:
        inner = typing.get_args(kind)
        if not isinstance(value, list | tuple):
            return False, value
        kinds = [inner[0]] * len(value) if len(inner) == 2 and inner[1] is Ellipsis else list(inner)
        fitted = [_fits(v, k) for v, k in zip(value, kinds, strict=False)]
        return len(kinds) == len(value) and all(ok for ok, _ in fitted), tuple(v for _, v in fitted)
    if kind in (None, type(None)):
        return value is None, value
    if kind is float:
        ok = isinstance(value, int | float) and not isinstance(value, bool)
        return ok, float(value) if ok else value
    if kind is int:
        whole = isinstance(value, float) and value.is_integer()
        return (isinstance(value, int) and not isinstance(value, bool)) or whole, int(value) if whole else value
    if kind in (bool, str):
        return isinstance(value, kind), value
    return (isinstance(value, kind), value) if inspect.isclass(kind) else (True, value)


def _kind_text(kind: Any) -> str:
    origin = typing.get_origin(kind)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(_kind_text(option) for option in typing.get_args(kind))
    if origin is typing.Literal:
        return "one of " + ", ".join(map(repr, typing.get_args(kind)))
    if origin is tuple:
        return "a list of values"
    words = {float: "a number", int: "a whole number", bool: "true or false", str: "a word", type(None): "none"}
    return words.get(kind, getattr(kind, "__name__", str(kind)))


@functools.cache
def _interval(text: str) -> tuple[bool, float, float, bool]:
    low, high = (float(side) for side in text[1:-1].split(","))
    return text[0] == "[", low, high, text[-1] == "]"
