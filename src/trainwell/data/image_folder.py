"""A folder of class folders -> `Data`."""

import os
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import PIL

from trainwell.data.cache import cache_root, kept
from trainwell.data.dataset import Data, Quarantined, count, digest, listed, shown
from trainwell.data.folders import Listing, alike, list_folder
from trainwell.data.frames import Wanted
from trainwell.data.images import BARS, MAX_RATIO, Fit, is_grey, is_transparent
from trainwell.data.partition import partition
from trainwell.data.pixels import VERSION, Pixels, Progress, load_pixels, write_pixels
from trainwell.data.targets import class_facts, refuse_unlearnable
from trainwell.errors import BadData, BadValue


def open_folder(
    root: Path,
    *,
    parts: str,
    like: Mapping[str, Any] | None,
    seed: int,
    valid_fraction: float | None,
    image_size: int | None,
    short_side: int | None,
    enlarged: float | None,
    image_fit: Fit,
    channels: int | None,
    max_broken: float,
    cache: Path | None,
    threads: int | None,
    progress: Progress,
) -> Data:
    """Read a folder as `open_data` describes it.

    Raises:
        BadData: The folder is not laid out as expected, too many files are broken, or a class cannot be learnt.
        BadValue: A short side or bars would have no effect on these files.
        StorageFailed: The cache cannot be written.
    """
    listing = list_folder(root, parts)
    classes = _classes(listing, parts, like)
    if not listing.paths:
        raise BadData(f"The class folders of {root} are empty: {listed(sorted(classes))}. Expected images inside.")
    wanted = Wanted.of(image_size, like, fit=image_fit, short_side=short_side, enlarged=enlarged, channels=channels)
    pixels = _pixels(listing, wanted, cache, threads, progress)
    quarantined = listing.unlisted + tuple(Quarantined(shown(listing.paths[i]), why) for i, why in pixels.broken)
    _refuse_broken(quarantined, len(listing.paths) + len(listing.unlisted), max_broken)
    if like is None and wanted.fit == "letterbox":
        _refuse_no_bars(pixels, root)
    index = {name: i for i, name in enumerate(classes)}
    names, inverse = np.unique(listing.folders[pixels.rows], return_inverse=True)
    y = np.array([index[name] for name in names], np.int64)[inverse]
    given = listing.parts[pixels.rows] if listing.given else None
    if parts == "fit":
        train = y[given == "train"] if given is not None else y
        refuse_unlearnable(train, classes, "image", str(root))
    dealt = partition(
        y,
        pixels.digests,
        task="classification",
        kind="images",
        parts=parts,
        given=given,
        seed=seed,
        valid_fraction=valid_fraction,
        name=lambda row: shown(listing.paths[pixels.rows[row]]),
    )
    facts, class_notes = class_facts(y, classes, dealt.splits)
    reading = {
        "size": list(pixels.x.shape[1:3]),
        "channels": pixels.x.shape[3],
        "short_side": pixels.short_side,
        "fit": wanted.fit,
    }
    mode_facts, mode_notes = _modes(pixels)
    size_facts, size_note = _sizes(pixels, wanted.fit)
    _, height, width, channels = pixels.x.shape
    colour = "grey" if channels == 1 else "RGB"
    notes = [
        f"{count(len(y), 'image')} of {width} x {height} {colour} in {count(len(classes), 'class', 'classes')}",
        *size_note,
        *mode_notes,
        *listing.notes,
        *(f"classes {one!r} and {other!r} differ only in case" for one, other in alike(classes)),
        *([f"{count(len(quarantined), 'broken file')} set aside"] if quarantined else []),
        *class_notes,
        *dealt.notes,
    ]
    content: list[np.ndarray | str] = [
        "\0".join(listing.paths[i] for i in pixels.rows),
        "\0".join(classes),
        y,
        pixels.digests,
    ]
    if pixels.short_side is not None:
        content.append(f"photos for {width} x {height}")
    return Data(
        x=pixels.x,  # type: ignore[arg-type]  # photos pass for images of one size
        y=y,
        kind="images",
        task="classification",
        classes=classes,
        splits=dealt.splits,
        fingerprint=digest(*content),
        source=str(root),
        quarantined=quarantined,
        decoding={"kind": "images", **reading, "task": "classification", "target": None, "classes": list(classes)},
        facts=facts | dealt.facts | mode_facts | size_facts | {"listing": list(listing.notes)},
        notes=tuple(notes),
        names=tuple(shown(listing.paths[position]) for position in pixels.rows),
    )


