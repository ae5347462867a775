"""Files of weights in the layout of torchvision's and timm's residual networks."""

import argparse
import json
import os
import pickle
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from method.finetune.layouts import DEPTHS, fingerprint, forward, weights
from trainwell.errors import BadWeights
from trainwell.method.finetune.sources import Source, open_source
from trainwell.models import build

NARROW = {"width": 4, "outputs": 5}
IMAGENET = [0.485, 0.456, 0.406]


def narrow(depth: str = "resnet18", **changed: int) -> dict[str, Tensor]:
    return weights(*DEPTHS[depth], **(NARROW | changed))


def opened(path: Path, content: Any) -> Source:
    torch.save(content, path / "w.pth")
    return open_source(path / "w.pth")


def check_outputs(source: Source, state: dict[str, Tensor], side: int) -> None:
    images = torch.randn(2, source.input_shape[0], side, side, generator=torch.Generator().manual_seed(1))
    expected = forward(state, images)
    with torch.no_grad():
        found = source.network(images)
    assert expected.abs().max() > 0.1
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("depth", "suffix", "digest"),
    # The digests are of the state dicts of torchvision 0.28.0 and timm 1.0.31, which are the same.
    [("resnet18", "pth", "5191d63ec3989592"), ("resnet50", "safetensors", "a87e91cd6bd1f939")],
)
def test_gives_what_the_weights_give(tmp_path: Path, depth: str, suffix: str, digest: str) -> None:
    state = weights(*DEPTHS[depth])
    assert fingerprint(state) == digest
    path = tmp_path / f"w.{suffix}"
    if suffix == "pth":
        torch.save(state, path)
    else:
        save_file(state, path)
    source = open_source(path)
    check_outputs(source, state, 72)
    assert source.model is not None
    assert (source.model.name, source.model.args["width"]) == (depth, 64)
    assert (source.input_shape, source.head, source.classes) == ((3, 224, 224), "fc", ())
    assert not source.network.training
    assert source.preprocessing is not None
    black = source.preprocessing.apply(torch.zeros(1, 2, 2, 3, dtype=torch.uint8))[0, 0, 0]
    torch.testing.assert_close(black, -torch.tensor(IMAGENET) / torch.tensor([0.229, 0.224, 0.225]))
    assert any("ImageNet's classes" in note for note in source.notes)
    assert any("mean and deviation of ImageNet" in note for note in source.notes)


@pytest.mark.parametrize("depth", ["resnet18", "resnet34", "resnet50"])
def test_depth_and_width_are_told_by_the_shapes(tmp_path: Path, depth: str) -> None:
    state = narrow(depth)
    source = opened(tmp_path, state)
    check_outputs(source, state, 72)
    assert source.model is not None
    assert (source.model.name, source.model.args["width"]) == (depth, 4)
    assert source.network.get_submodule(source.head).out_features == 5


def test_the_part_builds_the_same_network_with_another_head(tmp_path: Path) -> None:
    source = opened(tmp_path, narrow())
    assert source.model is not None
    rebuilt = build(source.model, source.input_shape, 2, 0)
    body = {name: value for name, value in source.network.state_dict().items() if not name.startswith("fc.")}
    missing, extra = rebuilt.load_state_dict(body, strict=False)
    assert sorted(missing) == ["fc.bias", "fc.weight"]
    assert extra == []


def test_a_small_stem_and_grey_images(tmp_path: Path) -> None:
    state = narrow(kernel=3, channels=1)
    source = opened(tmp_path, state)
    assert source.input_shape == (1, 32, 32)
    check_outputs(source, state, 32)
    assert source.preprocessing is not None
    assert source.preprocessing.json()["offset"] == pytest.approx([sum(IMAGENET) / 3])
    assert any("averaged over the colours" in note for note in source.notes)


def test_a_whole_checkpoint_is_unwrapped_and_said(tmp_path: Path) -> None:
    state = narrow()
    wrapped = {f"module._orig_mod.{name}": value for name, value in state.items()}
    old = {name: value * 0 for name, value in wrapped.items()}
    content = {"epoch": 3, "args": argparse.Namespace(lr=0.1), "state_dict": old, "state_dict_ema": wrapped}
    source = opened(tmp_path, content)
    check_outputs(source, state, 72)
    said = " ".join(source.notes)
    assert "averaged weights are taken, 'state_dict_ema'; left out: epoch, args, state_dict" in said
    assert "the prefix 'module._orig_mod.' of the names was taken off" in said


def test_what_stands_beside_the_network_is_left_out_and_said(tmp_path: Path) -> None:
    state = narrow()
    whole = {f"encoder.{name}": value for name, value in state.items()} | {"queue": torch.zeros(3)}
    source = opened(tmp_path, {"model": whole})
    check_outputs(source, state, 72)
    assert "left out, outside the network 'encoder.': 1 tensors (queue)" in source.notes


