"""Callbacks are loaded when they are asked for, and say what they need."""

import importlib.util

import pytest

from trainwell.diagnoses import callbacks
from trainwell.errors import MissingExtra

LIBRARIES = {"LightningDoctor": "lightning", "TransformersDoctor": "transformers"}


@pytest.mark.parametrize("name", callbacks.__all__)
def test_a_library_that_is_missing_is_named(name: str) -> None:
    if importlib.util.find_spec(LIBRARIES[name]) is not None:
        assert getattr(callbacks, name).__name__ == name
        return
    with pytest.raises(MissingExtra, match=rf"{name} needs an optional dependency.*trainwell\[{LIBRARIES[name]}\]"):
        getattr(callbacks, name)


def test_there_are_no_others() -> None:
    with pytest.raises(AttributeError, match="KerasDoctor"):
        callbacks.KerasDoctor  # noqa: B018
