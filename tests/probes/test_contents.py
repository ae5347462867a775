"""Structures of tensors: names, exchange, samples, digests, and batches that are taken."""

import random
from collections import OrderedDict, UserDict, namedtuple
from types import MappingProxyType

import numpy as np
import pytest
import torch

from trainwell.errors import BadValue
from trainwell.probes.contents import digests, exchanged, fresh, gathered, num_samples, rows, take, tensors

Two = namedtuple("Two", ["a", "b"])


def test_tensors_are_named_by_their_way_in_the_structure() -> None:
    a, b, c, d = (torch.full((2,), float(i)) for i in range(4))
    assert [name for name, _ in tensors(a)] == [""]
    found = list(tensors({"image": a, "pair": (b, [c]), "word": "no", "two": Two(d, None)}))
    assert [name for name, _ in found] == ["image", "pair.0", "pair.1.0", "two.a"]
    assert [tensor is each for (_, tensor), each in zip(found, (a, b, c, d), strict=True)] == [True] * 4


def test_exchanged_keeps_the_structure_and_its_classes() -> None:
    value = {"x": OrderedDict(a=torch.ones(2)), "y": Two([torch.ones(1)], "word"), "z": (3, torch.ones(1))}
    made = exchanged(value, lambda tensor: tensor + 1)
    assert type(made["x"]) is OrderedDict
    assert type(made["y"]) is Two
    assert made["y"].b == "word"
    assert made["z"][0] == 3
    assert [float(tensor.sum()) for _, tensor in tensors(made)] == [4.0, 2.0, 2.0]
    assert [float(tensor.sum()) for _, tensor in tensors(value)] == [2.0, 1.0, 1.0]


def test_a_mapping_of_its_own_class_keeps_its_attributes() -> None:
    class Encoding(UserDict):  # as tokenizers give it
        pass

    value = Encoding(ids=torch.ones(2))
    value.words = "here"
    made = exchanged(value, lambda tensor: tensor + 1)
    assert type(made) is Encoding
    assert (made.words, made["ids"].tolist(), value["ids"].tolist()) == ("here", [2, 2], [1, 1])
    assert exchanged(MappingProxyType({"a": torch.ones(1)}), lambda tensor: tensor + 1)["a"].tolist() == [2]


def test_fresh_things_are_copies_throughout() -> None:
    class Thing:
        def __init__(self) -> None:
            self.x = torch.ones(2)

    thing = Thing()
    fresh({"thing": thing})["thing"].x.zero_()
    assert thing.x.tolist() == [1, 1]


def test_fresh_tensors_are_copies_without_a_graph() -> None:
    leaf = torch.ones(2, requires_grad=True)
    made = fresh([leaf * 2])[0]
    assert not made.requires_grad
    made.zero_()
    assert float(fresh(leaf).sum()) == 2


def test_rows_put_outputs_side_by_side_and_say_what_is_missing() -> None:
    last = torch.arange(6.0).reshape(2, 3)  # samples along axis 1
    output = {"a": torch.arange(3.0)[:, None], "b": (last, torch.arange(3)), "c": torch.ones(4, 5)}
    found, unseen = rows(output, 3)
    assert found is not None
    assert found.tolist() == [[0, 0, 3], [1, 1, 4], [2, 2, 5]]
    assert unseen == ["output b.1: holds torch.int64", "output c: shape (4, 5) has no axis of 3 samples"]
    assert rows("nothing", 3) == (None, ["output: holds no tensor"])
    assert rows(torch.ones(4, 5), 3) == (None, ["output: shape (4, 5) has no axis of 3 samples"])


def test_the_samples_are_counted_by_the_targets() -> None:
    assert num_samples((torch.ones(7, 3), torch.ones(3))) == 3
    assert num_samples(({"x": torch.ones(7, 3)}, None)) == 7
    with pytest.raises(BadValue, match="no tensor with an axis"):
        num_samples((torch.tensor(1.0), "label"))
    with pytest.raises(BadValue, match="no samples"):
        num_samples((torch.ones(0, 3), torch.ones(0)))
    with pytest.raises(BadValue, match="pair"):
        num_samples(torch.ones(3))  # type: ignore[arg-type]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.int64, torch.bool])
def test_equal_samples_have_equal_digests(dtype: torch.dtype) -> None:
    x = torch.tensor([[0.0, 1.0], [1.0, 1.0], [-0.0, 1.0]]).to(dtype)
    first, second, third = digests({"a": x, "all": torch.ones(9)}, 3)
    assert first == third
    assert first != second


def test_digests_look_at_all_tensors_and_do_not_depend_on_the_batch() -> None:
    x, more = torch.tensor([[1.0], [1.0]]), torch.tensor([0.0, 5.0])
    assert len(set(digests((x,), 2))) == 1
    assert len(set(digests((x, more), 2))) == 2
    assert digests((x, more), 2)[1] == digests((x[1:], more[1:]), 1)[0]
    assert len(set(digests(torch.tensor([float("nan"), float("nan")]), 2))) == 1


def test_gathered_sorts_by_name_with_the_samples_in_front() -> None:
    batch = ({"a": torch.ones(5, 3), "all": torch.ones(9), "odd": torch.ones(3, dtype=torch.complex64)}, torch.ones(3))
    found = gathered([batch, batch], 0)
    assert list(found) == ["a"]
    assert [tuple(tensor.shape) for tensor in found["a"]] == [(3, 5), (3, 5)]


def test_taken_batches_depend_on_the_seed_alone() -> None:
    def batches(_: int) -> tuple[torch.Tensor, float]:
        return torch.rand(2), random.random() + np.random.rand()

    torch.manual_seed(3)
    state, python, legacy = torch.get_rng_state(), random.getstate(), np.random.get_state()
    one = take(batches, 2, seed=0)
    assert torch.equal(torch.get_rng_state(), state)
    assert random.getstate() == python
    np.testing.assert_equal(np.random.get_state(), legacy)
    torch.manual_seed(4)
    two, other = take(batches, 2, seed=0), take(batches, 2, seed=1)
    assert all(torch.equal(a[0], b[0]) and a[1] == b[1] for a, b in zip(one, two, strict=True))
    assert not torch.equal(one[0][0], other[0][0])
    assert len(take(batches, 5, seed=0, max_values=3)) == 2


def test_impossible_batches_are_refused() -> None:
    with pytest.raises(BadValue, match="num_batches=0"):
        take(lambda step: (step, step), 0, seed=0)
    with pytest.raises(BadValue, match="got Tensor"):
        take(lambda _: torch.ones(2), 1, seed=0)  # type: ignore[arg-type,return-value]
