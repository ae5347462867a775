"""Mend: a recipe checked by the doctor before it is trained, and changed where that is proven to help."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from trainwell.data.dataset import listed
from trainwell.data.photos import Photos
from trainwell.diagnoses.gather import gather
from trainwell.diagnoses.judge import judge
from trainwell.diagnoses.pairs import Changed, Pairs
from trainwell.diagnoses.repair import BUDGET, mended
from trainwell.edits import Edited
from trainwell.errors import BadValue
from trainwell.family import Part
from trainwell.method.card import value_text
from trainwell.method.counterparts import recipe_edits, written
from trainwell.method.look import Look
from trainwell.method.pace import samples_to_time
from trainwell.method.program import left_out, program_of
from trainwell.method.screen import Screen
from trainwell.probes.parts import Build, Parts
from trainwell.probes.state import untouched
from trainwell.recipe import Recipe
from trainwell.training.setup import Setup, set_up


@dataclass(frozen=True)
class Mended:
    """What was done to a recipe.

    Args:
        edits: `key=value` edits of the recipe that mend it; none where it stays as it is.
        lines: What was found, what was changed, and what it brought.
    """

    edits: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()


def mend(looked: Look, device: torch.device, screen: Screen, given: nn.Module | None = None) -> Mended:
    """Check the program that a recipe stands for, and find the fewest edits of the recipe that mend it.

    Each trial is a training of the edited recipe beside the recipe as it is, under the same seed; see
    `trainwell.diagnoses.repair`. Random states and a network of one's own are left as they were, to the bit.

    Args:
        looked: Data, and the recipe for it.
        device: Where to train.
        screen: Where to say what was found.
        given: One's own network.

    Raises:
        BadValue: The samples cannot be read again and again, or there are none for validation.
    """
    data, recipe = looked.data, looked.recipe
    if not isinstance(data.x, np.ndarray | Photos | Tensor):
        raise BadValue(
            f"--repair trains many times on the same samples, and a {type(data.x).__name__} may give others each time. "
            "Give arrays (x, y), or leave it out."
        )
    seed = recipe.seed

    def bound(of: Recipe) -> Setup:
        with untouched(given, seed=of.seed) as (own,):
            return set_up(data, of, device, own)

    setup = bound(recipe)
    samples_to_time(setup)  # refuses a batch that cannot fit, before the network is given one
    missing = left_out(setup)
    program = program_of(setup)

    def program_under(recipe: Recipe, seed: int) -> Parts:
        return program_of(bound(recipe.replace(seed=seed)))

    def made(changes: Sequence[Part], pair: int) -> Changed:
        settings, needed = recipe_edits(recipe, changes)
        edited = program_under(recipe.edit(written(settings)), seed + pair)
        return edited, [(change, Edited(says=change.name)) for change in needed]

    build: Build | None = None if given is not None else lambda seed: program_under(recipe, seed)
    screen.say("repair: looking for what is wrong, before anything is trained")
    evidence = gather(program, build=build, seed=seed)
    if recipe.balance != "none" or recipe.loss.args.get("weights") is not None:
        settings_of = evidence.facts.loss_settings | {"has_weight": 1.0}  # a script that does so has them in its loss
        evidence = replace(evidence, facts=replace(evidence.facts, loss_settings=settings_of))
    diagnosis = judge(evidence)
    with untouched(seed=seed):
        changes, _, effect, why = mended(program, evidence, diagnosis, Pairs(program, build, seed, BUDGET, None, made))
    lines = [
        f"found {finding.problem} ({finding.severity}): {finding.message}"
        for finding in diagnosis
        if finding.severity != "note"
    ]
    settings, _ = recipe_edits(recipe, changes)
    if changes:
        lines += [f"{edit}  (was {_text(recipe, edit)}): {effect}" for edit in written(settings)]
    else:
        lines.append(f"the recipe stays as it is: {why}")
    if missing and not diagnosis.healthy:
        lines.append(f"tried without {listed(missing)}")
    lines = [f"repair: {line}" for line in lines]
    for line in lines:
        (screen.say if diagnosis.healthy else screen.warn)(line)
    return Mended(tuple(written(settings)), tuple(lines))


def _text(recipe: Recipe, edit: str) -> str:
    """What the recipe holds where an edit sets something else; `none` where it holds nothing."""
    value: Any = recipe.json()
    for name in edit.partition("=")[0].split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value_text(value["name"] if isinstance(value, dict) else value)
