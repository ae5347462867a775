"""Which files of a folder belong to which part and class; nothing is opened, and `test` is not even listed."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from trainwell.data.dataset import Quarantined, count, digest, listed, shown
from trainwell.errors import BadData

PARTS = {
    "train": ("train", "training"),
    "valid": ("valid", "val", "validation", "dev"),
    "test": ("test", "testing"),
}
_SYSTEM_NAMES = ("__macosx", "thumbs.db", "ehthumbs.db", "desktop.ini", "$recycle.bin", "@eadir", "icon\r")


@dataclass(frozen=True, eq=False)
class Listing:
    """The files of the parts that were opened, in the order of part, class and path.

    Args:
        root: The folder.
        paths: Relative to the root, M of them.
        parts: Part of each file, (M,), `train`, `valid`, `test` or `all`.
        folders: Name of the class folder of each file, (M,).
        classes: Names of the class folders by part, sorted; an empty one too.
        stamps: Size in bytes and time of change in nanoseconds, (M, 2) int64; -1 where they cannot be had.
        given: Whether the folder itself has a `train` folder.
        unlisted: Folders that cannot be listed.
        notes: What was passed over, in words.
    """

    root: Path
    paths: tuple[str, ...]
    parts: np.ndarray
    folders: np.ndarray
    classes: dict[str, tuple[str, ...]]
    stamps: np.ndarray
    given: bool
    unlisted: tuple[Quarantined, ...]
    notes: tuple[str, ...]

    def fingerprint(self) -> str:
        """Changes with the place, the names, sizes and times of change of the files."""
        return digest(str(self.root.resolve()), "\0".join(self.paths), self.stamps)


class _Walk:
    """Collects the files below class folders, and what was passed over."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.files: list[tuple[str, int, int]] = []
        self.owners: list[tuple[str, str, int]] = []
        self.classes: dict[str, tuple[str, ...]] = {}
        self.unlisted: list[Quarantined] = []
        self.num_hidden = 0
        self.num_beside = 0
        self._listed: dict[str, list[os.DirEntry[str]]] = {}

    def entries(self, folder: str) -> list[os.DirEntry[str]]:
        """What is in a folder, hidden and system files left out; each folder is listed and counted once."""
        if folder not in self._listed:
            try:
                with os.scandir(self.root / folder) as scan:
                    entries = list(scan)
            except OSError as error:
                self.unlisted.append(Quarantined(shown(folder), f"folder cannot be listed: {error.strerror}"))
                entries = []
            kept = [e for e in entries if not is_passed_over(e.name)]
            self.num_hidden += len(entries) - len(kept)
            self._listed[folder] = kept
        return self._listed[folder]

    def part(self, part: str, folder: str, entries: Sequence[os.DirEntry[str]]) -> None:
        """Take in the class folders among the entries of `folder`."""
        names = sorted(entry.name for entry in entries if is_folder(entry))
        if not names:
            raise BadData(_no_classes(self.root / folder, len(entries)))
        self.num_beside += len(entries) - len(names)
        self.classes[part] = tuple(sorted({*self.classes.get(part, ()), *map(shown, names)}))
        for name in names:
            found: list[tuple[str, int, int]] = []
            self._below(found, f"{folder}/{name}" if folder else name, frozenset())
            found.sort()
            self.files += found
            self.owners.append((part, shown(name), len(found)))

    def _below(self, found: list[tuple[str, int, int]], folder: str, above: frozenset[str]) -> None:
        real = os.path.realpath(self.root / folder)
        if real in above:  # a link that leads back up
            return
        for entry in self.entries(folder):
            path = f"{folder}/{entry.name}"
            if is_folder(entry):
                self._below(found, path, above | {real})
                continue
            try:
                status = entry.stat()
                found.append((path, status.st_size, status.st_mtime_ns))
            except OSError:  # a dangling link; the reader will say so
                found.append((path, -1, -1))


def is_passed_over(name: str) -> bool:
    """Whether a name is that of a hidden file, or of one that a system leaves behind."""
    return name.startswith(".") or name.lower() in _SYSTEM_NAMES