def _classes(listing: Listing, parts: str, like: Mapping[str, Any] | None) -> tuple[str, ...]:
    there = {name for names in listing.classes.values() for name in names}
    if like is not None:
        strange = sorted(there - set(like["classes"]))
        if strange:
            raise BadData(
                f"{listing.root} has {count(len(strange), 'class', 'classes')} the model does not know: "
                f"{listed(strange)}. It knows: {listed(like['classes'], 20)}."
            )
        return tuple(like["classes"])
    if parts == "fit":
        strange = sorted(there - set(listing.classes["train"]))
        if strange:
            raise BadData(
                f"valid has {count(len(strange), 'class', 'classes')} that train lacks: {listed(strange)}. "
                f"Train has: {listed(listing.classes['train'], 20)}."
            )
        filled = set(np.unique(listing.folders[listing.parts == "train"]).tolist())
        empty = [name for name in listing.classes["train"] if name not in filled]
        if empty and filled:
            raise BadData(
                f"{count(len(empty), 'class folder')} of {listing.root} without a file: {listed(empty)}. "
                "Expected images inside; remove the folder if the class is not wanted."
            )
    return tuple(sorted(there))


def _pixels(listing: Listing, wanted: Wanted, cache: Path | None, threads: int | None, progress: Progress) -> Pixels:
    root, num_files = os.fspath(listing.root), len(listing.paths)
    key = digest(f"{VERSION} {PIL.__version__} {wanted}", listing.fingerprint())
    return kept(
        cache_root(cache),
        key,
        load=lambda folder: load_pixels(folder, lambda position: f"{root}/{listing.paths[position]}"),
        make=lambda folder: write_pixels(
            folder, [f"{root}/{path}" for path in listing.paths], wanted, threads, progress
        ),
        waiting=lambda: progress(0, num_files, "waiting for another process that reads the same images"),
    )


def _refuse_broken(quarantined: tuple[Quarantined, ...], num_files: int, max_broken: float) -> None:
    if len(quarantined) > max_broken * num_files:
        first = "; ".join(f"{q.path} ({q.reason})" for q in quarantined[:5])
        more = f"; and {len(quarantined) - 5:,} more" if len(quarantined) > 5 else ""
        raise BadData(
            f"{len(quarantined):,} of {count(num_files, 'file')} are broken, over the limit of {max_broken:.0%}: "
            f"{first}{more}. Repair or remove them, or allow more with --max-broken."
        )


def _modes(pixels: Pixels) -> tuple[dict[str, Any], list[str]]:
    modes = Counter(pixels.modes.tolist())
    grey = sum(number for mode, number in modes.items() if is_grey(mode))
    channels = pixels.x.shape[3]
    converted = grey if channels == 3 else len(pixels.modes) - grey
    notes = []
    if converted:
        what, to = ("grey", "RGB") if channels == 3 else ("colour", "grey")
        notes.append(f"modes: {converted:,} {what} of {len(pixels.modes):,} converted to {to}")
    clear = sum(number for mode, number in modes.items() if is_transparent(mode))
    if clear:
        notes.append(f"{count(clear, 'image')} with transparency put on white")
    return {"modes": dict(modes.most_common()), "converted": converted}, notes


def _refuse_no_bars(pixels: Pixels, root: Path) -> None:
    """Refuse bars where no image would get any."""
    _, height, width, _ = pixels.x.shape
    if (pixels.sizes[:, 0] * height == pixels.sizes[:, 1] * width).all():
        raise BadValue(
            f"image_fit=letterbox has no effect: all images of {root} have the shape of the frame, {width} x {height}. "
            "Leave it out."
        )


def _sizes(pixels: Pixels, fit: Fit) -> tuple[dict[str, Any], list[str]]:
    low, high = pixels.sizes.min(axis=0).tolist(), pixels.sizes.max(axis=0).tolist()
    middle = np.median(pixels.sizes, axis=0).astype(int).tolist()
    _, height, width, _ = pixels.x.shape
    facts = {"sizes": {"unit": "width, height in pixels", "smallest": low, "median": middle, "largest": high}}
    if low == high == [width, height]:
        return facts, []
    sides = f"widths {low[0]}-{high[0]} (median {middle[0]}), heights {low[1]}-{high[1]} (median {middle[1]})"
    bars = f"with grey bars ({BARS} of 255)"
    if pixels.short_side is None:
        done = f"scaled to fit {width} x {height}" if fit == "letterbox" else "scaled and centre-cropped"
        done += f", {bars}" if fit == "letterbox" else f" to {width} x {height}"
        return facts, [f"sizes: {sides}; {done}"]
    of_up_to = f"of up to {pixels.short_side} pixels, for crops of {width} x {height}"
    if fit == "letterbox":
        return facts, [f"sizes: {sides}; kept whole, as squares {of_up_to}, {bars}"]
    notes = [f"sizes: {sides}; kept whole, at a short side {of_up_to}"]
    smaller = int((pixels.sizes.min(axis=1) < width).sum())
    if smaller:
        notes.append(f"{count(smaller, 'image')} smaller than {width} x {height} enlarged")
    long = int((pixels.sizes.max(axis=1) > MAX_RATIO * pixels.sizes.min(axis=1)).sum())
    if long:
        notes.append(f"{count(long, 'image')} longer than {MAX_RATIO} to 1: the middle kept")
    return facts, notes
