"""A run folder of ours as a source."""

from pathlib import Path

from trainwell.errors import BadRun
from trainwell.method.finetune.sources.source import Source, head_and_shortcuts
from trainwell.method.run import Run
from trainwell.models import models
from trainwell.models.given import GIVEN


def from_run(path: str | Path) -> Source:
    """Open a run folder: its best weights, its preprocessing, its way of reading, its rate.

    Args:
        path: Run folder.

    Raises:
        BadRun: It holds no run with weights, or its network was given as an object.
        BadValue: Its network has no head that can be replaced.
    """
    run = Run(path)
    description, recipe = run.description(), run.recipe
    part = models.part(description["model"])
    if part.name == GIVEN:
        raise BadRun(
            f"{path} was trained with a network given as an object ({part.args['network']}), which cannot be built "
            "from its name. Train it as model=package.module:factory, and fine-tune that run."
        )
    network = run.model()
    shape, num_outputs = tuple(description["input_shape"]), description["num_outputs"]
    head, shortcuts = head_and_shortcuts(part, shape, num_outputs, network)
    classes = tuple(description["classes"])
    told = f"{len(classes)} classes" if classes else f"{num_outputs} value{'s' if num_outputs > 1 else ''}"
    notes = [f"source: run {path}, {part.name} of {told} on inputs {shape}"]
    alone = recipe.transfer == "head"  # its rate is that of a head on standardised features, not of the network
    if not run.verdict.get("finished", False):
        notes.append("that run is not finished: its best weights so far are taken")
    return Source(
        text=str(path),
        model=part,
        network=network,
        head=head,
        input_shape=shape,
        classes=classes,
        preprocessing=run.preprocessing(),
        decoding=description["decoding"],
        lr=None if alone else float(recipe.optimizer.args["lr"]),
        optimizer=None if alone else recipe.optimizer,
        notes=tuple(notes),
        shortcuts=shortcuts,
    )