def test_averaged_weights_among_the_names_win(tmp_path: Path) -> None:
    state = narrow()
    both = {f"model.{name}": value * 0 for name, value in state.items()}
    both |= {f"ema.module.{name}": value for name, value in state.items()}
    check_outputs(opened(tmp_path, both), state, 72)


def test_counters_may_be_missing(tmp_path: Path) -> None:
    state = {name: value for name, value in narrow().items() if not name.endswith("num_batches_tracked")}
    check_outputs(opened(tmp_path, state), state, 72)


def test_half_precision_becomes_fp32(tmp_path: Path) -> None:
    state = {name: value.bfloat16() if value.is_floating_point() else value for name, value in narrow().items()}
    source = opened(tmp_path, state)
    assert {value.dtype for value in source.network.parameters()} == {torch.float32}
    check_outputs(source, {name: value.float() for name, value in state.items()}, 72)
    assert "weights in bfloat16 are brought to float32" in source.notes


@pytest.mark.parametrize(
    ("head", "said"),
    [
        ({}, "no head that could be read"),
        ({"fc.0.weight": torch.zeros(9, 32), "fc.2.weight": torch.zeros(3, 9)}, "a head of another kind: fc.0.weight"),
    ],
)
def test_a_backbone_without_a_linear_head_will_do(tmp_path: Path, head: dict[str, Tensor], said: str) -> None:
    state = {name: value for name, value in narrow().items() if not name.startswith("fc.")}
    source = opened(tmp_path, state | head)
    assert said in " ".join(source.notes)
    assert torch.equal(source.network.get_parameter("layer4.1.conv2.weight"), state["layer4.1.conv2.weight"])


def test_a_head_without_a_bias(tmp_path: Path) -> None:
    state = narrow()
    del state["fc.bias"]
    source = opened(tmp_path, state)
    check_outputs(source, state | {"fc.bias": torch.zeros(5)}, 72)
    assert "its head has no bias: 0 is taken" in source.notes


