"""What a population takes, shares and gives, beside equality."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import nn

from trainwell.data.batches import Feed
from trainwell.data.dataset import Data
from trainwell.errors import BadValue
from trainwell.search.population import Population, fusable
from trainwell.training.setup import Setup

from .conftest import CPU, PLAIN, Alone, engine

Make = Callable[..., list[Setup]]
ADAMW = {"name": "adamw"}
REFUSED: dict[str, tuple[list[dict[str, Any]], str]] = {
    "shape": ([{}, {"model": {"name": "mlp", "widths": (16, 8)}}], "not of one shape: their parameters differ"),
    "activation": (
        [{}, {"model": {"name": "mlp", "widths": (16, 16), "activation": "tanh"}}],
        "ReLU() in one and Tanh",
    ),
    "frozen": (
        [
            {"model": {"name": "mlp", "norm": {"name": "batch", "learn_scale": True}}},
            {"model": {"name": "mlp", "norm": {"name": "batch", "learn_scale": False}}},
        ],
        "their parameters differ",
    ),
    "depth": (
        [{}, {"model": {"name": "mlp", "widths": (16, 16), "dropout": "dropout"}}],
        "not of one shape: their parameters differ",
    ),
    "optimizer": ([{}, {"optimizer": ADAMW}], "They differ in optimizer: sgd and adamw."),
    "nesterov": ([{}, {"optimizer": {"name": "sgd", "nesterov": False}}], "They differ in optimizer.nesterov"),
    "unknown optimizer": ([{"optimizer": "lion"}], "lion is not stepped for many at once; adam, adamw, sgd are"),
    "wrapped optimizer": ([{"optimizer": "sam"}], "sam is not stepped"),
    "batch": ([{}, {"batch_size": 25}], "They differ in batch size: 20 and 25."),
    "loss": ([{}, {"loss": "focal"}], "They differ in loss"),
    "penalty": ([{"penalties": "l2"}], "The penalty l2 is not worked out"),
    "freezing": ([{"freeze": ("1",)}], "Frozen layers, and a rate for each layer, are not worked out"),
    "layer decay": ([{"layer_decay": 0.5}], "Frozen layers, and a rate for each layer, are not worked out"),
    "clipping": ([{"clip": "adaptive"}], "not clipped by adaptive"),
    "blends": ([{}, {"augment": "mixup"}], "They differ in targets: classes and blends of classes."),
    "schedule": ([{"schedule": "plateau"}], "The schedule plateau goes by the losses"),
    "layer": ([{"model": {"name": "mlp", "activation": "rrelu"}}], "has no form for many members"),
    "drawing": ([{"model": {"name": "mlp", "dropout": "alpha_dropout"}}], "has no form for many members"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_trained_together_is_told(case: str, table: Data, setups: Make) -> None:
    each, reason = REFUSED[case]
    members = setups(table, {}, each)
    why = fusable(members)
    assert why is not None and reason in why and why.endswith(".")
    with pytest.raises(BadValue, match="cannot be done together"):
        Population(members, engine())


def test_what_can_be_trained_together(table: Data, setups: Make) -> None:
    each = [{"optimizer": {"name": "sgd", "lr": 0.1}}, {"seed": 4, "clip": "norm"}, {"epochs": 7.0, "average": "ema"}]
    assert fusable(setups(table, {}, each)) is None
    assert fusable([]) == "There is nothing to train."


def test_numbers_and_devices_of_another_kind_are_refused(table: Data, setups: Make) -> None:
    one, other = setups(table, {}, [{}, {}])
    assert "differ in device" in str(fusable([one, replace(other, device=torch.device("meta"))]))
    assert fusable([one, replace(other, model=other.model.double())]) == "The weights are not all of float32."


def test_each_member_starts_with_what_its_model_holds(table: Data, setups: Make) -> None:
    members = setups(table, {"model": {"name": "mlp", "norm": "batch"}}, [{}, {}])
    for number, setup in enumerate(members):
        for value in setup.model.state_dict().values():
            value.fill_(number + 1)
    population = Population(members, engine())
    for number in range(2):
        assert all(bool((value == number + 1).all()) for value in population.weights(number).values())


def test_a_shared_parameter_is_refused(table: Data, setups: Make) -> None:
    [setup] = setups(table, {}, [{}])
    layer = nn.Linear(64, 64)
    tied = nn.Sequential(layer, nn.ReLU(), layer, nn.Linear(64, 10))
    assert fusable([replace(setup, model=tied)]) == "Layers of the network share a parameter."


def test_what_runs_beside_the_layers_is_refused(table: Data, setups: Make) -> None:
    [setup] = setups(table, {}, [{}])
    setup.model[1].register_forward_hook(lambda _module, _inputs, output: 2 * output)  # type: ignore[index]
    assert fusable([setup]) == (
        "The networks cannot be computed together: hooks are registered on 1, which many at once do not call."
    )


def test_settings_that_a_layer_does_not_print_are_compared(images: Data, setups: Make) -> None:
    model = {"name": "convnet", "width": 2, "blocks": 1, "pooling": "avg", "whitening": False}
    poolings = [{"model": model | {"last_pooling": name}} for name in ("global_max", "global_avg")]
    assert "not of one shape" in str(fusable(setups(images, {}, poolings)))
    one, other = setups(images, {"model": model}, [{}, {}])
    [pooling] = [layer for layer in other.model.modules() if isinstance(layer, nn.AvgPool2d)]
    pooling.count_include_pad = False
    why = fusable([one, other])
    assert why is not None and "not of one shape" in why


def test_networks_of_another_number_of_layers_are_refused(table: Data, setups: Make) -> None:
    one, other = setups(table, {"model": {"name": "mlp", "widths": ()}}, [{}, {}])
    longer = nn.Sequential(*other.model.children(), nn.Identity())
    why = fusable([one, replace(other, model=longer)])
    assert why is not None and "different numbers of layers" in why


def test_an_engine_of_another_precision_is_refused(table: Data, setups: Make) -> None:
    with pytest.raises(BadValue, match="fp32 and not compiled, got an engine of cpu, bf16"):
        Population(setups(table, {}, [{}]), replace(engine(), precision="bf16"))
    with pytest.raises(BadValue, match="not compiled"):
        Population(setups(table, {}, [{}]), replace(engine(), compile=True))


def test_one_that_does_not_fit_cannot_join(table: Data, setups: Make) -> None:
    population = Population(setups(table, {}, [{}, {}]), engine())
    population.leave([0, 1])
    with pytest.raises(BadValue, match="differ in optimizer"):
        population.join(setups(table, {}, [{"optimizer": ADAMW}]))
    population.join(setups(table, {}, [{}]))
    assert population.steps_to_score == 5 and len(population.advance(5)) == 1


def test_rates_that_are_given_take_the_place_of_the_recipes(
    table: Data, setups: Make, alone: Callable[..., Alone]
) -> None:
    constant = {"schedule": "constant", "warmup": 0.0, "epochs": 1.0, "keep": "last"}
    members = setups(table, constant, [{}, {}])
    population = Population(members, engine())
    rates = torch.tensor([0.3, 0.0])
    losses = [population.advance(1, rates) for _ in range(5)]
    [expected] = setups(table, constant | {"optimizer": {"name": "sgd", "lr": 0.3}}, [{}])
    trained = alone(expected)
    for name, value in trained.weights.items():
        assert torch.allclose(population.weights(0)[name], value, atol=1e-5)
        assert torch.equal(population.weights(1)[name], members[1].model.state_dict()[name])
    assert torch.stack(losses).mean(0)[0] == pytest.approx(trained.lines[-1]["objective"], rel=1e-5)
    assert population.step == 5


def test_members_of_one_seed_share_their_batches(table: Data, setups: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[int] = []
    batch, some = Feed.batch, Feed.some
    monkeypatch.setattr(Feed, "batch", lambda feed, step: taken.append(1) or batch(feed, step))
    monkeypatch.setattr(Feed, "some", lambda feed, rows: taken.append(len(rows) // 20) or some(feed, rows))
    for seeds, expected in (((0, 0, 0), 1), ((0, 1, 0, 1), 2), ((0, 1, 2), 3)):
        population = Population(setups(table, {}, [{"seed": seed} for seed in seeds]), engine())
        taken.clear()
        population.advance(1)
        assert sum(taken) == expected


def test_the_models_and_torchs_random_state_stay_as_they_were(table: Data, setups: Make) -> None:
    members = setups(table, {"model": {"name": "mlp", "dropout": "dropout", "norm": "batch"}}, [{}, {"seed": 1}])
    before = [{name: value.clone() for name, value in setup.model.state_dict().items()} for setup in members]
    state = torch.get_rng_state()
    population = Population(members, engine())
    population.advance(5)
    population.scores()
    assert torch.equal(torch.get_rng_state(), state)
    for setup, held in zip(members, before, strict=True):
        assert all(torch.equal(value, held[name]) for name, value in setup.model.state_dict().items())


def test_the_same_population_gives_the_same_bits(table: Data, setups: Make) -> None:
    results = []
    for _ in range(2):
        population = Population(
            setups(table, {"model": {"name": "mlp", "dropout": "dropout"}}, [{}, {"seed": 1}]), engine()
        )
        population.advance(10)
        results.append(population.weights(1))
    assert all(torch.equal(value, results[1][name]) for name, value in results[0].items())


def test_folds_train_together(table: Data, setups: Make, alone: Callable[..., Alone]) -> None:
    rows = torch.arange(300)
    folds = [replace(table, splits={"train": rows[a : a + 100].numpy(), "valid": rows[200:].numpy()}) for a in (0, 100)]
    members = [setups(fold, {}, [{}])[0] for fold in folds]
    population = Population(members, engine())
    while steps := population.steps_to_score:
        population.advance(steps)
        population.scores()
    for index, setup in enumerate(members):
        expected = alone(setup).weights
        assert all(
            torch.allclose(value, expected[name], atol=1e-5) for name, value in population.weights(index).items()
        )


def test_without_a_validation_split_there_are_no_scores(table: Data, setups: Make) -> None:
    members = setups(replace(table, splits={"train": table.splits["train"]}), {}, [{}])
    population = Population(members, engine())
    assert float(population.advance(5)) > 0
    with pytest.raises(BadValue, match="no validation split"):
        population.scores()


def test_weights_of_one_that_diverged_at_once_are_refused(table: Data, setups: Make) -> None:
    population = Population(setups(table, {"optimizer": {"name": "sgd", "lr": 1e20}}, [{}]), engine())
    population.advance(5)
    assert population.steps_to_score == 0
    with pytest.raises(BadValue, match="Member 0 diverged at step"):
        population.weights(0)


@pytest.mark.gpu
@pytest.mark.parametrize("model", ["mlp", {"name": "convnet", "width": 4, "blocks": 2}])
def test_on_a_gpu_as_on_the_cpu(model: Any, images: Data) -> None:
    from trainwell.recipe import Recipe
    from trainwell.training.setup import set_up

    results = []
    for device in (CPU, torch.device("cuda")):
        recipes = [Recipe(**(PLAIN | {"model": model, "seed": seed, "clip": "norm"})) for seed in (0, 1)]
        population = Population(
            [set_up(images, recipe, device) for recipe in recipes], replace(engine(), device=device)
        )
        population.advance(5)
        population.scores()
        results.append(population.weights(1))
    assert all(torch.allclose(value, results[1][name].cpu(), atol=1e-3) for name, value in results[0].items())
