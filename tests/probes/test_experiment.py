from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from trainwell.draws import StepDraws
from trainwell.errors import BadValue
from trainwell.probes.experiment import experiment, set_rate


def mean(output: Tensor, _: Any) -> Tensor:
    return output.mean()


class TwoPass(torch.optim.SGD):
    """Evaluates the loss again after its step, as optimizers of two passes do."""

    def step(self, closure: Callable[[], Tensor]) -> Tensor:  # type: ignore[override]
        super().step(closure)
        return closure()


def test_a_step_gives_the_loss_before_it_also_of_two_passes():
    model = nn.Linear(1, 1, bias=False)
    nn.init.constant_(model.weight, 3.0)
    with experiment(model, mean, None, 0) as trial:
        optimizer = TwoPass(trial.model.parameters(), lr=0.5)
        batch = (torch.full((4, 1), 2.0), None)
        # Loss 2w = 6, gradient 2, so w = 3 - 0.5 * 2 = 2 and the next loss is 4.
        assert trial.train(optimizer, batch, 0)[0] == 6.0
        assert trial.train(optimizer, batch, 1)[0] == 4.0
    assert model.weight.item() == 3.0


def test_in_place_layers_do_not_change_the_batch():
    x = {"image": [-torch.ones(2, 2)]}
    with experiment(nn.ReLU(inplace=True), mean, lambda model, x: model(x["image"][0]), 0) as trial:
        assert trial.loss((x, None), 0)[0].item() == 0.0
    assert torch.equal(x["image"][0], -torch.ones(2, 2))


def test_training_works_whatever_mode_the_caller_is_in():
    model = nn.Linear(1, 1)
    with torch.inference_mode(), experiment(model, mean, None, 0) as trial:
        optimizer = torch.optim.SGD(trial.model.parameters(), lr=1.0)
        x = torch.ones(1, 1)
        assert trial.train(optimizer, (x, None), 0)[0] - trial.train(optimizer, (x, None), 1)[0] == pytest.approx(2.0)


def test_a_loss_with_weights_of_its_own_is_copied():
    class Scaled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale = nn.Parameter(torch.ones(()))

        def forward(self, output: Tensor, _: Tensor) -> Tensor:
            return self.scale * output.mean()

    loss = Scaled()
    with experiment(nn.Linear(1, 1), loss, None, 0) as trial:
        trial.train(torch.optim.SGD(trial.model.parameters(), lr=1.0), (torch.ones(1, 1), None), 0)
        assert trial.criterion.scale.grad is not None
    assert loss.scale.grad is None


def test_masks_keyed_by_step_differ_between_steps():
    class Keyed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.draws = StepDraws(0)

        def forward(self, x: Tensor) -> Tensor:
            return torch.rand(x.shape, generator=self.draws.generator(0, x.device))

    model = Keyed()
    with experiment(model, mean, None, 0) as trial:
        first, second, again = (trial.loss((torch.ones(3), None), step)[0].item() for step in (1, 2, 1))
    assert first == again != second
    assert model.draws.step == 0


def test_the_rate_of_a_group_is_scaled():
    groups = [{"params": [nn.Parameter(torch.ones(1))]}, {"params": [nn.Parameter(torch.ones(1))], "rate_scale": 64.0}]
    optimizer = torch.optim.SGD(groups, lr=1.0)
    set_rate(optimizer, 0.5)
    assert [group["lr"] for group in optimizer.param_groups] == [0.5, 32.0]


def test_what_is_no_batch_and_no_scalar_is_refused():
    with experiment(nn.Linear(1, 1), lambda output, _: output, None, 0) as trial:
        with pytest.raises(BadValue, match=r"Expected a batch as a pair \(x, y\), got Tensor"):
            trial.loss(torch.ones(2, 1), 0)  # type: ignore[arg-type]
        with pytest.raises(BadValue, match=r"The loss gave shape \(2, 1\); expected a scalar tensor"):
            trial.loss((torch.ones(2, 1), None), 0)
    with (
        experiment(nn.Linear(1, 1), lambda *_: 1.0, None, 0) as trial,  # type: ignore[arg-type, return-value]
        pytest.raises(BadValue, match="The loss gave float"),
    ):
        trial.loss((torch.ones(2, 1), None), 0)
