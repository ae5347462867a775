"""What a transfer starts from, and which way of training it takes."""

import copy
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import nn

from trainwell.errors import BadValue
from trainwell.method.finetune.sources import Source
from trainwell.method.finetune.sources.source import belongs
from trainwell.models import build
from trainwell.training.freeze import fingerprint
from trainwell.training.setup import Start

Way = Literal["head", "gradual", "full"]
FEW, PLENTY = 50, 500  # training samples a class (or ten values to predict) at which the way changes
HEAD_START = 0.01  # spread of a new head's weights: the outputs are about 0, and the first loss is what is expected


@dataclass(frozen=True)
class Transfer:
    """What a run starts from.

    Args:
        start: The network with a new head.
        about: For `recipe.json`: what was given, and what tells its weights from others.
    """

    start: Start
    about: dict[str, Any]


def transfer_from(source: Source, input_shape: tuple[int, ...], num_outputs: int, seed: int) -> Transfer:
    """The source's network with a new, small head for another task.

    Args:
        source: Read.
        input_shape: Shape of a sample behind the preprocessing.
        num_outputs: Outputs of the new head.
        seed: Seed of its weights.

    Raises:
        BadValue: The weights do not fit a network for this shape.
    """
    old = source.network.state_dict()
    network = _rebuilt(source, input_shape, num_outputs, seed)
    head = network.get_submodule(source.head)
    assert isinstance(head, nn.Linear), "a source names a linear layer as its head"
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        head.weight.copy_(torch.randn(head.weight.shape, generator=generator) * HEAD_START)
        if head.bias is not None:
            head.bias.zero_()
    about = {"text": source.text, "digest": fingerprint(old), "head": source.head, "classes": list(source.classes)}
    return Transfer(Start(network, source.head, source.preprocessing), about)


def choose_way(count: int, num_classes: int) -> tuple[Way, str]:
    """The way of training by the amount of data, and the reason in words.

    Little data: the network is left as it is, and a new linear head learns. More: the head first, then all of it at a
    tenth of the rate. Plenty: all of it at once, at a tenth of the rate.

    Args:
        count: Training samples.
        num_classes: Number of classes; 0 in regression, where ten samples count as many as one class.

    Reference:
        Yosinski et al., "How transferable are features in deep neural networks?", 2014; Kumar et al., "Fine-Tuning can
        Distort Pretrained Features and Underperform Out-of-Distribution", 2022 (the head first).
    """
    each = count / (num_classes or 10)
    what = f"{each:,.0f} training samples a class" if num_classes else f"{count:,} training samples"
    if each < FEW:
        return "head", f"transfer=head: {what} are few, so that all but a new head stays as it is"
    if each <= PLENTY:
        return "gradual", f"transfer=gradual: {what} are enough for a new head first, then all at a tenth of the rate"
    return "full", f"transfer=full: {what} are plenty, so that all is trained at once, at a tenth of the rate"


def _rebuilt(source: Source, input_shape: tuple[int, ...], num_outputs: int, seed: int) -> nn.Module:
    """The network with a head of another width, and the weights of the source in all but the head and its shortcuts."""
    if source.model is None:
        network = copy.deepcopy(source.network)
        place, _, name = source.head.rpartition(".")
        old = network.get_submodule(source.head)
        if not isinstance(old, nn.Linear):
            raise BadValue(
                f"The head {source.head} of {type(network).__name__} is a {type(old).__name__}. Expected a linear "
                "layer, which a new head can replace."
            )
        new = nn.Linear(old.in_features, num_outputs, bias=old.bias is not None)
        new.to(old.weight.device, old.weight.dtype)
        owner = network.get_submodule(place)
        if isinstance(owner, nn.Sequential):
            owner[int(name) if name.isdigit() else list(dict(owner.named_children())).index(name)] = new
        else:
            setattr(owner, name, new)
        return network.train()
    network = build(source.model, input_shape, num_outputs, seed)
    own = network.state_dict()
    anew = (source.head, *source.shortcuts)
    body = {key: value for key, value in source.network.state_dict().items() if not belongs(key, anew)}
    differing = [key for key, value in body.items() if key not in own or own[key].shape != value.shape]
    if differing:
        raise BadValue(
            f"The weights of {source.text} do not fit {source.model.name} on inputs of shape {input_shape} (first of "
            f"{len(differing)}: {differing[0]}); they were learnt on {source.input_shape}. Leave image_size out, or "
            "set it to that of the source."
        )
    network.load_state_dict(own | body)
    return network
