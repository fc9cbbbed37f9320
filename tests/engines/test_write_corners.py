"""Corners of writing where a plausible shortcut loses or changes data."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from deltalake import DeltaTable
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from laktory_dagster import models
from laktory_dagster.engines.base import Engine
from laktory_dagster.engines.spark.formats import extension_of
from laktory_dagster.errors import SchemaChangedError
from tests.engines.writing import Desk, in_order


@pytest.fixture
def desk(engine: Engine, tmp_path: Path) -> Desk:
    return Desk(engine, tmp_path)


def run(
    folder: Path, frame: pl.DataFrame, sinks: Sequence[dict[str, Any]], **node: Any
) -> dict[str, Any]:
    """Run one node of these rows into these sinks, and return the result of each rule."""
    frame.write_parquet(folder / "in.parquet")
    declared = {"name": "n", "source": {"path": str(folder / "in.parquet"), "format": "PARQUET"}}
    pipeline = models.Pipeline(
        name="p", warehouse=str(folder), nodes=[{**declared, "sinks": list(sinks), **node}]
    )
    with pipeline:
        result = pipeline.execute()
    return {check.name: check.passed for check in result["n"].checks}


@pytest.mark.parametrize("percent", [7, 29, 56, 57, 58, 99])
def test_exactly_the_tolerated_share_passes(tmp_path: Path, percent: int) -> None:
    frame = pl.DataFrame({"a": [0] * percent + [1] * (100 - percent)})
    tolerated = {"name": "r", "expr": "a = 1", "tolerance": {"rel": percent / 100}}

    assert run(tmp_path, frame, [{"table_name": "t"}], expectations=[tolerated]) == {"r": True}
    tolerated["tolerance"] = {"rel": (percent - 1) / 100}
    assert run(tmp_path, frame, [{"table_name": "t"}], expectations=[tolerated]) == {"r": False}


@pytest.mark.parametrize("others", [[], [{"name": "all", "expr": "a < 100", "action": "DROP"}]])
@pytest.mark.parametrize("copies", [1, 2])
def test_a_rule_sees_the_rows_before_the_sinks_types(
    tmp_path: Path, others: list[dict[str, str]], copies: int
) -> None:
    frame = pl.DataFrame({"a": [0.7, 1.7]})
    sinks = [{"table_name": f"t{i}", "schema_definition": {"a": "int"}} for i in range(copies)]
    rules = [{"name": "r", "expr": "a > 0.5", "action": "FAIL"}, *others]

    assert run(tmp_path, frame, sinks, expectations=rules)["r"] is True


@pytest.mark.parametrize("more", [{}, {"z": [0, 0]}])
def test_the_latest_row_of_a_key_is_one_answer_with_nan(
    tmp_path: Path, more: dict[str, list[int]]
) -> None:
    # NaN is greater than all numbers, as Spark sorts it.
    frame = pl.DataFrame({"k": [1, 1], "t": [1.0, float("nan")], **more})
    options = {"primary_keys": ["k"], "timestamp_key": "t", "drop_duplicates": True}
    run(tmp_path, frame, [{"table_name": "t"}], **options)

    (kept,) = pl.read_delta(str(tmp_path / "main/default/t"))["t"].to_list()
    assert kept != kept


def test_dates_beyond_pythons_years_are_stored(desk: Desk) -> None:
    far = pl.DataFrame({"d": [0, 7_000_000], "x": [1, 2]}).with_columns(
        pl.col("d").cast(pl.Int32).cast(pl.Date)
    )
    target = desk.target("t")
    desk.put(far, target)

    stored = pl.scan_delta(str(desk.folder / "t"))
    assert stored.select(pl.col("d").cast(pl.Int32)).sort("d").collect()["d"].to_list() == [
        0,
        7_000_000,
    ]
    assert stored.filter(pl.col("x") == 2).select(pl.len()).collect().item() == 1


@pytest.mark.parametrize("content", [b"", b"garbage"])
def test_a_damaged_file_is_overwritten(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "t.parquet").write_bytes(content)
    sink = {"path": str(tmp_path / "t.parquet"), "format": "PARQUET"}
    run(tmp_path, pl.DataFrame({"a": [1]}), [sink], expectations=[{"name": "r", "expr": "a = 1"}])

    assert pl.read_parquet(tmp_path / "t.parquet")["a"].to_list() == [1]


@pytest.mark.parametrize(
    ("stored", "batch"), [([2**53 + 1], [0.5]), ([0.5], [2**53 + 1]), ([-(2**60)], [0.5])]
)
def test_widening_to_a_float_refuses_integers_that_it_cannot_hold(
    desk: Desk, stored: list[Any], batch: list[Any]
) -> None:
    desk.put(pl.DataFrame({"a": stored}), desk.target("t"), run="r1")
    target = desk.target("t", mode="APPEND", schema_evolution="widen")

    with pytest.raises(SchemaChangedError, match="2\\*\\*53"):
        desk.put(pl.DataFrame({"a": batch}), target, run="r2")
    assert desk.rows(target) == [(stored[0],)]


def test_widening_to_a_float_takes_integers_that_it_holds(desk: Desk) -> None:
    desk.put(pl.DataFrame({"a": [2**53 - 1]}), desk.target("t"), run="r1")
    target = desk.target("t", mode="APPEND", schema_evolution="widen")
    desk.put(pl.DataFrame({"a": [0.5]}), target, run="r2")

    assert desk.rows(target) == [(0.5,), (float(2**53 - 1),)]


FLOATS = [
    (pl.Int64, pl.Float64, 2**53),
    (pl.Int64, pl.Float32, 2**24),
    (pl.Int32, pl.Float32, 2**24),
]


@pytest.mark.parametrize(("integer", "real", "limit"), FLOATS)
@pytest.mark.parametrize("form", ["DELTA", "PARQUET"])
def test_whole_numbers_that_a_stored_float_holds_are_appended(
    desk: Desk, form: str, integer: Any, real: Any, limit: int
) -> None:
    target = desk.target("t", form, mode="APPEND")
    desk.put(pl.DataFrame({"a": [0.5]}, schema={"a": real}), target, run="r1")
    batch = pl.DataFrame({"a": [limit, -limit, None, 7]}, schema={"a": integer})
    desk.put(batch, target, run="r2")

    found = [value for (value,) in desk.rows(target)]
    assert sorted(value for value in found if value is not None) == [-limit, 0.5, 7, limit]
    assert found.count(None) == 1
    assert all(isinstance(value, float) for value in found if value is not None)


@pytest.mark.parametrize(("integer", "real", "limit"), FLOATS)
@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("form", ["DELTA", "PARQUET"])
def test_whole_numbers_that_a_stored_float_cannot_hold_are_refused(
    desk: Desk, form: str, integer: Any, real: Any, limit: int, sign: int
) -> None:
    target = desk.target("t", form, mode="APPEND")
    desk.put(pl.DataFrame({"a": [0.5]}, schema={"a": real}), target, run="r1")
    batch = pl.DataFrame({"a": [1, sign * (limit + 1)]}, schema={"a": integer})

    with pytest.raises(SchemaChangedError, match="`a` holds integers beyond"):
        desk.put(batch, target, run="r2")
    assert desk.rows(target) == [(0.5,)]


@pytest.mark.parametrize("scd_type", [1, 2])
@pytest.mark.parametrize("value", [2**53, 2**53 + 1])
def test_a_merge_of_whole_numbers_into_a_float(desk: Desk, value: int, scd_type: int) -> None:
    options = models.MergeOptions(scd_type=scd_type, order_by="t")
    target = desk.target("t", mode="MERGE", primary_keys=("k",), merge=options)
    desk.put(pl.DataFrame({"k": [1], "t": [1], "a": [0.5]}), target, run="r1")
    batch = pl.DataFrame({"k": [2], "t": [2], "a": [value]})

    if value > 2**53:
        with pytest.raises(SchemaChangedError, match="`a` holds integers beyond"):
            desk.put(batch, target, run="r2")
    else:
        desk.put(batch, target, run="r2")
    stored = [row[2] for row in desk.rows(target)]
    assert stored == ([0.5] if value > 2**53 else [0.5, float(value)])


def test_infinite_numbers_are_no_integers_beyond(desk: Desk) -> None:
    desk.put(pl.DataFrame({"a": [1]}), desk.target("t"), run="r1")
    target = desk.target("t", mode="APPEND", schema_evolution="widen")
    desk.put(pl.DataFrame({"a": [float("inf")]}), target, run="r2")
    desk.put(pl.DataFrame({"a": [2]}), target, run="r3")

    assert desk.rows(target) == [(1.0,), (2.0,), (float("inf"),)]


@pytest.mark.parametrize("path", ["t.csv", "t"])
def test_rejected_rows_of_a_csv_file_are_kept_as_json(tmp_path: Path, path: str) -> None:
    rules = [{"name": "positive", "expr": "a > 0", "action": "QUARANTINE"}]
    sink = {"path": str(tmp_path / path), "format": "CSV"}
    run(tmp_path, pl.DataFrame({"a": [1, -1]}), [sink], expectations=rules)

    place = tmp_path / ("t_quarantine.json" if path.endswith(".csv") else "t_quarantine")
    (aside,) = [place] if place.is_file() else place.glob("*.json")
    (row,) = (json.loads(line) for line in aside.read_text().splitlines())
    assert row["a"] == -1
    assert row["_failed_rules"] == ["positive"]


def test_sweeping_spares_files_whose_commit_left_the_log(desk: Desk) -> None:
    """A commit that is cleaned out of the log does not make its files leftovers."""
    target = desk.target("t", mode="APPEND")
    desk.put(pl.DataFrame({"a": [1]}), target, run="r1")
    folder = desk.folder / "t"
    (part,) = folder.glob("part-*.parquet")
    note = folder / "_laktory/staged" / f"{part.stem.removeprefix('part-')}.json"
    note.parent.mkdir(parents=True, exist_ok=True)
    note.write_text(json.dumps({"token": "x", "pid": 1, "host": "elsewhere", "started": 0.0}))
    desk.put(pl.DataFrame({"a": [2]}), target, run="r2")
    table = DeltaTable(str(folder))
    table.create_checkpoint()
    (folder / "_delta_log" / f"{0:020}.json").unlink()
    note.write_text(json.dumps({"token": "x", "pid": 1, "host": "elsewhere", "started": 0.0}))

    desk.put(pl.DataFrame({"a": [3]}), target, run="r3")

    assert desk.rows(target) == [(1,), (2,), (3,)]


Change = tuple[int, str, int | None, int]
# Many keys in few batches: keys do not meet, and a commit costs the same for one as for many.
CHANGES = st.lists(
    st.tuples(
        st.integers(1, 10),
        st.sampled_from(["u", "u", "u", "d"]),
        st.one_of(st.none(), st.integers(0, 9)),
    ),
    min_size=30,
    max_size=80,
)


def one_by_one(batches: Sequence[Sequence[Change]]) -> list[tuple[int, int | None, int]]:
    """Return the table that a plain reading of ordered changes gives: nulls update nothing."""
    rows: dict[int, tuple[int | None, int]] = {}
    for key, op, value, at in (change for batch in batches for change in batch):
        if key in rows and at < rows[key][1]:
            continue
        if op == "d":
            rows.pop(key, None)
            continue
        known = rows[key][0] if key in rows else None
        rows[key] = (known if value is None else value, at)
    return sorted((key, value, at) for key, (value, at) in rows.items())


@settings(
    max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(changes=CHANGES, cuts=st.sets(st.integers(1, 60), max_size=2))
def test_null_updates_do_not_depend_on_how_changes_are_batched(
    engine: Engine,
    tmp_path_factory: pytest.TempPathFactory,
    changes: list[tuple[int, str, int | None]],
    cuts: set[int],
) -> None:
    desk = Desk(engine, tmp_path_factory.mktemp("merge"))
    stamped = [(*change, at) for at, change in enumerate(changes)]
    edges = [0, *sorted(cut for cut in cuts if cut < len(stamped)), len(stamped)]
    batches = [stamped[a:b] for a, b in itertools.pairwise(edges)]
    merge = models.MergeOptions(
        primary_keys=["k"],
        order_by="at",
        delete_where="op = 'd'",
        exclude_columns=["op"],
        ignore_null_updates=True,
    )
    target = desk.target("t", mode="MERGE", merge=merge, primary_keys=("k",))
    schema = {"k": pl.Int64, "op": pl.String, "v": pl.Int64, "at": pl.Int64}
    for index, batch in enumerate(batches):
        frame = pl.DataFrame(batch, schema=schema, orient="row").sample(fraction=1, shuffle=True)
        desk.put(frame, target, run=f"r{index}")

    assert desk.rows(target) == in_order(one_by_one(batches))


def test_a_compressed_file_of_spark_says_so_in_its_name() -> None:
    ends = {
        name: extension_of("JSONL", name) for name in ("part-0-c000.json", "part-0-c000.json.gz")
    }
    assert list(ends.values()) == ["jsonl", "jsonl.gz"]
    assert extension_of("CSV", "part-0.c000.csv.gz") == "c000.csv.gz"
