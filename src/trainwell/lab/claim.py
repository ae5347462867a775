"""What a claim is: a sentence of the book, the experiment that asks it, and how the answer is read."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

Word = Literal["holds", "holds in part", "does not hold here"]
Numbers = Mapping[str, Any]

CHAPTERS = ("activations", "initialisation", "data", "gradients", "optimisation", "regularisation", "search", "method")


@dataclass(frozen=True)
class Verdict:
    """What the numbers say of a claim.

    Args:
        word: Whether it holds.
        where: In words: what was measured, with its spread, and where the claim does not hold.
    """

    word: Word
    where: str


class Claim(ABC):
    """A claim of the book as an experiment.

    Measuring trains; judging and drawing read what was measured and nothing else. The pass mark is set before the run
    and follows from the wording of the claim.

    Attributes:
        id: Name in the lab, with dashes; its file has underscores.
        chapter: One of `CHAPTERS`.
        statement: The claim, as the book has it, in our own words.
        why: Why it should be so.
        question: What the experiment asks.
        set_up: What is measured on what.
        mark: When it holds, when in part, and when not, in words.
        source: Paper or course.
        num_seeds: Seeds of the whole run and of the quick one; 0 where nothing is drawn.
    """

    id: ClassVar[str]
    chapter: ClassVar[str]
    statement: ClassVar[str]
    why: ClassVar[str]
    question: ClassVar[str]
    set_up: ClassVar[str]
    mark: ClassVar[str]
    source: ClassVar[str]
    num_seeds: ClassVar[tuple[int, int]] = (5, 2)

    @abstractmethod
    def measure(self, *, quick: bool, seeds: Sequence[int]) -> dict[str, Any]:
        """Run the experiment.

        Args:
            quick: Whether a smaller one is enough: it is to come to the same verdict within seconds.
            seeds: Seeds to repeat it under.

        Returns:
            Plain JSON: what was measured, under the seeds, and all that the figure needs.
        """

    @abstractmethod
    def judge(self, numbers: Numbers) -> Verdict:
        """The verdict on what was measured."""

    @abstractmethod
    def figure(self, numbers: Numbers) -> str:
        """What was measured, drawn as the book draws it: one SVG element."""

    def seeds(self, *, quick: bool) -> range:
        """The seeds under which it is measured."""
        return range(self.num_seeds[quick])


def by_parts(parts: Sequence[bool], where: str) -> Verdict:
    """A claim of several parts holds where all do, in part where some do, and not where none does."""
    return Verdict("holds" if all(parts) else "holds in part" if any(parts) else "does not hold here", where)
