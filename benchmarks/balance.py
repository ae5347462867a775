"""Classes of unequal size: what each `balance` makes of a long tail, on test samples of which each class has as many.

    python benchmarks/balance.py DATA [--seeds 3] [--first 0] [--ratio 50] [--largest 1000] [--epochs 20]

DATA is a folder of MNIST's digits as PNG files, in `train` and `test`, each a folder of class folders. The commonest
class has `--largest` samples and the rarest a `--ratio`-th, in between they fall by equal factors. Each seed draws
which digits are rare, which images are taken, the weights and the order; the ways share them. The network is the
default recipe's with `model=mlp`, without augmentation, and the last weights are kept. Results go to
results/balance.json.
"""

import argparse
import json
import statistics
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import trainwell
from machine import describe

HERE = Path(__file__).parent
WAYS = ("none", "weights", "sampler", "prior")
TEST = 200  # samples of each class
RARE = 3  # classes whose recall is shown by itself
METRICS = ("macro_f1", "accuracy", "rare_recall", "log_loss")


def images(folder: Path, counts: list[int], draws: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """So many images of each digit, (N, 28, 28, 1) uint8, and which digits they are."""
    pixels, labels = [], []
    for digit, count in enumerate(counts):
        files = sorted((folder / str(digit)).glob("*.png"))
        if len(files) < count:
            raise SystemExit(f"{folder / str(digit)} holds {len(files)} PNG files, expected {count} or more.")
        for place in draws.permutation(len(files))[:count]:
            with Image.open(files[place]) as image:
                pixels.append(np.asarray(image.convert("L"))[..., None])
        labels += [digit] * count
    return np.stack(pixels), np.array(labels)


def long_tail(largest: int, ratio: float, draws: np.random.Generator) -> list[int]:
    """Samples of each of ten classes, in a drawn order: from the largest down by equal factors."""
    counts = [round(largest * ratio ** (-place / 9)) for place in range(10)]
    return [counts[place] for place in draws.permutation(10)]


def measured(way: str, train: Any, test: Any, counts: list[int], edits: list[str]) -> dict[str, float]:
    """Scores on the test samples of a network trained this way."""
    with tempfile.TemporaryDirectory() as folder:
        options = trainwell.Options(checks=False)
        run = trainwell.fit(train, [*edits, f"balance={way}"], out=Path(folder, "run"), options=options)
        found = trainwell.evaluate(run, test)
    rare = sorted(range(10), key=counts.__getitem__)[:RARE]
    recall = statistics.mean(found.per_class[str(digit)]["recall"] for digit in rare)
    return {name: found.metrics[name] for name in METRICS if name in found.metrics} | {"rare_recall": recall}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, metavar="DATA")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--ratio", type=float, default=50.0)
    parser.add_argument("--largest", type=int, default=1000)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--out", type=Path, default=HERE / "results" / "balance.json")
    asked = parser.parse_args()
    if asked.seeds < 1:
        parser.error(f"--seeds {asked.seeds} measures nothing: expected at least 1.")
    edits = ["model=mlp", "augment=none", f"epochs={asked.epochs}", "keep=last", "views=one", "threads=1"]
    rounds = []
    for seed in range(asked.first, asked.first + asked.seeds):
        draws = np.random.default_rng(seed)
        counts = long_tail(asked.largest, asked.ratio, draws)
        train = images(asked.data / "train", counts, draws)
        test = images(asked.data / "test", [TEST] * 10, draws)
        results = {way: measured(way, train, test, counts, [*edits, f"seed={seed}"]) for way in WAYS}
        rounds.append({"seed": seed, "counts": counts, "results": results})
        for way, found in results.items():
            print(f"seed {seed} {way:8}", *(f"{name} {found[name]:.4f}" for name in METRICS), flush=True)
    settings = {"ratio": asked.ratio, "largest": asked.largest, "edits": edits, "test": TEST, "rare": RARE}
    content = {"machine": describe("numpy", "scikit-learn"), "settings": settings, "rounds": rounds}
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    asked.out.write_text(json.dumps(content, indent=1) + "\n")
    print(f"written to {asked.out}")


if __name__ == "__main__":
    main()
