"""Speed of a training step: a loop written by hand, Trainwell, Lightning and Keras, by turns in one run.

    python benchmarks/throughput.py DATA [--only NETWORK] [--turns 7] [--contenders NAME ...]

DATA holds train/, a folder of class folders of 32 x 32 images. Every contender is a process of its own, kept for the
whole run; they take turns of a few steps, one at a time, so that whatever else the machine does meets all alike. A
ratio is the median over the turns of (contender / reference) within a turn. Results go to results/throughput.json;
`tables.py` writes them into the README.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple, Self

from machine import cores, describe

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "throughput.json"
REFERENCE = "by hand"


class Plan(NamedTuple):
    """How a network is measured."""

    batch: int
    warm_up: int
    steps: int
    unit: str
    threads: int = cores()


PLANS = {
    "convnet": Plan(batch=512, warm_up=2, steps=8, unit="images/s"),
    "resnet18": Plan(batch=128, warm_up=2, steps=6, unit="images/s"),
    "mlp": Plan(batch=32, warm_up=100, steps=1000, unit="us/step", threads=1),
}

RIVALS = {
    "Lightning, documented": ("lightning_fit", "documented"),
    "Lightning, equal": ("lightning_fit", "equal"),
    "Keras, documented": ("keras_fit", "documented"),
    "Keras, equal": ("keras_fit", "equal"),
}
CONTENDERS = {
    "convnet": {REFERENCE: ("by_hand", "tuned"), "trainwell": ("engine", "fit"), **RIVALS},
    "resnet18": {REFERENCE: ("by_hand", "tuned"), "trainwell": ("engine", "fit"), **RIVALS},
    "mlp": {
        REFERENCE: ("by_hand", "features"),
        "by hand, bare": ("by_hand", "bare"),
        "trainwell": ("engine", "fit"),
        **RIVALS,
    },
}


class Contender:
    """A running `contender.py`; a context manager that ends it."""

    def __init__(self, name: str, network: str, arguments: argparse.Namespace) -> None:
        module, variant = CONTENDERS[network][name]
        self.name = name
        self.log = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed on exit
        command = [sys.executable, HERE / "contender.py", module, variant, network, arguments.data]
        threads = arguments.threads or PLANS[network].threads
        options = {"--batch": PLANS[network].batch, "--threads": threads, "--seed": arguments.seed}
        words = [str(word) for word in (*command, *(part for option in options.items() for part in option))]
        self.process = subprocess.Popen(
            words,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": str(threads), "KERAS_BACKEND": "torch"},
        )
        self._answer()

    def turn(self, warm_up: int, steps: int) -> float:
        """Seconds of `steps` steps."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{warm_up} {steps}\n")
        self.process.stdin.flush()
        return json.loads(self._answer())

    def _answer(self) -> str:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            self.log.seek(0)
            raise SystemExit(f"{self.name} stopped:\n{self.log.read()[-3000:]}")
        return line

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        try:
            self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()


def measure(network: str, names: Sequence[str], arguments: argparse.Namespace) -> dict[str, Any]:
    """Turns, medians and ratios of one network, with what they were measured on."""
    plan = PLANS[network]
    steps = arguments.steps or plan.steps
    turns: dict[str, list[float]] = {name: [] for name in names}
    with ExitStack() as stack:
        running = [stack.enter_context(Contender(name, network, arguments)) for name in names]
        for turn in range(arguments.turns):
            for contender in running:
                seconds = contender.turn(plan.warm_up, steps)
                value = 1e6 * seconds / steps if plan.unit == "us/step" else plan.batch * steps / seconds
                turns[contender.name].append(round(value, 2))
                print(f"{network:9} turn {turn + 1}  {contender.name:24} {value:9.1f} {plan.unit}", flush=True)
    return {
        "machine": describe("numpy", "pillow", "lightning", "keras"),
        "settings": {
            "batch": plan.batch,
            "warm_up": plan.warm_up,
            "steps": steps,
            "turns": arguments.turns,
            "threads": arguments.threads or plan.threads,
            "seed": arguments.seed,
        },
        "unit": plan.unit,
        "reference": REFERENCE,
        "turns": turns,
        "medians": {name: statistics.median(values) for name, values in turns.items()},
        "ratios": ratios(turns, REFERENCE),
    }


def ratios(turns: dict[str, list[float]], reference: str) -> dict[str, float]:
    """Median over the turns of each contender's value in units of the reference's value in the same turn."""
    base = turns.get(reference)
    if base is None:
        return {}
    return {
        name: round(statistics.median(value / unit for value, unit in zip(values, base, strict=True)), 4)
        for name, values in turns.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder that holds train/")
    parser.add_argument("--only", choices=PLANS, help="one network; the results of the others stay as they are")
    parser.add_argument("--contenders", nargs="+", help="leave out the others; nothing is written")
    parser.add_argument("--turns", type=int, default=7)
    parser.add_argument("--steps", type=int, help="timed steps a turn")
    parser.add_argument("--threads", type=int, help="of every contender; all cores, and one for the mlp, if not given")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for network in [arguments.only] if arguments.only else PLANS:
        names = arguments.contenders or list(CONTENDERS[network])
        result = measure(network, names, arguments)
        for name, median in result["medians"].items():
            ratio = result["ratios"].get(name, float("nan"))
            print(f"{network:9} {name:24} median {median:9.1f} {result['unit']}  {ratio:6.3f} of {REFERENCE}")
        if not arguments.contenders:
            results[network] = result
            RESULTS.parent.mkdir(exist_ok=True)
            RESULTS.write_text(json.dumps(results, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
