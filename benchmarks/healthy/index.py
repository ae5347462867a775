"""All programs by name, each file's own registered by its import."""

from healthy import convolutions, dense, loops, sequences, tabular
from healthy.program import PROGRAMS, Build

FILES = (dense, convolutions, tabular, sequences, loops)


def programs(text: str = "") -> dict[str, Build]:
    """Programs whose name contains `text`, in the order of the files."""
    return {name: build for name, build in PROGRAMS.items() if text in name}