class Runs:
    """Writes a file when it is unpickled."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Any, ...]:
        return (os.system, (f"touch {self.target}",))


@pytest.mark.parametrize(
    ("zipped", "protocol", "message"),
    [
        (True, 2, r"would run code when it is opened \(it calls posix\.system\): it was not opened.*safetensors"),
        (False, 2, r"would run code when it is opened \(it calls posix\.system\): it was not opened"),
        (False, 4, r"holds more than weights .* it was not opened, and nothing in it was run"),
    ],
)
def test_a_file_that_runs_code_is_refused_and_not_run(
    tmp_path: Path, zipped: bool, protocol: int, message: str
) -> None:
    target, path = tmp_path / "was-run", tmp_path / "w.pth"
    content = {"bn1.extra": Runs(target)} | (narrow() if zipped else {})
    if zipped:
        torch.save(content, path, pickle_protocol=protocol)
    else:
        path.write_bytes(pickle.dumps(content, protocol))
    with pytest.raises(BadWeights, match=message):
        open_source(path)
    assert not target.exists()
    if zipped:  # opened without care it does what it is refused for
        torch.load(path, weights_only=False)
        assert target.exists()


def test_a_whole_module_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadWeights, match="would run code"):
        opened(tmp_path, torch.nn.Linear(2, 2))


def test_a_torchscript_program_is_refused(tmp_path: Path) -> None:
    torch.jit.script(torch.nn.Linear(2, 2)).save(tmp_path / "w.pt")
    with pytest.raises(BadWeights, match="TorchScript"):
        open_source(tmp_path / "w.pt")


@pytest.mark.parametrize("content", [b"", b"hello", b"PK\x03\x04 torn"])
@pytest.mark.parametrize("suffix", ["pth", "safetensors"])
def test_a_broken_file_is_refused(tmp_path: Path, content: bytes, suffix: str) -> None:
    (tmp_path / f"w.{suffix}").write_bytes(content)
    with pytest.raises(BadWeights, match=r"cannot be read|is damaged"):
        open_source(tmp_path / f"w.{suffix}")


def _changed(**tensors: Tensor) -> dict[str, Tensor]:
    return narrow() | {name.replace("__", "."): value for name, value in tensors.items()}


def _without(*ends: str) -> dict[str, Tensor]:
    return {name: value for name, value in narrow().items() if not name.endswith(ends)}


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ([1, 2], "holds one list, expected weights by name"),
        ({"epoch": 3}, "holds no weights: epoch"),
        ({"features.0.weight": torch.zeros(3)}, r"no layer1.0.conv1.weight among its 1 tensors \(features.0.weight\)"),
        ({f"{side}.{name}": value for side in "qk" for name, value in narrow().items()}, "holds 2 networks: q., k."),
        (_changed(conv1__0__weight=torch.zeros(4, 3, 3, 3)), "its stem is several convolutions"),
        (_changed(conv1__weight=torch.zeros(4, 3, 5, 5)), "kernel of 5 x 5"),
        (_changed(conv1__weight=torch.zeros(4, 4, 7, 7)), "inputs of 4 channels"),
        (_changed(layer2__0__downsample__1__weight=torch.zeros(8, 4, 1, 1)), "pool by averages first"),
        (_without("running_mean", "running_var"), "its norm is not batch norm"),
        (_changed(layer1__0__conv2__weight=torch.zeros(4, 2, 3, 3)), "groups of 2 channels: a ResNeXt"),
        (
            _changed(
                layer1__0__conv1__weight=torch.zeros(8, 4, 3, 3), layer1__0__conv2__weight=torch.zeros(4, 8, 3, 3)
            ),
            "8 channels wide behind a stem of 4: a wide ResNet",
        ),
        (weights(True, (3, 4, 23, 3), **NARROW), r"\(3, 4, 23, 3\) bottlenecks, a ResNet-101, which cannot be built"),
        (_changed(layer1__0__se__fc1__weight=torch.zeros(2)), r"1 too many \(layer1.0.se.fc1.weight\)"),
        (_without("bn1.bias"), r"9 missing \(bn1.bias, layer1.0.bn1.bias, layer1.1.bn1.bias and 6 more\)"),
        (_changed(bn1__bias=torch.zeros(3)), r"1 of another shape \(bn1.bias is \(3,\), not \(4,\)\)"),
        (_changed(bn1__bias=torch.full((4,), torch.nan)), "bn1.bias that are not finite"),
        (_changed(bn1__bias=torch.zeros(4, dtype=torch.int8)), "bn1.bias as int8: quantised"),
    ],
)
def test_other_weights_are_refused_in_words(tmp_path: Path, state: Any, message: str) -> None:
    with pytest.raises(BadWeights, match=message):
        opened(tmp_path, state)


CARD = {"architecture": "resnet18", "num_classes": 5, "pretrained_cfg": {"mean": [0.1, 0.2, 0.3], "std": [0.5] * 3}}


def with_card(path: Path, card: Any) -> Source:
    (path / "config.json").write_text(card if isinstance(card, str) else json.dumps(card))
    save_file(narrow(), path / "model.safetensors")
    return open_source(path)


def test_config_json_beside_the_weights_is_read(tmp_path: Path) -> None:
    card = CARD | {"label_names": list("abcde"), "model_args": {"num_classes": 5, "global_pool": "avg"}}
    card["pretrained_cfg"] = CARD["pretrained_cfg"] | {"input_size": [3, 96, 160]}  # type: ignore[operator]
    source = with_card(tmp_path, card)
    assert source.input_shape == (3, 96, 160)
    assert source.classes == tuple("abcde")
    assert source.preprocessing is not None
    assert source.preprocessing.json()["offset"] == [0.1, 0.2, 0.3]
    assert "inputs: mean and deviation of config.json" in source.notes


@pytest.mark.parametrize(
    ("card", "message"),
    [
        ("{", "cannot be read"),
        ({"model_type": "resnet"}, "is not timm's: it names no architecture"),
        (CARD | {"architecture": "resnetaa18"}, "calls it resnetaa18, which computes something else"),
        (CARD | {"model_args": {"output_stride": 8}}, "built with output_stride=8"),
        (CARD | {"model_args": {"global_pool": "max"}}, "built with global_pool=max"),
        (CARD | {"pretrained_cfg": {"mean": [0.5]}}, re.escape("mean=[0.5], expected 3 numbers")),
        (CARD | {"pretrained_cfg": {"std": [1, 0, 1]}}, "expected numbers above 0"),
        (CARD | {"pretrained_cfg": {"input_size": [3, 32, 32]}}, "7 x 7 of stride 2 and was trained on 32 x 32"),
        (CARD | {"pretrained_cfg": {"input_size": [1, 96, 96]}}, "takes 3 channels, and its config.json says 1"),
    ],
)
def test_a_config_json_that_does_not_fit_is_refused(tmp_path: Path, card: Any, message: str) -> None:
    with pytest.raises(BadWeights, match=message):
        with_card(tmp_path, card)


def test_a_variant_that_only_its_name_tells_is_refused(tmp_path: Path) -> None:
    torch.save(narrow("resnet50"), tmp_path / "resnetblur50-84f4748f.pth")
    with pytest.raises(BadWeights, match="its name calls it resnetblur50"):
        open_source(tmp_path / "resnetblur50-84f4748f.pth")