def is_folder(entry: os.DirEntry[str]) -> bool:
    """Whether an entry is a folder or a link to one; a link to itself is none, and the reader will say so."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def list_folder(root: Path, parts: str) -> Listing:
    """List the files of the parts asked for.

    Args:
        root: `root/<class>/**/*`, or the same below `root/train`, `root/valid` or `val`, `root/test`.
        parts: `fit` takes train and valid, `test` the test folder where there is one and else everything, `all` all.

    Raises:
        BadData: The folder is empty, has no class folders, or its parts are ambiguous or missing.
    """
    walk = _Walk(root)
    top = walk.entries("")
    if walk.unlisted:
        raise BadData(f"{walk.unlisted[0].reason[0].upper()}{walk.unlisted[0].reason[1:]}: {root}.")
    if not top:
        raise BadData(f"The folder {root} is empty. Expected one folder per class, with its images inside.")
    named = {part: [e for e in top if is_folder(e) and e.name.lower() in names] for part, names in PARTS.items()}
    for part, found in named.items():
        if len(found) > 1:
            raise BadData(f"{root} has {listed([e.name for e in found])}: more than one {part} folder. Keep one.")
    train = walk.entries(named["train"][0].name) if named["train"] else []
    given = any(is_folder(e) for e in train)
    num_named = sum(len(found) for found in named.values())
    if named["train"] and not given and num_named > 1 and num_named == sum(is_folder(e) for e in top):
        raise BadData(_no_classes(root / named["train"][0].name, len(train)))
    notes = _take_given(walk, root, parts, top, named) if given else _take_flat(walk, root, parts, top, named)
    if walk.num_hidden:
        notes.append(f"{count(walk.num_hidden, 'hidden or system file')} passed over")
    if walk.num_beside:
        notes.append(f"{count(walk.num_beside, 'file')} beside the class folders passed over")
    owner_parts, owner_names, numbers = zip(*walk.owners, strict=True)
    return Listing(
        root,
        tuple(path for path, _, _ in walk.files),
        np.repeat(owner_parts, numbers),
        np.repeat(owner_names, numbers),
        walk.classes,
        np.array([(size, time) for _, size, time in walk.files], np.int64).reshape(-1, 2),
        given,
        tuple(walk.unlisted),
        tuple(notes),
    )


def _take_given(
    walk: _Walk, root: Path, parts: str, top: Sequence[os.DirEntry[str]], named: dict[str, list[os.DirEntry[str]]]
) -> list[str]:
    taken = {"fit": ["train", "valid"], "test": ["test"], "all": ["train", "valid", "test"]}[parts]
    if parts == "test" and not named["test"]:
        there = [e.name for part in ("train", "valid") for e in named[part]]
        raise BadData(
            f"{root} has {listed(there)} and no test folder. Name the part to evaluate on, e.g. {root / there[-1]}."
        )
    for part in taken:
        for entry in named[part]:
            walk.part("all" if parts == "all" else part, entry.name, walk.entries(entry.name))
    known = {e.name for found in named.values() for e in found}
    others = sorted(shown(e.name) for e in top if is_folder(e) and e.name not in known)
    walk.num_beside += sum(not is_folder(e) for e in top)
    notes = [f"folders beside train passed over: {listed(others)}"] if others else []
    if parts == "fit" and named["test"]:
        notes.append(f"{named['test'][0].name} left unopened")
    return notes


def _take_flat(
    walk: _Walk, root: Path, parts: str, top: Sequence[os.DirEntry[str]], named: dict[str, list[os.DirEntry[str]]]
) -> list[str]:
    if named["valid"]:
        name = named["valid"][0].name
        raise BadData(
            f"{root} has a folder {name!r} and no 'train' with class folders inside. Add it, "
            f"or, if {name!r} is a class, give it another name."
        )
    test = named["test"][0].name if named["test"] else None
    if parts == "test" and test is not None:
        walk.part("test", test, walk.entries(test))
        return []
    rest = [e for e in top if e.name != test]
    if test is not None and not any(is_folder(e) for e in rest):
        raise BadData(f"{root} has only a {test!r} folder, which training never opens. Expected train/<class>/ too.")
    if test is not None and parts == "all":
        raise BadData(f"{root} has class folders and a folder {test!r} beside them. Name one of the two.")
    if parts == "fit":
        _refuse_wrapped(walk, root, rest)
    walk.part("train" if parts == "fit" else parts, "", rest)
    return [f"{test} left unopened"] if test is not None else []


def _refuse_wrapped(walk: _Walk, root: Path, entries: Sequence[os.DirEntry[str]]) -> None:
    """A zip file often unpacks to a folder that holds nothing but the folder one wants."""
    folders = [e for e in entries if is_folder(e)]
    if len(folders) != 1:
        return
    inner = [e.name for e in walk.entries(folders[0].name) if is_folder(e)]
    if len(inner) > 1:
        raise BadData(
            f"{root} holds one folder, {shown(folders[0].name)!r}, and one class cannot be learnt. That folder holds "
            f"{listed(sorted(shown(n) for n in inner))}: give {root / shown(folders[0].name)} instead."
        )


def _no_classes(folder: Path, num_files: int) -> str:
    found = f"{count(num_files, 'file')} and no folders" if num_files else "nothing"
    return f"{folder} has {found} inside. Expected one folder per class: {folder}/<class>/image.jpg."


def alike(names: Iterable[str]) -> list[tuple[str, str]]:
    """Pairs of class names that differ only in case."""
    seen: dict[str, str] = {}
    return [(seen[n.lower()], n) for n in names if seen.setdefault(n.lower(), n) != n]
