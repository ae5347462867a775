"""Callbacks: the doctor in the loops of other libraries, each loaded when it is first asked for."""

import importlib
from typing import TYPE_CHECKING, Any

from trainwell.errors import MissingExtra

if TYPE_CHECKING:
    from trainwell.diagnoses.callbacks.of_lightning import LightningDoctor
    from trainwell.diagnoses.callbacks.of_transformers import TransformersDoctor

__all__ = ["LightningDoctor", "TransformersDoctor"]

_EXTRAS = {"LightningDoctor": "lightning", "TransformersDoctor": "transformers"}


def __getattr__(name: str) -> Any:
    """A callback by its name.

    Raises:
        MissingExtra: The library it is for is not installed.
    """
    if name not in _EXTRAS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    extra = _EXTRAS[name]
    try:
        return getattr(importlib.import_module(f"{__name__}.of_{extra}"), name)
    except ModuleNotFoundError as error:
        raise MissingExtra(name, extra) from error
