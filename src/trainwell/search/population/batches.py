"""The batches of many members: one for all that see the same samples."""

import itertools
from collections.abc import Hashable, Iterator, Sequence

import torch
from torch import Tensor

from trainwell.search.population.member import Member
from trainwell.search.population.signals import Inputs, is_channels_last
from trainwell.training.setup import Setup


class Batches:
    """Training batches of some members.

    Members that share the data, the preprocessing, the augmentation, the seed and the way classes are drawn see the
    same batch at the same step; it is made once, and where they stand next to each other it is held once.

    Args:
        members: In the order of their rows.
    """

    def __init__(self, members: Sequence[Member]) -> None:
        self._members = members
        streams = [
            (*source(m.setup), m.setup.recipe.augment, m.setup.recipe.seed, m.setup.recipe.balance == "sampler")
            for m in members
        ]
        numbers = {stream: number for number, stream in enumerate(dict.fromkeys(streams))}
        self._streams = [numbers[stream] for stream in streams]
        self._one_source = len({source(m.setup) for m in members}) == 1
        self._augmented = any(m.setup.recipe.augment for m in members)

    def next(self) -> tuple[Inputs, Tensor]:
        """Inputs and targets, (K, B, ...), of the next step of each member."""
        keys = [(stream, member.step) for stream, member in zip(self._streams, self._members, strict=True)]
        place = {key: number for number, key in enumerate(dict.fromkeys(keys))}
        sizes = [len(list(run)) for _, run in itertools.groupby(keys)]
        x, y, last = self._samples([self._members[keys.index(key)] for key in place])
        if len(place) == 1:
            return Inputs(x, tuple(sizes), last), y.expand(len(keys), *y.shape[1:])
        if len(sizes) > len(place):  # runs that come back
            runs = [place[key] for key, _ in itertools.groupby(keys)]
            x = x.index_select(0, torch.tensor(runs, device=x.device))
        return Inputs(x, tuple(sizes), last), y.index_select(
            0, torch.tensor([place[key] for key in keys], device=y.device)
        )

    def _samples(self, members: Sequence[Member]) -> tuple[Tensor, Tensor, bool]:
        """Samples and targets of these members' steps, (G, B, ...); whether images came channels last."""
        if len(members) > 1 and self._one_source and not self._augmented:
            feed = members[0].setup.feeds["train"]
            indices = [member.setup.feeds["train"].stream.at(member.step)[0] for member in members]
            x, y = feed.some(torch.cat(indices))
            groups = (len(members), -1)
            return x.unflatten(0, groups), y.unflatten(0, groups), is_channels_last(x)
        found = [member.setup.feeds["train"].batch(member.step) for member in members]
        first = found[0][0]
        if len(found) == 1:
            return first[None], found[0][1][None], is_channels_last(first)
        return torch.stack([x for x, _ in found]), torch.stack([y for _, y in found]), is_channels_last(first)


def passes(setup: Setup, split: str, size: int, members: int) -> Iterator[tuple[Inputs, Tensor]]:
    """The samples of a split in batches, each for all members: inputs, and targets (K, B, ...)."""
    for x, y in setup.feeds[split].passes(size):
        yield Inputs(x[None], (members,)), y.expand(members, *y.shape)


def source(setup: Setup) -> tuple[Hashable, ...]:
    """Equal for setups that see the same samples, prepared alike."""
    return (id(setup.data), setup.recipe.preprocess)
