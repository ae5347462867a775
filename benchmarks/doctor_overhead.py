"""What a doctor in somebody's own loop costs, and what it finds at that price.

    python benchmarks/doctor_overhead.py [--only NETWORK ...] [--turns 5] [--threads N] [--seeds 5] [--busy]

Cost: every contender trains the same network from the same start for the steps of three short epochs, the looks of the
start among them; they take turns in one process, and a ratio is the median over the turns of (contender / nobody)
within a turn. Found: at the same schedule, each planted fault is trained for three epochs, and so is its clean twin,
over which the doctor is to be silent. TorchMortem takes part where it is installed. Results go to
results/doctor_overhead.json. --busy counts processor time of one thread, for a machine that others use as well.
"""

import argparse
import contextlib
import importlib.util
import json
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from machine import cores, describe
from networks import NETWORKS
from trainwell.diagnoses.watch import watch

RESULTS = Path(__file__).parent / "results" / "doctor_overhead.json"
NOBODY = "nobody"
EPOCHS = 3
Told = Callable[[Tensor], None]


class Plan(NamedTuple):
    """How a network is measured."""

    batch: int
    steps: int


PLANS = {"convnet": Plan(64, 150), "resnet18": Plan(64, 150), "mlp": Plan(32, 3000)}


@contextlib.contextmanager
def nobody(model: nn.Module, optimizer: torch.optim.Optimizer, steps: int) -> Iterator[Told]:  # noqa: ARG001
    """Nobody looks."""
    yield lambda _: None


@contextlib.contextmanager
def watched(model: nn.Module, optimizer: torch.optim.Optimizer, steps: int) -> Iterator[Told]:
    """The doctor at its default schedule."""
    with watch(model, optimizer, total_steps=steps) as doctor:
        yield doctor.step


@contextlib.contextmanager
def histograms(model: nn.Module, optimizer: torch.optim.Optimizer, steps: int) -> Iterator[Told]:  # noqa: ARG001
    """A histogram of every output and every gradient in every step, as many loops log them."""
    kept: dict[str, Tensor] = {}

    def hook(name: str) -> Callable[..., None]:
        def seen(module: nn.Module, args: Any, output: Tensor) -> None:  # noqa: ARG001
            kept[name] = torch.histc(output.detach().float(), 64)

        return seen

    handles = [
        module.register_forward_hook(hook(name)) for name, module in model.named_modules() if not [*module.children()]
    ]

    def told(loss: Tensor) -> None:
        kept["loss"] = loss.detach()
        for name, parameter in model.named_parameters():
            if parameter.grad is not None:
                kept[f"gradient of {name}"] = torch.histc(parameter.grad.float(), 64)

    try:
        yield told
    finally:
        for handle in handles:
            handle.remove()


@contextlib.contextmanager
def torchmortem(model: nn.Module, optimizer: torch.optim.Optimizer, steps: int) -> Iterator[Told]:  # noqa: ARG001
    """TorchMortem as its page shows it."""
    from torchmortem import Autopsy  # only where it is installed

    autopsy = Autopsy(model, optimizer=optimizer)
    autopsy.attach()
    try:
        yield lambda loss: autopsy.step(loss=loss.item())
    finally:
        autopsy.detach()


CONTENDERS = {NOBODY: nobody, "watch": watched, "histograms": histograms}
if importlib.util.find_spec("torchmortem") is not None:
    CONTENDERS["TorchMortem"] = torchmortem


def seconds(
    network: str, contender: str, plan: Plan, seed: int, clock: Callable[[], float] = time.perf_counter
) -> float:
    """Seconds of one training."""
    torch.manual_seed(seed)
    model = NETWORKS[network]()
    x = torch.randn(plan.batch, 64) if network == "mlp" else torch.randn(plan.batch, 3, 32, 32)
    y = torch.randint(0, 10, (plan.batch,))
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.SGD(trained, lr=0.01, momentum=0.9)
    start = clock()
    with CONTENDERS[contender](model, optimizer, plan.steps) as told:
        for _ in range(plan.steps):
            optimizer.zero_grad()
            loss = functional.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
            told(loss)
        stop = clock()
    return stop - start


