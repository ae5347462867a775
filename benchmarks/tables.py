"""Write the tables of README.md from the JSON in results/.

python benchmarks/tables.py            write them
python benchmarks/tables.py --check    only say whether they are as they should be (exit 1 if not)
"""

import argparse
import json
import re
import statistics
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from doctor.page import faults
from rates.page import lr_range
from readme import table, where

HERE = Path(__file__).parent


def throughput(results: dict[str, Any]) -> str:
    """One table a network: median, lowest and highest of the turns, ratio to the reference."""
    parts = []
    for network, result in results.items():
        settings, unit, reference = result["settings"], result["unit"], result["reference"]
        rows = []
        for name, median in sorted(result["medians"].items(), key=lambda item: item[1], reverse=unit == "images/s"):
            turns = result["turns"][name]
            ratio = result["ratios"].get(name)
            spread = f"{min(turns):,.0f} - {max(turns):,.0f}"
            rows.append([name, f"{median:,.0f}", spread, "" if ratio is None else f"{ratio:.2f}"])
        said = (
            f"**{network}**: batch {settings['batch']}, {settings['turns']} turns of {settings['steps']} steps, "
            f"{settings['threads']} threads, seed {settings['seed']}. {where(result['machine'])}"
        )
        head = ["", unit.replace("us", "µs"), "lowest - highest", f"x {reference}"]
        parts.append(said + "\n\n" + table(head, rows))
    return "\n\n".join(parts)


def time_to_accuracy(result: dict[str, Any]) -> str:
    """One row a round and program."""
    rows = []
    for one in result["rounds"]:
        for name in ("trainwell", "airbench94"):
            line = one[name]
            numbers = [f"{line['seconds']:.0f}", f"{line['train_seconds']:.0f}", f"{line['accuracy']:.4f}"]
            rows.append([name, str(one["seed"]), *numbers, f"{line['peak_mib'] / 1024:.2f}"])
    head = ["", "seed", "seconds, all", "seconds, training", "test accuracy", "peak GiB"]
    return f"{where(result['machine'])}\n\n{table(head, rows)}\n\nTrainwell / airbench94: {result['ratio']:.2f}."


def small_tables(result: dict[str, Any]) -> str:
    """One row a data set: mean and standard deviation over the seeds."""
    rows = []
    for name, found in result["results"].items():
        network = [f"{found[part]['mean']:.4f} ± {found[part]['deviation']:.4f}" for part in ("heldout", "valid")]
        linear = found["linear"]["heldout"]
        line = f"{linear['mean']:.4f} ± {linear['deviation']:.4f}"
        rows.append([name, found["metric"], *network, line, f"{found['seconds']['mean']:.1f}"])
    head = ["", "metric", "held out", "validation", "linear model, held out", "seconds"]
    seeds = ", ".join(map(str, result["seeds"]))
    return f"Seeds {seeds}. {where(result['machine'])}\n\n{table(head, rows)}"


def augmentation(result: dict[str, Any]) -> str:
    """One table a size of images: what each program does in a second, and how much more Trainwell does."""
    settings, parts = result["settings"], []
    for size, found in result["sizes"].items():
        rows = []
        for name, one in sorted(found.items(), key=lambda item: (item[0] in result["policies"], item[0])):
            medians = one["medians"]
            rivals = [medians.get(program) for program in ("kornia", "kornia, from bytes", "kornia, image by image")]
            ours = medians["trainwell"]
            ratios = ["" if rival is None else f"{ours / rival:.1f}" for rival in rivals[1:]]
            ratio = one["ratios"].get("trainwell")
            rows.append(
                [
                    f"**{name}**" if name in result["policies"] else name,
                    f"{ours:,.0f}",
                    "" if rivals[0] is None else f"{rivals[0]:,.0f}",
                    "" if ratio is None else f"{ratio:.2f}",
                    *ratios,
                    result["notes"].get(name, ""),
                ]
            )
        said = (
            f"**{size} x {size}**, batch {settings['batch'][size]}, {settings['turns']} turns, "
            f"{settings['threads']} threads, seed {settings['seed']}. {where(result['machine'])}"
        )
        head = ["", "Trainwell, images/s", "kornia", "x kornia", "x from bytes", "x image by image", "unequal"]
        parts.append(said + "\n\n" + table(head, rows))
    return "\n\n".join(parts)


