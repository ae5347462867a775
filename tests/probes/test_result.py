import json
import math
from dataclasses import dataclass
from typing import ClassVar

from trainwell.probes.result import Result


@dataclass(frozen=True, kw_only=True)
class Weighed(Result):
    probe: ClassVar[str] = "weighed"

    loss: float
    path: tuple[float, ...]
    rate: float | None = None


def test_json_is_plain_and_valid():
    result = Weighed(ok=False, message="seen", loss=math.nan, path=(1.0, math.inf))
    plain = result.json()
    assert plain == {
        "probe": "weighed",
        "ok": False,
        "message": "seen",
        "advice": "",
        "loss": None,
        "path": [1.0, None],
        "rate": None,
    }
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain
