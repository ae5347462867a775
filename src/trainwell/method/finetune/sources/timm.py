"""A network of timm as a source: `timm:NAME`."""

import numpy as np
from torch import nn

from trainwell.errors import BadWeights, Failed, nearest
from trainwell.method.finetune.sources.source import Source
from trainwell.models import models
from trainwell.models.from_timm import from_timm, timm_package
from trainwell.preprocessing import Affine


def open_timm(name: str, text: str) -> Source:
    """Open a network of timm with its pretrained weights, which timm fetches and keeps.

    Args:
        name: As timm calls it, with or without the tag of its weights.
        text: What the user gave.

    Raises:
        MissingExtra: timm is not installed.
        BadWeights: There is no such network, or it has no single linear head that could be replaced.
        Failed: Its weights could not be fetched.
    """
    timm = timm_package()
    if not timm.is_model(name):
        near = nearest(name, timm.list_models())
        raise BadWeights(f"timm has no network {name!r}.{f' Did you mean {near!r}?' if near else ''}")
    network = _fetched(name, text, {})
    num_outputs = int(network.num_classes)  # type: ignore[arg-type]
    if num_outputs == 0:
        network = _fetched(name, text, {"num_classes": 1})
    last = network.get_classifier()  # type: ignore[operator]
    head = next((path for path, module in network.named_modules() if module is last), None)
    if head is None or not isinstance(last, nn.Linear):
        raise BadWeights(f"{text} does not end in one linear layer, and so cannot be given a new head here.")
    stated = timm.data.resolve_model_data_config(network)
    architecture = name.partition(".")[0]
    part = models.part(f"{from_timm.__module__}:{from_timm.__name__}", architecture=architecture)
    shape = tuple(stated["input_size"])
    told = f"{num_outputs:,} outputs" if num_outputs else "no head"
    return Source(
        text=text,
        model=part,
        network=network.eval(),
        head=head,
        input_shape=shape,
        classes=(),
        preprocessing=Affine(np.array(stated["mean"]), np.array(stated["std"]), 255.0),
        decoding=None,
        lr=None,
        optimizer=None,
        notes=(
            f"source: {text}, {told}, inputs {shape}",
            "inputs: mean and deviation as timm states them for these weights",
        ),
    )


def _fetched(name: str, text: str, args: dict[str, int]) -> nn.Module:
    try:
        network: nn.Module = timm_package().create_model(name, pretrained=True, **args)
    except Exception as error:
        raise Failed(
            f"The weights of {text} could not be fetched ({type(error).__name__}: {str(error).partition(chr(10))[0]}). "
            "See whether timm has weights of that name and whether this machine is online, or give a file."
        ) from error
    return network
