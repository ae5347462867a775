"""Output, loss and labels that do not belong together: faulty programs, clean twins, and odd but sound pairings."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from trainwell.diagnoses.problems import Suspicion
from trainwell.probes.parts import Parts, parts

Ask = Callable[..., Suspicion | None]


def targets(kind: str, x: Tensor) -> Tensor:
    """What is to be learnt of six features, in one of the forms that scripts give it."""
    scores = x[:, :3] + 0.5 * x[:, 3:]
    classes, sign = scores.argmax(1), (scores[:, :1] > 0).float()
    ten = ((x[:, 0] * 1.7 + 5).long().clamp(0, 9) * 7 % 10)[:, None].float()  # ten classes in no order
    return {
        "classes": classes,
        "one-hot": functional.one_hot(classes, 3).float(),
        "from-3": classes + 1,
        "column": sign,
        "signs": 2 * sign - 1,
        "one-two": sign + 1,
        "shares": torch.sigmoid(2 * scores[:, :1]),
        "ten": ten,
        "ratings": (scores[:, :1] * 1.2 + 2).round().clamp(0, 4),
        "values": scores[:, :1],
        "row": scores[:, 0],
        "sizes": scores[:, :1].exp(),
        "levels": torch.sigmoid(scores),
        "portions": torch.softmax(scores, 1),
    }[kind]


class Said(nn.Module):
    """A network whose last activation is a function, with what it attends to as a second output."""

    def __init__(self, last: str, beside: bool) -> None:
        super().__init__()
        self.body, self.gate, self.head = nn.Linear(6, 24), nn.Linear(6, 24), nn.Linear(24, 3)
        self.last, self.beside = last, beside

    def forward(self, x: Tensor) -> Any:
        weights = functional.softmax(self.gate(x), dim=1)
        found = self.head(functional.relu(self.body(x)) * (24 * weights))
        found = functional.softmax(found, dim=1) if self.last == "softmax" else found
        return (found, weights) if self.beside else found


def first(loss: nn.Module) -> Callable[[Any, Tensor], Tensor]:
    """The loss of the first of several outputs."""

    class First(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.base = loss

        def forward(self, output: Any, target: Tensor) -> Tensor:
            return self.base(output[0], target)

    return First()


def log_likelihood(output: Tensor, target: Tensor) -> Tensor:
    return functional.nll_loss(functional.log_softmax(output, dim=1), target)


def squares(output: Tensor, target: Tensor) -> Tensor:
    return functional.mse_loss(output, functional.one_hot(target, 3).float())


def likelihood(output: Tensor, target: Tensor) -> Tensor:
    return -functional.cross_entropy(output, target)


def called(output: Tensor, target: Tensor) -> Tensor:
    return functional.cross_entropy(output, target)


def net(
    *last: nn.Module,
    y: str = "classes",
    width: int = 3,
    loss: Any = None,
    lr: float = 0.02,
    sgd: bool = False,
    between: type[nn.Module] = nn.ReLU,
    bias: float = 0.0,
    epochs: int = 5,
    task: str | None = "classification",
    maximize: bool = False,
) -> Parts:
    """One hidden layer, and something behind the last one."""
    torch.manual_seed(0)
    x = torch.randn(240, 6)
    made = [type(module)(dim=1) if isinstance(module, nn.Softmax | nn.LogSoftmax) else module for module in last]
    model = nn.Sequential(nn.Linear(6, 24), between(), nn.Linear(24, width), *made)
    with torch.no_grad():
        model[2].bias.add_(bias)
    return _parts(model, loss or nn.CrossEntropyLoss(), x, targets(y, x), lr, sgd, epochs, task, maximize)


def said(last: str = "", beside: bool = False) -> Parts:
    """The same in a module of its own."""
    torch.manual_seed(0)
    x = torch.randn(240, 6)
    loss = first(nn.CrossEntropyLoss()) if beside else nn.CrossEntropyLoss()
    return _parts(Said(last, beside), loss, x, targets("classes", x), 0.02, False, 5, "classification")


def _parts(
    model: nn.Module,
    loss: Any,
    x: Tensor,
    y: Tensor,
    lr: float,
    sgd: bool,
    epochs: int,
    task: str | None,
    maximize: bool = False,
) -> Parts:
    given = (torch.optim.SGD if sgd else torch.optim.Adam)(model.parameters(), lr=lr, maximize=maximize)  # type: ignore[operator]
    train, valid = (x[:160], y[:160]), (x[160:], y[160:])
    return parts(model, loss, given, train, valid, batch_size=16, epochs=epochs, task=task)


def values(*last: nn.Module, **more: Any) -> Parts:
    return net(*last, **({"y": "values", "width": 1, "loss": nn.MSELoss(), "task": "regression"} | more))


def column(*last: nn.Module, **more: Any) -> Parts:
    return net(*last, **({"y": "column", "width": 1} | more))


ODD_ENDS = [
    (partial(net, nn.Softmax()), "twice"),
    (partial(said, "softmax"), "twice"),
    (partial(said, "softmax", beside=True), "twice"),
    (partial(net, nn.Sigmoid()), "twice"),
    (partial(net, nn.Softmax(), loss=called), "twice"),
    (partial(column, nn.Sigmoid(), loss=nn.BCEWithLogitsLoss()), "twice"),
    (partial(column, nn.Softmax(), loss=nn.BCELoss()), "one-unit"),
    (partial(net, loss=nn.NLLLoss()), "no-logarithm"),
    (partial(net, nn.Softmax(), loss=nn.NLLLoss()), "no-logarithm"),
    (partial(values, nn.ReLU()), "bounded"),
    (partial(values, nn.Sigmoid()), "bounded"),
    (partial(values, nn.Softmax(), y="levels", width=3), "bounded"),
    (partial(net, nn.ReLU(), bias=-4.0), "bent"),
    (partial(column, nn.ReLU(), nn.Sigmoid(), loss=nn.BCELoss(), bias=-2.0), "bent"),
    (partial(net, y="one-hot", loss=nn.KLDivLoss(reduction="batchmean")), "no-logarithm"),
    (partial(net, between=partial(nn.Softmax, dim=1), lr=0.001), "hidden"),
]


@pytest.mark.parametrize(("program", "sign"), ODD_ENDS)
def test_an_end_that_the_loss_does_not_take(suspect: Ask, program: Callable[[], Parts], sign: str) -> None:
    found = suspect("output-activation-mismatch", program)
    assert found is not None
    assert found.sign == sign


FITTING = {
    "scores": net,
    "functions": said,
    "attention beside": partial(said, beside=True),
    "log-softmax": partial(net, nn.LogSoftmax(), loss=nn.NLLLoss()),
    "harmless": partial(net, nn.LogSoftmax()),
    "rows": partial(net, y="one-hot"),
    "portions": partial(values, nn.Softmax(), y="portions", width=3),
    "probability": partial(column, nn.Sigmoid(), loss=nn.BCELoss()),
    "logit": partial(column, loss=nn.BCEWithLogitsLoss()),
    "shares": partial(column, loss=nn.BCEWithLogitsLoss(), y="shares"),
    "signs": partial(column, loss=nn.SoftMarginLoss(), y="signs"),
    "values": values,
    "sizes": partial(values, nn.Softplus(), y="sizes"),
    "squares": partial(net, loss=nn.MSELoss(), y="one-hot", epochs=12),
    "divergence": partial(net, nn.LogSoftmax(), y="one-hot", loss=nn.KLDivLoss(reduction="batchmean")),
    "log-softmax within the loss": partial(net, loss=log_likelihood),
    "one-hot within the loss": partial(net, loss=squares, epochs=12),
    "climbing": partial(net, loss=likelihood, maximize=True),
    "tanh for signs": partial(column, nn.Tanh(), loss=nn.MSELoss(), y="signs"),
}


@pytest.mark.parametrize("name", FITTING)
@pytest.mark.parametrize(
    "problem", ["output-activation-mismatch", "loss-mismatch", "output-width-mismatch", "label-out-of-range"]
)
def test_what_belongs_together(suspect: Ask, problem: str, name: str) -> None:
    assert suspect(problem, FITTING[name]) is None


def apart() -> Parts:
    """Two classes with a gap between them, and a softmax too many."""
    torch.manual_seed(0)
    x = torch.randn(240, 6)
    y = (x[:, 0] > 0).long()
    x[:, 0] += 4.0 * y
    model = nn.Sequential(nn.Linear(6, 24), nn.ReLU(), nn.Linear(24, 2), nn.Softmax(dim=1))
    return _parts(model, nn.CrossEntropyLoss(), x, y, 0.02, False, 5, None)


def test_a_note_where_it_did_no_harm(suspect: Ask) -> None:
    found = suspect("output-activation-mismatch", apart)
    assert found is not None
    assert (found.sign, found.severity) == ("twice", "note")


def contrary(output: Tensor, target: Tensor) -> Tensor:
    return -functional.mse_loss(output, target)


ODD_LOSSES = [
    (partial(values, loss=nn.CrossEntropyLoss()), "values"),
    (partial(values, loss=nn.BCEWithLogitsLoss()), "values"),
    (partial(values, loss=contrary), "contrary"),
    (partial(column, loss=nn.CrossEntropyLoss()), "blind"),
    (partial(column, loss=nn.SoftMarginLoss()), "signs"),
    (partial(net, loss=nn.L1Loss(), y="one-hot", lr=0.003), "absolute"),
    (partial(net, nn.Sigmoid(), loss=nn.MSELoss(), y="one-hot", sgd=True), "squared"),
]


@pytest.mark.parametrize(("program", "sign"), ODD_LOSSES)
def test_a_loss_for_another_task(suspect: Ask, program: Callable[[], Parts], sign: str) -> None:
    found = suspect("loss-mismatch", program)
    assert found is not None
    assert found.sign == sign


summed = partial(net, loss=nn.CrossEntropyLoss(reduction="sum"), sgd=True)


def test_a_sum_over_the_batch(suspect: Ask) -> None:
    found = suspect("loss-mismatch", partial(summed, lr=5.0), "rate-/10", "rate-/100")
    assert found is not None
    assert found.sign == "sum"
    assert found.evidence["doubled"] == pytest.approx(2.0, rel=0.01)


@pytest.mark.parametrize("program", [partial(summed, lr=0.01), partial(net, sgd=True, lr=0.2)])
def test_a_sum_with_a_rate_to_match_and_a_mean(suspect: Ask, program: Callable[[], Parts]) -> None:
    assert suspect("loss-mismatch", program, "rate-/10", "rate-/100") is None


ODD_WIDTHS = [
    (partial(values, y="row"), "pairs"),
    (partial(column, loss=nn.CrossEntropyLoss()), "one-score"),
    (partial(column, y="ten", loss=nn.BCEWithLogitsLoss()), "one-label"),
    (partial(column, y="ten", loss=nn.MSELoss()), "one-number"),
]


@pytest.mark.parametrize(("program", "sign"), ODD_WIDTHS)
def test_too_few_outputs(suspect: Ask, program: Callable[[], Parts], sign: str) -> None:
    found = suspect("output-width-mismatch", program)
    assert found is not None
    assert found.sign == sign


def test_an_ordered_scale_is_one_number(suspect: Ask) -> None:
    assert suspect("output-width-mismatch", partial(column, y="ratings", loss=nn.MSELoss(), epochs=40)) is None


ODD_LABELS = [
    (partial(column, y="one-two", loss=nn.BCEWithLogitsLoss()), "labels"),
    (partial(column, y="signs", loss=nn.BCEWithLogitsLoss()), "labels"),
    (partial(net, y="from-3"), "numbers"),
    (partial(column, nn.Sigmoid(), y="signs", loss=nn.MSELoss()), "activation"),
]


@pytest.mark.parametrize(("program", "sign"), ODD_LABELS)
def test_labels_the_loss_does_not_know(suspect: Ask, program: Callable[[], Parts], sign: str) -> None:
    found = suspect("label-out-of-range", program)
    assert found is not None
    assert found.sign == sign
