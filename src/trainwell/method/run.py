"""A finished or running run, read from its folder."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from trainwell.errors import BadRun
from trainwell.models import build
from trainwell.models.given import GIVEN
from trainwell.preprocessing import Fitted, from_json
from trainwell.recipe import Recipe
from trainwell.record import (
    BEST_MODEL,
    BEST_PREPROCESSING,
    BEST_WEIGHTS,
    DATA,
    FINDINGS,
    RECIPE,
    RunFolder,
    read_record,
)


class Run:
    """What a run left behind. Nothing is loaded before it is asked for.

    Args:
        path: Run folder.

    Raises:
        BadRun: The folder holds no run.
    """

    def __init__(self, path: str | Path) -> None:
        self.folder = RunFolder(path)
        if not self.folder.path.is_dir():
            raise BadRun(f"There is no run folder {str(path)!r}. Expected a folder made by 'trainwell fit'.")
        self.folder.read_json(RECIPE)

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r})"

    @property
    def path(self) -> Path:
        """The folder."""
        return self.folder.path

    @property
    def recipe(self) -> Recipe:
        """The recipe, all choices resolved."""
        return Recipe.from_json(self.folder.read_json(RECIPE)["recipe"])

    @property
    def data(self) -> dict[str, Any]:
        """The content of `data.json`."""
        return self.folder.read_json(DATA)

    @property
    def findings(self) -> list[dict[str, Any]]:
        """Failed checks and what the curves say, the gravest first."""
        return list(self.folder.read_json(FINDINGS)["findings"])

    @property
    def verdict(self) -> dict[str, Any]:
        """`healthy`, `finished`, the scores of the weights that were kept, and the verdict in words."""
        return dict(self.folder.read_json(FINDINGS)["verdict"])

    def record(self, kind: str | None = None) -> list[dict[str, Any]]:
        """The lines of the record, all or of one kind."""
        return read_record(self.path, kind)

    def description(self) -> dict[str, Any]:
        """The content of `best/model.json`: all it takes to use the weights, beside the weights."""
        return self.folder.read_json(BEST_MODEL)

    def model(self, given: nn.Module | None = None) -> nn.Module:
        """The network with the best weights, in evaluation mode, on the CPU.

        Args:
            given: The network object, where the run was made with one's own; its weights are replaced.
        """
        description = self.description()
        part, shape = description["model"], tuple(description["input_shape"])
        if part["name"] == GIVEN and given is None:
            raise BadRun(
                f"{self.path} was trained with a network of one's own ({part['network']}). "
                "Give it again to load its weights."
            )
        model = build(part, shape, description["num_outputs"], 0) if given is None else given
        if not self.folder.has(BEST_WEIGHTS):
            raise BadRun(f"{self.path} has no weights yet: no epoch was finished. Go on with --resume.")
        tensors, _ = self.folder.read_tensors(BEST_WEIGHTS)
        try:
            model.load_state_dict(tensors)
        except RuntimeError as error:
            raise BadRun(f"The weights in {self.path} do not fit the network: {error}") from error
        return model.eval()

    def preprocessing(self) -> Fitted:
        """The preprocessing, as it was fitted on the training split."""
        arrays = {}
        if self.folder.has(BEST_PREPROCESSING):
            arrays = {name: value.numpy() for name, value in self.folder.read_tensors(BEST_PREPROCESSING)[0].items()}
        return from_json(self.description()["preprocessing"], arrays)

    def target(self) -> Fitted | None:
        """The standardisation of the targets; None in classification."""
        content: Mapping[str, Any] | None = self.description()["target"]
        return None if content is None else from_json(content)

    def weights(self) -> dict[str, torch.Tensor]:
        """The best weights by name."""
        return self.folder.read_tensors(BEST_WEIGHTS)[0]
