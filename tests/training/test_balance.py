"""Classes of unequal size: the losses by hand, what is trained and what is reported, what is refused."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

from trainwell import Options, Run, fit
from trainwell.data.dataset import Data
from trainwell.data.open import open_data
from trainwell.errors import BadValue
from trainwell.method.check import check_setup
from trainwell.method.look import look
from trainwell.method.screen import Silent
from trainwell.search.population import Population
from trainwell.training.balance import adjusted, by_class, class_counts, log_shares, mean_recall, unevenness
from trainwell.training.engine import Engine
from trainwell.training.setup import Setup, set_up

CPU = torch.device("cpu")
PLAIN = ["model=mlp", "model.widths=16", "model.dropout=none", "loss.smoothing=0", "average=none"]
KINDS = ("weights", "sampler", "prior")


@pytest.fixture(scope="module")
def uneven() -> Data:
    """Two classes in the plane, 600 rows and 30, that overlap: the plain rule seldom answers with the rare one."""
    draws = np.random.default_rng(0)
    y = np.repeat([0, 1], [600, 30])
    x = draws.normal(size=(630, 2)) + 1.2 * y[:, None]
    return open_data((x.astype(np.float32), y))


@pytest.fixture(scope="module")
def setup_of(uneven: Data) -> Callable[..., Setup]:
    def make(*edits: str, source: Data = uneven) -> Setup:
        return set_up(source, look((source.x, source.y), edits, Options(), Silent()).recipe, CPU)

    return make


def test_rows_count_by_the_weight_of_their_class() -> None:
    output, target = torch.randn(6, 3, generator=torch.Generator().manual_seed(0)), torch.tensor([0, 1, 2, 0, 0, 1])
    weights = torch.tensor([0.5, 1.0, 4.0])
    plain = functional.cross_entropy(output, target, weights)
    torch.testing.assert_close(by_class(weights)(output, target), plain)
    terms = functional.cross_entropy(output, target, reduction="none", label_smoothing=0.1)
    by_hand = (terms * weights[target]).sum() / weights[target].sum()
    torch.testing.assert_close(by_class(weights, smoothing=0.1)(output, target), by_hand)
    one_hot = functional.one_hot(target, 3).float()
    torch.testing.assert_close(by_class(weights, smoothing=0.1)(output, one_hot), by_hand)
    assert by_class(weights)(torch.zeros(6, 3), target) == pytest.approx(np.log(3))


def test_logits_are_adjusted_by_the_log_of_the_shares() -> None:
    loss = adjusted(functional.cross_entropy, log_shares((90, 9, 1, 0)))
    odds = torch.tensor([90.0, 9.0, 1.0, 1.0])
    expected = -(odds / odds.sum()).log()
    for number in range(4):
        assert loss(torch.zeros(1, 4), torch.tensor([number])) == pytest.approx(expected[number].item())


def test_smoothing_of_adjusted_logits_is_even_in_a_balanced_world() -> None:
    """The outputs of least loss, by descent: what is left for the other classes is alike, whatever their shares."""
    shares, rows = log_shares((90, 9, 1)), torch.zeros(1, 3, requires_grad=True)
    loss = adjusted(functional.cross_entropy, shares, smoothing=0.3)
    descent = torch.optim.LBFGS([rows], max_iter=100)

    def closure() -> torch.Tensor:
        descent.zero_grad()
        value = loss(rows, torch.tensor([0]))
        value.backward()
        return value

    descent.step(closure)
    probabilities = rows.detach().softmax(1)[0]
    assert probabilities[1] == pytest.approx(probabilities[2].item(), rel=1e-3)
    assert probabilities[0] > probabilities[1]


def test_recalls_are_averaged_over_the_classes_that_are_there() -> None:
    found = mean_recall(torch.tensor([[8, 1, 0], [4, 0, 0]]), torch.tensor([8, 4, 0]))
    assert found.tolist() == [0.625, 0.25]


def test_how_uneven_classes_are() -> None:
    assert unevenness((60, 0, 3)) == 20
    assert unevenness((5, 5)) == unevenness(()) == 1


def test_what_is_minimised_and_what_is_reported(setup_of: Callable[..., Setup]) -> None:
    plain = setup_of(*PLAIN)
    output, target = torch.randn(8, 2), torch.arange(8) % 2
    counts = class_counts(plain.feeds["train"])
    assert counts[0] > 15 * counts[1]
    found = {}
    for kind in KINDS:
        setup = setup_of(*PLAIN, f"balance={kind}")
        assert setup.plain_loss(output, target) == plain.plain_loss(output, target)
        found[kind] = setup.loss(output, target)
    share = torch.tensor(counts) / sum(counts)
    assert found["sampler"] == plain.loss(output, target)
    assert found["prior"] == pytest.approx(functional.cross_entropy(output + share.log(), target).item(), rel=1e-6)
    assert found["weights"] == pytest.approx(functional.cross_entropy(output, target, 1 / share).item(), rel=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_the_rare_class_is_found_and_the_checks_know_what_to_expect(kind: str, setup_of: Callable[..., Setup]) -> None:
    setup = setup_of(*PLAIN, f"balance={kind}", "epochs=12")
    assert len(setup.feeds["train"].stream.at(0)[0]) == setup.feeds["train"].batch_size
    lines = []
    engine = Engine(CPU, "fp32", "contiguous", False, 1)
    checked = check_setup(setup, engine, lambda *_, **line: lines.append(line), Silent(), rate_pinned=True)
    assert "initial-loss" not in [finding.problem for finding in checked.findings]
    first = next(line for line in lines if line.get("probe") == "initial_loss")
    assert first["expected"] == pytest.approx(0.19 if kind == "prior" else np.log(2), abs=0.02)
    recall = {}
    for name, made in {"plain": setup_of(*PLAIN, "epochs=12"), kind: setup}.items():
        population = Population([made], engine)
        population.advance(population.members[0].steps)
        made.model.load_state_dict(population.weights(0))
        x, y = made.feeds["valid"].some(range(len(made.feeds["valid"])))
        answers = made.model.eval()(x).argmax(1)
        recall[name] = [float((answers[y == number] == number).float().mean()) for number in range(2)]
    assert recall["plain"][1] < 0.4 < 0.6 < recall[kind][1]
    assert recall[kind][0] > 0.6


def test_a_run_that_was_stopped_draws_the_classes_as_the_whole_one(uneven: Data, tmp_path: Path) -> None:
    edits = [*PLAIN, "balance=sampler", "schedule=constant", "warmup=0", "keep=last"]
    rows = (uneven.x, uneven.y)
    whole = fit(rows, [*edits, "epochs=3"], out=tmp_path / "whole", options=Options(checks=False))
    fit(rows, [*edits, "epochs=2"], out=tmp_path / "parts", options=Options(checks=False))
    parts = fit(rows, [*edits, "epochs=3"], out=tmp_path / "parts", resume=True, options=Options(checks=False))
    for name, value in whole.weights().items():
        assert torch.equal(value, parts.weights()[name]), name


def test_rare_classes_that_are_never_recognised_are_told(uneven: Data, tmp_path: Path) -> None:
    said: list[str] = []

    class Told(Silent):
        def say(self, text: str) -> None:
            said.append(text)

        def warn(self, text: str) -> None:
            said.append(text)

    noise = np.random.default_rng(1).normal(size=uneven.x.shape).astype(np.float32)
    edits = [*PLAIN, "epochs=2"]
    run = fit((noise, uneven.y), edits, out=tmp_path / "run", options=Options(checks=False), screen=Told())
    assert {"uneven_classes", "missed-classes"} <= {finding["problem"] for finding in Run(run.path).findings}
    assert any("times fewer" in text and "balance=prior" in text for text in said)
    assert any("recall 0" in text for text in said)


def test_weights_are_chosen_and_a_run_is_judged_by_what_counts_classes_alike(uneven: Data, tmp_path: Path) -> None:
    """Answering with the common class is right for 95 % of the rows; a run that finds the rare one as often is not."""
    edits = [*PLAIN, "balance=prior", "epochs=8"]
    run = fit((uneven.x, uneven.y), edits, out=tmp_path / "run", options=Options(checks=False))
    lines = run.record("epoch")
    best = max(lines, key=lambda line: (line["valid_balanced_accuracy"], -line["valid_loss"]))
    scores = run.verdict["scores"]
    assert scores["valid_balanced_accuracy"] == best["valid_balanced_accuracy"]
    assert scores["valid_accuracy"] < 600 / 630
    assert scores["heldout_balanced_accuracy"] > 0.6
    assert "validation balanced accuracy" in run.verdict["words"]
    assert run.verdict["healthy"], run.findings
    plain = fit((uneven.x, uneven.y), [*PLAIN, "epochs=1"], out=tmp_path / "plain", options=Options(checks=False))
    assert not any("balanced" in name for line in plain.record("epoch") for name in line)


@pytest.mark.parametrize(
    ("edits", "message"),
    [
        (["balance=weights", "loss.weights=balanced"], "both make up for the sizes"),
        (["balance=prior", "last_bias=prior"], "last_bias=prior starts with the frequencies"),
        (["balance=weights", "loss=focal"], "no weights to set in loss=focal"),
        (["balance=prior", "loss=hinge"], "loss=hinge has none"),
    ],
)
def test_what_balance_cannot_go_with_is_refused(edits: list[str], message: str, setup_of: Callable[..., Setup]) -> None:
    with pytest.raises(BadValue, match=message):
        setup_of(*edits)


def test_balance_without_effect_is_refused(setup_of: Callable[..., Setup]) -> None:
    x = np.random.default_rng(0).normal(size=(200, 3)).astype(np.float32)
    even = open_data((x, np.arange(200) % 2), valid_fraction=0.1)
    with pytest.raises(BadValue, match=r"balance=sampler has no effect: every class has 75 training samples"):
        setup_of("balance=sampler", source=even)
    with pytest.raises(BadValue, match="balance=prior has no effect: this data has values to predict"):
        setup_of("balance=prior", source=open_data((x, x[:, 0])))
