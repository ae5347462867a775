"""Exported folders run in this process."""

import contextlib
import io
import sys
import types
from collections.abc import Callable
from pathlib import Path

import pytest

from method.export.shipped import code_of, said


@pytest.fixture
def run_here(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[list[str]]]:
    """The same in this process, which saves the imports of torch."""

    def run(folder: Path, *arguments: str | Path) -> list[list[str]]:
        with monkeypatch.context() as patch, contextlib.redirect_stdout(io.StringIO()) as out:
            patch.setattr(sys, "argv", ["run.py", *map(str, arguments)])
            patch.chdir(folder)
            patch.syspath_prepend(folder)
            patch.setitem(sys.modules, "read", types.ModuleType("read"))  # put away at the end
            del sys.modules["read"]
            exec(code_of(folder), {})
            sys.modules.setdefault("read", types.ModuleType("read"))
        return said(out.getvalue())

    return run
