"""Arguments and options that several verbs share."""

from pathlib import Path
from typing import Annotated

import typer

DATA_HELP = (
    "A folder of class folders (with or without train/valid/test inside), an .npz with x and y, a .csv or .parquet "
    "(with --target), or a built-in: digits, iris, wine, breast-cancer, diabetes, spirals, blobs, circles."
)

Source = Annotated[str, typer.Argument(metavar="DATA", help=DATA_HELP, show_default=False)]
Edits = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[KEY=VALUE]...",
        help="Changes to the recipe: optimizer.lr=3e-4 model=resnet18 augment=flip,crop",
        show_default=False,
    ),
]
Target = Annotated[str | None, typer.Option(help="Column of the table to predict.", show_default=False)]
Cache = Annotated[
    Path | None,
    typer.Option(
        help="Folder for decoded data; else TRAINWELL_CACHE, else the user's cache folder.", show_default=False
    ),
]
MaxBroken = Annotated[
    float, typer.Option(min=0.0, max=1.0, help="Share of broken files above which the data is refused.")
]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")]
Threads = Annotated[
    int | None,
    typer.Option(min=1, help="Threads of the CPU; all that this process may use where not given.", show_default=False),
]
Seed = Annotated[
    int | None, typer.Option(min=0, help="Seed of every random draw; 0 where not given.", show_default=False)
]
TensorBoard = Annotated[
    bool, typer.Option("--tensorboard", help="Write the record also as TensorBoard events, into RUN/tensorboard.")
]
KeepMemory = Annotated[bool, typer.Option(help="Let the allocator keep memory between steps (Linux with glibc).")]


def edits_with(edits: list[str] | None, **flags: int | None) -> list[str]:
    """The edits, with the flags that stand for a field of the recipe added."""
    return [*(edits or []), *(f"{name}={value}" for name, value in flags.items() if value is not None)]
