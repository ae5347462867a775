"""Networks of timm, by the name they have there: `model=trainwell.models.from_timm:from_timm`."""

from typing import Any

from torch import nn

from trainwell.errors import MissingExtra


def from_timm(input_shape: tuple[int, ...], num_outputs: int, architecture: str) -> nn.Module:
    """A network of timm without pretrained weights.

    Args:
        input_shape: (C, H, W); networks made for one size refuse another when they are run.
        num_outputs: Number of outputs of the head.
        architecture: Its name in timm.

    Returns:
        (N, C, H, W) -> (N, num_outputs).

    Raises:
        MissingExtra: timm is not installed.
    """
    network: nn.Module = timm_package().create_model(
        architecture, pretrained=False, num_classes=num_outputs, in_chans=input_shape[0]
    )
    return network


def timm_package() -> Any:
    """The package timm; raises `MissingExtra` where it is not installed."""
    try:
        import timm
    except ImportError as error:
        raise MissingExtra("A network of timm", "timm") from error
    return timm