def estimators(result: dict[str, Any]) -> str:
    """One row a data set and contender: time and accuracy, and what ours is beside it."""
    settings, parts = result["settings"], []
    for title, find in (
        ("The same size and epochs.", lambda one: one),
        ("As they come.", lambda one: one.get("as they come")),
    ):
        rows = []
        for name, one in result["results"].items():
            found = find(one)
            for who, line in (found["summary"] if found else {}).items():
                numbers = [f"{line['epochs']:.0f}", f"{line['seconds']:.3f}", f"{line['accuracy']:.4f}"]
                ours = [f"{line['time of ours']:.2f}", f"{line['gain of ours']:+.4f} ± {line['gain error']:.4f}"]
                rows.append([name, who, *numbers, *(["", ""] if who == "Classifier" else ours)])
        head = ["", "", "epochs", "seconds", "accuracy", "time of ours / theirs", "accuracy of ours - theirs"]
        parts += [f"**{title}**\n\n{table(head, rows)}"] if rows else []
    said = f"{settings['turns']} turns, {settings['threads']} thread. {where(result['machine'])}"
    return "\n\n".join([said, *parts])


def tuning(result: dict[str, Any]) -> str:
    """One table a question: mean accuracy of each way and data set, and the differences over the seeds."""
    parts = []
    for question, found in result["found"].items():
        ways = list(next(iter(found.values()))["rounds"][0]["results"])
        pairs = list(next(iter(found.values()))["differences"])
        rows = []
        for name, one in found.items():
            scores = {way: [line["results"][way]["score"] for line in one["rounds"]] for way in ways}
            differences = [one["differences"][pair] for pair in pairs]
            means = [f"{sum(scores[way]) / len(scores[way]):.4f}" for way in ways]
            rows.append([name, *means, *(f"{d['mean']:+.2f} ± {d['deviation']:.2f}" for d in differences)])
        settings, machine = next(iter(found.values()))["settings"], next(iter(found.values()))["machine"]
        said = f"{settings['trials']} trials, {settings['seeds']} seeds, trials run {settings['on']}. {where(machine)}"
        heading = ["", *ways, *(f"{pair}, points" for pair in pairs)]
        parts.append(f"**{question}**: {said}\n\n{table(heading, rows)}")
    return "\n\n".join(parts)


def doctor_overhead(result: dict[str, Any]) -> str:
    """What a doctor costs a step, a row a network; and what it finds at that price, a row a planted fault."""
    cost = []
    for network, one in result["cost"].items():
        settings = one["settings"]
        plain = f"{one['milliseconds_a_step']['nobody']:.2f}"
        for who, ratio in one["ratios"].items():
            if who != "nobody":
                spread = f"{ratio['low']:.2f} - {ratio['high']:.2f}"
                cost.append([network, str(settings["steps"]), plain, who, f"{ratio['median']:.2f}", spread])
    found = [
        [fault, who, f"{one['named']} of {one['seeds']}", f"{one['twins_accused']} of {one['seeds']}"]
        for fault, tools in result["planted"].items()
        for who, one in tools.items()
    ]
    return "\n\n".join(
        [
            where(result["machine"]),
            table(["", "steps", "ms a step, nobody", "", "x nobody, median", "lowest - highest"], cost),
            table(["planted", "", "named", "clean twins accused"], found),
        ]
    )


