from collections import UserDict

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from trainwell.probes.paired import paired
from trainwell.probes.program import program
from trainwell.probes.response import RESPONSES, clipped, doubled_batch, halved_batch, no_momentum, response


def tanh_net() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(64, 32), nn.Tanh(), nn.Linear(32, 10))


def effects_of(model, optimizer, batches, **more):
    result = response(model, F.cross_entropy, optimizer, batches, **more)
    return result, {effect.name: effect for effect in result.effects}


def rates(lr, batches):
    model = tanh_net()
    result, effects = effects_of(model, torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9), batches)
    return result, effects


def test_a_rate_too_low_a_right_one_and_one_too_high_answer_differently(batches):
    low_result, low = rates(1e-4, batches)
    good_result, good = rates(0.05, batches)
    high_result, high = rates(5.0, batches)
    # Far too low: ten times the rate is far better, and a tenth of it changes next to nothing.
    assert low["rate_x10"].train.mean < -10 * low["rate_x10"].train.error < 0
    assert low["rate_x10"].train.share > 5
    assert abs(low["rate_/10"].train.mean) < 0.05
    # Right: a tenth of the rate is far worse, ten times is no better.
    assert good["rate_/10"].train.mean > 0.3
    assert good["rate_x10"].train.mean > 0
    # Too high: the other way round.
    assert high["rate_/10"].train.mean < -0.5
    assert max(run.largest for run in high_result.unchanged) > 5 > max(run.largest for run in good_result.unchanged)
    assert good_result.unchanged[0].slope < 0
    assert low_result.steps == good_result.steps == 9 * 3 * 40


def test_every_response_of_a_healthy_network_leaves_all_as_it_was(mlp, batches, digits, nothing_touched):
    optimizer = torch.optim.AdamW(mlp.parameters(), lr=1e-3)
    with nothing_touched(mlp, *digits):
        result, effects = effects_of(mlp, optimizer, batches, steps=10, repeats=2)
    assert list(effects) == list(RESPONSES)
    assert all(effect.why_not == "" and effect.held.repeats == 2 for effect in result.effects)
    assert optimizer.param_groups[0]["lr"] == 1e-3
    assert optimizer.param_groups[0]["betas"] == (0.9, 0.999)
    assert not optimizer.state
    assert response(mlp, F.cross_entropy, optimizer, batches, steps=10, repeats=2) == result


@pytest.mark.parametrize(
    ("make", "key", "expected"),
    [
        (lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True), "momentum", 0.0),
        (lambda p: torch.optim.Adam(p), "betas", (0.0, 0.999)),
        (lambda p: torch.optim.RMSprop(p, momentum=0.5), "momentum", 0.0),
    ],
)
def test_momentum_is_taken_away(make, key, expected, batches):
    model = tanh_net()
    optimizer = make(model.parameters())
    with program(model, F.cross_entropy, optimizer, [batches(0)], batches(1)) as trial:
        assert no_momentum(trial) == ""
        assert trial.optimizer.param_groups[0][key] == expected
        trial.step(0)
        assert no_momentum(trial) == "the optimizer has no momentum"
    assert optimizer.param_groups[0][key] != expected


def test_too_much_momentum_shows(batches):
    def without(lr, momentum):
        model = tanh_net()
        optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=momentum)
        changes = {"no_momentum": no_momentum}
        return paired(model, F.cross_entropy, optimizer, batches, changes).effects[0].train

    # A rate that is fine by itself is ten times too much when every gradient comes back ten times.
    too_much = without(1.0, 0.9)
    assert too_much.mean < -0.2
    assert too_much.mean < -5 * too_much.error
    # The same momentum at a tenth of the rate helps.
    assert without(0.1, 0.9).mean > 0.2


def test_clipping_mends_surges_of_outliers_and_hardly_touches_the_rest(batches):
    def with_surges(step):
        x, y = batches(step)
        return (x * 300 if step % 8 == 3 else x), y

    def effect(source):
        torch.manual_seed(0)
        model = nn.Linear(64, 10)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        result = paired(model, F.cross_entropy, optimizer, source, {"clipped": clipped}, steps=40, held=batches(50))
        return result.effects[0].held.mean

    assert effect(with_surges) < -1
    assert abs(effect(batches)) < 0.1


