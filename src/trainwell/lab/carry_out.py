"""Carry a claim out: measure it, or read what was measured before, and judge."""

import contextlib
import hashlib
import json
import math
import os
import platform
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch

from trainwell.data.cache import cache_root, storage_errors
from trainwell.lab.claim import Claim, Verdict
from trainwell.lab.claims import source_of
from trainwell.training.machine import cpu_name

_DIGITS = 6


@dataclass(frozen=True)
class Outcome:
    """A claim that was carried out.

    Args:
        id: The claim.
        quick: Whether it was the quick run.
        numbers: What was measured: plain JSON.
        verdict: What that says.
        seconds: Processor time that measuring took: on one thread, about what it takes on a quiet machine.
        machine: Processor on which it was measured.
        versions: Of what it was measured with.
        remembered: Whether it was measured by an earlier call.
    """

    id: str
    quick: bool
    numbers: dict[str, Any]
    verdict: Verdict
    seconds: float
    machine: str
    versions: dict[str, str]
    remembered: bool = False

    def json(self) -> dict[str, Any]:
        """The outcome as plain data, but for whether it was remembered."""
        return {name: value for name, value in asdict(self).items() if name != "remembered"}


def carry_out(claim: Claim, *, quick: bool = False, fresh: bool = False, cache: Path | None = None) -> Outcome:
    """Measure a claim and judge it.

    What was measured is kept in the cache, under the text of the claim's file, of what claims share, and the versions;
    a change of a technique that it measures shows with the next version, or with `fresh`. It is judged anew each time.
    Measuring takes one thread, so that the numbers repeat, and leaves torch's random state as it was.

    Args:
        claim: One of `trainwell.lab.claims.claims`.
        quick: The smaller experiment.
        fresh: Measure, whatever the cache holds.
        cache: Where it is kept; None takes TRAINWELL_CACHE or the user's cache folder.

    Raises:
        StorageFailed: The cache cannot be written.
    """
    place = cache_root(cache) / "lab" / f"{claim.id}-{_key(claim, quick)}.json"
    known = None if fresh else _read(place)
    if known is None:
        began = time.process_time()
        with _alone():
            numbers = plain(claim.measure(quick=quick, seeds=claim.seeds(quick=quick)))
        seconds = round(time.process_time() - began, 2)
        known = {"numbers": numbers, "seconds": seconds, "machine": cpu_name(), "versions": versions()}
        _write(place, known)
        remembered = False
    else:
        remembered = True
    verdict = claim.judge(known["numbers"])
    return Outcome(claim.id, quick, verdict=verdict, remembered=remembered, **known)


def versions() -> dict[str, str]:
    """Versions of what the numbers depend on."""
    python = ".".join(platform.python_version_tuple()[:2])
    return {"trainwell": version("trainwell"), "torch": torch.__version__, "numpy": np.__version__, "python": python}


def plain(value: Any) -> Any:
    """Numbers as plain JSON, in six digits: arrays become lists, and what is not finite becomes None."""
    if isinstance(value, dict):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, torch.Tensor | np.ndarray):
        return plain(value.tolist())
    if isinstance(value, list | tuple | range):
        return [plain(item) for item in value]
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float):
        return float(f"{value:.{_DIGITS}g}") if math.isfinite(value) else None
    assert value is None or isinstance(value, bool | int | str), f"{type(value).__name__} is not plain"
    return value


def _key(claim: Claim, quick: bool) -> str:
    shared = sorted(path for path in Path(__file__).parent.glob("*.py"))
    texts = [source_of(claim), *(path.read_text() for path in shared), json.dumps(versions()), str(quick)]
    return hashlib.blake2b("\0".join(texts).encode(), digest_size=8).hexdigest()


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.random.fork_rng(devices=[]), torch.enable_grad():
            yield
    finally:
        torch.set_num_threads(threads)


def _read(place: Path) -> dict[str, Any] | None:
    """What was measured; None where there is nothing, or the file is damaged."""
    try:
        found = json.loads(place.read_text())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) and found.keys() == {"numbers", "seconds", "machine", "versions"} else None


def _write(place: Path, content: dict[str, Any]) -> None:
    with storage_errors(place.parent):
        place.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=place.parent, prefix=place.name, suffix=".part")
        with os.fdopen(descriptor, "w") as file:
            json.dump(content, file, allow_nan=False)
        os.replace(name, place)
