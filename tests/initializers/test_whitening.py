import pytest
import torch
from torch import nn
from torch.nn import functional

from trainwell.errors import BadValue
from trainwell.initializers.whitening import whitening


def correlated_images(count: int = 300, channels: int = 3) -> torch.Tensor:
    """Smooth images whose channels are mixed: neighbours and channels are correlated."""
    noise = torch.randn(count, channels, 12, 12, generator=torch.Generator().manual_seed(0))
    smooth = functional.avg_pool2d(noise, 3, stride=1) * 3
    mixing = torch.randn(channels, channels, generator=torch.Generator().manual_seed(1)) + 2 * torch.eye(channels)
    return torch.einsum("dc,nchw->ndhw", mixing, smooth) + 0.3


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_outputs_are_uncorrelated_with_variance_one(channels: int) -> None:
    images = correlated_images(channels=channels)
    size = 4 * channels
    module = nn.Conv2d(channels, 2 * size, 2)
    whitening(module, images, eps=0.0)
    out = module(images)[:, :size].transpose(0, 1).flatten(1)
    torch.testing.assert_close(torch.cov(out), torch.eye(size), atol=2e-3, rtol=0)
    assert torch.equal(module.weight[size:], -module.weight[:size])


def test_filters_are_scaled_eigenvectors_largest_first() -> None:
    images = torch.zeros(64, 1, 1, 2)
    images[:, 0, 0, 0] = torch.linspace(-3, 3, 64)
    images[:, 0, 0, 1] = torch.tensor([-1.0, 1.0, 1.0, -1.0]).repeat(16)
    module = nn.Conv2d(1, 2, (1, 2))
    whitening(module, images, eps=0.5)
    spread = torch.linspace(-3, 3, 64).var(correction=0)
    torch.testing.assert_close(
        module.weight[0, 0, 0], torch.tensor([1 / (spread + 0.5).sqrt(), 0.0]), atol=1e-3, rtol=0
    )


def test_constant_images_give_finite_filters() -> None:
    module = nn.Conv2d(1, 8, 2)
    whitening(module, torch.full((5, 1, 8, 8), 3.0))
    assert torch.isfinite(module.weight).all()


def test_what_does_not_fit_is_refused() -> None:
    images = correlated_images(8)
    with pytest.raises(BadValue, match="at most 24; the convolution has 26"):
        whitening(nn.Conv2d(3, 26, 2), images)
    with pytest.raises(BadValue, match="needs an even number of outputs"):
        whitening(nn.Conv2d(3, 5, 2), images)
    with pytest.raises(BadValue, match="2-D convolution of one group, got Linear"):
        whitening(nn.Linear(3, 4), images)
    with pytest.raises(BadValue, match=r"images \(N, 1, H, W\), got shape \(8, 3, 10, 10\)"):
        whitening(nn.Conv2d(1, 8, 2), images)
