"""Little data: a network trained before against one from scratch, and the ways to fine-tune against one another.

    python benchmarks/transfer.py DATA --work DIR [--targets cat dog] [--images 20] [--seeds 0 1 2 3 4] [--out FILE]
    python benchmarks/transfer.py DATA --work DIR --quick

DATA is a folder that holds `train/` and `test/`, each a folder of class folders of CIFAR-10 images. A resnet18 is
trained by `trainwell.fit` on all training images of the classes that are not among the targets. It is kept in DIR, and so
is what each seed came to; a second call takes them again. Each seed draws so many images of each target class, and every way learns from those:

- head, gradual, full: `trainwell.finetune` as it comes with `transfer=` so, at a tenth of the rate of the source; and
  full for as many epochs as a long scratch;
- full rate: the same as those two at ten times the rate;
- scratch: `trainwell.fit` of the same network, by fit's own recipe and by resnet-he, each for several numbers of
  epochs; and fit as it comes, which takes another network. The scratch that others are compared with is the one whose
  mean on the test images is the highest, which favours it.

All are scored on the test images of the target classes. `--quick` tries the program: a convnet, few images, one epoch.
Results go to results/transfer.json.
"""

import argparse
import json
import shutil
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import trainwell
from machine import describe
from small_tables import summary

HERE = Path(__file__).parent
REFERENCE = "scratch, best"
FULL_RATE = {"full": "full, full rate", "full, 160 epochs": "full, full rate, 160 epochs"}
OPTIONS = trainwell.Options()
Ways = dict[str, list[str]]
SOURCE = ["recipe=large_images", "epochs=6"]  # about 25 minutes on two cores
SCRATCH: Ways = {
    "scratch, 40 epochs": ["model=resnet18", "epochs=40"],
    "scratch, 160 epochs": ["model=resnet18", "epochs=160"],
    "scratch, resnet-he, 60 epochs": ["recipe=resnet-he", "model.width=64", "epochs=60"],
    "scratch, resnet-he, 180 epochs": ["recipe=resnet-he", "model.width=64", "epochs=180"],
}
AS_IT_COMES: Ways = {"fit as it comes": []}
FINE_TUNED: Ways = {
    "head": ["transfer=head"],
    "gradual": ["transfer=gradual"],
    "full": ["transfer=full"],
    "full, 160 epochs": ["transfer=full", "epochs=160"],
}
QUICK_SOURCE = ["model=convnet", "epochs=1"]
QUICK_SCRATCH: Ways = {
    "scratch, 10 epochs": ["model=convnet", "epochs=10"],
    "scratch, 20 epochs": ["model=convnet", "epochs=20"],
}
QUICK_IMAGES = 300  # of each class: what the source learns, and what is scored


def linked(images: list[Path], folder: Path) -> None:
    """A class folder of links to these images."""
    folder.mkdir(parents=True)
    for image in images:
        (folder / image.name).symlink_to(image.resolve())


def images_of(folder: Path) -> list[Path]:
    """The files of a class, in order."""
    found = sorted(folder.iterdir())
    if not found:
        raise SystemExit(f"{folder} is empty. Expected images of one class.")
    return found


def source_data(data: Path, targets: list[str], most: int | None, folder: Path) -> Path:
    """A folder with the classes that are not among the targets: `train/` and `test/`."""
    shutil.rmtree(folder, ignore_errors=True)
    for part in ("train", "test"):
        for kind in sorted((data / part).iterdir()):
            if kind.name not in targets:
                linked(images_of(kind)[:most], folder / part / kind.name)
    return folder


def target_data(data: Path, targets: list[str], images: int, most: int | None, seed: int, folder: Path) -> Path:
    """A folder with some training images of each target class, drawn by the seed, and their test images."""
    shutil.rmtree(folder, ignore_errors=True)
    draws = np.random.default_rng(seed)
    for name in targets:
        known = images_of(data / "train" / name)
        picked = sorted(draws.choice(len(known), images, replace=False))
        linked([known[row] for row in picked], folder / "train" / name)
        linked(images_of(data / "test" / name)[:most], folder / "test" / name)
    return folder


