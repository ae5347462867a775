"""Averages of the weights of many members: one average for those that stand at the same step."""

import contextlib
import itertools
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from trainwell.averages import Average, averages
from trainwell.search.population.member import Member
from trainwell.search.population.stacks import Stacks


class _Rows(nn.Module):
    """Some rows of the stacks as a model: what an average takes for the weights of one network."""

    def __init__(self, stacks: Stacks, rows: slice) -> None:
        super().__init__()
        floats = [value for value in (*stacks.fixed.values(), *stacks.buffers.values()) if value.is_floating_point()]
        for number, value in enumerate([slab.values for slab in stacks.slabs] + floats):
            self.register_buffer(str(number), value[rows])


class Averaging:
    """The averages of all members. Averages work number by number, so that rows are averaged like networks.

    Args:
        stacks: What is averaged.
        members: One a row.
        before: The average of each row so far, as `rows` gives it; None starts anew.
    """

    def __init__(self, stacks: Stacks, members: Sequence[Member], before: Sequence[dict[str, Tensor]]) -> None:
        self._parts: list[tuple[Average, _Rows, Member, slice]] = []
        keys = [(m.setup.recipe.average, m.step, m.steps, bool(b)) for m, b in zip(members, before, strict=True)]
        start = 0
        for key, run in itertools.groupby(keys):
            rows = slice(start, start := start + len(list(run)))
            if key[0] is None:
                continue
            average: Average = averages.build(key[0])
            if key[3]:
                names = before[rows.start]
                average.load_state_dict({name: torch.stack([b[name] for b in before[rows]]) for name in names})
            self._parts.append((average, _Rows(stacks, rows), members[rows.start], rows))

    def update(self) -> None:
        """Take in the weights after a step that the members have counted."""
        for average, rows, member, _ in self._parts:
            average.update(rows, member.step, member.steps)

    def rows(self, count: int) -> list[dict[str, Tensor]]:
        """The average of each of so many rows, by number; empty where there is none."""
        found: list[dict[str, Tensor]] = [{} for _ in range(count)]
        for average, _, _, rows in self._parts:
            for row in range(rows.start, rows.stop):
                found[row] = {name: value[row - rows.start] for name, value in average.weights().items()}
        return found

    @contextlib.contextmanager
    def applied(self) -> Iterator[None]:
        """The stacks with the averaged weights inside the `with`."""
        with contextlib.ExitStack() as stack:
            for average, rows, _, _ in self._parts:
                stack.enter_context(average.applied(rows))
            yield
