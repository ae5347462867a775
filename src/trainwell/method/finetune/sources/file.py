"""A file of weights as a source: the layout of torchvision's and timm's residual networks."""

import re
from pathlib import Path

import numpy as np
from torch import Tensor

from trainwell.data.dataset import listed
from trainwell.errors import BadWeights
from trainwell.method.finetune.sources.card import Card, imagenet, read_card
from trainwell.method.finetune.sources.layout import Layout, layout_of
from trainwell.method.finetune.sources.source import Source
from trainwell.method.finetune.sources.weights import read_weights
from trainwell.models import build
from trainwell.preprocessing import Affine

_HEAD = "fc"
_UNIT = 255.0  # the stored value that counts as 1
_SMALL = 64  # up to this side our stem is 3 x 3, beyond it 7 x 7
_COUNTER = "num_batches_tracked"  # no weight: files of before torch 0.4.1 lack it


def from_file(path: Path, text: str) -> Source:
    """Open a file of weights; a `config.json` of timm's beside it says what its inputs are.

    Args:
        path: The file.
        text: What the user gave.

    Raises:
        BadWeights: It cannot be read, would run code, or belongs to another network.
    """
    read = read_weights(path)
    layout = layout_of(read.tensors, text)
    beside = path.parent / "config.json"
    if beside.exists():
        card = read_card(beside, layout.channels)
    else:
        card = imagenet(layout.channels, "the file does not say its own")
    _refuse_other_architecture(card, layout, text)
    shape = _shape(card, layout, text)
    network = build(layout.model, shape, layout.num_outputs or 1, 0)
    network.load_state_dict(_fitting(layout.tensors, network.state_dict(), layout, text))
    classes = card.classes if len(card.classes) == layout.num_outputs else ()
    told = f"{layout.num_outputs:,} outputs" if layout.num_outputs else "no head"
    return Source(
        text=text,
        model=layout.model,
        network=network.eval(),
        head=_HEAD,
        input_shape=shape,
        classes=classes,
        preprocessing=Affine(np.array(card.mean), np.array(card.deviation), _UNIT),
        decoding=None,
        lr=None,
        optimizer=None,
        notes=(
            f"source: {text}, {layout.model.name} of width {layout.model.args['width']}, {told}, inputs {shape}",
            *read.notes,
            *layout.notes,
            card.note,
        ),
    )


def _refuse_other_architecture(card: Card, layout: Layout, text: str) -> None:
    """Some variants have the weights of a plain network and other operations between them; only the name tells."""
    named = re.search(r"resnet(?:aa|blur)\d+\w*", Path(text).name)
    architecture = card.architecture or (named[0] if named else None)
    if architecture is not None and architecture.partition(".")[0] != layout.model.name:
        where = "its config.json" if card.architecture else "its name"
        raise BadWeights(
            f"{text} has the weights of a {layout.model.name}, and {where} calls it {architecture}, which computes "
            f"something else with them. Take timm:{architecture}, or the weights of {layout.model.name}."
        )


def _shape(card: Card, layout: Layout, text: str) -> tuple[int, int, int]:
    """Shape of the inputs; our stem follows from it, so that it has to agree with the one of the weights."""
    shape = card.shape or (layout.channels, layout.side, layout.side)
    if shape[0] != layout.channels:
        raise BadWeights(f"{text} takes {layout.channels} channels, and its config.json says {shape[0]}.")
    small = min(shape[1:]) <= _SMALL
    if small != (layout.side <= _SMALL):
        stem = "7 x 7 of stride 2" if layout.side > _SMALL else "3 x 3 of stride 1"
        raise BadWeights(
            f"{text} has a stem of {stem} and was trained on {shape[1]} x {shape[2]}; here such a stem is for images "
            f"{'beyond' if layout.side > _SMALL else 'up to'} {_SMALL} px."
        )
    return shape


def _fitting(found: dict[str, Tensor], expected: dict[str, Tensor], layout: Layout, text: str) -> dict[str, Tensor]:
    """The weights under the names of the network, all there and of the right shape."""
    headless = layout.num_outputs is None
    absent = {name for name in expected if name.endswith(_COUNTER) or (headless and name.startswith(f"{_HEAD}."))}
    missing = [name for name in expected if name not in found and name not in absent]
    extra = [name for name in found if name not in expected]
    other = [
        f"{name} is {tuple(value.shape)}, not {tuple(expected[name].shape)}"
        for name, value in found.items()
        if name in expected and value.shape != expected[name].shape
    ]
    wrong = [
        f"{len(names)} {what} ({listed(names, 3)})"
        for names, what in ((missing, "missing"), (extra, "too many"), (other, "of another shape"))
        if names
    ]
    if wrong:
        raise BadWeights(f"{text} does not fit {layout.model.name}: of its tensors are {'; '.join(wrong)}.")
    return expected | found
