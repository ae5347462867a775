"""`finetune` as a chain: the three ways, what is frozen, what is kept, what is refused, going on."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import trainwell as tw
from trainwell.data.open import open_data
from trainwell.errors import BadData, BadRun, BadValue, Failed
from trainwell.method.diagnose import diagnose
from trainwell.method.finetune.plan import adapted
from trainwell.method.finetune.sources import open_source
from trainwell.method.finetune.transfer import choose_way, transfer_from
from trainwell.optimizers import optimizers
from trainwell.recipes import choose
from trainwell.training.heads import grid
from trainwell.training.setup import shape_of

EASY = ["threads=1", "precision=fp32", "layout=contiguous"]
QUICK = tw.Options(checks=False)
ONE_HEAD = ["transfer=head", "optimizer.lr=1", "optimizer.weight_decay=0", "epochs=3"]  # instead of a grid


class Lines:
    """A screen that remembers what was said."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, text: str) -> None:
        self.lines.append(text)

    def warn(self, text: str) -> None:
        self.lines.append(f"! {text}")

    def reading(self, *_: Any) -> None: ...

    def step(self, *_: Any) -> None: ...

    def scored(self, *_: Any) -> None: ...

    def done(self) -> None: ...

    def has(self, words: str) -> bool:
        return any(words in line for line in self.lines)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory, quarters: Path) -> Path:
    """A convnet that tells the bright quarters of images apart."""
    out = tmp_path_factory.mktemp("source") / "run"
    tw.fit(str(quarters), [*EASY, "model.width=8", "batch_size=32", "epochs=5"], out=out, options=QUICK)
    return out


@pytest.fixture(scope="module")
def halves(bright_quarters: Any) -> tuple[np.ndarray, np.ndarray]:
    """Another task on images of the same kind: which half is brighter."""
    made = bright_quarters(count=120, seed=5)
    return made["x"], made["y"] // 2


def body(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: value for name, value in state.items() if not name.startswith("head.")}


def test_a_head_is_trained_on_the_network_as_it_is(source: Path, halves: Any, tmp_path: Path) -> None:
    screen = Lines()
    edits = [*EASY, "transfer=head", "feature_copies=1", "augment=flip"]
    run = tw.finetune(halves, source, edits, out=tmp_path / "run", screen=screen)
    old = body(tw.Run(source).weights())
    assert all(torch.equal(value, old[name]) for name, value in body(run.weights()).items())
    trials = run.record("trial")
    assert len(trials) == len(grid()) == 76
    assert sum(trial["chosen"] for trial in trials) == 1
    chosen = next(trial for trial in trials if trial["chosen"])
    samples = run.data["splits"]["train"]["rows"]
    high = max(trial["folds_accuracy"] for trial in trials)
    near = [t for t in trials if t["folds_accuracy"] >= high - (high * (1 - high) / samples) ** 0.5]
    assert chosen["folds_loss"] == min(trial["folds_loss"] for trial in near)
    assert "5 folds of the training samples chose the head" in run.verdict["words"]
    assert run.recipe.optimizer.args["lr"] == chosen["lr"]
    assert run.verdict["scores"]["valid_accuracy"] == pytest.approx(chosen["valid_accuracy"], abs=0.02)
    assert chosen["valid_accuracy"] >= 0.9
    assert run.description()["preprocessing"] == tw.Run(source).description()["preprocessing"]
    assert tw.evaluate(run, halves).metrics["accuracy"] > 0.9
    assert screen.has("behind the statistics of the source, which are kept")
    assert screen.has("and 1 augmented copy of each")
    assert screen.has("cross-validated accuracy"), "what the head was chosen by"
    assert json.loads((run.path / "recipe.json").read_text())["source"]["text"] == str(source)
    again = Lines()
    tw.finetune(halves, source, [*edits, *ONE_HEAD[1:]], out=tmp_path / "again", options=QUICK, screen=again)
    assert again.has("computed earlier")
    finished = Lines()
    tw.finetune(halves, source, edits, out=tmp_path / "run", resume=True, screen=finished)
    assert finished.has("is finished: nothing to do")
    assert "the new head on the weights as they came" in run.verdict["words"]
    further = Lines()  # the rate of a head is not that of the network
    edits = [*EASY, "transfer=full", "epochs=1"]
    last = tw.finetune(halves, run, edits, out=tmp_path / "further", options=QUICK, screen=further)
    assert further.has("a tenth of the recipe's, as that of the source is not known")
    assert last.recipe.preprocess == run.recipe.preprocess == tw.Run(source).recipe.preprocess


