"""The lines of Python in the README that run an exported model."""

from typing import Any

from trainwell.method.export import onnx_file, safetensors_file, torch_file
from trainwell.method.export.config import CONFIG
from trainwell.method.export.graph import INPUTS, OUTPUTS
from trainwell.method.export.reader import READER, reads_files
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
    words = (
        f"The weights by name, `{safetensors_file.FILE}`. They need the code of the network; onnx and torch need none."
    )
    resnet = safetensors_file.resnet_layout(description["model"])
    if resnet is not None:
        words += (
            f" Their names and shapes are those that torchvision gives its {resnet}, but for the stem of small images."
        )
    return _anew(description), f"{NEEDS[format]} trainwell", words


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
