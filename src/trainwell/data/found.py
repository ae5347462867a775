"""Image files below the paths that were given, in a fixed order; nothing is opened."""

import functools
import os
from collections.abc import Iterable
from dataclasses import dataclass

from PIL import Image

from trainwell.data.dataset import Quarantined, count, listed, shown
from trainwell.data.folders import is_folder, is_passed_over
from trainwell.data.images import FORMATS
from trainwell.errors import BadData

_TOLD_WHY = {".heic", ".heif", ".avif", ".mpo"}  # photos of phones: the decoder reads them, or says what to do


@dataclass(frozen=True)
class Found:
    """What lies below some paths.

    Args:
        paths: Files, in the order in which they were given, those of a folder by name.
        unlisted: Folders that cannot be listed.
        notes: What was passed over, in words.
    """

    paths: tuple[str, ...]
    unlisted: tuple[Quarantined, ...]
    notes: tuple[str, ...]


def find_images(given: Iterable[str]) -> Found:
    """Files to be read as images.

    A file that is named is taken whatever it is called; of a folder, and of those inside it, the files whose suffix is
    that of an image. A link that leads back up is not followed.

    Args:
        given: Files and folders; what does not exist is left to the reader, which says so.

    Raises:
        BadData: They are folders without an image below them.
    """
    given = tuple(given)
    walk = _Walk()
    for path in given:
        if os.path.isdir(path):
            walk.below(path, frozenset())
        else:
            walk.paths.append(path)
    notes = [f"{count(walk.num_hidden, 'hidden or system file')} passed over"] if walk.num_hidden else []
    notes += [f"{count(walk.num_others, 'file')} that {_are(walk.num_others)} passed over"] if walk.num_others else []
    if not walk.paths and not walk.unlisted:
        what = "; ".join(notes) or "nothing"
        raise BadData(f"No image in {listed([shown(path) for path in given])}: {what}. Expected jpg, png, webp, ...")
    return Found(tuple(walk.paths), tuple(walk.unlisted), tuple(notes))


class _Walk:
    """Collects files, and what was passed over."""

    def __init__(self) -> None:
        self.paths: list[str] = []
        self.unlisted: list[Quarantined] = []
        self.num_hidden = self.num_others = 0

    def below(self, folder: str, above: frozenset[str]) -> None:
        """Take in the images of a folder and of those inside it; `above` are the real paths of those around it."""
        real = os.path.realpath(folder)
        if real in above:
            return
        try:
            with os.scandir(folder) as scan:
                entries = sorted(scan, key=lambda entry: entry.name)
        except OSError as error:
            self.unlisted.append(Quarantined(folder, f"folder cannot be listed: {error.strerror}"))
            return
        for entry in entries:
            if is_passed_over(entry.name):
                self.num_hidden += 1
            elif is_folder(entry):
                self.below(entry.path, above | {real})
            elif os.path.splitext(entry.name)[1].lower() in _suffixes():
                self.paths.append(entry.path)
            else:
                self.num_others += 1


@functools.cache
def _suffixes() -> frozenset[str]:
    known = Image.registered_extensions()
    return frozenset(suffix for suffix, name in known.items() if name in FORMATS) | _TOLD_WHY


def _are(number: int) -> str:
    return "is no image" if number == 1 else "are no images"