def cost(network: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """Turns, medians and ratios of one network."""
    plan = PLANS[network]._replace(**({"steps": arguments.steps} if arguments.steps else {}))
    threads = 1 if network == "mlp" or arguments.busy else arguments.threads or cores()
    clock = time.process_time if arguments.busy else time.perf_counter
    torch.set_num_threads(threads)
    turns: dict[str, list[float]] = {name: [] for name in CONTENDERS}
    for name in CONTENDERS:  # to warm up
        seconds(network, name, plan._replace(steps=5), arguments.seed)
    for turn in range(arguments.turns):
        for name, values in turns.items():
            values.append(seconds(network, name, plan, arguments.seed + turn, clock))
            print(f"{network:9} turn {turn + 1}  {name:12} {1e3 * values[-1] / plan.steps:9.3f} ms/step", flush=True)
    return {
        "settings": plan._asdict()
        | {"turns": arguments.turns, "threads": threads, "seed": arguments.seed, "clock": clock.__name__},
        "milliseconds_a_step": {
            name: round(1e3 * statistics.median(values) / plan.steps, 3) for name, values in turns.items()
        },
        "ratios": ratios(turns),
    }


def ratios(turns: dict[str, list[float]]) -> dict[str, dict[str, float]]:
    """Median, lowest and highest over the turns of the seconds of each contender over nobody's in the same turn."""
    found = {}
    for name, values in turns.items():
        each = [value / base for value, base in zip(values, turns[NOBODY], strict=True)]
        found[name] = {
            key: round(of(each), 4) for key, of in (("median", statistics.median), ("low", min), ("high", max))
        }
    return found


def layers(act: Callable[[], nn.Module], depth: int = 3) -> nn.Sequential:
    """20 inputs, hidden layers of 32 units, 5 classes."""
    parts: list[nn.Module] = []
    for number in range(depth):
        parts += [nn.Linear(32 if number else 20, 32), act()]
    return nn.Sequential(*parts, nn.Linear(32, 5))


def dead(model: nn.Sequential) -> None:
    """A layer of units that no sample switches on."""
    nn.init.constant_(model[2].bias, -20.0)


def saturated(model: nn.Sequential) -> None:
    """Weights some thirty times as large as they should be."""
    for layer in model:
        if isinstance(layer, nn.Linear):
            nn.init.normal_(layer.weight, std=5.0)


def frozen(model: nn.Sequential) -> None:
    """Hidden layers that stay as they were drawn."""
    for layer in model[:-1]:
        layer.requires_grad_(False)


class Planted(NamedTuple):
    """A fault beside its clean twin: who may be named, how the fault is made, and what both have."""

    accepts: set[str]
    others: set[str]  # what TorchMortem may name
    act: Callable[[], nn.Module] = nn.ReLU
    depth: int = 3
    lr: float = 0.05
    spoil: Callable[[nn.Sequential], None] | None = None
    faulty_act: Callable[[], nn.Module] | None = None
    faulty_lr: float | None = None


PLANTED = {
    "dead units": Planted({"dead-units"}, {"dead_units"}, spoil=dead),
    "vanishing gradient": Planted({"vanishing-gradient"}, {"gradient_flow"}, nn.Tanh, depth=8, faulty_act=nn.Sigmoid),
    "saturation": Planted({"saturated-activations"}, {"saturation"}, nn.Tanh, spoil=saturated),
    "divergence": Planted(
        {"diverging-loss", "learning-rate-too-high", "exploding-gradient", "non-finite"},
        {"loss_dynamics"},
        faulty_lr=20.0,
    ),
    "frozen layers": Planted({"frozen-parameters"}, {"update_ratio", "weight_norm"}, spoil=frozen),
}


def samples(seed: int) -> tuple[Tensor, Tensor]:
    """2000 samples of five clouds."""
    generator = torch.Generator().manual_seed(seed)
    centres = 0.8 * torch.randn(5, 20, generator=generator)
    y = torch.randint(0, 5, (2000,), generator=generator)
    return centres[y] + torch.randn(2000, 20, generator=generator), y


def program(plan: Planted, faulty: bool, seed: int) -> tuple[nn.Sequential, torch.optim.Optimizer]:
    """Network and optimizer of a planted fault or of its twin."""
    torch.manual_seed(seed)
    model = layers((faulty and plan.faulty_act) or plan.act, plan.depth)
    if faulty and plan.spoil is not None:
        plan.spoil(model)
    lr = plan.faulty_lr if faulty and plan.faulty_lr is not None else plan.lr
    return model, torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=lr, momentum=0.9)


