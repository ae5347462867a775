"""One view against averages over crops, scales and mirror images: accuracy, cost, and McNemar's test of the difference.

    python benchmarks/multi_crop.py --on RUN DATA [--on RUN DATA ...]

RUN is the folder of a finished run of images, DATA what `trainwell evaluate RUN DATA` takes: test samples it has not
seen. Scales are those of the book, as multiples of the side of the network's input: 224, 256, 384, 480 and 640 over
224. The weights, the samples and the single view are the same for all. Where photos lie in train and val alone, train
on the train folder and give the val folder as DATA. Results go to results/multi_crop.json.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import trainwell
from machine import describe, keep_memory
from trainwell.data.views import Views

HERE = Path(__file__).parent
BOOK = (224, 256, 384, 480, 640)


def ways(side: int) -> dict[str, Views]:
    """What is averaged over, by name, for an input of this side."""
    scales = [round(side * scale / BOOK[0]) for scale in BOOK]
    return {
        "mirror image": Views(flips=True),
        "middle at 256": Views(1, (scales[1],)),
        "5 crops at 256": Views(5, (scales[1],)),
        "10 crops at 256": Views(10, (scales[1],)),
        "middle, 3 scales": Views(1, tuple(scales[:3])),
        "10 crops at 256 and 384": Views(10, tuple(scales[1:3])),
        "the book: 10 crops, 5 scales": Views(10, tuple(scales)),
    }


def measured(run: trainwell.Run, data: str) -> dict[str, Any]:
    """Every way on the samples, beside the single view."""
    side = int(run.description()["decoding"]["size"][0])
    found, single, evaluation = {}, None, None
    for name, views in ways(side).items():
        evaluation = trainwell.evaluate(run, data, views=views)
        if evaluation.seen:
            raise SystemExit(f"{evaluation.seen} samples of {data} are among those {run.path} was trained on.")
        single = evaluation.views["beside"][0]
        test = single["test"]
        found[name] = {
            "views": evaluation.views["text"],
            "count": evaluation.views["count"],
            "metrics": evaluation.metrics,
            "milliseconds_a_sample": evaluation.views["milliseconds_a_sample"],
            "ratio": evaluation.views["ratio"],
            "right_alone": test["better"],
            "p": test["p"],
            "text": test["text"],
        }
        print(f"  {name}: accuracy {evaluation.metrics['accuracy']:.4f}; {test['text']}", flush=True)
    assert evaluation is not None and single is not None, "there is a way"
    told = {"samples": evaluation.count, "part": evaluation.part, "side": side, "model": run.recipe.model.name}
    return {**told, "one view": single["metrics"], "ways": found}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--on", nargs=2, action="append", required=True, metavar=("RUN", "DATA"))
    parser.add_argument("--out", type=Path, default=HERE / "results" / "multi_crop.json")
    asked = parser.parse_args()
    keep_memory()
    runs: dict[str, Any] = {}
    for folder, data in asked.on:
        name = Path(data).name if Path(data).name not in ("test", "val", "valid") else Path(data).parent.name
        if name in runs:
            parser.error(f"two of the data sets are called {name}")
        print(f"{folder} on {data}", flush=True)
        runs[name] = measured(trainwell.Run(folder), data)
    result = {"machine": describe("trainwell", "pillow"), "runs": runs}
    asked.out.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
