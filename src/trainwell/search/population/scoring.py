"""Scores of many members over the validation split, and the choice of the weights that are kept."""

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from trainwell.errors import BadValue
from trainwell.search.population.batches import passes, source
from trainwell.search.population.layers import Pass
from trainwell.search.population.member import Member
from trainwell.search.population.network import Network, dimensions
from trainwell.search.population.objectives import Objective, metric, right_by_class, sums
from trainwell.search.population.signals import placed
from trainwell.search.trial import Score
from trainwell.training.balance import BALANCED_MONITOR, mean_recall
from trainwell.training.engine import Engine
from trainwell.training.evaluate import BATCH


@torch.no_grad()
def score(
    members: Sequence[Member],
    weights: Mapping[str, Tensor],
    losses: Sequence[float],
    engine: Engine,
    bound: tuple[Network, Objective] | None = None,
) -> dict[int, Score]:
    """Score members where they stand; the best weights of each are kept.

    Args:
        members: Whom.
        weights: What they hold, by name, (K, ...) each.
        losses: Sums of their training losses since the score before.
        engine: How to compute.
        bound: Network and losses of these members; None makes them.

    Returns:
        By identity of the member.

    Raises:
        BadValue: There is no validation split.
    """
    found: dict[int, Score] = {}
    for rows in _together(members):
        some, network = weights, bound
        if len(rows) < len(members):
            network = None
            index = torch.tensor(rows, device=engine.device)
            some = {name: value.index_select(0, index) for name, value in weights.items()}
        results = _validated([members[row] for row in rows], some, engine, network)
        for row, (valid_loss, value) in zip(rows, results, strict=True):
            member = members[row]
            since = member.step - (member.scores[-1].step if member.scores else 0)
            result = Score(
                step=member.step,
                epoch=member.epoch,
                value=-valid_loss if member.plan.monitor == "valid_loss" else value,
                train_loss=losses[row] / max(1, since),
                valid_loss=valid_loss,
            )
            found[id(member)] = result
            if member.add(result) and member.plan.keep_best:
                member.kept = {name: tensor[row].clone() for name, tensor in weights.items()}
            member.diverged = not math.isfinite(valid_loss)
    return found


def no_score(member: Member) -> Score:
    """The score of a member that has diverged."""
    nothing = math.nan
    return Score(step=member.step, epoch=member.epoch, value=nothing, train_loss=nothing, valid_loss=nothing)


def _together(members: Sequence[Member]) -> list[list[int]]:
    """Positions of the members that are scored on the same samples."""
    found: dict[object, list[int]] = {}
    for row, member in enumerate(members):
        found.setdefault(source(member.setup), []).append(row)
    return list(found.values())


def _validated(
    members: Sequence[Member],
    weights: Mapping[str, Tensor],
    engine: Engine,
    bound: tuple[Network, Objective] | None,
) -> list[tuple[float, float]]:
    """Validation loss, and accuracy, balanced where that is what a member goes by, or R2, of members that share the
    data."""
    setups = [member.setup for member in members]
    first = setups[0]
    if "valid" not in first.feeds:
        raise BadValue("The data has no validation split, by which members are scored. Give it one.")
    sample_dims = dimensions(first)
    network, objective = bound or (Network([setup.model for setup in setups], sample_dims), Objective(setups))
    now = Pass(weights, len(members))
    size = BATCH if sample_dims == 1 else min(BATCH, first.feeds["train"].batch_size)  # which is known to fit
    balanced = [member.plan.monitor == BALANCED_MONITOR for member in members]
    count, parts, right = 0, [], []
    for signal, target in passes(first, "valid", size, len(members)):
        output = network(placed(signal, engine), now)
        rows = target.shape[1]
        loss = objective.plain_losses(output, target).double()[:, None] * rows
        parts.append(torch.cat((loss, sums(output, target, first.num_classes)), dim=1))
        count += rows
        if any(balanced) and first.num_classes is not None:
            right.append(right_by_class(output, target, first.num_classes))
    total = torch.stack(parts).sum(0) / count
    values = metric(total[:, 1:], first.num_classes)
    if right:
        held = torch.bincount(first.feeds["valid"].target, minlength=first.num_classes or 0)
        recalls = mean_recall(torch.stack(right).sum(0), held)
        values = torch.where(torch.tensor(balanced, device=values.device), recalls, values)
    return list(zip(total[:, 0].tolist(), values.tolist(), strict=True))