def test_gradual_starts_from_the_best_head_and_leaves_what_is_frozen(source: Path, halves: Any, tmp_path: Path) -> None:
    edits = [*EASY, "transfer=gradual", "freeze=whiten,blocks.0,blocks.2", "layer_decay=0.7", "epochs=2"]
    run = tw.finetune(halves, source, [*edits, "batch_size=32"], out=tmp_path / "run", options=QUICK)
    kinds = [line["kind"] for line in run.record()]
    assert kinds.index("trial") < kinds.index("head") < kinds.index("epoch")
    assert run.recipe.optimizer.args["lr"] == pytest.approx(tw.Run(source).recipe.optimizer.args["lr"] / 10)
    head = run.record("head")[0]
    assert run.verdict["scores"]["valid_accuracy"] >= head["valid_accuracy"]  # the best of both stages is kept
    old, new = tw.Run(source).weights(), run.folder.read_tensors("checkpoint.safetensors")[0]
    frozen = [name for name in old if name.startswith(("whiten.", "blocks.0.", "blocks.2."))]
    assert "blocks.2.running_mean" in frozen
    assert all(torch.equal(new[f"model.{name}"], old[name]) for name in frozen)
    moved = [name for name in body(old) if not torch.equal(new[f"model.{name}"], old[name])]
    assert {"blocks.4.weight", "blocks.5.running_mean"} <= set(moved)


def test_the_head_is_kept_where_training_the_rest_does_harm(source: Path, halves: Any, tmp_path: Path) -> None:
    edits = [*EASY, "transfer=gradual", "optimizer.lr=5", "warmup=0", "average=none", "epochs=1", "batch_size=16"]
    run = tw.finetune(halves, source, edits, out=tmp_path / "run", options=QUICK)
    head, after = run.record("head")[0], run.record("epoch")[0]
    assert after["valid_accuracy"] < head["valid_accuracy"]
    assert run.verdict["scores"] == {
        name: value for name, value in head.items() if name.startswith(("train_", "valid_"))
    }
    assert "the new head on the weights as they came" in run.verdict["words"]
    assert "raised the loss of training and validation samples alike" in run.verdict["words"]
    harm = [finding for finding in run.findings if "is what is kept" in finding["message"]]
    assert harm and {finding["severity"] for finding in harm} == {"warning"}
    assert run.verdict["healthy"]  # what was kept is
    assert not any(finding.severity == "error" for finding in diagnose(run.path))
    more = [edit.replace("epochs=1", "epochs=2") for edit in edits]
    run = tw.finetune(halves, source, more, out=run.path, resume=True, options=QUICK)
    assert len(run.record("epoch")) == 2
    assert "the new head on the weights as they came" in run.verdict["words"]  # remembered by a run that goes on
    old = body(tw.Run(source).weights())
    assert all(torch.equal(value, old[name]) for name, value in body(run.weights()).items())


def test_a_network_as_an_object_is_fine_tuned_in_full_and_left_as_it_is(halves: Any, tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Flatten(), nn.Linear(192, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 5))
    before = {name: value.clone() for name, value in network.state_dict().items()}
    edits = [*EASY, "transfer=full", "epochs=3", "batch_size=16", "optimizer=adamw", "optimizer.lr=0.01"]
    run = tw.finetune(halves, network, edits, out=tmp_path / "run", options=QUICK)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert run.weights()["4.weight"].shape == (2, 16)
    assert run.recipe.optimizer.args["lr"] == 0.01
    with pytest.raises(BadValue, match=r"head=0 is a Flatten.*there are: 1, 4"):
        tw.finetune(halves, network, head="0", out=tmp_path / "other")


