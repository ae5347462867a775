"""A recipe bound to data: what its techniques ask of the whole, from preprocessing that changes the shape to biases."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from trainwell import Options, Run, evaluate, fit
from trainwell.errors import BadValue
from trainwell.method.look import look
from trainwell.method.screen import Silent
from trainwell.training.setup import Setup, set_up

NO_CHECKS = Options(checks=False)
CPU = torch.device("cpu")


@pytest.fixture
def images(bright_quarters: Callable[..., dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    return bright_quarters(count=160)


@pytest.fixture
def unbalanced() -> tuple[np.ndarray, np.ndarray]:
    """Ninety rows of class 0, nine of class 1, one in ten."""
    x = np.random.default_rng(0).normal(size=(99, 5)).astype(np.float32)
    return x, np.repeat([0, 1], [90, 9])


def setup_of(source: Any, *edits: str) -> Setup:
    looked = look(source, edits, Options(), Silent())
    return set_up(looked.data, looked.recipe, CPU)


@pytest.mark.parametrize("name", ["mean_image", "whiten_zca"])
def test_large_arrays_of_a_preprocessing_are_kept_beside_the_json(
    name: str, images: dict[str, np.ndarray], tmp_path: Path
) -> None:
    run = fit(images, [f"preprocess={name}", "epochs=3", "model.width=8"], out=tmp_path / "run", options=NO_CHECKS)
    assert (run.path / "best" / "preprocessing.safetensors").exists()
    assert (run.path / "best" / "model.json").stat().st_size < 20_000
    setup = setup_of(images, f"preprocess={name}", "model.width=8")
    x = torch.from_numpy(images["x"][:6]).float()
    torch.testing.assert_close(Run(run.path).preprocessing().apply(x.clone()), setup.fitted.apply(x.clone()))
    fresh = {"x": images["x"][:40] // 2 * 2, "y": images["y"][:40]}
    assert evaluate(run, fresh).metrics["accuracy"] == pytest.approx(evaluate(run.path, fresh).metrics["accuracy"])


def test_components_of_images_are_rows_for_the_network(images: dict[str, np.ndarray], tmp_path: Path) -> None:
    edits = ["model=mlp", "preprocess=whiten_pca", "preprocess.components=12", "epochs=3"]
    run = fit(images, edits, out=tmp_path / "run", options=NO_CHECKS)
    assert run.description()["input_shape"] == [12]
    assert evaluate(run, {"x": images["x"][:40] // 2 * 2, "y": images["y"][:40]}).count == 40


def test_a_network_for_images_refuses_rows(images: dict[str, np.ndarray]) -> None:
    with pytest.raises(BadValue, match=r"convnet takes images \(C, H, W\).*got shape \(12,\)"):
        setup_of(images, "preprocess=pca", "preprocess.components=12")


def test_mirrored_views_are_left_out_behind_a_preprocessing_by_position(tmp_path: Path) -> None:
    for label in ("ants", "bees"):
        (tmp_path / label).mkdir()
        for number in range(12):
            pixels = np.random.default_rng(number).integers(0, 256, (16, 16, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / label / f"{label}{number}.png")
    assert look(str(tmp_path), [], Options(), Silent()).recipe.views == "flip_shift"
    assert look(str(tmp_path), ["preprocess=mean_image"], Options(), Silent()).recipe.views == "one"


def test_mirrored_views_are_refused_behind_a_preprocessing_by_position(images: dict[str, np.ndarray]) -> None:
    with pytest.raises(BadValue, match=r"views=flip mirrors what the network sees.*Set views=one"):
        setup_of(images, "preprocess=whiten_zca", "views=flip")


def test_the_last_bias_carries_the_prior(unbalanced: tuple[np.ndarray, np.ndarray]) -> None:
    setup = setup_of(unbalanced, "last_bias=prior", "model.head_scale=0")
    target = setup.feeds["train"].target
    x, _ = setup.feeds["train"].some(range(len(target)))
    share = torch.bincount(target) / len(target)
    entropy = -(share * share.log()).sum()
    assert setup.plain_loss(setup.model.eval()(x), target).item() == pytest.approx(entropy.item(), abs=1e-5)


def test_the_checks_expect_the_entropy_of_the_prior(unbalanced: tuple[np.ndarray, np.ndarray], tmp_path: Path) -> None:
    run = fit(unbalanced, ["last_bias=prior", "epochs=5"], out=tmp_path / "run")
    check = next(line for line in run.record("check") if line["probe"] == "initial_loss")
    assert check["ok"]
    assert check["expected"] < 0.6  # of two classes that are equally likely it would be 0.69


def test_values_to_predict_have_no_prior() -> None:
    with pytest.raises(BadValue, match="last_bias=prior has no effect"):
        setup_of("diabetes", "last_bias=prior")


def test_hidden_biases_start_where_the_recipe_says() -> None:
    setup = setup_of("iris", "bias=0.01")
    *hidden, head = [m for m in setup.model.modules() if isinstance(m, nn.Linear) and m.bias is not None]
    assert len(hidden) == 2
    assert all((layer.bias == 0.01).all() for layer in hidden)
    assert (head.bias == 0).all()


def test_biases_that_are_not_there_are_refused(images: dict[str, np.ndarray]) -> None:
    with pytest.raises(BadValue, match=r"bias=0.01 has no effect.*a norm behind it has one"):
        setup_of(images, "bias=0.01", "model=resnet18")
    with pytest.raises(BadValue, match="last_bias=prior needs a last layer with a bias"):
        setup_of(images, "last_bias=prior")


def test_balanced_weights_are_the_inverse_frequencies(unbalanced: tuple[np.ndarray, np.ndarray]) -> None:
    setup = setup_of(unbalanced, "loss.weights=balanced")
    counts = torch.bincount(setup.feeds["train"].target).double()
    weights = torch.tensor(setup.recipe.loss.args["weights"]).double()
    torch.testing.assert_close(weights * counts, torch.full((2,), counts.sum().item() / 2).double())
    again = setup_of(unbalanced, f"loss.weights={','.join(str(float(w)) for w in weights)}")
    output, target = torch.randn(8, 2), torch.arange(8) % 2
    assert setup.loss(output, target) == again.loss(output, target)
    assert setup.plain_loss(output, target) == nn.functional.cross_entropy(output, target)


def noise(train: int, valid: int) -> dict[str, np.ndarray]:
    """Images of noise, in parts of so many."""
    draws = np.random.default_rng(0)
    sizes = {"train": train, "valid": valid}
    x = {f"x_{part}": draws.integers(0, 256, (size, 8, 8, 1), dtype=np.uint8) for part, size in sizes.items()}
    return x | {f"y_{part}": np.arange(size) % 2 for part, size in sizes.items()}


@pytest.mark.parametrize(
    ("valid", "edits", "kept"),
    [
        (19, [], "last"),
        (20, [], "best"),
        (19, ["keep=best"], "best"),
        (20, ["keep=last"], "last"),
        (19, ["monitor=valid_loss"], "best"),
        (19, ["patience=3"], "best"),
    ],
)
def test_weights_are_chosen_where_validation_samples_can_tell_them_apart(
    valid: int, edits: list[str], kept: str
) -> None:
    setup = setup_of(noise(40, valid), *edits)
    assert len(setup.feeds["valid"]) == valid
    assert setup.recipe.keep == kept
    assert setup.plan([1.0]).keep_best is (kept == "best")


def test_a_verdict_says_that_nothing_chose_the_weights(tmp_path: Path) -> None:
    run = fit(noise(40, 12), ["model.width=8", "epochs=4"], out=tmp_path / "run", options=NO_CHECKS)
    words = "the last weights are kept: the 12 validation samples chose nothing, being too few to tell weights apart"
    assert words in run.verdict["words"]
    assert run.verdict["scores"]["valid_loss"] == run.record("epoch")[-1]["valid_loss"]


def test_a_schedule_that_goes_by_the_loss_cuts_the_rate(tmp_path: Path) -> None:
    """At a rate of nothing the loss stands still: patience 2 cuts after every two more epochs of the same loss."""
    edits = ["optimizer=sgd", "optimizer.lr=1e-12", "schedule=plateau", "schedule.patience=2", "schedule.factor=0.5"]
    straight = fit("iris", [*edits, "average=none", "warmup=0", "epochs=8"], out=tmp_path / "a", options=NO_CHECKS)
    rates = [line["lr"] / 1e-12 for line in straight.record("epoch")]
    assert rates[0] == 1
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] == pytest.approx(0.5**3)


def test_what_belonged_to_a_technique_goes_with_it(images: dict[str, np.ndarray]) -> None:
    plain = look(images, [], Options(), Silent()).recipe
    assert plain.norm_bias_rate > 1
    assert plain.warmup > 0
    adam = look(images, ["optimizer=adam"], Options(), Silent()).recipe
    assert adam.norm_bias_rate == 1
    assert look(images, ["optimizer=adam", "norm_bias_rate=7"], Options(), Silent()).recipe.norm_bias_rate == 7
    cycle = look(images, ["schedule=one_cycle"], Options(), Silent()).recipe
    assert (cycle.warmup, cycle.start) == (0, 0)
    assert json.loads(json.dumps(cycle.json()))["warmup"] == 0


def test_a_run_shorter_than_the_way_between_two_measurements_is_measured_at_its_end(tmp_path: Path) -> None:
    edits = ["measure=gradient_norm,dead_units", "measure_every=1000", "epochs=4"]
    (line,) = fit("iris", edits, out=tmp_path / "run", options=NO_CHECKS).record("measure")
    assert line["step"] == setup_of("iris", *edits).feeds["train"].stream.steps(4)
    assert {"gradient_norm", "dead_units_max"} <= line.keys()


@pytest.mark.parametrize(
    ("edits", "message"),
    [
        (["schedule=one_cycle", "warmup=0.2"], "one_cycle warms up by itself"),
        (["schedule=warmup", "schedule.then=plateau"], "it goes by the losses"),
    ],
)
def test_a_schedule_that_cannot_be_is_refused_before_anything_is_written(
    edits: list[str], message: str, tmp_path: Path
) -> None:
    with pytest.raises(BadValue, match=message):
        fit("iris", edits, out=tmp_path / "run", options=NO_CHECKS)
    assert not (tmp_path / "run").exists()
