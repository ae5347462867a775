"""What a person sees while a verb works. `cli` draws it; a library call is silent unless it is given one."""

from collections.abc import Callable
from typing import Any, Protocol


class Screen(Protocol):
    """Somewhere to say things."""

    def say(self, text: str) -> None:
        """One line of what was found or done."""

    def warn(self, text: str) -> None:
        """One line that asks for attention."""

    def reading(self, done: int, total: int, what: str) -> None:
        """Files read so far."""

    def step(self, step: int, steps: int, samples: int, loss: Callable[[], float]) -> None:
        """A training step is done; `loss` reads the running mean and may wait for the device."""

    def scored(self, line: dict[str, Any]) -> None:
        """An epoch line was written."""

    def done(self) -> None:
        """Whatever bar is on the screen is finished."""


class Silent:
    """Says nothing."""

    def say(self, text: str) -> None:
        """Nothing."""

    def warn(self, text: str) -> None:
        """Nothing."""

    def reading(self, done: int, total: int, what: str) -> None:
        """Nothing."""

    def step(self, step: int, steps: int, samples: int, loss: Callable[[], float]) -> None:
        """Nothing."""

    def scored(self, line: dict[str, Any]) -> None:
        """Nothing."""

    def done(self) -> None:
        """Nothing."""