def test_values_of_a_table(tmp_path: Path) -> None:
    draws = np.random.default_rng(0)
    x = draws.normal(size=(300, 4)).astype(np.float32)
    y = np.tanh(x[:, 0] + x[:, 1])
    tw.fit((x, y), [*EASY, "epochs=15"], out=tmp_path / "source", options=QUICK)
    run = tw.finetune((x[:100], 3 * y[:100] + 1), tmp_path / "source", EASY, out=tmp_path / "run")
    assert run.recipe.transfer == "head"
    assert run.verdict["scores"]["valid_r2"] > 0.5
    with pytest.raises(BadData, match="takes 4 columns, and this data has 3 columns"):
        tw.finetune((x[:, :3], y), tmp_path / "source", out=tmp_path / "other")
    with pytest.raises(BadData, match="takes a table, 4 columns, and this data is images"):
        tw.finetune("digits", tmp_path / "source", out=tmp_path / "other")


def test_grey_files_are_read_in_the_colours_of_the_source(source: Path, bright_quarters: Any, tmp_path: Path) -> None:
    made = bright_quarters(count=60, channels=1, seed=7)
    for number, (image, label) in enumerate(zip(made["x"], made["y"] // 2, strict=True)):
        folder = tmp_path / "files" / ("top", "bottom")[label]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image[..., 0]).save(folder / f"{number}.png")
    run = tw.finetune(tmp_path / "files", source, [*EASY, *ONE_HEAD], out=tmp_path / "run", options=QUICK)
    assert run.description()["decoding"]["channels"] == 3
    assert tw.evaluate(run, tmp_path / "files").metrics["accuracy"] > 0.5  # on what it was trained on, read alike
    with pytest.raises(BadData, match="takes 3 channels of 8 x 8 pixels, and this data has 1 channel"):
        tw.finetune((made["x"], made["y"]), source, out=tmp_path / "other")


def test_samples_of_ones_own_data_set_are_not_prepared(source: Path, halves: Any, tmp_path: Path) -> None:
    x = torch.from_numpy(halves[0]).permute(0, 3, 1, 2).float() / 255
    samples = torch.utils.data.TensorDataset(x, torch.from_numpy(halves[1]))
    screen = Lines()
    tw.finetune(samples, source, [*EASY, *ONE_HEAD], out=tmp_path / "run", options=QUICK, screen=screen)
    assert screen.has("! inputs: samples of a data set of one's own reach the network as they are")
    assert not screen.has("which are kept")


class Writing(nn.Module):
    """Counts its calls in a buffer, behind the back of whoever froze it."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("calls", torch.zeros(1))
        self.layer = nn.Linear(192, 8)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        return self.layer(x.flatten(1))


@pytest.mark.parametrize("way", ["fit", "head", "full"])
def test_what_changes_though_it_is_frozen_fails_the_run(way: str, halves: Any, tmp_path: Path) -> None:
    network = nn.Sequential(Writing(), nn.ReLU(), nn.Linear(8, 2))
    edits = [*EASY, *(ONE_HEAD if way == "head" else ["freeze=0", "epochs=1"])]
    with pytest.raises(Failed, match="has changed in training"):
        if way == "fit":
            tw.fit(halves, edits, model=network, out=tmp_path / "run", options=QUICK)
        else:
            full = [] if way == "head" else ["transfer=full"]
            tw.finetune(halves, network, [*edits, *full], out=tmp_path / "run", options=QUICK)
    assert tw.Run(tmp_path / "run").findings[0]["problem"] == "frozen-changed"


def test_plain_fit_freezes_by_name(halves: Any, tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Flatten(), nn.Linear(192, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 2))
    before = {name: value.clone() for name, value in network.state_dict().items()}
    run = tw.fit(halves, [*EASY, "freeze=1,2", "epochs=2"], model=network, out=tmp_path / "run", options=QUICK)
    moved = {name for name, value in run.weights().items() if not torch.equal(value, before[name])}
    assert moved == {"4.weight", "4.bias"}
    for freeze, words in (("5", "matches nothing"), ("1,2,4", "leaves nothing to learn")):
        with pytest.raises(BadValue, match=words):
            tw.fit(halves, [*EASY, f"freeze={freeze}"], model=network, out=tmp_path / "other")
    with pytest.raises(BadValue, match="only one layer of the network learns"):
        tw.fit(halves, [*EASY, "freeze=1,2", "layer_decay=0.5"], model=network, out=tmp_path / "other")


@pytest.mark.parametrize(
    ("edits", "words"),
    [
        (["transfer=none"], "is no way to fine-tune. Expected head, gradual, full"),
        (["model=mlp"], "the network is that of the source"),
        (["bias=0.1"], "bias cannot be set"),
        (["preprocess=min_max"], "behind that of the source, which is kept"),
        (["transfer=head", "optimizer=adamw"], "optimizer=adamw has no effect with transfer=head"),
        (["transfer=head", "augment=flip"], "Add feature_copies=4"),
        (["transfer=head", "freeze=blocks.0"], "all but the head is frozen already"),
        (["transfer=head", "layer_decay=0.5"], "layer_decay=0.5 has no effect with transfer=head"),
        (["transfer=gradual", "feature_copies=2", "augment=mixup"], "mixup blends them"),
        (["transfer=full", "feature_copies=2"], "feature_copies=2 has no effect"),
        (["transfer=full", "freeze=head"], "freeze=head covers the head"),
    ],
)
def test_what_has_no_effect_is_refused(source: Path, halves: Any, edits: list[str], words: str, tmp_path: Path) -> None:
    with pytest.raises(BadValue, match=words):
        tw.finetune(halves, source, [*EASY, *edits], out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_sources_and_data_that_do_not_fit(source: Path, halves: Any, tmp_path: Path) -> None:
    out = tmp_path / "run"
    with pytest.raises(BadData, match=r"3 channels of 8 x 8 pixels, and iris has none\. Give images"):
        tw.finetune("iris", source, out=out)
    with pytest.raises(BadValue, match="head=fc has no effect"):
        tw.finetune(halves, source, head="fc", out=out)
    with pytest.raises(BadValue, match="transfer=full needs a network that comes with weights"):
        tw.fit(halves, ["transfer=full"], out=out)
    with pytest.raises(BadRun, match="has no weights yet"):
        unfinished = tmp_path / "unfinished"
        tw.fit(halves, [*EASY, "epochs=1"], out=unfinished, options=QUICK)
        (unfinished / "best" / "model.safetensors").unlink()
        tw.finetune(halves, unfinished, out=out)
    assert not out.exists()


def test_going_on_from_other_weights_is_refused(source: Path, halves: Any, tmp_path: Path) -> None:
    edits = [*EASY, "transfer=full", "epochs=1", "optimizer=adamw"]
    run = tw.finetune(halves, source, edits, out=tmp_path / "run", options=QUICK)
    assert run.recipe.optimizer.args["lr"] == pytest.approx(optimizers["adamw"].resolved({})["lr"] / 10)
    with pytest.raises(BadRun, match="was started from other weights"):
        tw.finetune(halves, tmp_path / "run", edits, out=tmp_path / "run", resume=True, options=QUICK)
    with pytest.raises(BadRun, match="was started from other weights"):
        tw.fit(halves, [*EASY, "epochs=1"], out=tmp_path / "run", resume=True, options=QUICK)


@pytest.mark.parametrize(("count", "classes", "way"), [(80, 2, "head"), (244, 2, "gradual"), (4000, 2, "full")])
def test_the_way_goes_by_the_samples_of_a_class(count: int, classes: int, way: str) -> None:
    chosen, words = choose_way(count, classes)
    assert chosen == way
    assert words.startswith(f"transfer={way}: ")
    assert choose_way(10 * count // classes, 0)[0] == way  # ten values count as a class


def test_a_new_head_is_small_and_the_rest_as_it_came(source: Path) -> None:
    opened = open_source(source)
    network = transfer_from(opened, opened.input_shape, 3, seed=0).start.network
    head, old = network.get_submodule("head"), body(opened.network.state_dict())
    assert head.weight.shape[0] == 3
    assert 0 < head.weight.abs().max() < 0.05
    assert all(torch.equal(value, old[name]) for name, value in body(network.state_dict()).items())


def test_the_rate_is_for_the_batch_that_is_trained_with(source: Path, halves: Any) -> None:
    opened, data = open_source(source), open_data(halves)
    chosen, why = choose(shape_of(data))
    assert opened.lr is not None

    def share(*edits: str) -> float:
        recipe, words = adapted(opened, data, chosen, why, ["transfer=full", *edits], 32)
        assert words.endswith(f"lr={recipe.optimizer.args['lr']:.3g}, a tenth of the source's {opened.lr:.3g}") or edits
        return float(recipe.optimizer.args["lr"]) / float(opened.lr or 0)

    assert chosen.batch_size == 32
    assert share() == pytest.approx(0.1)
    assert share("batch_size=8") == pytest.approx(0.05)
    assert share("batch_size=500") == pytest.approx(0.1 * (108 / 32) ** 0.5)  # no batch is larger than the data


def test_a_head_of_too_few_samples_for_folds_is_chosen_by_the_validation_samples(source: Path, halves: Any) -> None:
    x, y = halves
    few = {"x_train": x[:8], "y_train": y[:8], "x_valid": x[8:20], "y_valid": y[8:20]}
    run = tw.finetune(few, source, [*EASY, *ONE_HEAD], out=source.parent / "few", options=QUICK)
    assert "the 12 validation samples chose the weights" in run.verdict["words"]
    assert "the last weights are kept" not in run.verdict["words"]


def test_few_samples_are_passed_over_until_500_steps_are_made(source: Path, halves: Any) -> None:
    opened, data = open_source(source), open_data(halves)
    chosen, why = choose(shape_of(data))

    def epochs(*edits: str) -> float:
        recipe = chosen.edit([edit for edit in edits if edit.startswith("epochs")])
        return adapted(opened, data, recipe, why, [*edits], 32)[0].epochs

    assert len(data.splits["train"]) == 108
    assert chosen.epochs == 40
    assert epochs("transfer=full") == epochs("transfer=gradual") == round(500 * 32 / 108)
    assert epochs("transfer=full", "batch_size=500") == 500  # no batch is larger than the data
    assert epochs("transfer=full", "batch_size=4") == 40
    assert epochs("transfer=full", "epochs=7") == 7


def test_features_kept_of_the_same_weights_in_another_network_are_not_taken(halves: Any, tmp_path: Path) -> None:
    torch.manual_seed(0)
    layers = [nn.Flatten(), nn.Linear(192, 8), nn.ReLU(), nn.Linear(8, 2)]
    other = [*layers[:2], nn.Tanh(), layers[3]]
    options = tw.Options(checks=False, cache=tmp_path / "cache")
    edits = [*EASY, *ONE_HEAD]
    for network, kept in ((layers, False), (layers, True), (other, False), (other, True)):
        screen = Lines()
        tw.finetune(
            halves, nn.Sequential(*network), edits, out=tmp_path / "run", force=True, options=options, screen=screen
        )
        assert screen.has("computed earlier") is kept


def test_the_source_is_opened_with_its_rate(source: Path) -> None:
    opened = open_source(source)
    assert opened.lr == tw.Run(source).recipe.optimizer.args["lr"]
    assert opened.head == "head"
