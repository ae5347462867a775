"""Exported folders: what they say is what the run says, and they need nothing of Trainwell."""

import errno
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import TensorDataset

import trainwell as tw
from trainwell.errors import BadRun, BadValue, Failed, MissingExtra, StorageFailed, UnknownName
from trainwell.method.export import onnx_file, torch_file
from trainwell.method.export.agreement import Agreement
from trainwell.method.export.config import metadata
from trainwell.method.export.export import Exported
from trainwell.method.export.graph import Shipped, traced
from trainwell.method.export.reader import reader
from trainwell.method.export.readme import readme
from trainwell.models import build, models
from trainwell.preprocessing import preprocessing
from trainwell.training.evaluate import viewed

from .shipped import without_trainwell
from .strange import save_strange_files

PLAIN = ["precision=fp32", "layout=contiguous", "compile=no"]
NO_CHECKS = tw.Options(checks=False)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory, bright_quarters: Callable[..., Any]) -> Path:
    """A folder of class folders: PNG and JPEG, some larger, one turned, grey, transparent or of 16 bits each."""
    root = tmp_path_factory.mktemp("pictures")
    made = bright_quarters(count=64, side=12)
    for number, (pixels, label) in enumerate(zip(made["x"], made["y"], strict=True)):
        (root / f"quarter {label}").mkdir(exist_ok=True)
        Image.fromarray(pixels).resize((18, 15)).save(root / f"quarter {label}" / f"{number:03}.png")
    save_strange_files(root / "quarter 0")
    return root


