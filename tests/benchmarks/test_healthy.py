"""The healthy programs: as a script holds them, repeatable, and proven by the results that stand beside them."""

import json

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader

from healthy.index import programs
from healthy.program import PROGRAMS, Program, Rows, accuracy, baseline, binary_accuracy, evaluate, program, r2, train
from healthy.prove import OUT, SEEDS, complaints, final, prove

NAMES = list(programs())
STEPS = 16


def first_rows(made: Program) -> float:
    """Loss on the first rows of the training set, without dropout, and with the model's mode as it was found."""
    was = made.model.training
    made.model.eval()
    with torch.no_grad():
        x, y = made.train[:256]
        loss = float(made.loss(made.model(x), y))
    made.model.train(was)
    return loss


def rates_of(made: Program) -> list[float]:
    """Rate of each group before the schedule; a warm-up starts at a fraction that its length decides."""
    return [group.get("initial_lr", group["lr"]) for group in made.optimizer.param_groups]


def test_thirty_programs() -> None:
    assert len(NAMES) == 30


@pytest.mark.parametrize("name", NAMES)
def test_a_few_steps_are_repeatable_and_lower_the_loss(name: str) -> None:
    build = programs()[name]
    one, two, other = build(0), build(0), build(1)
    before = first_rows(one)
    steps = STEPS * one.accumulate
    log = train(one, 0, steps)["losses"]
    assert train(two, 0, steps)["losses"] == log
    mine, again, else_ = (made.model.state_dict() for made in (one, two, other))
    assert all(torch.equal(mine[key], again[key]) for key in mine)
    assert any(not torch.equal(mine[key], else_[key]) for key in mine)
    assert all(torch.isfinite(torch.tensor(log)))
    assert first_rows(one) < before


@pytest.mark.parametrize("name", NAMES)
def test_data_are_the_same_under_every_seed_and_go_through_a_loader(name: str) -> None:
    one, other = programs()[name](0), programs()[name](1)
    assert torch.equal(one.train.y, other.train.y)
    assert torch.equal(one.valid.y, other.valid.y)
    loader = DataLoader(one.train, batch_size=one.batch_size)
    x, y = next(iter(loader))
    direct_x, direct_y = one.train[: one.batch_size]
    assert torch.equal(y, direct_y)
    if isinstance(x, dict):
        assert all(torch.equal(x[key], direct_x[key]) for key in direct_x)
    else:
        assert torch.equal(x, direct_x)
    loss, metric = evaluate(one)
    assert loss > 0
    assert 0 <= metric <= 1


@pytest.mark.parametrize("name", NAMES)
def test_rate_and_length_scale_what_they_say(name: str) -> None:
    build = programs()[name]
    one, changed = build(0), build(0, 3.0, 2)
    rates, faster = (rates_of(made) for made in (one, changed))
    assert faster == pytest.approx([3 * rate for rate in rates])
    assert changed.epochs == 2 * one.epochs


def test_results_cover_these_programs_and_prove_them() -> None:
    results = json.loads(OUT.read_text())
    assert list(results["programs"]) == NAMES
    assert tuple(results["seeds"]) == SEEDS
    for entry in results["programs"].values():
        assert [run["seed"] for run in entry["runs"]] == list(SEEDS)
        assert [complaints(run) for run in entry["runs"]] == [[] for _ in SEEDS]
        assert entry["proven"]
        assert entry["machine"]["commit"]


def test_results_are_of_the_programs_as_they_are() -> None:
    """A program made longer or shorter, or on other data, owes a new proof."""
    for name, entry in json.loads(OUT.read_text())["programs"].items():
        made = programs()[name](0)
        assert entry["runs"][0]["steps"] == made.steps
        assert entry["runs"][0]["baseline"] == pytest.approx(baseline(made), abs=1e-4)


def test_sparse_relu_is_sparse_and_not_dead() -> None:
    made = programs()["sparse_relu"](0)
    train(made, 0, 200)
    with torch.no_grad():
        fires = made.model.eval()[:3](made.train.x) > 0
    assert fires.float().mean() < 0.4
    assert fires.any(0).float().mean() > 0.98


