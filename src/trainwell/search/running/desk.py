"""Where trials that are trained elsewhere bring their scores, as an actor of a Ray cluster. It needs no torch."""

import asyncio
from typing import Any


class Desk:
    """Where tasks bring their scores, and wait for the judge, who sits in the process that asked for the trials."""

    def __init__(self) -> None:
        self._asked: asyncio.Queue[tuple[int, int, dict[str, Any]]] = asyncio.Queue()
        self._answers: dict[int, asyncio.Future[bool]] = {}
        self._count = 0

    async def ask(self, number: int, score: dict[str, Any]) -> bool:
        """Whether the trial of this number is to go on."""
        self._count += 1
        key = self._count
        answer = self._answers[key] = asyncio.get_running_loop().create_future()
        await self._asked.put((key, number, score))
        return await answer

    async def next(self) -> tuple[int, int, dict[str, Any]]:
        """The next question: its key, the trial, and the score."""
        return await self._asked.get()

    async def answer(self, key: int, goes_on: bool) -> None:
        """Answer a question."""
        self._answers.pop(key).set_result(goes_on)