@pytest.fixture(scope="module")
def picture_run(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> tw.Run:
    """Trained on files, with mirror images at test time."""
    small = ["model.width=8", "model.blocks=1", "model.convolutions=1", "image_size=12", "epochs=1", "batch_size=16"]
    edits = [*PLAIN, *small, "augment=flip", "views=flip"]
    return tw.fit(str(pictures), edits, out=tmp_path_factory.mktemp("runs") / "pictures", options=NO_CHECKS)


@pytest.fixture(scope="module")
def shipped_pictures(picture_run: tw.Run, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """`picture_run` as ONNX."""
    return tw.export(picture_run, out=tmp_path_factory.mktemp("exports") / "pictures")


TABLE = """size,colour,day,good,answer
1.5,red,2024-01-05,true,yes
2.5,blue,2024-02-01,false,no
?,red,2024-03-09,true,yes
3.5,,2024-01-07,false,no
1.0,"green, dark",2024-05-05,true,yes
4.5,blue,2024-02-11,false,no
"""


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table of numbers, words, dates, truth values and gaps."""
    path = tmp_path_factory.mktemp("table") / "table.csv"
    header, *rows = TABLE.splitlines(keepends=True)
    path.write_text(header + "".join(rows * 8))
    return path


@pytest.fixture(scope="module")
def table_run(table: Path, tmp_path_factory: pytest.TempPathFactory) -> tw.Run:
    options = tw.Options(checks=False, target="answer")
    return tw.fit(str(table), [*PLAIN, "epochs=4"], out=tmp_path_factory.mktemp("runs") / "table", options=options)


@pytest.fixture(scope="module")
def diabetes_run(tmp_path_factory: pytest.TempPathFactory) -> tw.Run:
    return tw.fit("diabetes", [*PLAIN, "epochs=1"], out=tmp_path_factory.mktemp("runs") / "sugar", options=NO_CHECKS)


def test_onnx_of_images_says_what_predict_says_without_trainwell(
    picture_run: tw.Run, pictures: Path, shipped_pictures: Exported
) -> None:
    made = shipped_pictures
    files = sorted(map(str, pictures.rglob("*.*")))
    assert made.agreement.inputs == f"{len(files)} images of {pictures.name}"
    assert made.agreement.largest <= 1e-4
    expected = tw.load(picture_run).predict(files).probabilities
    lines = without_trainwell(made.path, *files)
    assert [name for name, _, _ in lines] == [f"{file} quarter" for file in files]
    assert [int(label) for _, label, _ in lines] == expected.argmax(1).tolist()
    assert np.allclose([float(share) for _, _, share in lines], expected.max(1), atol=1e-4)


@pytest.mark.parametrize("format", ["torch", pytest.param("onnx", marks=pytest.mark.slow)])
def test_bars_are_put_beside_pictures_without_trainwell(
    pictures: Path, tmp_path: Path, run_here: Callable[..., list[list[str]]], format: str
) -> None:
    small = ["model=mlp", "model.widths=8", "image_size=10", "image_fit=letterbox", "augment=none", "views=one"]
    run = tw.fit(str(pictures), [*PLAIN, *small, "epochs=1"], out=tmp_path / "run", options=NO_CHECKS)
    made = tw.export(run, format, out=tmp_path / "shipped")
    tall = tmp_path / "tall.png"  # of another shape than any that was learnt from
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (60, 20, 3), dtype=np.uint8)).save(tall)
    files = [*sorted(map(str, pictures.rglob("*.*"))), str(tall)]
    expected = tw.load(run).predict(files).probabilities
    lines = run_here(made.path, *files)
    assert [int(label) for _, label, _ in lines] == expected.argmax(1).tolist()
    assert np.allclose([float(share) for _, _, share in lines], expected.max(1), atol=1e-4)


def test_onnx_holds_the_names_and_takes_any_number(picture_run: tw.Run, shipped_pictures: Exported) -> None:
    session = onnxruntime.InferenceSession(shipped_pictures.path / "model.onnx")
    held = session.get_modelmeta().custom_metadata_map
    assert json.loads(held["classes"]) == [f"quarter {number}" for number in range(4)]
    assert json.loads(held["input"]) == {"name": "images", "type": "uint8", "shape": ["N", 12, 12, 3]}
    assert held["fit"] == "crop"
    for count in (1, 2, 31):
        images = np.random.default_rng(count).integers(0, 256, (count, 12, 12, 3), dtype=np.uint8)
        [found] = session.run(["probabilities"], {"images": images})
        x = picture_run.preprocessing().apply(torch.from_numpy(images).float()).permute(0, 3, 1, 2)
        with torch.no_grad():
            expected = viewed(picture_run.model(), x, "flip").softmax(1).numpy()
        assert np.abs(found - expected).max() < 1e-5
    assert str(Path(__file__).parent.parent).encode() not in (shipped_pictures.path / "model.onnx").read_bytes()


ROWS = [[59, 2, 32.1, 101, 157, 93.2, 38, 4, 4.8598, 87], [48, 1, 21.6, 87, 183, 103.2, 70, 3, 3.8918, 69]]


@pytest.mark.parametrize("format", ["torch", pytest.param("onnx", marks=pytest.mark.slow)])
def test_a_table_of_raw_words_is_encoded_without_trainwell(
    table_run: tw.Run, tmp_path: Path, run_here: Callable[..., list[list[str]]], format: str
) -> None:
    made = tw.export(table_run, format, out=tmp_path / "shipped")
    assert made.agreement.inputs == "48 rows of table.csv"
    new = tmp_path / "new.csv"
    odd = "n/a,violet,2030-12-31,false,yes\n-2e3, blue ,1969-07-20,true,no\n1_5,red,2024-01-05,true,yes\n"
    new.write_text(TABLE.replace("size,colour", " size ,colour") + odd)
    expected = tw.load(table_run).predict(str(new)).probabilities
    lines = run_here(made.path, new)
    assert [label for _, label, _ in lines] == [("no", "yes")[best] for best in expected.argmax(1)]
    assert np.allclose([float(share) for _, _, share in lines], expected.max(1), atol=1e-4)
    found = json.loads((made.path / "columns.json").read_text())["columns"]
    assert [len(column["features"]) for column in found] == [2, 4, 1, 1]


@pytest.mark.parametrize("format", ["torch", pytest.param("onnx", marks=pytest.mark.slow)])
def test_values_come_in_the_units_of_the_target(
    diabetes_run: tw.Run, tmp_path: Path, run_here: Callable[..., list[list[str]]], format: str
) -> None:
    made = tw.export(diabetes_run, format, out=tmp_path / "shipped")
    assert made.agreement.same_class is None
    names = [column["name"] for column in json.loads((made.path / "columns.json").read_text())["columns"]]
    np.savetxt(tmp_path / "rows.csv", ROWS, delimiter=",", header=",".join(names), comments="", fmt="%g")
    with torch.no_grad():
        x = diabetes_run.preprocessing().apply(torch.tensor(ROWS))
        expected = diabetes_run.target().inverse(diabetes_run.model()(x))  # type: ignore[union-attr]
    values = [float(words[-1]) for words in run_here(made.path, tmp_path / "rows.csv")]
    assert values == pytest.approx(expected[:, 0].tolist(), rel=1e-4)


def test_names_of_any_kind(picture_run: tw.Run) -> None:
    names = ['it\'s "quoted"', "<script>alert(1)</script>", "two\nlines", "`tick` {brace} %s", "日本 ü", "back\\slash"]
    description = picture_run.description() | {"classes": names}
    space: dict[str, Any] = {}
    exec(reader(description) or "", space)
    assert space["CLASSES"] == names
    assert json.loads(json.dumps(metadata(description)))["classes"] == names
    text = readme(description, "onnx", {"fp32": Agreement("made-up ones", 1, 0.0, 1)})
    assert "<script>" not in text
    [line] = [line for line in text.splitlines() if line.startswith("- Out")]
    assert "&lt;script&gt;" in line and "'two\\nlines', " in line and "日本 ü" in line


@pytest.mark.parametrize(("network", "words"), [("resnet18", "gives its resnet18"), ("mlp", None)])
def test_the_lines_for_the_weights_alone(
    network: str, words: str | None, quarters: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    edits = [*PLAIN, f"model={network}", "norm_bias_rate=1", "augment=none", "epochs=0.1", "batch_size=8"]
    run = tw.fit(str(quarters), edits, out=tmp_path / "run", options=NO_CHECKS)
    folder = tw.export(run, "safetensors", out=tmp_path / "shipped").path
    text = (folder / "README.md").read_text()
    assert (words in text) if words else ("torchvision" not in text)
    [code] = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    monkeypatch.chdir(folder)
    space: dict[str, Any] = {}
    exec(code, space)
    x = torch.randn(2, *run.description()["input_shape"], generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert torch.equal(space["network"](x), run.model()(x))


@pytest.mark.parametrize("name", preprocessing.names)
def test_every_preprocessing_is_inside(name: str) -> None:
    images = np.random.default_rng(0).integers(0, 256, (40, 6, 6, 1), dtype=np.uint8)
    module = shipped_of("mlp", name, images)
    program = traced(module, images).module()
    with torch.no_grad():
        assert torch.allclose(program(torch.from_numpy(images)), module(torch.from_numpy(images)), atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("name", [member.id for member in models if member.id != "given"])
@pytest.mark.parametrize("view", ["one", "flip_shift"])
def test_every_model_becomes_onnx_and_a_program(name: str, view: str, tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (9, 32, 32, 3), dtype=np.uint8)
    module = shipped_of(name, "standardize", images, view if name != "mlp" else "one")
    program = traced(module, images)
    (tmp_path / "model.onnx").write_bytes(onnx_file.onnx_file(program, ("images", "probabilities"), {}))
    (tmp_path / "model.pt2").write_bytes(torch_file.torch_file(program))
    with torch.no_grad():
        expected = module(torch.from_numpy(images)).numpy()
    for opened in (onnx_file.opened(tmp_path / "model.onnx"), torch_file.opened(tmp_path / "model.pt2")):
        for rows in (slice(0, 1), slice(0, 9)):
            assert np.abs(opened(images[rows]) - expected[rows]).max() < 1e-4


@pytest.mark.slow
@pytest.mark.parametrize("name", preprocessing.names)
def test_every_preprocessing_becomes_onnx(name: str, tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (40, 6, 6, 1), dtype=np.uint8)
    module = shipped_of("mlp", name, images)
    content = onnx_file.onnx_file(traced(module, images), ("images", "probabilities"), {})
    (tmp_path / "model.onnx").write_bytes(content)
    with torch.no_grad():
        expected = module(torch.from_numpy(images)).numpy()
    assert np.abs(onnx_file.opened(tmp_path / "model.onnx")(images) - expected).max() < 1e-4


def shipped_of(name: str, prepared: str, images: np.ndarray, views: str = "one") -> Shipped:
    """A model that was never trained, behind a preprocessing, in front of a softmax."""
    fitted = preprocessing.build(prepared, images, np.arange(len(images)))
    shape = fitted.output_shape(images.shape[1:])
    shape = (shape[2], shape[0], shape[1]) if len(shape) == 3 else shape
    sizes = {key: value for key, value in {"width": 16, "hidden": (16,)}.items() if key in models[name].hyper}
    return Shipped(build(models.part(name, **sizes), shape, 3, 0).eval(), fitted, None, views).eval()


def test_what_cannot_be_asked_for(picture_run: tw.Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UnknownName, match=r"no export format called 'onx'\. Did you mean 'onnx'"):
        tw.export(picture_run, "onx", out=tmp_path / "shipped")
    with pytest.raises(BadRun, match="no run folder"):
        tw.export(tmp_path / "nowhere")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    with pytest.raises(BadValue, match="is no export: it is never replaced"):
        tw.export(picture_run, "safetensors", out=tmp_path / "mine", force=True)
    assert (tmp_path / "mine" / "letter.txt").read_text() == "dear"
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(MissingExtra, match=r"pip install 'trainwell\[onnx\]'"):
        tw.export(picture_run, out=tmp_path / "shipped")
    assert [entry.name for entry in tmp_path.iterdir()] == ["mine"]


def test_an_export_is_replaced_by_force_alone(diabetes_run: tw.Run, tmp_path: Path) -> None:
    out = tmp_path / "shipped"
    tw.export(diabetes_run, "safetensors", out=out)
    (out / "stale.txt").write_text("old")
    with pytest.raises(BadValue, match="Replace it by --force"):
        tw.export(diabetes_run, "safetensors", out=out)
    tw.export(diabetes_run, "safetensors", out=out, force=True)
    assert not (out / "stale.txt").exists()
    assert [entry.name for entry in tmp_path.iterdir()] == ["shipped"]


def test_nothing_is_left_of_what_does_not_agree(
    diabetes_run: tw.Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = torch_file.opened
    monkeypatch.setattr(torch_file, "opened", lambda path: lambda x: right(path)(x) + np.float32(0.1))
    with pytest.raises(Failed, match="does not say what the run says on 128 rows of diabetes") as caught:
        tw.export(diabetes_run, "torch", out=tmp_path / "shipped")
    assert caught.value.exit_code == 3
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_left_on_a_full_disk(diabetes_run: tw.Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(StorageFailed, match="No space left on device"):
        tw.export(diabetes_run, "safetensors", out=tmp_path / "below" / "shipped")
    assert list((tmp_path / "below").iterdir()) == []


class Doubting(nn.Module):
    """A network that looks at the values before it goes on."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(10, 1)

    def forward(self, x: Tensor) -> Tensor:
        if not bool(torch.isfinite(x).all()):
            raise ValueError("an input is not finite")
        return self.layer(x)


def test_a_network_that_is_no_graph_is_told_and_its_weights_can_go(tmp_path: Path) -> None:
    network = Doubting()
    run = tw.fit("diabetes", [*PLAIN, "epochs=1"], model=network, out=tmp_path / "run", options=NO_CHECKS)
    with pytest.raises(BadValue, match=r"network \(Doubting\) cannot be written down as a graph"):
        tw.export(run, "torch", out=tmp_path / "shipped", model=network)
    with pytest.raises(BadRun, match="network of one's own"):
        tw.export(run, "safetensors", out=tmp_path / "shipped")
    made = tw.export(run, "safetensors", out=tmp_path / "shipped", model=network)
    assert made.agreement.largest < 1e-5
    assert "your own Doubting" in (made.path / "README.md").read_text()


class Counting(nn.Module):
    """A network that takes whole numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(5, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.words(x).sum(1)


def test_samples_of_ones_own_go_in_as_they_are(tmp_path: Path) -> None:
    x, y = torch.arange(180).view(60, 3), torch.arange(60) % 2
    own, network = TensorDataset(x.float(), y), nn.Linear(3, 2)
    run = tw.fit(own, [*PLAIN, "epochs=1"], model=network, out=tmp_path / "run", options=NO_CHECKS)
    made = tw.export(run, "torch", out=tmp_path / "shipped", model=network)
    assert made.agreement.inputs == "made-up numbers, as the run had a data set of one's own"
    answers = torch_file.opened(made.path / "model.pt2")(x.float().numpy())
    assert np.allclose(answers, network(x.float()).softmax(1).detach(), atol=1e-6)
    counting = Counting()
    words = TensorDataset(x % 5, y)
    run = tw.fit(words, [*PLAIN, "epochs=1"], model=counting, out=tmp_path / "words", options=NO_CHECKS)
    with pytest.raises(BadValue, match=r"network \(Counting\) fails on float32 inputs of shape \(128, 3\)"):
        tw.export(run, "torch", out=tmp_path / "other", model=counting)


def test_made_up_inputs_where_the_data_cannot_be_read(tmp_path: Path) -> None:
    draws = np.random.default_rng(0)
    x, y = draws.normal(5, 2, (60, 3)), np.arange(60) % 2
    run = tw.fit((x, y), [*PLAIN, "epochs=1"], out=tmp_path / "run", options=NO_CHECKS)
    made = tw.export(run, "torch", out=tmp_path / "shipped")
    assert made.agreement.inputs == "made-up ones, as the data of the run cannot be read"
    assert made.agreement.count == made.agreement.same_class == 128
