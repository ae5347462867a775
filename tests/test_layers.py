"""Imports go down only, and members of one row do not import each other."""

import ast
from pathlib import Path

import pytest

SOURCES = Path(__file__).parent.parent / "src" / "trainwell"

# From the top down; see the drawing in docs/design.md.
ROWS = [
    {"__main__"},
    {"cli"},
    {"estimators", "lab"},
    {"method"},
    {"report"},
    {"diagnoses"},
    {"edits"},
    {"search"},
    {"probes"},
    {"training"},
    {"recipes"},
    {"recipe"},
    {"models", "data"},
    {
        "activations",
        "initializers",
        "norms",
        "dropouts",
        "poolings",
        "preprocessing",
        "augmentations",
        "losses",
        "penalties",
        "optimizers",
        "clippings",
        "schedules",
        "averages",
        "measurements",
    },
    {"record", "family", "draws", "parameters"},
    {"errors"},
]
ALLOWED_WITHIN_A_ROW = {("initializers", "activations")}
LEVEL = {layer: level for level, row in enumerate(ROWS) for layer in row}


def files() -> list[Path]:
    return sorted(path for path in SOURCES.rglob("*.py") if path != SOURCES / "__init__.py")


def layer_of(path: Path) -> str:
    return path.relative_to(SOURCES).parts[0].removesuffix(".py")


def imported(path: Path) -> set[str]:
    """Layers that a file imports, anywhere in it."""
    layers = set()
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: imports are by full path"
            names = [
                f"{node.module}.{alias.name}" if node.module == "trainwell" else node.module for alias in node.names
            ]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        layers |= {name.split(".")[1] for name in names if name.startswith("trainwell.")}
    return layers


def test_every_folder_has_its_row() -> None:
    assert {layer_of(path) for path in files()} == set(LEVEL)


@pytest.mark.parametrize("path", files(), ids=lambda path: str(path.relative_to(SOURCES)))
def test_imports_go_down(path: Path) -> None:
    own = layer_of(path)
    for other in imported(path) - {own}:
        down = LEVEL[other] > LEVEL[own] or (own, other) in ALLOWED_WITHIN_A_ROW
        assert down, f"{path.relative_to(SOURCES)} ({own}) imports {other}, which is not below it"
