"""Whitening: a first convolution that decorrelates small patches of the images."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from trainwell.errors import BadValue
from trainwell.initializers import initializers

_CHUNK = 256  # images whose patches are laid out at a time


@initializers.add(
    "whitening", paper="https://arxiv.org/abs/2404.00498", limits={"eps": "[0, inf)"}, data_dependent=True
)
@torch.no_grad()
def whitening(module: nn.Conv2d, batch: Tensor, *, eps: float = 5e-4) -> None:
    """Set a k x k convolution to the whitening directions of its input patches, and their negatives.

    Definition: the filters are the eigenvectors v_i of the covariance of the patches, divided by sqrt(lambda_i + eps),
    so that the outputs are uncorrelated and of about unit variance. With the negatives a one-sided activation loses
    nothing.

    Reach for it when a small network is to learn images fast: the first layer then stays as it is, but for its bias.

    Leave it when the images are large, whose first convolution has a stride and is worth learning.

    Cost: the covariance of all patches of the batch once, and an eigenvalue problem of C k k numbers; in training the
    layer saves its weight gradient.

    Args:
        module: Convolution with 2m outputs, m at most C k k; takes the m largest eigenvalues. Its bias stays.
        batch: What goes into it, (N, C, H, W): some hundred preprocessed images or more.
        eps: Floor under the eigenvalues, in the units of the variance of the input.

    Returns:
        Nothing: the filters are set in place.

    Raises:
        BadValue: The module is no plain convolution, its number of outputs does not fit, or the batch does not.

    Reference:
        Page, "How to train your ResNet 8: bag of tricks", 2019; Jordan, "94% on CIFAR-10 in 3.29 Seconds on a Single
        GPU", 2024, section 3.2.
    """
    if not isinstance(module, nn.Conv2d) or module.groups != 1:
        raise BadValue(f"whitening sets a 2-D convolution of one group, got {module}.")
    size = module.weight[0].numel()
    pairs = module.out_channels // 2
    if module.out_channels % 2 or pairs > size:
        raise BadValue(
            f"whitening of patches of {size} numbers needs an even number of outputs, at most {2 * size}; "
            f"the convolution has {module.out_channels}."
        )
    if batch.ndim != 4 or batch.shape[1] != module.in_channels or len(batch) == 0:
        raise BadValue(f"whitening needs images (N, {module.in_channels}, H, W), got shape {tuple(batch.shape)}.")
    values, vectors = torch.linalg.eigh(_covariance(module, batch))  # ascending
    largest = vectors.T.flip(0)[:pairs]
    peak = largest.gather(1, largest.abs().argmax(1, keepdim=True))
    filters = largest * peak.sign() / (values.flip(0)[:pairs, None].clamp_min(0.0) + eps).sqrt()
    module.weight.copy_(torch.cat((filters, -filters)).reshape(module.weight.shape))


def _covariance(module: nn.Conv2d, batch: Tensor) -> Tensor:
    """Covariance of the patches that the convolution sees, (C k k, C k k) float64 on the CPU."""
    total, outer, count = torch.zeros(()), torch.zeros(()), 0
    for chunk in batch.split(_CHUNK):
        laid_out = functional.unfold(chunk.float(), module.kernel_size, module.dilation, 0, module.stride)
        patches = laid_out.transpose(1, 2).flatten(0, 1)
        total = total + patches.sum(0).double().cpu()
        outer = outer + (patches.T @ patches).double().cpu()
        count += len(patches)
    mean = total / count
    return outer / count - mean.outer(mean)