def photos(result: dict[str, Any]) -> str:
    """One row a program and number of workers: photos a second in the first epoch and in later ones."""
    settings, turns, rows = result["settings"], result["turns"], []
    for name in turns[0]:
        rates = {kind: [turn[name][kind] for turn in turns] for kind in ("first", "later")}
        cells = [f"{statistics.median(rate):,.0f} ({min(rate):,.0f} - {max(rate):,.0f})" for rate in rates.values()]
        rows.append([name, *cells])
    ratios = result["ratios"]
    rows.append(["**trainwell / the best other**", f"**{ratios['first']:.2f}**", f"**{ratios['later']:.2f}**"])
    width, height = settings["size"]
    said = (
        f"{settings['photos']:,} photos of about {width} x {height}, batch {settings['batch']}, {settings['turns']} "
        f"turns of 1 + {settings['epochs']} epochs, {settings['threads']} threads. {where(result['machine'])}"
    )
    return said + "\n\n" + table(["photos/s, median (lowest - highest)", "first epoch", "later epochs"], rows)


def population(result: dict[str, Any]) -> str:
    """One table a device: each problem and number of members, seconds in turn and how much faster the others are."""
    parts = []
    for device, problems in result.items():
        found = [(name, int(count), one) for name, counts in problems.items() for count, one in counts.items()]
        others = list(dict.fromkeys(who for _, _, one in found for who in one["ratios"] if who != "in turn"))
        rows = []
        for name, count, one in sorted(found, key=lambda line: (list(problems).index(line[0]), line[1])):
            faster = [f"{one['ratios'][who]:.1f}" if who in one["ratios"] else "" for who in others]
            setting = [str(count), str(one["settings"]["steps"]), f"{statistics.median(one['turns']['in turn']):.1f}"]
            rows.append([name, *setting, *faster])
        machine = found[-1][2]["machine"]
        head = ["", "K", "steps", "seconds in turn", *(f"{who}, x faster" for who in others)]
        parts.append(f"**{device}** {where(machine)}\n\n{table(head, rows)}")
    return "\n\n".join(parts)


def balance(result: dict[str, Any]) -> str:
    """One row a way: mean and standard deviation over the seeds, and its gain beside doing nothing, seed by seed."""
    settings, rounds = result["settings"], result["rounds"]
    metrics = {
        "macro_f1": "macro F1",
        "accuracy": "accuracy",
        "rare_recall": f"recall of the {settings['rare']} rarest",
    }
    rows = []
    for way in rounds[0]["results"]:
        scores = {metric: [one["results"][way][metric] for one in rounds] for metric in metrics}
        gains = [one["results"][way]["macro_f1"] - one["results"]["none"]["macro_f1"] for one in rounds]
        gain = "" if way == "none" else _spread(gains, "+.4f")
        rows.append([way, *(_spread(values, ".4f") for values in scores.values()), gain])
    seeds = ", ".join(str(one["seed"]) for one in rounds)
    said = f"Ratio {settings['ratio']:g}, seeds {seeds}. {where(result['machine'])}"
    return f"{said}\n\n{table(['', *metrics.values(), 'macro F1 - none'], rows)}"


def transfer(result: dict[str, Any]) -> str:
    """One row a way: test accuracy over the seeds, and how far it lies above the best scratch; then the other pairs."""
    settings, best, pairs = result["settings"], result["scratch, best"], result["differences"]
    rows, others = [], []
    for way, one in result["accuracy"].items():
        gap = pairs.get(f"{way} - {best}")
        scores = [f"{one['mean']:.4f} ± {one['deviation']:.4f}", f"{one['lowest']:.4f} - {one['highest']:.4f}"]
        far = f"{result['moved'][way]:.1%}" if way in result["moved"] else ""
        rows.append([f"**{way}**" if way == best else way, *scores, *_gap(gap, settings["seeds"]), far])
    for pair, gap in pairs.items():
        if not pair.endswith(f" - {best}"):
            others.append([pair, *_gap(gap, settings["seeds"])])
    source = result["source"]
    said = (
        f"{' and '.join(settings['targets'])}, {settings['images']} images of each, {settings['seeds']} seeds. Source: "
        f"{source['network']}, {source['epochs']:g} epochs in {source['minutes']:g} minutes, test accuracy "
        f"{source['accuracy']:.4f} on its own classes. {where(result['machine'])}"
    )
    first = table(["", "test accuracy", "lowest - highest", "- best scratch, points", "seeds above", "moved"], rows)
    return f"{said}\n\n{first}\n\n{table(['', 'points', 'seeds above'], others)}"


