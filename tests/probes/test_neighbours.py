"""Labels that follow the inputs, labels that were mixed up, and healthy data where distance means little."""

import pytest
import torch
from sklearn.datasets import load_diabetes
from sklearn.neighbors import NearestNeighbors
from torch import Tensor

from trainwell.errors import BadData, BadValue
from trainwell.probes.neighbours import Neighbours, neighbours


def look(x: Tensor, y: Tensor, **more: int) -> Neighbours:
    return neighbours(
        lambda step: (x[step * 50 :][:50], y[step * 50 :][:50]), num_batches=-(-min(len(x), 400) // 50), **more
    )


def test_agreement_is_what_a_search_of_neighbours_by_another_hand_gives(digits) -> None:
    x, y = digits[0][:400].double(), digits[1][:400]
    z = ((x - x.mean(0)) / x.std(0, correction=0)).nan_to_num().numpy()
    nearest = NearestNeighbors(n_neighbors=5).fit(z).kneighbors(return_distance=False)
    unequal = (y.numpy()[nearest] != y.numpy()[:, None]).mean()
    apart = float((y[:, None] != y).double().sum() / (400 * 399))
    found = look(digits[0], y)
    assert found.agreement == pytest.approx(1 - unequal / apart, abs=1e-3)
    assert (found.num_compared, found.num_samples) == (400, 400)


def test_shuffled_labels_agree_by_chance_only(digits) -> None:
    x, y = digits
    mixed = y[torch.randperm(len(y), generator=torch.Generator().manual_seed(0))]
    half = torch.where(torch.rand(len(y), generator=torch.Generator().manual_seed(1)) < 0.5, mixed, y)
    clean, partly, faulty = look(x, y), look(x, half), look(x, mixed)
    assert clean.agreement is not None and clean.agreement > 0.8
    assert partly.agreement is not None and 0.15 < partly.agreement < 0.5
    assert faulty.agreement is not None and faulty.chance is not None
    assert abs(faulty.agreement) < 4 * faulty.chance < 0.1
    # Labels that are only called otherwise are as good.
    assert look(x, (y + 3) % 10).agreement == pytest.approx(clean.agreement)
    assert look(x * 100 + 7, y).agreement == pytest.approx(clean.agreement, abs=0.01)


def test_a_noisy_regression_is_no_chance() -> None:
    data = load_diabetes()
    x, y = torch.tensor(data.data, dtype=torch.float32), torch.tensor(data.target, dtype=torch.float32)
    order = torch.randperm(len(y), generator=torch.Generator().manual_seed(0))
    clean, faulty = look(x, y[:, None]), look(x, y[order][:, None])
    assert clean.agreement is not None and clean.chance is not None and faulty.agreement is not None
    assert clean.agreement > 6 * clean.chance
    assert clean.agreement > 4 * abs(faulty.agreement)


def test_conflicting_duplicates_by_hand() -> None:
    x = torch.tensor([[1.0, 0.0], [1.0, 0.0], [2.0, 0.0], [2.0, 0.0], [3.0, 0.0]])
    y = torch.tensor([0, 1, 2, 2, 3])
    found = neighbours(lambda _: ({"x": x}, y), num_batches=1, num_neighbours=1)
    assert (found.repeated_share, found.conflict_share) == (0.8, 0.4)
    # The nearest one of the first four is their double: for two of them with another class; of the last one the third
    # or fourth. Three of five disagree; of ten pairs nine.
    assert found.agreement == pytest.approx(1 - 0.6 / 0.9)


def test_without_numbers_to_compare_there_is_no_agreement() -> None:
    x, y = torch.randint(0, 9, (50, 4)), torch.arange(50) % 2
    found = look(x, y)
    assert (found.agreement, found.chance, found.num_compared) == (None, None, 0)
    assert look(torch.ones(50, 3), y).agreement is None
    assert look(torch.rand(50, 3), torch.zeros(50)).agreement is None


def test_impossible_requests_are_refused() -> None:
    with pytest.raises(BadValue, match="num_neighbours=5, max_samples=5"):
        look(torch.ones(9, 1), torch.ones(9), max_samples=5)
    with pytest.raises(BadData, match="one shape"):
        neighbours(lambda _: (torch.ones(4), None))


def test_the_same_call_gives_the_same(digits) -> None:
    x, y = digits[0].clone(), digits[1]
    torch.manual_seed(1)
    state = torch.get_rng_state()
    first = look(x, y)
    assert torch.equal(torch.get_rng_state(), state)
    assert look(x, y) == first
    assert torch.equal(x, digits[0])
