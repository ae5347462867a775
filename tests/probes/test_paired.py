import itertools
import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from trainwell.errors import BadValue
from trainwell.probes.paired import paired
from trainwell.probes.response import rate_times


def square(output, _):
    return output.square().mean()


def line() -> nn.Linear:
    """One weight, 1; with x = 1 and the squared output its loss is w^2 and a step multiplies w by 1 - 2 lr."""
    model = nn.Linear(1, 1, bias=False)
    nn.init.ones_(model.weight)
    return model


def ones(_):
    return torch.ones(4, 1), torch.zeros(4, 1)


def sgd(model, lr=0.1):
    return torch.optim.SGD(model.parameters(), lr=lr)


def same(_):
    return ""


def test_numbers_of_a_line_by_hand():
    model = line()
    changes = {"x3": rate_times(3.0), "x10": rate_times(10.0)}
    result = paired(model, square, sgd(model), ones, changes, steps=10, repeats=2)
    run = result.unchanged[0]
    # w falls by 0.8 a step: the loss by 0.64, the gradient 2w by 0.8.
    assert run.losses == pytest.approx([0.64**t for t in range(10)], rel=1e-5)
    assert run.norms == pytest.approx([2 * 0.8**t for t in range(10)], rel=1e-5)
    assert run.held_steps == tuple(range(11))
    assert run.held == pytest.approx([0.64**t for t in range(11)], rel=1e-5)
    assert run.held_training == pytest.approx(0.64**10, rel=1e-5)
    end = (0.64**8 + 0.64**9) / 2
    assert (run.start, run.end, run.best) == pytest.approx((1.0, end, end), rel=1e-5)
    assert run.largest == pytest.approx(1.0)
    assert run.broke is None
    half = [0.64**t for t in range(5, 10)]
    slope = sum((i - 2) * value for i, value in enumerate(half)) / 10 * 4
    assert run.slope == pytest.approx(slope, rel=1e-5)
    jumps = [(b - a) ** 2 for a, b in itertools.pairwise(half)]
    assert run.noise == pytest.approx(math.sqrt(sum(jumps) / 4 / 2), rel=1e-5)
    x3, x10 = result.effects
    # Three times the rate: w falls by 0.4, the loss by 0.16.
    faster = (0.16**8 + 0.16**9) / 2
    assert x3.train.mean == pytest.approx(faster - end, rel=1e-4)
    assert x3.train.error == x3.train.relative_error == 0.0
    assert (x3.train.unchanged, x3.train.changed) == pytest.approx((end, faster), rel=1e-4)
    assert x3.train.relative == pytest.approx(faster / end - 1, rel=1e-5)
    assert x3.train.share == pytest.approx((1 - faster) / (1 - end), rel=1e-5)
    assert x3.held.mean == pytest.approx(0.16**10 - 0.64**10, rel=1e-4)
    # Ten times: w turns its sign in each step and gets nowhere.
    assert x10.train.mean == pytest.approx(1 - end, rel=1e-5)
    assert x10.train.share == pytest.approx(0.0, abs=1e-6)
    assert (x3.train.repeats, x3.broke, x3.why_not) == (2, 0, "")
    assert result.steps == 3 * 2 * 10
    assert result.unseen == ()


def test_mean_and_standard_error_are_those_of_the_repeats(mlp, batches):
    result = paired(mlp, F.cross_entropy, sgd(mlp), batches, {"x3": rate_times(3.0)}, steps=10, repeats=3)
    (effect,) = result.effects
    pairs = zip(result.unchanged, effect.runs, strict=True)
    differences = torch.tensor([(b.end - a.end) / a.start for a, b in pairs], dtype=torch.float64)
    assert len(set(differences.tolist())) == 3
    assert effect.train.mean == pytest.approx(float(differences.mean()))
    assert effect.train.error == pytest.approx(float(differences.std() / 3**0.5))
    single = paired(mlp, F.cross_entropy, sgd(mlp), batches, {"x3": rate_times(3.0)}, steps=10, repeats=1)
    assert single.effects[0].train.error is None
    assert single.unchanged == result.unchanged[:1]


