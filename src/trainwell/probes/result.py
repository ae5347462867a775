"""What every probe returns."""

import dataclasses
import math
from dataclasses import dataclass
from typing import Any, ClassVar


@dataclass(frozen=True, kw_only=True)
class Result:
    """Numbers, and a verdict in words.

    Args:
        ok: Nothing is wrong.
        message: One line: what was seen, against what.
        advice: What it means and what to try; empty when all is well.
    """

    probe: ClassVar[str]

    ok: bool
    message: str
    advice: str = ""

    def json(self) -> dict[str, Any]:
        """The result as a flat JSON object, headed by the probe's name; a number that is not finite becomes null."""
        values = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        return {"probe": self.probe} | {name: _plain(value) for name, value in values.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