def epochs(model: nn.Module, optimizer: torch.optim.Optimizer, told: Told, seed: int, batch: int = 32) -> float:
    """Three epochs; the loss of the last step."""
    x, y = samples(seed)
    for _ in range(EPOCHS):
        for chosen in torch.randperm(len(x)).split(batch):
            optimizer.zero_grad()
            loss = functional.cross_entropy(model(x[chosen]), y[chosen])
            loss.backward()
            optimizer.step()
            told(loss)
    return float(loss.detach())


def asked(name: str, faulty: bool, seed: int) -> dict[str, Any]:
    """What the doctor says after three epochs, and whether that is right."""
    plan = PLANTED[name]
    model, optimizer = program(plan, faulty, seed)
    with watch(model, optimizer, total_steps=EPOCHS * 63) as doctor:
        loss = epochs(model, optimizer, doctor.step, seed)
    findings = [finding for finding in doctor.findings() if finding.severity != "note"]
    said = {one.problem for finding in findings for one in (finding, *finding.explains)}
    return {"loss": round(loss, 4), "findings": [one.problem for one in findings], "named": bool(said & plan.accepts)}


def asked_of_torchmortem(name: str, faulty: bool, seed: int) -> dict[str, Any]:
    """What TorchMortem says of the same training, warnings and worse."""
    from torchmortem import Autopsy, Severity  # only where it is installed

    plan = PLANTED[name]
    model, optimizer = program(plan, faulty, seed)
    with contextlib.closing(_Attached(Autopsy(model, optimizer=optimizer))) as attached:
        loss = epochs(model, optimizer, lambda loss: attached.autopsy.step(loss=loss.item()), seed)
    report = attached.autopsy.get_report()
    said = [one.category for one in report.findings if one.severity >= Severity.WARNING] if report else []
    return {"loss": round(loss, 4), "findings": sorted(set(said)), "named": bool(set(said) & plan.others)}


class _Attached:
    def __init__(self, autopsy: Any) -> None:
        self.autopsy = autopsy
        autopsy.attach()

    def close(self) -> None:
        """Take its hooks off; it then judges."""
        self.autopsy.detach()


def planted(seeds: int) -> dict[str, Any]:
    """Every fault and its twin, over seeds: how often it was named, and how often the twin was accused."""
    torch.set_num_threads(1)
    found: dict[str, Any] = {}
    doctors = {"watch": asked} | ({"TorchMortem": asked_of_torchmortem} if "TorchMortem" in CONTENDERS else {})
    for doctor, ask in doctors.items():
        for name in PLANTED:
            faulty, twins = ([ask(name, way, seed) for seed in range(seeds)] for way in (True, False))
            found.setdefault(name, {})[doctor] = {
                "named": sum(one["named"] for one in faulty),
                "twins_accused": sum(bool(one["findings"]) for one in twins),
                "seeds": seeds,
                "said": sorted({problem for one in faulty for problem in one["findings"]}),
                "said_of_twins": sorted({problem for one in twins for problem in one["findings"]}),
                "loss": statistics.median(one["loss"] for one in faulty),
                "loss_of_twins": statistics.median(one["loss"] for one in twins),
            }
            print(f"{name:20} {doctor:12} {found[name][doctor]}", flush=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="*", choices=PLANS, help="these networks; other results stay as they are")
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--steps", type=int, help="of one training; by the network if not given")
    parser.add_argument("--threads", type=int, help="all cores if not given; the mlp has one")
    parser.add_argument("--busy", action="store_true", help="count processor time, with one thread")
    parser.add_argument("--seeds", type=int, default=5, help="of each planted fault; 0 leaves them out")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {"cost": {}}
    results["machine"] = describe("torchmortem")
    for network in PLANS if arguments.only is None else arguments.only:
        results["cost"][network] = cost(network, arguments)
    if arguments.seeds:
        results["planted"] = planted(arguments.seeds)
    RESULTS.write_text(json.dumps(results, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
