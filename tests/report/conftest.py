"""Runs that several tests of the report look at; they are not to be changed: copy them."""

from pathlib import Path

import pytest

from trainwell.method.fit import fit
from trainwell.method.look import Options

UNCHECKED = Options(checks=False)


@pytest.fixture(scope="session")
def iris_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A short run on `iris`."""
    return fit("iris", ("epochs=4",), out=tmp_path_factory.mktemp("iris") / "short", options=UNCHECKED).path


@pytest.fixture(scope="session")
def iris_longer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A longer one, of another rate."""
    edits = ("epochs=8", "optimizer.lr=0.02")
    return fit("iris", edits, out=tmp_path_factory.mktemp("iris") / "longer", options=UNCHECKED).path


@pytest.fixture(scope="session")
def wine_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A short run on other data."""
    return fit("wine", ("epochs=4",), out=tmp_path_factory.mktemp("wine") / "short", options=UNCHECKED).path
