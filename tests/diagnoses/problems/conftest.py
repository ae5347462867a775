"""What the tests of problems share: programs looked at once, with as few trials as a rule needs."""

from collections.abc import Callable
from typing import Any

import pytest

from trainwell.diagnoses import gather
from trainwell.diagnoses.evidence import Evidence
from trainwell.diagnoses.problems import Suspicion, fitted, problems
from trainwell.probes.parts import Parts

Program = Callable[[], Parts]


@pytest.fixture(scope="session")
def look() -> Callable[..., Evidence]:
    """(program, *trials) -> its evidence, with these trials only; the same is looked at once."""
    known: dict[Any, Evidence] = {}

    def seen(program: Program, *trials: str) -> Evidence:
        if (program, trials) not in known:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(gather, "TRIALS", {name: gather.TRIALS[name] for name in trials})
                known[program, trials] = gather.gather(program())
        return known[program, trials]

    return seen


@pytest.fixture(scope="session")
def suspect(look: Callable[..., Evidence]) -> Callable[..., Suspicion | None]:
    """(problem, program, *trials) -> what its rule says, under the limits that come with the package."""

    def ask(problem: str, program: Program, *trials: str) -> Suspicion | None:
        suspicion: Suspicion | None = problems[problem].make(look(program, *trials), fitted()[problem].limits)
        return suspicion

    return ask