def test_the_limit_is_the_median_norm_and_batches_are_joined_and_cut(batches):
    model = tanh_net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    seen = {}

    def look(change):
        def intervention(trial):
            why = change(trial)
            seen[change.__name__] = (trial.usual_norm, trial.limit, trial.batches)
            return why

        return intervention

    changes = {change.__name__: look(change) for change in (clipped, doubled_batch, halved_batch)}
    result = paired(model, F.cross_entropy, optimizer, batches, changes, steps=5, repeats=1)
    usual = sorted(result.unchanged[0].norms)[2]
    assert seen["clipped"][:2] == (usual, usual)
    assert [len(x) for x, _ in seen["doubled_batch"][2]] == [64, 64]
    assert torch.equal(seen["doubled_batch"][2][1][0], torch.cat([batches(2)[0], batches(3)[0]]))
    assert torch.equal(seen["doubled_batch"][2][1][1], torch.cat([batches(2)[1], batches(3)[1]]))
    assert [len(y) for _, y in seen["halved_batch"][2]] == [16] * 10
    assert torch.equal(torch.cat([x for x, _ in seen["halved_batch"][2]]), torch.cat([batches(i)[0] for i in range(5)]))


def test_batches_of_a_tokenizers_kind_are_cut_too():
    batch = (UserDict(ids=torch.arange(4)), torch.zeros(4, 1))
    model = nn.Embedding(4, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with program(model, F.mse_loss, optimizer, [batch], batch, forward=lambda model, x: model(x["ids"])) as trial:
        assert halved_batch(trial) == ""
        assert trial.batches[1][0]["ids"].tolist() == [2, 3]
        trial.step(1)
    assert batch[0]["ids"].tolist() == [0, 1, 2, 3]


def test_batches_of_dicts_and_of_samples_along_another_axis():
    x = {"steps": torch.arange(60.0).reshape(5, 4, 3), "mask": torch.ones(4, 5, dtype=torch.bool)}
    batch = (x, (torch.arange(4),))
    model = nn.Linear(3, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    loss = lambda output, y: F.cross_entropy(output, y[0] % 2)  # noqa: E731
    forward = lambda model, x: model(x["steps"]).mean(0)  # noqa: E731
    with program(model, loss, optimizer, [batch, batch], batch, forward=forward) as trial:
        assert halved_batch(trial) == ""
        assert trial.batches[1][0]["steps"].shape == (5, 2, 3)
        assert torch.equal(trial.batches[1][0]["steps"], x["steps"][:, 2:])
        assert trial.batches[1][0]["mask"].shape == (2, 5)
        assert trial.batches[1][1][0].tolist() == [2, 3]
        trial.step(0)
    with program(model, loss, optimizer, [batch, batch], batch, forward=forward) as trial:
        assert doubled_batch(trial) == ""
        assert trial.batches[0][0]["steps"].shape == (5, 8, 3)
        assert trial.batches[0][1][0].tolist() == [0, 1, 2, 3] * 2
        trial.step(0)


def test_what_cannot_be_changed_says_why():
    model = nn.Linear(3, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)

    def said(change, *batches):
        with program(model, F.mse_loss, optimizer, list(batches), batches[0]) as trial:
            trial.usual_norm = 0.0
            return change(trial)

    four, one = (torch.ones(4, 3), torch.ones(4, 1)), (torch.ones(1, 3), torch.ones(1, 1))
    assert said(RESPONSES["rate_x10"], four) == "the optimizer has no rate above 0"
    assert said(no_momentum, four) == "the optimizer has no momentum"
    assert said(clipped, four) == "the usual norm of the gradient is 0.0"
    assert said(doubled_batch, four) == "a single batch has nothing to be joined with"
    assert said(halved_batch, four, one) == "a batch holds a single sample"
    longer = (torch.ones(4, 5, 3), torch.ones(4, 1))
    assert "cannot be joined" in said(doubled_batch, four, longer)
    shared = ((torch.ones(4, 3), torch.ones(7)), torch.ones(4, 1))
    assert "(7,) has no axis of 4 samples" in said(halved_batch, shared)
