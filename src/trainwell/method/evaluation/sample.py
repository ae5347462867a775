"""Which samples a run is evaluated on, and the same samples as another run reads them."""

import os
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from trainwell.data.dataset import Data, count, listed, sample_digests
from trainwell.data.folders import PARTS, is_folder
from trainwell.data.photos import Photos
from trainwell.data.wrap import is_dataset
from trainwell.errors import BadData
from trainwell.method.look import Options, read
from trainwell.method.run import Run
from trainwell.method.screen import Screen
from trainwell.record import SAMPLES


@dataclass(frozen=True)
class Sample:
    """Samples to evaluate on.

    Args:
        source: What the user gave.
        data: It, as the run reads it.
        rows: Rows of the data, (n,) int64.
        part: Which rows these are: `test`, or `heldout` or `valid` of the data the run was trained on.
        parts: Part of the source that was opened.
    """

    source: Any
    data: Data
    rows: np.ndarray
    part: str
    parts: Literal["fit", "test"]

    @property
    def target(self) -> np.ndarray:
        """Class of each sample, (n,), or its values, (n, K) float64."""
        found = np.asarray(self.data.y)[self.rows]
        return found if self.data.task == "classification" else found.reshape(len(found), -1).astype(np.float64)

    def name(self, place: int) -> str:
        """The file of a sample, or its row."""
        row = int(self.rows[place])
        return self.data.names[row] if self.data.names else f"row {row}"


def choose(run: Run, source: Any, options: Options, screen: Screen) -> Sample:
    """The samples of a source that a run can be judged by.

    A folder or file with a test part is scored on that part. The data the run was trained on, where it has no test
    part, is scored on the rows set aside: the held-out ones, or else the validation ones.

    Raises:
        BadData: The data does not fit the run, or has no samples.
    """
    if _is_source(source, run.data["source"]) and not _has_test_part(source):
        sample = trained_on(run, source, options, screen)
        if sample is not None:
            known = {
                "heldout": "held-out rows, which chose nothing",
                "valid": "validation rows, which chose the weights",
            }
            screen.say(f"{source} is what this run was trained on: scoring its {len(sample.rows)} {known[sample.part]}")
            return sample
    if is_dataset(source):
        data = read(source, options, screen, parts="test")
        rows = np.arange(len(data.y))
        screen.say("whether the run has seen samples of a data set of one's own cannot be told")
    else:
        data = read(source, options, screen, parts="test", like=run.description()["decoding"])
        rows = data.splits["test"]
    if len(rows) == 0:
        raise BadData("There is nothing to evaluate: the data has no samples.")
    return Sample(source, data, rows, "test", "test")


def trained_on(
    run: Run, source: Any, options: Options, screen: Screen, part: Literal["heldout", "valid"] | None = None
) -> Sample | None:
    """Rows set aside of the data the run was trained on; None where it has changed since or has no such part.

    Args:
        run: The run.
        source: Where the data is.
        options: Options; `cache`, `max_broken` and `target` matter.
        screen: Where to say what happens.
        part: Which rows; None takes the held-out ones, or else the validation ones.
    """
    # A transfer reads images in the channels of its source, any other run in those of the files.
    channels = None if run.recipe.transfer is None else run.description()["decoding"].get("channels")
    data = read(source, options, screen, parts="fit", recipe=run.recipe, channels=channels)
    part = part or ("heldout" if "heldout" in data.splits else "valid")
    if data.fingerprint != run.data["fingerprint"] or part not in data.splits:
        return None
    return Sample(source, data, data.splits[part], part, "fit")


def same_samples(sample: Sample, run: Run, options: Options, screen: Screen) -> Sample:
    """The samples as another run reads them: at its size, with its columns encoded its way.

    Raises:
        BadData: The other run has other classes, or cannot read one of the samples.
    """
    like = run.description()["decoding"]
    if sample.data.kind == "own" or like["kind"] == "own":
        data = sample.data
        if like["kind"] != data.kind:
            raise BadData(f"{run.path} was trained on {like['kind']} data, and these samples are {data.kind}.")
    else:
        data = read(sample.source, options, screen, parts=sample.parts, like=like)
    if data.task != sample.data.task or set(data.classes) != set(sample.data.classes):
        theirs = listed(list(data.classes)) or "values"
        raise BadData(
            f"{run.path} says {theirs}, and the other run {listed(list(sample.data.classes)) or 'values'}: "
            "there is nothing to compare. Expected two runs of the same classes."
        )
    return Sample(sample.source, data, matching_rows(sample, data), sample.part, sample.parts)


def matching_rows(sample: Sample, data: Data) -> np.ndarray:
    """Rows of the same samples in the source read another way, (n,) int64: by file, or by row where there are none.

    Raises:
        BadData: A sample is missing there.
    """
    if not sample.data.names:
        if len(data.y) != len(sample.data.y):
            raise BadData(
                f"The source has {count(len(sample.data.y), 'row')} read one way and {len(data.y):,} read the other."
            )
        return sample.rows
    places = {name: row for row, name in enumerate(data.names)}
    wanted = [sample.data.names[row] for row in sample.rows]
    missing = [name for name in wanted if name not in places]
    if missing:
        raise BadData(
            f"{count(len(missing), 'file')} could be read at one size and not at another: {listed(missing)}. "
            "Remove or mend them."
        )
    return np.array([places[name] for name in wanted], np.int64)


def seen(run: Run, sample: Sample) -> int:
    """How many samples are copies of what the run was trained on or chosen by.

    0 where it cannot be told: rows set aside in its own data, tables whose rows repeat by nature, data of one's own.
    """
    if not run.folder.has(SAMPLES) or not isinstance(sample.data.x, np.ndarray | Photos):
        return 0
    parts = run.folder.read_tensors(SAMPLES)[0]
    known = np.concatenate([found.numpy() for name, found in parts.items() if name != "heldout"])
    if 2 * len(np.unique(known)) < len(known):
        return 0
    return int(np.isin(sample_digests(sample.data.x, sample.rows), known).sum())


def _is_source(source: Any, known: str) -> bool:
    """Whether this is the source of that name, perhaps spelled another way."""
    if not isinstance(source, str | Path) or str(source) == known:
        return str(source) == known
    return os.path.exists(source) and os.path.exists(known) and os.path.samefile(source, known)


def _has_test_part(source: Any) -> bool:
    """Whether a folder has a part for tests beside the others, or a file of arrays has one."""
    if not isinstance(source, str | Path):
        return False
    if os.path.isdir(source):
        with os.scandir(source) as scan:
            return any(entry.name.lower() in PARTS["test"] and is_folder(entry) for entry in scan)
    if zipfile.is_zipfile(source):
        with zipfile.ZipFile(source) as arrays:
            return "x_test.npy" in arrays.namelist()
    return False
