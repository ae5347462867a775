"""`finetune`: a network that was trained before, put to another task by the book."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import nn

from trainwell.data.dataset import Data, listed
from trainwell.data.wrap import is_dataset
from trainwell.errors import BadData, BadValue
from trainwell.method.finetune.plan import adapted, batch_of, own_tenth, refuse_edits
from trainwell.method.finetune.sources import Source, open_source
from trainwell.method.finetune.sources.source import head_name
from trainwell.method.finetune.transfer import Transfer, transfer_from
from trainwell.method.fit import asks_events, run_folder
from trainwell.method.look import Look, Options, look
from trainwell.method.mend import Mended
from trainwell.method.reported import reported
from trainwell.method.run import Run
from trainwell.method.screen import Screen, Silent
from trainwell.method.work import Work
from trainwell.recipe import parse_edit
from trainwell.report.events import following
from trainwell.training.interrupt import listening
from trainwell.training.machine import pick_device
from trainwell.training.setup import input_shape, set_up


def finetune(
    data: Any,
    source: str | Path | Run | nn.Module,
    edits: Sequence[str] = (),
    *,
    head: str | None = None,
    out: str | Path | None = None,
    resume: bool = False,
    force: bool = False,
    options: Options | None = None,
    screen: Screen | None = None,
) -> Run:
    """Put a trained network to another task, and leave a run folder.

    By the amount of data: a new head on the network as it is (`transfer=head`), the head first and then all of it at a
    tenth of the rate (`gradual`), or all of it at once at a tenth of the rate (`full`).

    Args:
        data: What to learn: see `fit`.
        source: Run folder, file of weights, `timm:NAME`, `hub:OWNER/NAME`; or a network as an object, which is left as
            it is.
        edits: `key=value` edits of the recipe.
        head: Name of the last layer of a network that is given as an object; None takes its last linear layer.
        out: Run folder; None makes a new one below `runs`.
        resume: Go on with the run in `out`.
        force: Replace the run in `out`.
        options: Options of the run.
        screen: Where to say what happens; None is silent.

    Returns:
        The run.

    Raises:
        Refused: The request cannot be carried out.
        Failed: Something gave way, or what was frozen has changed; what was saved stays.
        Diverged: The loss became NaN or infinite.
        Interrupted: Stopped by a signal; the checkpoint is saved.
    """
    options, screen = options or Options(), screen or Silent()
    folder = run_folder(data, out, resume=resume, force=force)
    device = pick_device(options.device)
    refuse_edits(edits)
    opened = _opened(source, head)
    for note in opened.notes:
        screen.say(note)
    if opened.shortcuts:
        screen.say(f"{', '.join(opened.shortcuts)}, which leads to the outputs beside the head, starts at 0 with it")
    looked = _look(data, opened, edits, options, screen)
    transfer = _transfer(opened, looked, screen)
    setup = None if resume else set_up(looked.data, looked.recipe, device, start=transfer.start)
    with (
        reported(folder.path, screen),
        folder.locked(),
        listening() as stop,
        following(folder.path, asks_events(folder, options, resume)) as events,
    ):
        work = Work(folder, looked, device, options, screen, None, stop, Mended(), transfer, events)
        return work.go_on() if setup is None else work.start(setup)


def _opened(source: str | Path | Run | nn.Module, head: str | None) -> Source:
    if not isinstance(source, nn.Module):
        if head is not None:
            raise BadValue(f"head={head} has no effect: {source} names its head itself. Leave it out.")
        return open_source(source.path if isinstance(source, Run) else source)
    name = head or _last_linear(source)
    module = dict(source.named_modules()).get(name)
    if not isinstance(module, nn.Linear):
        found = "no module" if module is None else f"a {type(module).__name__}"
        linear = [each for each, inside in source.named_modules() if isinstance(inside, nn.Linear)]
        raise BadValue(f"head={name} is {found}. Expected the last linear layer; there are: {listed(linear, 20)}.")
    return Source(
        text=type(source).__name__,
        model=None,
        network=source,
        head=name,
        input_shape=(),
        classes=(),
        preprocessing=None,
        decoding=None,
        lr=None,
        optimizer=None,
        notes=(
            f"source: a {type(source).__name__} given as an object, whose head is {name}; nothing is known of how its "
            "inputs were prepared, so that statistics are those of the new data",
        ),
    )


def _last_linear(network: nn.Module) -> str:
    widths = [module.out_features for module in network.modules() if isinstance(module, nn.Linear)]
    return head_name(network, widths[-1] if widths else 1)


def _look(data: Any, source: Source, edits: Sequence[str], options: Options, screen: Screen) -> Look:
    """Read the data as the source takes it, and choose the recipe."""
    given = [parse_edit(edit)[0] for edit in edits]
    sized, rated = _sized(data, source, given), own_tenth(edits)
    try:
        looked = look(
            data,
            [*edits, *sized, *rated],
            options,
            screen,
            own=type(source.network).__name__ if source.model is None else None,
            channels=source.input_shape[0] if len(source.input_shape) == 3 else None,
            adapt=lambda found, chosen, why: adapted(source, found, chosen, why, edits, batch_of(source)),
        )
    except BadValue as error:
        if sized and "has no effect" in str(error) and sized[0].partition("=")[0] in str(error):
            raise BadData(
                f"{source.text} takes images, {_words(source.input_shape)}, and {data} has none. Give images, or a "
                "source that was trained on a table."
            ) from error
        raise
    return replace(looked, pinned=tuple(name for name in looked.pinned if name in given))


def _sized(data: Any, source: Source, given: Sequence[str]) -> list[str]:
    """Edits by which images come in the size and the fit that the source was trained on."""
    decoding = source.decoding or {}
    if is_dataset(data) or (len(source.input_shape) != 3 and decoding.get("kind") != "images"):
        return []
    height, width = decoding.get("size", source.input_shape[1:])
    found = {"image_size": str(height)} if height == width else {}
    if decoding.get("fit", "crop") != "crop" and isinstance(data, str | Path) and Path(data).is_dir():
        found["image_fit"] = str(decoding["fit"])
    return [f"{name}={value}" for name, value in found.items() if name not in given]


def _transfer(source: Source, looked: Look, screen: Screen) -> Transfer:
    """The network with its new head; what fits and what does not is told."""
    data = looked.data
    fitted = source.preprocessing if data.kind != "own" else None
    shape = input_shape(data, fitted)
    _refuse_other_inputs(source, data, shape)
    for name in looked.recipe.freeze:
        if name == source.head or name.startswith(f"{source.head}.") or source.head.startswith(f"{name}."):
            raise BadValue(
                f"freeze={name} covers the head ({source.head}), which is new and has yet to learn. Name other layers."
            )
    columns = 1 if data.y.ndim == 1 else data.y.shape[1]
    if data.classes:
        before = f"{len(source.classes)}: {listed(source.classes)}" if source.classes else "not known by name"
        screen.say(f"classes: {len(data.classes)}: {listed(data.classes)}; those of the source are {before}")
    if fitted is not None:
        screen.say(f"inputs: {_words(shape)}, behind the statistics of the source, which are kept")
    elif source.preprocessing is not None:
        screen.warn(
            "inputs: samples of a data set of one's own reach the network as they are, and the source learnt behind "
            "statistics of its own: make sure that the data set prepares them alike"
        )
    if data.kind == "table" and source.decoding and _columns(source.decoding) != _columns(data.decoding):
        screen.warn("the columns are not encoded as those of the source were: make sure that they mean the same")
    return transfer_from(source, shape, len(data.classes) or columns, looked.recipe.seed)


def _refuse_other_inputs(source: Source, data: Data, shape: tuple[int, ...]) -> None:
    """Refuse data that the source cannot take; what nothing is known of is tried later."""
    wanted = source.input_shape
    if not wanted:
        return
    kind = (source.decoding or {}).get("kind", "images" if len(wanted) == 3 else "table")
    if kind != data.kind and "own" not in (kind, data.kind):
        raise BadData(
            f"{source.text} takes {_KINDS[kind]}, {_words(wanted)}, and this data is {_KINDS[data.kind]}, "
            f"{_words(shape)}. Give data of the same kind, or another source."
        )
    if len(wanted) != len(shape) or wanted[0] != shape[0]:
        todo = "Convert the images, or take another source" if len(wanted) == 3 else "Give the same columns"
        raise BadData(f"{source.text} takes {_words(wanted)}, and this data has {_words(shape)}. {todo}.")


_KINDS = {"images": "images", "table": "a table", "own": "a data set of one's own"}


def _columns(decoding: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in decoding.items() if key not in ("target", "classes", "task", "kind")}


def _words(shape: tuple[int, ...]) -> str:
    """A shape in words."""
    if len(shape) == 1:
        return f"{shape[0]} column{'s' if shape[0] != 1 else ''}"
    if len(shape) != 3:
        return f"shape {shape}"
    return f"{shape[0]} channel{'s' if shape[0] != 1 else ''} of {shape[2]} x {shape[1]} pixels"