def test_repeats_see_the_same_batches_in_other_orders():
    model = line()
    result = paired(model, square, sgd(model, 0.0), lambda step: (torch.full((2, 1), 1.0 + step), None), {}, steps=8)
    orders = [run.losses for run in result.unchanged]
    assert orders[0] == tuple((1.0 + step) ** 2 for step in range(8))
    assert len(set(orders)) == 3
    assert {tuple(sorted(order)) for order in orders} == {orders[0]}
    # A rate of 0: the start is that of the very batches of the end, whatever they are.
    assert all(run.start == run.end for run in result.unchanged)
    assert result.unchanged[0].held[0] == 81.0


def test_batches_come_again_after_the_last_one():
    model = line()
    result = paired(
        model, square, sgd(model, 0.0), lambda step: (torch.full((2, 1), 1.0 + step), None), {}, steps=7, num_batches=3
    )
    assert result.unchanged[0].losses == (1.0, 4.0, 9.0, 1.0, 4.0, 9.0, 1.0)


def test_a_change_that_changes_nothing_makes_no_difference_at_all(mlp, batches):
    def draws_more(trial):
        def forward(model, x):
            output = model(x)
            torch.rand(100)
            return output

        trial.forward = forward
        return ""

    result = paired(mlp, F.cross_entropy, sgd(mlp), batches, {"same": same, "draws": draws_more}, steps=10, repeats=2)
    for effect in result.effects:
        assert effect.runs == result.unchanged
        assert (effect.train.mean, effect.train.error, effect.held.mean) == (0.0, 0.0, 0.0)
        assert effect.train.share == 1.0
    # Dropout and batch norm make the modes differ.
    assert result.unchanged[0].held_training != result.unchanged[0].held[-1]


def test_a_training_that_breaks_is_said_and_left_out():
    model = line()
    changes = {"fast": rate_times(1e19), "same": same}
    fast, unmoved = paired(model, square, sgd(model), ones, changes, steps=10, repeats=2).effects
    # w is 1, -2e18, 4e36, then infinite: its square is infinite from the third loss on.
    assert [run.broke for run in fast.runs] == [2, 2]
    assert (fast.broke, fast.train, fast.held) == (2, None, None)
    run = fast.runs[0]
    assert len(run.losses) == 3
    assert (run.largest, run.end, run.held_training, run.slope) == (math.inf, None, None, None)
    assert unmoved.broke == 0
    model = line()
    (slow,) = paired(model, square, sgd(model, 1.5), ones, {"/10": rate_times(0.1)}, steps=10, repeats=1).effects
    # w grows to -2 w in a step of the unchanged training: the loss by 4, nine times.
    base = paired(model, square, sgd(model, 1.5), ones, {}, steps=10, repeats=1).unchanged[0]
    assert base.largest == pytest.approx(4.0**9, rel=1e-4)
    assert base.broke is None
    assert slow.train.share is None
    assert slow.runs[0].largest == 1.0


def test_numbers_do_not_depend_on_the_scale_of_the_loss(mlp, batches):
    changes = {"/3": rate_times(1 / 3)}
    plain = paired(mlp, F.cross_entropy, sgd(mlp), batches, changes, steps=10, repeats=2)
    scaled = paired(
        mlp, lambda o, y: 64 * F.cross_entropy(o, y), sgd(mlp, 0.1 / 64), batches, changes, steps=10, repeats=2
    )
    assert scaled.effects[0].train.mean == pytest.approx(plain.effects[0].train.mean, rel=1e-3)
    assert scaled.unchanged[0].noise == pytest.approx(plain.unchanged[0].noise, rel=1e-3)
    assert scaled.unchanged[0].slope == pytest.approx(plain.unchanged[0].slope, rel=1e-3)


