import json
from datetime import date, datetime

import numpy as np
import polars as pl
import pytest

from trainwell.data.columns import encode, feature_names, fit_columns
from trainwell.errors import BadData


def test_numbers_gaps_words_truth_and_dates() -> None:
    frame = pl.DataFrame(
        {
            "age": [30, 40, 50, 61],
            "income": [1.0, None, 3.0, float("inf")],
            "town": [" Rome", "Oslo", None, "Rome"],
            "member": [True, False, True, True],
            "since": [date(1970, 1, 2), date(1970, 1, 3), date(1970, 1, 4), date(1971, 1, 1)],
        }
    )
    columns, notes = fit_columns(frame)
    columns = json.loads(json.dumps(columns, allow_nan=False))
    assert feature_names(columns) == [
        "age",
        "income",
        "income is missing",
        "town = Oslo",
        "town = Rome",
        "town is missing",
        "member",
        "since",
    ]
    x = encode(frame, columns)
    assert x.dtype == np.float32
    assert x.tolist() == [
        [30, 1, 0, 0, 1, 0, 1, 1],
        [40, 2, 1, 1, 0, 0, 0, 2],  # income: the median of 1 and 3
        [50, 3, 0, 0, 0, 1, 1, 3],
        [61, 2, 1, 0, 1, 0, 1, 365],
    ]
    assert notes == ["column 'since': dates read as days since 1970"]


def test_what_was_learnt_is_applied_to_new_rows() -> None:
    train = pl.DataFrame({"a": [1.0, 3.0, 8.0], "b": ["x", "y", "x"]})
    columns, _ = fit_columns(train)
    new = pl.DataFrame({"b": ["z", "y", None], "extra": [1, 2, 3], "a": [None, 5.0, 6.0]})
    assert encode(new, columns).tolist() == [[3, 0, 0], [5, 0, 1], [6, 0, 0]]


def test_times() -> None:
    frame = pl.DataFrame({"at": [datetime(1970, 1, 1, 12), datetime(1970, 1, 2, 18)]})
    for unit in ("ms", "us", "ns"):
        columns, _ = fit_columns(frame.select(pl.col("at").cast(pl.Datetime(unit))))
        assert encode(frame.select(pl.col("at").cast(pl.Datetime(unit))), columns).ravel().tolist() == [0.5, 1.75]


def test_dropped_columns_are_said_together() -> None:
    many = list(range(30))
    frame = pl.DataFrame(
        {
            "x": [float(i % 7) for i in many],
            "same": [4] * 30,
            "word": ["a"] * 30,
            "nothing": [None] * 30,
            "blank": ["?", "NA", ""] * 10,
            "name": [f"person {i}" for i in many],
            "customer_id": [1000 + 7 * i for i in many],
            "": many,
            "tags": [[1, 2]] * 30,
        }
    )
    columns, notes = fit_columns(frame)
    assert [state["name"] for state in columns] == ["x"]
    assert notes == [
        "2 columns dropped, constant: same, word",
        "2 columns dropped, all missing: nothing, blank",
        "3 columns dropped, counting or naming the rows: name, customer_id, ",
        "1 column dropped, a kind that is not read (List(Int64)): tags",
    ]


def test_numbers_written_as_words() -> None:
    frame = pl.DataFrame({"size": ["1", "2", "3", "4", "5", "6", "7", "8", "9", "n/a", "unknown"]})
    columns, notes = fit_columns(frame)
    assert columns == [{"name": "size", "kind": "number", "median": 5.0, "gaps": True}]
    assert notes == ["column 'size': 1 entry that are no numbers taken as missing"]
    assert encode(frame, columns)[9:].tolist() == [[5, 1], [5, 1]]


def test_beyond_float32_is_missing() -> None:
    columns, _ = fit_columns(pl.DataFrame({"a": [1.0, 2.0, 1e300]}))
    assert np.isfinite(encode(pl.DataFrame({"a": [1e300, -1e300]}), columns)).all()


def test_rare_levels_share_a_code() -> None:
    frame = pl.DataFrame({"w": [f"w{i % 150:03}" for i in range(450)] + ["w149"]})
    columns, notes = fit_columns(frame)
    assert len(columns[0]["levels"]) == 100 and "w149" in columns[0]["levels"]  # the most frequent, then by name
    assert columns[0]["levels"][-2] == "w098"
    assert notes == ["column 'w': the 50 rarest of 150 levels share one code"]
    assert encode(pl.DataFrame({"w": ["w120"]}), columns).sum() == 0


def test_refusals() -> None:
    with pytest.raises(BadData, match=r"No column is left to learn from: 1 column dropped, constant: a\."):
        fit_columns(pl.DataFrame({"a": [1, 1]}))
    with pytest.raises(BadData, match="the table has only its target"):
        fit_columns(pl.DataFrame())
    columns, _ = fit_columns(pl.DataFrame({"a": [1, 2], "b": [1, 2]}))
    with pytest.raises(BadData, match=r"lacks 1 column the model was trained on: b. It has: a, c"):
        encode(pl.DataFrame({"a": [1], "c": [1]}), columns)
    with pytest.raises(BadData, match="Column 'a' holds words such as 'tall'; numbers were learnt"):
        encode(pl.DataFrame({"a": ["tall"], "b": [1]}), columns)