def trained_source(folder: Path, work: Path, edits: list[str]) -> tuple[trainwell.Run, dict[str, Any]]:
    """The source, trained where it is not there yet; and its scores."""
    place, kept = work / "source", work / "source.json"
    asked = {"edits": edits, "classes": sorted(kind.name for kind in (folder / "train").iterdir())}
    if kept.exists():
        found = json.loads(kept.read_text())
        if found["asked"] != asked:
            raise SystemExit(f"{place} was trained as {found['asked']}, asked for is {asked}. Give another --work.")
        print(f"source: {place} is there already, test accuracy {found['accuracy']:.4f}", flush=True)
        return trainwell.Run(place), found
    run = trainwell.fit(folder, edits, out=place, resume=(place / "recipe.json").exists(), options=OPTIONS)
    found = {
        "asked": asked,
        "accuracy": trainwell.evaluate(run, folder).metrics["accuracy"],
        "minutes": round(run.verdict["seconds"] / 60, 1),
        "lr": run.recipe.optimizer.args["lr"],
        "epochs": run.recipe.epochs,
        "network": run.recipe.model.name,
    }
    kept.write_text(json.dumps(found, indent=1) + "\n")
    print(f"source: {found['minutes']} minutes, test accuracy {found['accuracy']:.4f}", flush=True)
    return run, found


def scored(train: Callable[[Path], trainwell.Run], folder: Path, place: Path) -> dict[str, Any]:
    """One training, and its score on the test images."""
    began = time.perf_counter()
    run = train(place)
    seconds = time.perf_counter() - began
    return {
        "accuracy": trainwell.evaluate(run, folder).metrics["accuracy"],
        "seconds": round(seconds, 1),
        "epochs": run.recipe.epochs,
        "lr": run.recipe.optimizer.args["lr"],
        "errors": [found["problem"] for found in run.findings if found["severity"] == "error"],
    }


def one_seed(folder: Path, source: trainwell.Run, scratch: Ways, seed: int, work: Path) -> dict[str, dict[str, Any]]:
    """Every way on the images of one seed."""
    found: dict[str, dict[str, Any]] = {}

    def measure(name: str, train: Callable[[Path], trainwell.Run]) -> None:
        found[name] = scored(train, folder, work / f"seed-{seed}" / name.replace(", ", "-").replace(" ", "-"))
        one = found[name]
        said = f"seed {seed}, {name}: {one['accuracy']:.4f} (lr {one['lr']:.3g}, {one['seconds']:.0f} s)"
        print(said, *one["errors"], sep="; ", flush=True)

    def fit(edits: list[str]) -> Callable[[Path], trainwell.Run]:
        return lambda out: trainwell.fit(folder, [*edits, f"seed={seed}"], out=out, force=True, options=OPTIONS)

    def tuned(edits: list[str]) -> Callable[[Path], trainwell.Run]:
        return lambda out: trainwell.finetune(
            folder, source.path, [*edits, f"seed={seed}"], out=out, force=True, options=OPTIONS
        )

    for name, edits in (scratch | AS_IT_COMES).items():
        measure(name, fit(edits))
    for name, edits in FINE_TUNED.items():
        measure(name, tuned(edits))
    for name, other in FULL_RATE.items():
        measure(other, tuned([*FINE_TUNED[name], f"optimizer.lr={10 * found[name]['lr']!r}"]))
    return found


