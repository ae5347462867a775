import random

import numpy as np
import pytest
import torch
from torch import nn

from trainwell.errors import BadValue
from trainwell.probes.state import same_random_states, untouched


def draw() -> tuple[float, float, float]:
    return random.random(), float(np.random.rand()), torch.rand(()).item()


def test_random_states_come_back_even_after_an_error():
    before = draw()
    with pytest.raises(KeyError), same_random_states():
        expected = draw()
        raise KeyError
    assert expected != before
    assert draw() == expected


def test_inside_draws_depend_on_the_seed_alone():
    draws = []
    for outer, seed in ((1, 7), (2, 7), (2, 8)):
        torch.manual_seed(outer)
        random.seed(outer)
        np.random.seed(outer)
        with untouched(nn.Linear(1, 1), seed=seed):
            draws.append(draw())
    assert draws[0] == draws[1]
    assert not set(draws[1]) & set(draws[2])


def test_copies_share_what_the_originals_share():
    model = nn.Linear(2, 2)
    loss = nn.Sequential(model)
    with untouched(model, loss) as (model_copy, loss_copy):
        assert loss_copy[0] is model_copy
        assert model_copy is not model
        assert torch.equal(model_copy.weight, model.weight)
        model_copy.weight.data.zero_()
    assert model.weight.any()


def test_gradients_of_the_original_are_put_aside_and_back():
    model = nn.Linear(2, 2)
    model.weight.grad = kept = torch.ones(2, 2)
    with untouched(model):
        model(torch.ones(1, 2)).sum().backward()
    assert model.weight.grad is kept
    assert torch.equal(kept, torch.ones(2, 2))
    assert model.bias.grad is None


def test_a_model_that_cannot_be_copied_is_refused():
    model = nn.Linear(2, 2)
    model.last_output = model(torch.ones(1, 2))
    with pytest.raises(BadValue, match=r"cannot be copied.*Keep no results of a forward pass"), untouched(model):
        pass
