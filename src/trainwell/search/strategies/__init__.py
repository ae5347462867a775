"""Strategies: which settings of a space are tried next.

A member takes the turn and gives the sampler of Optuna that makes this one proposal::

    (turn: Turn, *, ...) -> BaseSampler | None      # None: there is nothing left to propose

A sampler is made anew for every proposal, from the seed of the study and the number of the proposal, so that a study
that was killed proposes on as if it had not been: a generator that is started again would repeat itself.

Facts of a member:
    learns: Whether what was seen before decides what is proposed. One that does not can be trained all at once.
"""

from dataclasses import dataclass

from trainwell.draws import key
from trainwell.family import Family
from trainwell.search.space import Space

strategies = Family("strategies", __name__, "strategy")


@dataclass(frozen=True, kw_only=True)
class Turn:
    """What is to be proposed.

    Args:
        space: What may be changed.
        number: Place of this proposal among those of the strategy, from 0.
        count: Proposals that will be asked for in all.
        seed: Seed of the study and the stage.
    """

    space: Space
    number: int
    count: int
    seed: int

    @property
    def own_seed(self) -> int:
        """A seed of this proposal alone, in 32 bits."""
        return key("proposal", self.seed, self.number) % 2**32

    @property
    def shared_seed(self) -> int:
        """A seed of all the proposals of the stage, in 32 bits."""
        return key("proposals", self.seed) % 2**32