def differences(rounds: list[dict[str, Any]], pairs: list[tuple[str, str]]) -> dict[str, dict[str, float]]:
    """Of each pair, over the seeds: mean and deviation of first - second, in points, and how often it is above 0."""
    found = {}
    for first, second in pairs:
        gaps = [100 * (one["ways"][first]["accuracy"] - one["ways"][second]["accuracy"]) for one in rounds]
        found[f"{first} - {second}"] = {
            "mean": round(statistics.mean(gaps), 2),
            "deviation": round(statistics.stdev(gaps), 2) if len(gaps) > 1 else 0.0,
            "lowest": round(min(gaps), 2),
            "wins": sum(gap > 0 for gap in gaps),
        }
    return found


def result_of(rounds: list[dict[str, Any]], scratch: Ways) -> dict[str, Any]:
    """What the seeds come to; the best scratch joins the ways as one of its own."""
    means = {name: statistics.mean(one["ways"][name]["accuracy"] for one in rounds) for name in scratch}
    best = max(means, key=lambda name: means[name])
    ways = list(rounds[0]["ways"])
    pairs = [(name, best) for name in (*FINE_TUNED, *FULL_RATE.values())]
    pairs += [*FULL_RATE.items(), ("gradual", "head")]
    return {
        REFERENCE: best,
        "accuracy": {name: summary([one["ways"][name]["accuracy"] for one in rounds]) for name in ways},
        "differences": differences(rounds, pairs),
        "rounds": rounds,
    }


def write(
    out: Path, settings: dict[str, Any], told: dict[str, Any], rounds: list[dict[str, Any]], scratch: Ways
) -> Any:
    """Write what the seeds so far come to; gives it."""
    content = {
        "machine": describe("numpy", "pillow"),
        "settings": settings | {"seeds": len(rounds)},
        "source": told,
        **result_of(rounds, scratch),
    }
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(content, indent=1) + "\n")
    return content


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, metavar="DATA")
    parser.add_argument("--work", type=Path, required=True, help="where the runs are kept")
    parser.add_argument("--targets", nargs=2, default=["cat", "dog"], metavar="CLASS")
    parser.add_argument("--images", type=int, default=20, help="of each target class")
    parser.add_argument("--seeds", type=int, nargs="+", default=list(range(5)), metavar="SEED")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--out", type=Path, default=HERE / "results" / "transfer.json")
    arguments = parser.parse_args()
    for name in arguments.targets:
        if not (arguments.data / "train" / name).is_dir():
            parser.error(f"{arguments.data}/train has no class {name}.")
    if arguments.quick and arguments.out == parser.get_default("out"):
        arguments.out = arguments.work / "transfer.json"
    quick, work = arguments.quick, arguments.work
    edits, scratch, most = (QUICK_SOURCE, QUICK_SCRATCH, QUICK_IMAGES) if quick else (SOURCE, SCRATCH, None)
    source, told = trained_source(
        source_data(arguments.data, arguments.targets, most, work / "source-data"), work, edits
    )
    rounds: list[dict[str, Any]] = []
    asked = {"targets": arguments.targets, "images": arguments.images, "quick": quick, "source": told}
    for seed in arguments.seeds:
        kept = work / f"seed-{seed}.json"
        if not kept.exists():
            folder = target_data(arguments.data, arguments.targets, arguments.images, most, seed, work / f"data-{seed}")
            ways = one_seed(folder, source, scratch, seed, work)
            kept.write_text(json.dumps({"seed": seed, "asked": asked, "ways": ways}, indent=1) + "\n")
        one = json.loads(kept.read_text())
        if one.pop("asked") != asked:
            raise SystemExit(f"{kept} was measured with other settings. Give another --work.")
        rounds.append(one)
        settings = {"targets": arguments.targets, "images": arguments.images}
        content = write(arguments.out, settings, told, rounds, scratch)
    for name, one in content["differences"].items():
        print(f"{name}: {one['mean']:+.2f} ± {one['deviation']:.2f} points, above 0 in {one['wins']} of {len(rounds)}")
    print(f"written to {arguments.out}")


if __name__ == "__main__":
    main()
