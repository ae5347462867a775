"""Where weights come from: a run of ours, timm, the hub; what is no source."""

import json
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

import trainwell as tw
from method.finetune.layouts import DEPTHS, forward, weights
from trainwell.errors import BadRun, BadValue, BadWeights, Failed, MissingExtra
from trainwell.method.export.export import export
from trainwell.method.finetune.sources import open_source
from trainwell.method.finetune.transfer import transfer_from
from trainwell.models import build
from trainwell.record import BEST_MODEL, BEST_WEIGHTS

OPTIONS = tw.Options(checks=False)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tw.Run:
    edits = ["model=mlp", "model.widths=8", "epochs=1", "optimizer=adamw", "optimizer.lr=0.02"]
    return tw.fit("iris", edits, out=tmp_path_factory.mktemp("source") / "iris", options=OPTIONS)


def test_a_run_of_ours(run: tw.Run) -> None:
    source = open_source(run.path)
    assert source.classes == ("setosa", "versicolor", "virginica")
    assert source.input_shape == (4,)
    assert source.lr == 0.02
    assert source.optimizer == run.recipe.optimizer
    assert source.model == run.recipe.model
    assert source.preprocessing is not None
    assert source.preprocessing.json() == run.preprocessing().json()
    assert source.decoding == run.description()["decoding"]
    assert not source.network.training
    assert source.network.get_submodule(source.head).out_features == 3
    rows = torch.randn(4, 4)
    assert torch.equal(source.network(rows), run.model()(rows))
    assert len(source.notes) == 1


def test_the_weights_of_a_run_bring_the_run_along(run: tw.Run) -> None:
    assert open_source(run.path / BEST_WEIGHTS).preprocessing is not None


def test_the_part_of_a_run_builds_its_body(run: tw.Run) -> None:
    source = open_source(run.path)
    assert source.model is not None
    rebuilt = build(source.model, source.input_shape, 7, 0)
    body = {
        name: value for name, value in source.network.state_dict().items() if not name.startswith(f"{source.head}.")
    }
    missing, extra = rebuilt.load_state_dict(body, strict=False)
    assert sorted(missing) == [f"{source.head}.bias", f"{source.head}.weight"]
    assert extra == []


def test_weights_of_a_run_without_its_folder_are_refused(run: tw.Run, tmp_path: Path) -> None:
    (tmp_path / "w.safetensors").write_bytes((run.path / BEST_WEIGHTS).read_bytes())
    with pytest.raises(BadWeights, match="Give the run folder"):
        open_source(tmp_path / "w.safetensors")


def test_an_export_of_ours(run: tw.Run, tmp_path: Path) -> None:
    folder = tmp_path / "exported"
    export(run, "safetensors", out=folder)
    rows = torch.randn(4, 4)
    for given in (folder, folder / "model.safetensors"):
        source = open_source(given)
        assert torch.equal(source.network(rows), run.model()(rows))
        assert (source.model, source.classes) == (run.recipe.model, ("setosa", "versicolor", "virginica"))
        assert source.preprocessing is not None
        assert source.preprocessing.json() == run.preprocessing().json()
        assert source.decoding == run.description()["decoding"]
        assert source.lr is None
    told = json.loads((folder / "config.json").read_text())
    del told["num_outputs"]
    (folder / "config.json").write_text(json.dumps(told))
    with pytest.raises(BadWeights, match="lacks 'num_outputs'"):
        open_source(folder)


def test_a_run_without_weights_is_refused(run: tw.Run, tmp_path: Path) -> None:
    for file in run.path.iterdir():
        if file.is_file():
            (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "best").mkdir()
    (tmp_path / BEST_MODEL).write_bytes((run.path / BEST_MODEL).read_bytes())
    with pytest.raises(BadRun, match="has no weights yet"):
        open_source(tmp_path)


class TwoHeads(torch.nn.Module):
    """A linear path beside a deep one that starts with weights of its own."""

    def __init__(self, num_outputs: int) -> None:
        super().__init__()
        self.wide = torch.nn.Linear(4, num_outputs)
        self.deep = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, num_outputs))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.wide(x) + self.deep(x)


def test_a_network_whose_outputs_are_not_the_heads_alone_is_refused(tmp_path: Path) -> None:
    tw.fit("iris", [f"model={__name__}:TwoHeads", "epochs=0.1"], out=tmp_path / "run", options=OPTIONS)
    with pytest.raises(BadValue, match=r"outputs in wide.weight, wide.bias too, not in its head \(deep.2\)"):
        open_source(tmp_path / "run")


