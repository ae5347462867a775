"""Little data: a network trained before against one from scratch, and the ways to fine-tune against one another.

    python benchmarks/transfer.py DATA --work DIR [--targets dog horse] [--images 20] [--seeds 0 1 2 3 4]
        [--only WAY ...] [--out FILE]
    python benchmarks/transfer.py DATA --work DIR --quick

DATA is a folder that holds `train/` and `test/`, each a folder of class folders of CIFAR-10 images. A resnet18 is
trained by `trainwell.fit` on all training images of the classes that are not among the targets. It is kept in DIR, and
so is what each way came to under each seed; a second call takes them again, and `--only` measures some ways and writes
no results. Each seed draws so many images of each target class, and every way learns from those:

- head, gradual, full: `trainwell.finetune` as it comes with `transfer=` so, at a tenth of the rate of the source;
- full, full rate: the same as full at ten times the rate; full, rate of the source: at the very number that the source
  was trained at, although the batches are smaller;
- scratch: `trainwell.fit` of the same network, by fit's own recipe and by resnet-he, for several numbers of epochs; and
  fit as it comes, which takes another network. The one that others are compared with is the one whose mean on the test
  images is the highest, which favours it.

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
TENTH = "full"
HIGHER = ("full, full rate", "full, rate of the source")  # the same at ten times the rate, and at the source's as it is
OPTIONS = trainwell.Options()
Ways = dict[str, list[str]]
SOURCE = ["recipe=large_images", "epochs=10"]  # about 35 minutes on two cores
SCRATCH: Ways = {
    "scratch, 40 epochs": ["model=resnet18", "epochs=40"],
    "scratch, 160 epochs": ["model=resnet18", "epochs=160"],
    "scratch, 450 epochs": ["model=resnet18", "epochs=450"],  # as many steps as the fine-tuned networks make
    "scratch, resnet-he, 180 epochs": ["recipe=resnet-he", "model.width=64", "epochs=180"],
}
AS_IT_COMES: Ways = {"fit as it comes": []}
FINE_TUNED: Ways = {
    "head": ["transfer=head"],
    "gradual": ["transfer=gradual"],
    "full": ["transfer=full"],
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


def moved(source: trainwell.Run, run: trainwell.Run) -> float:
    """How far the convolutions went from those of the source: |w - w0| / |w0|, the mean over the layers."""
    before, after = source.weights(), run.weights()
    return statistics.mean(
        float((after[name] - value).norm() / value.norm()) for name, value in before.items() if value.dim() == 4
    )


def one_seed(
    folder: Path, source: trainwell.Run, scratch: Ways, seed: int, place: Path, asked: dict[str, Any], only: list[str]
) -> dict[str, dict[str, Any]]:
    """Every way on the images of one seed, or some; what is kept in `place` is not measured again."""
    found: dict[str, dict[str, Any]] = {}
    options = {"force": True, "options": OPTIONS}

    def measure(name: str, edits: list[str], *, from_source: bool = False) -> None:
        if only and name not in only:
            return
        run = place / name.replace(", ", "-").replace(" ", "-")
        kept = run.with_suffix(".json")
        if not kept.exists():
            edits = [*edits, f"seed={seed}"]

            def train(out: Path) -> trainwell.Run:
                if from_source:
                    return trainwell.finetune(folder, source.path, edits, out=out, **options)
                return trainwell.fit(folder, edits, out=out, **options)

            kept.parent.mkdir(parents=True, exist_ok=True)
            kept.write_text(json.dumps({"asked": asked, **scored(train, folder, run)}, indent=1) + "\n")
        one = json.loads(kept.read_text())
        if one.pop("asked") != asked:
            raise SystemExit(f"{kept} was measured with other settings. Give another --work.")
        if from_source:
            one["moved"] = round(moved(source, trainwell.Run(run)), 4)
        found[name] = one
        said = f"seed {seed}, {name}: {one['accuracy']:.4f} (lr {one['lr']:.3g}, {one['seconds']:.0f} s)"
        print(said, *one["errors"], sep="; ", flush=True)

    for name, edits in (scratch | AS_IT_COMES).items():
        measure(name, edits)
    for name, edits in FINE_TUNED.items():
        measure(name, edits, from_source=True)
    if TENTH in found:
        for name, rate in zip(HIGHER, (10 * found[TENTH]["lr"], asked["source"]["lr"]), strict=True):
            measure(name, [*FINE_TUNED[TENTH], f"optimizer.lr={rate!r}"], from_source=True)
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
    rivals = [*scratch, *AS_IT_COMES]
    means = {name: statistics.mean(one["ways"][name]["accuracy"] for one in rounds) for name in rivals}
    best = max(means, key=lambda name: means[name])
    ways = list(rounds[0]["ways"])
    pairs = [(name, best) for name in (*FINE_TUNED, *HIGHER)]
    pairs += [*((TENTH, name) for name in HIGHER), ("gradual", "head")]
    return {
        REFERENCE: best,
        "accuracy": {name: summary([one["ways"][name]["accuracy"] for one in rounds]) for name in ways},
        "moved": {
            name: round(statistics.mean(one["ways"][name]["moved"] for one in rounds), 4)
            for name in (*FINE_TUNED, *HIGHER)
        },
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
    parser.add_argument("--targets", nargs=2, default=["dog", "horse"], metavar="CLASS")
    parser.add_argument("--images", type=int, default=20, help="of each target class")
    parser.add_argument("--seeds", type=int, nargs="+", default=list(range(5)), metavar="SEED")
    parser.add_argument(
        "--only", nargs="+", default=[], metavar="WAY", help="measure these ways and keep what they come to"
    )
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--out", type=Path, default=HERE / "results" / "transfer.json")
    arguments = parser.parse_args()
    for name in arguments.targets:
        if not (arguments.data / "train" / name).is_dir():
            parser.error(f"{arguments.data}/train has no class {name}.")
    if arguments.quick and arguments.out == parser.get_default("out"):
        arguments.out = arguments.work / "transfer.json"
    quick, work = arguments.quick, arguments.work
    known = [*(QUICK_SCRATCH if quick else SCRATCH), *AS_IT_COMES, *FINE_TUNED, *HIGHER]
    if unknown := sorted(set(arguments.only) - set(known)):
        parser.error(f"there is no way {', '.join(unknown)}; there are {', '.join(known)}")
    edits, scratch, most = (QUICK_SOURCE, QUICK_SCRATCH, QUICK_IMAGES) if quick else (SOURCE, SCRATCH, None)
    source, told = trained_source(
        source_data(arguments.data, arguments.targets, most, work / "source-data"), work, edits
    )
    rounds: list[dict[str, Any]] = []
    asked = {"targets": arguments.targets, "images": arguments.images, "quick": quick, "source": told}
    for seed in arguments.seeds:
        folder = target_data(arguments.data, arguments.targets, arguments.images, most, seed, work / f"data-{seed}")
        ways = one_seed(folder, source, scratch, seed, work / f"seed-{seed}", asked, arguments.only)
        if arguments.only:
            continue
        rounds.append({"seed": seed, "ways": ways})
        settings = {"targets": arguments.targets, "images": arguments.images}
        content = write(arguments.out, settings, told, rounds, scratch)
    if arguments.only:
        return
    for name, one in content["differences"].items():
        print(f"{name}: {one['mean']:+.2f} ± {one['deviation']:.2f} points, above 0 in {one['wins']} of {len(rounds)}")
    print(f"written to {arguments.out}")


if __name__ == "__main__":
    main()
