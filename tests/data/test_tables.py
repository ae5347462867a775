import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from trainwell.data.open import open_data
from trainwell.errors import BadData

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def make(content: str | bytes, name: str = "t.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return make


def rows(count: int) -> str:
    return "".join(f"{i * 0.5 + (i % 7) ** 2},{'ab'[i % 2]}x,{'cat' if i % 3 else 'dog'}\n" for i in range(count))


def refused(path: Path, **options: Any) -> str:
    with pytest.raises(BadData) as caught:
        open_data(path, **options)
    return str(caught.value)


def test_whole(write: Write) -> None:
    data = open_data(write("size,letter,kind\n" + rows(100)), target="kind")
    assert data.kind == "table" and data.task == "classification" and data.classes == ("cat", "dog")
    assert data.x.shape == (100, 3) and data.x.dtype == np.float32 and data.y[:4].tolist() == [1, 0, 0, 1]
    assert {part: len(found) for part, found in data.splits.items()} == {"train": 70, "valid": 15, "heldout": 15}
    assert data.facts["features"] == ["size", "letter = ax", "letter = bx"]
    assert data.notes[:2] == (
        "100 rows, 2 columns, 3 features",
        "classification: target 'kind' has 2 different words",
    )
    assert data.decoding["target"] == "kind"
    json.dumps(data.describe(), allow_nan=False)


def test_encoder_sees_train_rows_only(write: Write) -> None:
    content = "a,y\n" + "".join(f"{i},{i % 2}\n" for i in range(40))
    data = open_data(write(content), target="y")
    assert data.decoding["columns"][0]["median"] == np.median(data.x[data.splits["train"], 0])
    assert data.decoding["columns"][0]["median"] != np.median(data.x[:, 0])


def test_parquet_and_csv_give_the_same(write: Write, tmp_path: Path) -> None:
    path = write("size,letter,kind\n" + rows(50))
    pl.read_csv(path).write_parquet(tmp_path / "t.parquet")
    one, other = open_data(path, target="kind"), open_data(tmp_path / "t.parquet", target="kind")
    assert (one.x == other.x).all() and (one.y == other.y).all()
    assert (one.splits["valid"] == other.splits["valid"]).all()


def test_regression_is_told_and_split_by_size_of_the_target(write: Write) -> None:
    content = "a,price\n" + "".join(f"{(i * 37) % 101},{i * 1.5}\n" for i in range(200))
    data = open_data(write(content), target="price")
    assert data.task == "regression" and data.classes == () and data.y.dtype == np.float32
    assert data.notes[1] == "regression: target 'price' holds 200 different numbers"
    for part in ("valid", "heldout"):
        assert len(data.splits[part]) == 30 and abs(data.y[data.splits[part]].mean() - data.y.mean()) < 10
    assert data.facts["target"]["min"] >= 0


def test_missing_targets_are_left_out_and_said(write: Write) -> None:
    content = "a,y\n" + "".join(f"{i},{'' if i % 5 == 0 else i % 2}\n" for i in range(50))
    data = open_data(write(content), target="y")
    assert len(data.x) == 40 and "10 rows without a value of 'y' left out" in data.notes
    assert refused(write("a,y\n1,\n2,\n"), target="y").endswith("has no row with a value of 'y'.")


def test_equal_rows_stay_on_one_side(write: Write) -> None:
    lines = [f"{i},{i % 2}" for i in range(40)]
    data = open_data(write("a,y\n" + "\n".join(lines + lines[:10] * 2)), target="y")
    for value in range(10):
        same = np.flatnonzero(data.x[:, 0] == value)
        assert sum(len(np.intersect1d(same, part)) > 0 for part in data.splits.values()) == 1
    assert "20 duplicates kept on one side" in data.notes


@pytest.mark.parametrize(
    ("content", "name", "note"),
    [
        ("a;y\n1,5;0\n2,5;1\n" * 1 + "3,5;0\n4,5;1\n", "t.csv", "columns separated by ';', decimal commas"),
        ("a;y\n1.5;0\n2.5;1\n3.5;0\n4.5;1\n", "t.csv", "columns separated by ';'"),
        ("a\ty\n1.5\t0\n2.5\t1\n3.5\t0\n4.5\t1\n", "t.tsv", "columns separated by '\\t'"),
        ("a|y\n1.5|0\n2.5|1\n3.5|0\n4.5|1\n", "t.csv", "columns separated by '|'"),
        ("\ufeffa, y \n1.5,0\n2.5,1\n3.5,0\n4.5,1\n", "t.csv", None),
        ('"a","y"\r\n"1.5","0"\r\n2.5,1\r\n3.5,0\r\n4.5,1\r\n', "t.csv", None),
        ("a,y\n1.5,0\n2.5,1\n3.5,0\n4.5,1\n".encode("utf-16"), "t.csv", "text read as UTF-16"),
    ],
)
def test_ways_of_writing_a_table(write: Write, content: str | bytes, name: str, note: str | None) -> None:
    data = open_data(write(content, name), target="y", parts="all")
    assert data.x[:, 0].tolist() == [1.5, 2.5, 3.5, 4.5] and data.y.tolist() == [0, 1, 0, 1]
    assert note is None or note in data.notes


def test_quotes_in_names_of_columns(write: Write) -> None:
    content = '"a ""quoted"", name",b,"the ""target"""\n' + "".join(f"{i},{i * i % 7},{i % 2}\n" for i in range(40))
    data = open_data(write(content), target='the "target"')
    assert data.decoding["target"] == 'the "target"'
    assert 'a "quoted", name' in json.dumps(data.describe(), default=str).replace('\\"', '"')


def test_old_encodings(write: Write) -> None:
    data = open_data(write("a,ort\n1,Köln\n2,Bonn\n3,Köln\n4,Bonn\n".encode("cp1252")), target="ort", parts="all")
    assert data.classes == ("Bonn", "Köln") and "text read as Windows-1252" in data.notes


def test_new_rows_are_read_as_the_run_read_its_own(write: Write) -> None:
    trained = open_data(write("size,letter,kind\n" + rows(60)), target="kind")
    like = json.loads(json.dumps(trained.decoding))
    data = open_data(write("kind,letter,size\ndog,qq,4\ncat,ax,\n", "new.csv"), parts="test", like=like)
    assert data.y.tolist() == [1, 0] and data.splits["test"].tolist() == [0, 1]
    assert data.x[0].tolist() == [4, 0, 0]
    assert data.x[1].tolist() == [pytest.approx(like["columns"][0]["median"]), 1, 0]
    assert "does not know: owl" in refused(write("size,letter,kind\n1,ax,owl\n"), parts="test", like=like)
    assert "lacks 1 column" in refused(write("size,kind\n1,dog\n"), parts="test", like=like)


def test_large_tables_have_no_third_part(write: Write) -> None:
    content = "a,y\n" + "".join(f"{i},{i % 2}\n" for i in range(5000))
    data = open_data(write(content), target="y")
    assert {part: len(found) for part, found in data.splits.items()} == {"train": 4500, "valid": 500}


@pytest.mark.parametrize(
    ("content", "target", "message"),
    [
        ("a,b\n1,2\n", None, "say which column to predict with --target COLUMN. It has: a, b."),
        ("5.1,3.5\n1,2\n", None, "The first line seems to hold values: put the names of the columns above it."),
        ("a,Species\n1,2\n", "specis", "has no column 'specis'. Did you mean 'Species'? It has: a, Species."),
        ("a,b\n", "b", "has a header and no rows"),
        ("", "b", "is empty. Expected a header line and rows."),
        ("a,b\n1,2\n1,2,3\n", "b", "cannot be read as a table"),
        ("a,b\n1,x\n2,x\n3,x\n4,x\n", "b", "has one class only: x"),
        ("a,b\n1,x\n2,x\n3,x\n4,y\n", "b", "with fewer than 2 readable rows: y (1)"),
        ("a,b\n1,2.5\n2,2.5\n3,2.5\n4,2.5\n", "b", "is 2.5 in every row: there is nothing to learn"),
        ("a,b\n1,2.5\n2,3.5\n", "b", "has 2 rows to learn from. Expected at least 4."),
        ("a,b\n1,2020-01-01\n2,2020-01-02\n", "b", "is of type Date, which cannot be predicted"),
        ("a,b\n" + "".join(f"{i},n{i}\n" for i in range(30)), "b", "has 30 different words in 30 rows"),
    ],
)
def test_refusals(write: Write, content: str, target: str | None, message: str) -> None:
    assert message in refused(write(content), target=target)


def test_damaged_parquet(write: Write) -> None:
    assert "cannot be read as a table" in refused(write(b"PAR1 nonsense", "t.parquet"), target="y")
