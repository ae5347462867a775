"""The lines of Python in the README that run an exported model."""

from typing import Any

from torch import nn

from trainwell.method.export import onnx_file, safetensors_file, torch_file
from trainwell.method.export.config import CONFIG
from trainwell.method.export.graph import INPUTS, OUTPUTS
from trainwell.method.export.reader import READER, reads_files
from trainwell.models import build
from trainwell.models.given import GIVEN

NEEDS = {"onnx": "onnxruntime numpy", "torch": "torch numpy", "safetensors": "torch safetensors numpy"}
_READ = READER.removesuffix(".py")


def program(format: str, description: dict[str, Any]) -> tuple[str, str, str]:
    """The lines, what pip is to install for them, and what they run in words.

    Args:
        format: One of the formats.
        description: Of the run.
    """
    needs = NEEDS[format] + (" pillow" if reads_files(description) else "")
    if format == "onnx":
        words = f"An ONNX graph, `{onnx_file.FILE}`, that needs nothing of Trainwell."
        return _lines(description, "import onnxruntime", _through_onnx(description)), needs, words
    if format == "torch":
        words = f"A program of `torch.export`, `{torch_file.FILE}`, that needs nothing of Trainwell."
        return _lines(description, "import torch", _through_torch(description)), needs, words
    words = f"The weights by name, `{safetensors_file.FILE}`"
    name = safetensors_file.torchvision_name(description["model"])
    if name is None or description["preprocessing"]["kind"] != "affine" or description["views"] != "one":
        words += ". They need the code of the network; the formats onnx and torch need none."
        return _anew(description), f"{NEEDS[format]} trainwell", words
    words += f", called and shaped as torchvision has them in its {name}. Nothing of Trainwell is needed."
    imports = "import torch\nimport torchvision\nfrom safetensors.torch import load_file"
    return _lines(description, imports, _through_torchvision(name, description)), f"{needs} torchvision", words


def _lines(description: dict[str, Any], imports: str, model: str) -> str:
    """Reading, the model, and what it says."""
    output, given = OUTPUTS[description["task"]], INPUTS[description["kind"]]
    files, classes = reads_files(description), list(description["classes"])
    imported = [f"from {_READ} import {'CLASSES, ' if classes else ''}read"]
    if description["kind"] == "table":
        asked = "read(sys.argv[1])"
    elif files:
        asked = "np.stack([read(path) for path in sys.argv[1:]])"
    else:
        asked, imported = "np.load(sys.argv[1])", [f"\nCLASSES = {classes!r}"] if classes else []
    lines = [
        "import sys",
        "",
        *(["import numpy as np"] if "np." in asked else []),
        imports,
        *imported,
        "",
        f"{given} = {asked}",
        model,
        f"for name, row in {f'zip(sys.argv[1:], {output})' if files else f'enumerate({output})'}:",
        f"    print(name, {'CLASSES[row.argmax()], row.max()' if classes else '*row'})",
    ]
    return "\n".join(lines)


def _through_onnx(description: dict[str, Any]) -> str:
    given = INPUTS[description["kind"]]
    return (
        f'model = onnxruntime.InferenceSession("{onnx_file.FILE}")\n'
        f'[{OUTPUTS[description["task"]]}] = model.run(None, {{"{given}": {given}}})'
    )


def _through_torch(description: dict[str, Any]) -> str:
    return (
        f'model = torch.export.load("{torch_file.FILE}").module()\n'
        f"{OUTPUTS[description['task']]} = model(torch.from_numpy({INPUTS[description['kind']]})).detach().numpy()"
    )


def _through_torchvision(name: str, description: dict[str, Any]) -> str:
    """torchvision's network; its stem is changed where ours keeps the resolution of small images."""
    fitted, images = description["preprocessing"], INPUTS[description["kind"]]
    classes = bool(description["classes"])
    ours = build(description["model"], tuple(description["input_shape"]), description["num_outputs"], 0)
    stem = ours.get_submodule("conv1")
    assert isinstance(stem, nn.Conv2d), "a stem of torchvision's layout is a convolution"
    size, stride, padding = stem.kernel_size[0], stem.stride[0], stem.padding[0]
    lines = [f"model = torchvision.models.{name}(num_classes={description['num_outputs']})"]
    if (stem.in_channels, size) != (3, 7):
        made = f"{stem.in_channels}, 64, {size}, stride={stride}, padding={padding}, bias=False"
        lines.append(f"model.conv1 = torch.nn.Conv2d({made})")
    if isinstance(ours.get_submodule("maxpool"), nn.Identity):
        lines.append("model.maxpool = torch.nn.Identity()")
    target = description["target"]
    return "\n".join(
        [
            *lines,
            f'model.load_state_dict(load_file("{safetensors_file.FILE}"))',
            f"offset, scale = torch.tensor({fitted['offset']}), torch.tensor({fitted['scale']})",
            f"x = (torch.from_numpy({images}) / {fitted['unit']:g} - offset) / scale",
            "with torch.no_grad():",
            "    outputs = model.eval()(x.permute(0, 3, 1, 2))",
            "probabilities = outputs.softmax(1).numpy()"
            if classes
            else f"values = (outputs * torch.tensor({target['scale']}) + torch.tensor({target['offset']})).numpy()",
        ]
    )


def _anew(description: dict[str, Any]) -> str:
    """The network from its description, or, where the run was made with one's own, from the code of that."""
    part = description["model"]
    if part["name"] == GIVEN:
        return (
            "from safetensors.torch import load_file\n\n"
            f"network = ...  # your own {part['network']}, made as it was for the run\n"
            f'network.load_state_dict(load_file("{safetensors_file.FILE}"))\nnetwork.eval()'
        )
    return (
        "import json\n\nfrom safetensors.torch import load_file\nfrom trainwell.models import build\n\n"
        f'config = json.load(open("{CONFIG}"))\n'
        'network = build(config["model"], tuple(config["input_shape"]), config["num_outputs"], seed=0)\n'
        f'network.load_state_dict(load_file("{safetensors_file.FILE}"))\nnetwork.eval()'
    )
