"""What simple learners reach: where a straight line will do, where it will not, and where nothing can be learnt."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from trainwell.probes.parts import Parts, parts
from trainwell.probes.reference import reference

DRAWS = np.random.default_rng(0)


def program(train: Any, valid: Any) -> Parts:
    model = nn.Linear(2, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    return parts(model, nn.CrossEntropyLoss(), optimizer, train, valid, batch_size=8, epochs=1)


def halves(x: Tensor, y: Tensor) -> Parts:
    half = len(x) // 2
    return program((x[:half], y[:half]), (x[half:], y[half:]))


def rows(count: int, columns: int) -> Tensor:
    return torch.tensor(DRAWS.normal(size=(count, columns)), dtype=torch.float32)


def test_a_straight_line_is_found_by_all() -> None:
    x = rows(400, 4)
    found = reference(halves(x, (x[:, 0] > 0.5).long()))
    assert found is not None
    assert (found.num_train, found.num_valid) == (200, 200)
    assert found.constant == pytest.approx(float((x[200:, 0] <= 0.5).float().mean()))
    assert min(found.linear, found.forest) > 0.9 and found.best == max(found.linear, found.neighbours, found.forest)
    assert found.least_class is not None and found.least_class > 0.8


def test_a_checkerboard_is_no_straight_line() -> None:
    x = rows(600, 2)
    found = reference(halves(x, (x[:, 0] * x[:, 1] > 0).long()))
    assert found is not None
    assert found.linear < 0.65 and found.best > 0.85


def test_labels_that_have_nothing_to_do_with_the_inputs() -> None:
    found = reference(halves(rows(600, 4), torch.tensor(DRAWS.integers(0, 2, 600))))
    assert found is not None
    assert found.best < found.constant + 0.12


def test_a_rare_class_that_is_never_recalled() -> None:
    x = rows(800, 3)
    found = reference(halves(x, (torch.arange(800) % 20 == 0).long()))  # one in twenty, by no rule
    assert found is not None
    assert found.constant == pytest.approx(0.95) and found.least_class is not None and found.least_class < 0.2


def test_values_are_scored_by_r2() -> None:
    x = rows(400, 3)
    found = reference(halves(x, (2 * x[:, 0] - x[:, 1])[:, None]))
    assert found is not None
    assert found.constant == 0.0 and found.linear > 0.99 and found.least_class is None
    nothing = reference(halves(x, rows(400, 1)))
    assert nothing is not None and 0 <= nothing.best < 0.1


def test_images_are_rows_too_and_wide_ones_are_cut_down() -> None:
    y = torch.arange(120) % 2
    x = rows(120, 300).reshape(120, 3, 10, 10) + 1.0 * y[:, None, None, None]
    found = reference(halves(x, y))
    assert found is not None and found.linear > 0.95


def test_one_hot_rows_are_classes() -> None:
    x = rows(200, 3)
    y = nn.functional.one_hot((x[:, 0] > 0).long()).float()
    found = reference(halves(x, y))
    assert found is not None and found.best > 0.9


def test_it_is_the_same_each_time_and_looks_at_so_many_samples_only() -> None:
    x = rows(5000, 3)
    made = halves(x, (x[:, 0] > 0).long())
    found = reference(made)
    assert found is not None
    assert (found.num_train, found.num_valid) == (1500, 500)
    assert reference(made) == found


def test_what_is_no_table_has_no_reference() -> None:
    x = rows(100, 3)
    assert reference(halves(x[:16], torch.arange(16) % 2)) is None  # too few
    assert reference(halves(x, torch.zeros(100, dtype=torch.long))) is None  # one class
    places = torch.randint(0, 2, (100, 7), generator=torch.Generator().manual_seed(0))
    assert reference(halves(x, places)) is None  # several targets a sample


def test_inputs_in_a_structure_are_columns_side_by_side() -> None:
    x = rows(200, 4)
    y = (x[:, 0] + x[:, 3] > 0).long()
    whole = reference(program((x[:100], y[:100]), (x[100:], y[100:])))
    named = {"a": x[:, :1], "b": x[:, 1:]}
    halved = [{name: part[rows] for name, part in named.items()} for rows in (slice(100), slice(100, None))]
    assert reference(program((halved[0], y[:100]), (halved[1], y[100:]))) == whole