def test_what_cannot_be_done_is_said_and_costs_nothing():
    model = line()
    result = paired(model, square, sgd(model), ones, {"no": lambda _: "there is none"}, steps=4, repeats=3)
    (effect,) = result.effects
    assert (effect.why_not, effect.runs, effect.train, effect.held, effect.broke) == (
        "there is none",
        (),
        None,
        None,
        0,
    )
    assert result.steps == 12


def test_a_loss_of_0_has_no_scale_and_no_difference():
    model = line()
    result = paired(model, lambda output, _: 0 * output.sum(), sgd(model), ones, {"x3": rate_times(3.0)}, steps=5)
    (effect,) = result.effects
    assert (effect.train.mean, effect.train.error, effect.train.share) == (None, None, None)
    assert (effect.train.unchanged, effect.train.changed, effect.train.relative) == (0.0, 0.0, 0.0)
    assert (effect.train.repeats, effect.broke) == (3, 0)
    run = result.unchanged[0]
    assert (run.slope, run.noise, run.largest, run.end) == (None, None, None, 0.0)


def test_a_program_that_fails_under_a_change_is_said_and_others_go_on(mlp, batches):
    def single(trial):
        # Batch norm cannot train on one sample. Only a later repeat fails: what came before it does not count either.
        if not torch.equal(trial.batches[0][0], batches(0)[0]):
            trial.change_batches(lambda batch: (batch[0][:1], batch[1][:1]))
        return ""

    changes = {"single": single, "same": same}
    failed, unmoved = paired(mlp, F.cross_entropy, sgd(mlp), batches, changes, steps=4).effects
    assert failed.why_not.startswith("the program fails under it: ValueError: Expected more than 1 value per channel")
    assert (failed.runs, failed.train) == ((), None)
    assert unmoved.train.repeats == 3
    # Without a change the error is the user's to see.
    with pytest.raises(ValueError, match="Expected more than 1 value"):
        paired(mlp, F.cross_entropy, sgd(mlp), lambda step: (batches(step)[0][:1], batches(step)[1][:1]), {})


def test_a_loss_that_reaches_for_the_model_and_stale_parameters_are_said(mlp, batches):
    def penalised(output, y):
        return F.cross_entropy(output, y) + 1e-3 * mlp[0].weight.abs().sum()

    (said,) = paired(mlp, penalised, sgd(mlp), batches, {}, steps=2, repeats=1).unseen
    assert "reaches for the model" in said
    (said,) = paired(mlp, F.cross_entropy, sgd(nn.Linear(2, 2)), batches, {}, steps=2, repeats=1).unseen
    assert said == "2 parameters of the optimizer belong neither to the model nor to the loss"


def test_nothing_is_touched_and_the_same_call_gives_the_same_numbers(mlp, batches, digits, nothing_touched):
    optimizer = torch.optim.SGD(mlp.parameters(), lr=0.1, momentum=0.9)
    optimizer.state[mlp[0].weight]["momentum_buffer"] = torch.ones(64, 64)
    changes = {"x3": rate_times(3.0)}
    with nothing_touched(mlp, *digits, optimizer.state[mlp[0].weight]["momentum_buffer"]):
        results = [paired(mlp, F.cross_entropy, optimizer, batches, changes, steps=6) for _ in range(2)]
    assert results[0] == results[1]
    assert optimizer.param_groups[0]["lr"] == 0.1
    assert list(optimizer.state) == [mlp[0].weight]
    other = paired(mlp, F.cross_entropy, optimizer, batches, {}, steps=6, seed=1)
    assert other.unchanged[0].losses != results[0].unchanged[0].losses


@pytest.mark.parametrize("bad", [{"steps": 1}, {"repeats": 0}, {"num_batches": 0}, {"axis": 2}])
def test_what_is_not_possible_is_refused(bad):
    model = line()
    with pytest.raises(BadValue, match="is not possible: expected"):
        paired(model, square, sgd(model), ones, {}, **bad)
    with pytest.raises(BadValue, match="Expected a batch as a pair"):
        paired(model, square, sgd(model), lambda _: torch.ones(2), {})
