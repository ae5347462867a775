"""What a network makes of samples, as its head sees them."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from trainwell.data.batches import Feed
from trainwell.errors import BadValue
from trainwell.training.engine import Engine
from trainwell.training.heads import Features

BATCH = 250
_TOLERANCE = 0.02  # of the largest output: bf16 keeps 8 bits
_SAME = 1e-3  # of the largest feature: what batches of another size and the faster products of a GPU change in fp32
_LOOKED_AT = 8


@torch.no_grad()
def features_of(
    model: nn.Module,
    head: str,
    train: Feed,
    valid: Feed | None,
    engine: Engine,
    *,
    copies: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Features:
    """The features of all samples, by the network in evaluation mode; its mode is set back afterwards.

    Args:
        model: Network on the engine's device.
        head: Name of its last layer, a linear one.
        train: Training split.
        valid: Validation split, or None.
        engine: How to compute.
        copies: Augmented copies of each training sample, beside the sample as it is.
        progress: Called with the samples done and those in all.

    Raises:
        BadValue: What goes into the head cannot be told, or its outputs are not those of the network.
    """
    total = len(train) * (1 + copies) + (0 if valid is None else len(valid))
    done = 0
    training = model.training
    body = _Body(model, head, engine)
    model.eval()
    try:
        scale = body.scale(train.some(torch.arange(min(len(train), _LOOKED_AT)))[0])
        found: list[Tensor] = []
        held: list[Tensor] = []
        parts: list[tuple[Iterator[Tensor], list[Tensor]]] = [(_plain(train), found)]
        parts += [(_varied(train, copy), found) for copy in range(copies)]
        parts += [(_plain(valid), held)] if valid is not None else []
        for inputs, kept in parts:
            of_part = []
            for x in inputs:
                of_part.append(body.of(x))
                done += len(x)
                if progress is not None:
                    progress(done, total)
            kept.append(torch.cat(of_part))
    finally:
        body.close()
        model.train(training)
    return Features(
        train=torch.stack(found),
        target=train.target,
        valid=held[0] if held else None,
        valid_target=None if valid is None else valid.target,
        scale=scale,
    )


@torch.no_grad()
def are_made_by(features: Tensor, model: nn.Module, head: str, train: Feed, engine: Engine) -> bool:
    """Whether features that were kept are those that a network makes, as some of the samples show.

    Args:
        features: (n, F): of each training sample as it is.
        model: Network on the engine's device; its mode is set back afterwards.
        head: Name of its last layer.
        train: Training split.
        engine: How to compute.
    """
    some = torch.arange(min(len(train), _LOOKED_AT))
    training = model.training
    body = _Body(model, head, engine)
    model.eval()
    try:
        made = body.of(train.some(some)[0]).cpu()
    finally:
        body.close()
        model.train(training)
    kept = features[some].cpu()
    room = (_SAME if engine.precision == "fp32" else _TOLERANCE) * float(kept.abs().max())
    return made.shape == kept.shape and torch.allclose(made, kept, rtol=0, atol=room)


class _Body:
    """A network whose head is listened to."""

    def __init__(self, model: nn.Module, head: str, engine: Engine) -> None:
        self._model, self._name, self._engine = model, head, engine
        self._seen: list[tuple[Tensor, Tensor]] = []
        self._handle = model.get_submodule(head).register_forward_hook(
            lambda _, inputs, output: self._seen.append((inputs[0], output))
        )

    def of(self, x: Tensor) -> Tensor:
        """Features (n, F) of inputs."""
        return self._listen(x)[0].float()

    def scale(self, x: Tensor) -> float:
        """What the network multiplies the outputs of its head by."""
        _, output, whole = self._listen(x)
        output, whole = output.double(), whole.double()
        scale = float((output * whole).sum() / output.square().sum().clamp_min(1e-30))
        if not torch.allclose(whole, scale * output, rtol=0, atol=_TOLERANCE * float(whole.abs().max())) or scale == 0:
            raise BadValue(
                f"The outputs of the network are not those of its head ({self._name}), so that a new head cannot be "
                "trained by itself. Set transfer=full."
            )
        return 1.0 if abs(scale - 1) < _TOLERANCE else scale

    def close(self) -> None:
        """Stop listening."""
        self._handle.remove()

    def _listen(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        self._seen.clear()
        whole = self._engine.forward(self._model, x)
        if len(self._seen) != 1 or self._seen[0][0].dim() != 2:
            what = "is called several times" if len(self._seen) > 1 else "does not get one row of features a sample"
            raise BadValue(
                f"The head of the network ({self._name}) {what}, so that it cannot be trained by itself. "
                "Set transfer=full."
            )
        return (*self._seen[0], whole)


def _plain(feed: Feed) -> Iterator[Tensor]:
    return (x for x, _ in feed.passes(BATCH))


def _varied(feed: Feed, copy: int) -> Iterator[Tensor]:
    return (feed.varied(part, copy) for part in torch.arange(len(feed)).split(BATCH))