def test_frozen_padded_and_tied_weights() -> None:
    frozen = programs()["frozen_body"](0)
    before = {key: value.clone() for key, value in frozen.model.state_dict().items()}
    train(frozen, 0, 5)
    same = {key: torch.equal(value, before[key]) for key, value in frozen.model.state_dict().items()}
    assert [key for key, equal in same.items() if not equal] == ["1.weight", "1.bias"]
    padded = programs()["padded_embedding"](0)
    train(padded, 0, 5)
    assert padded.model.embed.weight[0].abs().max() == 0
    speller = programs()["tied_speller"](0).model
    assert speller.head.weight is speller.embed.weight


def line(optimizer: type[torch.optim.Optimizer], rate: float) -> Program:
    """One weight from 0 towards y = 2x on the rows x = 1 and x = 1."""
    model = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(model.weight)
    rows = Rows(torch.ones(2, 1), torch.full((2, 1), 2.0))
    return Program(model, F.mse_loss, optimizer(model.parameters(), lr=rate), rows, rows, 1, 1, "regression", r2)


def test_loop_by_hand() -> None:
    """The gradient is 2(w - 2): w goes 0, 0.4, 0.72 at a rate of 0.1; the losses are (w - 2)^2."""
    plain = line(torch.optim.SGD, 0.1)
    assert train(plain, 0)["losses"] == pytest.approx([4.0, 2.56])
    assert plain.model.weight.item() == pytest.approx(0.72)
    clipped = line(torch.optim.SGD, 0.1)
    clipped.clip = 1.0
    train(clipped, 0)
    assert clipped.model.weight.item() == pytest.approx(0.2)
    summed = line(torch.optim.SGD, 0.1)
    summed.accumulate = 2
    assert train(summed, 0)["losses"] == pytest.approx([4.0, 4.0])
    assert summed.model.weight.item() == pytest.approx(0.4)


def test_metrics_by_hand() -> None:
    assert accuracy(torch.tensor([[2.0, 1.0], [0.0, 1.0], [3.0, 1.0]]), torch.tensor([0, 1, 1])) == pytest.approx(2 / 3)
    assert binary_accuracy(torch.tensor([[1.0], [-1.0]]), torch.tensor([[1.0], [1.0]])) == 0.5
    y = torch.tensor([[0.0], [2.0]])
    assert r2(torch.tensor([[0.0], [1.0]]), y) == 0.5
    assert r2(torch.tensor([[9.0], [-9.0]]), y) == 0
    assert r2(torch.full((2, 1), torch.nan), y) == 0
    assert final([0.0] * 8 + [0.5, 0.7]) == pytest.approx(0.6)
    assert final([0.3]) == 0.3


def test_complaints_name_what_is_wrong() -> None:
    fine = {
        "final": 0.9,
        "baseline": 0.5,
        "neighbours": {"epochs x2": 0.94, "rate x3": 0.2, "rate /3": 0.9},
        "valid_loss": 0.4,
        "least_valid_loss": 0.39,
    }
    assert complaints(fine) == []
    assert complaints({**fine, "final": 0.85}) == ["epochs x2 gains 0.090", "rate /3 gains 0.050"]
    assert complaints({**fine, "least_valid_loss": 0.3}) == ["validation loss rose from 0.300 to 0.400"]
    assert complaints({**fine, "valid_loss": 0.09, "least_valid_loss": 0.01}) == []
    assert complaints({**fine, "baseline": 0.86}) == ["final 0.900 against a guess of 0.860"]


def test_a_program_that_is_too_slow_is_not_proven() -> None:
    def lazy(seed: int, rate: float = 1.0, length: int = 1) -> Program:
        made = programs()["tanh_regression"](seed, 0.003 * rate, length)
        made.epochs = 2 * length
        return made

    said = complaints(prove(lazy, 0))
    assert any(text.startswith("final") for text in said)


def test_registered_by_name_and_drawn_by_seed() -> None:
    @program
    def throwaway(rate: float, length: int) -> Program:
        """One."""
        return line(torch.optim.SGD, rate * length)

    try:
        assert programs("throwaway") == {"throwaway": throwaway}
        assert throwaway(0, 2.0, 3).optimizer.param_groups[0]["lr"] == 6.0
    finally:
        del PROGRAMS["throwaway"]