@pytest.mark.parametrize("kind", ["run", "export"])
def test_a_linear_path_beside_the_head_is_a_shortcut(kind: str, tmp_path: Path) -> None:
    edits = ["model=mlp", "model.widths=8", "model.skip=true", "epochs=1"]
    run = tw.fit("iris", edits, out=tmp_path / "run", options=OPTIONS)
    if kind == "export":
        export(run, "safetensors", out=tmp_path / "export")
    source = open_source(tmp_path / kind)
    assert (source.head, source.shortcuts) == ("deep.4", ("wide",))
    assert source.network.get_submodule("wide").weight.any()
    for outputs in (3, 5):
        network = transfer_from(source, (4,), outputs, 0).start.network
        assert not network.get_submodule("wide").weight.any()
        assert network.get_submodule("wide").weight.shape == (outputs, 4)
        assert torch.equal(network.get_submodule("deep.1").weight, source.network.get_submodule("deep.1").weight)


def test_a_head_that_starts_at_0_is_the_head(tmp_path: Path) -> None:
    edits = ["model=mlp", "model.widths=8", "model.head_scale=0", "epochs=0.1"]
    tw.fit("iris", edits, out=tmp_path / "run", options=OPTIONS)
    source = open_source(tmp_path / "run")
    assert (source.head, source.shortcuts) == ("4", ())


def test_a_network_given_as_an_object_is_refused(tmp_path: Path) -> None:
    tw.fit("iris", ["epochs=0.1"], model=torch.nn.Linear(4, 3), out=tmp_path / "run", options=OPTIONS)
    with pytest.raises(BadRun, match=r"given as an object \(Linear\)"):
        open_source(tmp_path / "run")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nowhere", "There is no file or folder nowhere"),
        ("", "No source is named. Expected a run folder"),
        ("tim:resnet18", r"Did you mean timm:resnet18\?"),
        ("s3:bucket", "There is no source 's3:bucket'"),
    ],
)
def test_what_is_no_source_is_refused(text: str, message: str) -> None:
    with pytest.raises(BadWeights, match=message):
        open_source(text)


def test_a_file_of_another_kind_and_a_folder_without_a_run_are_refused(tmp_path: Path) -> None:
    (tmp_path / "w.onnx").write_bytes(b"")
    with pytest.raises(BadWeights, match="is no file of weights"):
        open_source(tmp_path / "w.onnx")
    with pytest.raises(BadRun, match=r"recipe\.json"):
        open_source(tmp_path)


@pytest.mark.parametrize(
    ("text", "package"), [("timm:resnet18", "timm"), ("hub:timm/resnet18.a1_in1k", "huggingface_hub")]
)
def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch, text: str, package: str) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtra, match=rf"trainwell\[{text.partition(':')[0]}\]"):
        open_source(text)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cache of the hub, which cannot be reached."""
    hub = pytest.importorskip("huggingface_hub")
    monkeypatch.setattr(hub.constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(hub.constants, "HF_HUB_OFFLINE", True)
    return tmp_path


def snapshot(cache: Path, name: str) -> Path:
    """The folder of a repository in the cache."""
    base = cache / f"models--{name.replace('/', '--')}"
    (base / "refs").mkdir(parents=True)
    (base / "refs" / "main").write_text("0" * 40)
    folder = base / "snapshots" / ("0" * 40)
    folder.mkdir(parents=True)
    return folder


def test_a_repository_of_the_hub(cache: Path) -> None:
    state = weights(*DEPTHS["resnet18"], width=4, outputs=3)
    folder = snapshot(cache, "me/resnet18.mine")
    save_file(state, folder / "model.safetensors")
    (folder / "config.json").write_text(
        json.dumps({"architecture": "resnet18", "pretrained_cfg": {"mean": [0.5] * 3, "std": [0.5] * 3}})
    )
    source = open_source("hub:me/resnet18.mine")
    images = torch.randn(1, 3, 72, 72)
    with torch.no_grad():
        torch.testing.assert_close(source.network(images), forward(state, images), rtol=1e-5, atol=1e-5)
    assert source.text == "hub:me/resnet18.mine"
    assert source.preprocessing is not None
    assert source.preprocessing.json()["offset"] == [0.5] * 3


def test_a_repository_that_cannot_be_reached(cache: Path) -> None:  # noqa: ARG001
    with pytest.raises(Failed, match="could not be reached and is not in the cache"):
        open_source("hub:me/nothing")
    for name in ("nothing", "a/b/c", "me/"):
        with pytest.raises(BadWeights, match="Expected hub:OWNER/NAME"):
            open_source(f"hub:{name}")


def test_a_network_of_timm(cache: Path) -> None:
    timm = pytest.importorskip("timm")
    network = timm.create_model("resnet18.a1_in1k").eval()
    save_file(network.state_dict(), snapshot(cache, "timm/resnet18.a1_in1k") / "model.safetensors")
    source = open_source("timm:resnet18.a1_in1k")
    images = torch.randn(1, 3, 72, 72)
    assert torch.equal(source.network(images), network(images))
    assert (source.head, source.input_shape) == ("fc", (3, 224, 224))
    assert source.model is not None
    assert build(source.model, source.input_shape, 2, 0)(images).shape == (1, 2)
    with pytest.raises(BadWeights, match="Did you mean"):
        open_source("timm:resnet188")
