"""A torch Dataset of the user's own as data: read sample by sample, never held as a whole."""

from typing import Any

import numpy as np
import torch

from trainwell.data.dataset import Data, digest
from trainwell.draws import generator
from trainwell.errors import BadData

_VALID_FRACTION = 0.1


def is_dataset(source: Any) -> bool:
    """Whether the source is a map-style torch Dataset."""
    return isinstance(source, torch.utils.data.Dataset)


def wrap(dataset: Any, *, seed: int = 0, valid_fraction: float | None = None) -> Data:
    """A map-style Dataset of (x, y) as data; x goes to the network as it is.

    The targets are read once, in a pass over the dataset. Whole numbers and booleans are classes 0 .. C-1, other
    numbers are values.

    Args:
        dataset: Anything with `__len__` and `__getitem__` that is a torch Dataset.
        seed: Seed of the split.
        valid_fraction: Share of the samples for validation; 0.1 where None.

    Raises:
        BadData: The dataset is iterable-style, empty, or its items are no (x, y).
    """
    if isinstance(dataset, torch.utils.data.IterableDataset) or not hasattr(dataset, "__len__"):
        raise BadData(
            "An iterable-style dataset can be read only once. Expected a map-style one, with __len__ and __getitem__."
        )
    count = len(dataset)
    if count < 2:
        raise BadData(f"The dataset has {count} samples; expected at least 2, of which one is for validation.")
    items = (dataset[row] for row in range(count))
    try:
        y = np.stack([np.asarray(target) for _, target in items])
    except (TypeError, ValueError) as error:
        raise BadData(
            f"The items of the dataset are no pairs (x, y) with y a number or an array of one shape: {error}"
        ) from error
    if y.dtype.kind not in "biuf":
        raise BadData(
            f"The targets of the dataset are {y.dtype}; expected whole numbers for classes, or other numbers."
        )
    whole = y.dtype.kind in "biu" and y.ndim == 1
    if whole and y.min() < 0:
        raise BadData(f"Class numbers start at 0; the dataset has {y.min()}.")
    y = y.astype(np.int64 if whole else np.float32)
    if not whole and not np.isfinite(y).all():
        raise BadData("The targets hold NaN or infinite values. Leave those samples out.")
    classes = tuple(str(number) for number in range(int(y.max()) + 1)) if whole else ()
    fraction = valid_fraction or _VALID_FRACTION
    order = generator("split", seed).permutation(count)
    held = min(max(1, round(count * fraction)), count - 1)
    splits = {"train": np.sort(order[held:]), "valid": np.sort(order[:held])}
    task = "classification" if whole else "regression"
    what = f"{len(classes)} classes" if whole else "values to predict"
    facts: dict[str, Any] = {"samples": count, "valid_fraction": fraction, "seed": seed}
    if whole:
        facts["counts"] = {
            part: dict(zip(classes, np.bincount(y[rows], minlength=len(classes)).tolist(), strict=True))
            for part, rows in splits.items()
        }
    tensors = dataset.tensors[0] if isinstance(dataset, torch.utils.data.TensorDataset) else None
    return Data(
        x=dataset if tensors is None else tensors,  # type: ignore[arg-type]
        y=y,
        kind="own",
        task=task,
        classes=classes,
        splits=splits,
        fingerprint=digest(y, type(dataset).__name__),
        source=type(dataset).__name__,
        quarantined=(),
        decoding={"kind": "own", "task": task, "classes": list(classes)},
        facts=facts,
        notes=(
            f"{count:,} samples of {type(dataset).__name__}, {what}",
            f"split: {count - held:,} train, {held:,} valid, by chance",
        ),
    )