def multi_crop(result: dict[str, Any]) -> str:
    """One table a data set: what each average does to accuracy and log loss, at what cost, and whether it is chance."""
    parts = []
    for name, found in result["runs"].items():
        one = found["one view"]
        rows = [["one view", f"{one['accuracy']:.4f}", "", f"{one['log_loss']:.4f}", "", "", ""]]
        for way, line in found["ways"].items():
            metrics, alone = line["metrics"], line["right_alone"]
            gain = f"{100 * (metrics['accuracy'] - one['accuracy']):+.2f}"
            p = "< 0.0001" if line["p"] < 0.0001 else f"{line['p']:.2g}"
            scores = [f"{metrics['accuracy']:.4f}", gain, f"{metrics['log_loss']:.4f}"]
            rows.append([way, *scores, f"{alone[0]} : {alone[1]}", p, f"{line['ratio']:.1f}"])
        head = ["", "accuracy", "points", "log loss", "right alone", "McNemar's p", "x time"]
        sample = f"{found['samples']:,} samples ({found['part']})"
        said = f"**{name}**: {sample}, {found['model']}, input of {found['side']} x {found['side']}."
        parts.append(f"{said}\n\n{table(head, rows)}")
    return "\n\n".join([where(result["machine"]), *parts])


def _gap(gap: dict[str, float] | None, seeds: int) -> list[str]:
    return ["", ""] if gap is None else [f"{gap['mean']:+.2f} ± {gap['deviation']:.2f}", f"{gap['wins']} of {seeds}"]


def _spread(values: list[float], form: str) -> str:
    deviation = statistics.stdev(values) if len(values) > 1 else 0.0
    return f"{statistics.mean(values):{form}} ± {deviation:.4f}"


TABLES: dict[str, Callable[[dict[str, Any]], str]] = {
    "throughput": throughput,
    "time_to_accuracy": time_to_accuracy,
    "small_tables": small_tables,
    "estimators": estimators,
    "tuning": tuning,
    "population": population,
    "lr_range": lr_range,
    "augmentation": augmentation,
    "photos": photos,
    "balance": balance,
    "transfer": transfer,
    "multi_crop": multi_crop,
    "faults": faults,
    "doctor_overhead": doctor_overhead,
}


def fill(page: str, results: dict[str, dict[str, Any]]) -> str:
    """The page with every table between its markers made anew; one without results says so."""
    for name, make in TABLES.items():
        begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
        body = make(results[name]) if name in results else "Not measured yet."
        page, found = re.subn(f"{begin}.*?{end}", lambda _, b=begin, t=body, e=end: f"{b}\n{t}\n{e}", page, flags=re.S)
        if found != 1:
            raise SystemExit(
                f"The page has {found} places for the table {name}; expected one, between {begin} and {end}."
            )
    return page


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    readme = HERE / "README.md"
    files = {name: HERE / "results" / f"{name}.json" for name in TABLES}
    results = {name: json.loads(file.read_text()) for name, file in files.items() if file.exists()}
    page = readme.read_text()
    filled = fill(page, results)
    if arguments.check:
        sys.exit("README.md is not what results/ says: run python benchmarks/tables.py" if filled != page else 0)
    readme.write_text(filled)


if __name__ == "__main__":
    main()
