"""Delta tables with features that Spark's own tools switch on, as both engines read and write them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from laktory_dagster.engines.base import Engine, ReadRequest, Target
from laktory_dagster.engines.registry import open_engine
from laktory_dagster.errors import LaktoryDagsterError, UnsupportedError, WriteError
from laktory_dagster.models.sources import FileSource
from tests.engines.writing import Desk
from tests.sessions import SPARK_KINDS, shared_session

MAPPED = (
    "'delta.columnMapping.mode'='name', 'delta.minReaderVersion'='2', 'delta.minWriterVersion'='5'"
)
VECTORS = "'delta.enableDeletionVectors'='true'"
FIRST = pl.DataFrame({"id": [1, 2], "v": ["a", "b"]})
SECOND = pl.DataFrame({"id": [2, 3], "v": ["B", "c"]})


@pytest.fixture(params=SPARK_KINDS)
def spark(request: pytest.FixtureRequest) -> Any:
    return shared_session(request.param)


@pytest.fixture
def desk(spark: Any, tmp_path: Path) -> Iterator[Desk]:
    engine = open_engine("spark", spark=spark)
    yield Desk(engine, tmp_path)
    engine.close()


@pytest.fixture
def other(desk: Desk) -> Desk:
    """The same folder in the hands of Polars."""
    return Desk(open_engine("polars"), desk.folder)


def create(
    spark: Any, desk: Desk, properties: str, columns: str = "id BIGINT, v STRING", more: str = ""
) -> None:
    spark.sql(
        f"CREATE TABLE delta.`{desk.folder}/t` ({columns}) USING delta {more} "
        f"TBLPROPERTIES ({properties})"
    ).collect()


def target(desk: Desk, mode: str = "APPEND", **more: Any) -> Target:
    keys = {"primary_keys": ("id",)} if mode == "MERGE" else {}
    return desk.target("t", mode=mode, **keys, **more)


def rows(engine: Engine, desk: Desk) -> list[tuple[Any, ...]]:
    place = target(desk).place
    source = FileSource(path=place.uri, format="DELTA")
    frame = engine.read(ReadRequest(source, "spark", place=place, format="DELTA")).frame
    return sorted((tuple(row.values()) for row in engine.head(frame, 1000)), key=str)


def test_a_table_with_mapped_columns_is_written_and_shown(spark: Any, desk: Desk) -> None:
    """Its files call the columns by names of their own: the preview had nulls only."""
    create(spark, desk, MAPPED)
    summary, _ = desk.write(FIRST, target(desk))
    assert list(summary.preview) == FIRST.to_dicts()
    desk.put(SECOND, target(desk, "MERGE"), run="run-2")
    assert rows(desk.engine, desk) == [(1, "a"), (2, "B"), (3, "c")]
    desk.put(FIRST, target(desk, "OVERWRITE"), run="run-3")
    assert rows(desk.engine, desk) == [(1, "a"), (2, "b")]


def test_a_mapped_table_in_folders_is_shown(spark: Any, desk: Desk) -> None:
    create(spark, desk, MAPPED, more="PARTITIONED BY (v)")
    summary, _ = desk.write(FIRST, target(desk))
    assert sorted(summary.preview, key=str) == FIRST.to_dicts()


@pytest.mark.parametrize("mode", ["APPEND", "OVERWRITE", "MERGE"])
def test_polars_leaves_a_table_with_mapped_columns_alone(
    spark: Any, desk: Desk, other: Desk, mode: str
) -> None:
    """An append of Polars was a row of nulls to every reader."""
    create(spark, desk, MAPPED)
    desk.put(FIRST, target(desk))
    with pytest.raises(UnsupportedError, match="maps its columns") as raised:
        other.put(SECOND, target(desk, mode), run="run-2")
    assert "dataframe_type: SPARK" in str(raised.value)
    assert rows(desk.engine, desk) == [(1, "a"), (2, "b")]


@pytest.mark.parametrize(
    ("properties", "feature"),
    [
        ("'delta.enableRowTracking'='true'", "RowTracking"),
        ("'delta.enableInCommitTimestamps'='true'", "InCommitTimestamp"),
        ("'delta.enableTypeWidening'='true'", "TypeWidening"),
    ],
)
def test_a_feature_that_polars_does_not_write_is_named(
    spark: Any, desk: Desk, other: Desk, properties: str, feature: str
) -> None:
    """It was told as the work of another run, which a retry would mend."""
    create(spark, desk, properties)
    desk.put(FIRST, target(desk))
    for mode in ("APPEND", "MERGE", "OVERWRITE"):
        with pytest.raises(WriteError, match=feature) as raised:
            other.put(SECOND, target(desk, mode), run=f"run-{mode}")
        assert "features that Polars does not write" in str(raised.value)
    assert rows(desk.engine, desk) == [(1, "a"), (2, "b")]


def test_rows_that_a_deletion_vector_hides_are_neither_read_nor_counted(
    spark: Any, desk: Desk, other: Desk
) -> None:
    create(spark, desk, VECTORS)
    many = pl.DataFrame({"id": range(20), "v": ["x"] * 20})
    desk.put(many, target(desk))
    spark.sql(f"DELETE FROM delta.`{desk.folder}/t` WHERE id >= 5").collect()
    left = [(number, "x") for number in range(5)]
    for engine in (desk.engine, other.engine):
        assert rows(engine, desk) == left
        state = engine.inspect(target(desk).place, "DELTA")
        assert state is not None
        assert state.count() == 5


@pytest.mark.parametrize("writer", ["spark", "polars"])
def test_a_table_with_deletion_vectors_is_merged_and_appended(
    spark: Any, desk: Desk, other: Desk, writer: str
) -> None:
    create(spark, desk, VECTORS)
    desk.put(pl.DataFrame({"id": [0, 1, 2], "v": ["z", "a", "b"]}), target(desk))
    spark.sql(f"DELETE FROM delta.`{desk.folder}/t` WHERE id = 0").collect()
    mine = desk if writer == "spark" else other
    mine.put(SECOND, target(desk, "MERGE"), run="run-2")
    mine.put(pl.DataFrame({"id": [9], "v": ["new"]}), target(desk), run="run-3")
    expected = [(1, "a"), (2, "B"), (3, "c"), (9, "new")]
    assert rows(desk.engine, desk) == expected
    assert rows(other.engine, desk) == expected


def test_columns_with_defaults_and_numbers_of_delta_are_filled_in(spark: Any, desk: Desk) -> None:
    columns = "id BIGINT, v STRING, n BIGINT GENERATED BY DEFAULT AS IDENTITY, d INT DEFAULT 3"
    create(spark, desk, "'delta.feature.allowColumnDefaults'='supported'", columns)
    desk.put(FIRST, target(desk, schema_evolution="add"))
    desk.put(SECOND, target(desk, "MERGE", schema_evolution="add"), run="run-2")
    found = rows(desk.engine, desk)
    assert [(row[0], row[1], row[3]) for row in found] == [(1, "a", 3), (2, "B", 3), (3, "c", 3)]
    assert len({row[2] for row in found}) == 3


def test_what_a_generated_column_demands_is_told(spark: Any, desk: Desk) -> None:
    create(spark, desk, "'a'='b'", "id BIGINT, v STRING, n BIGINT GENERATED ALWAYS AS (id * 2)")
    desk.put(FIRST, target(desk, schema_evolution="add"))
    assert rows(desk.engine, desk) == [(1, "a", 2), (2, "b", 4)]
    wrong = FIRST.with_columns(n=pl.lit(7, pl.Int64))
    with pytest.raises(LaktoryDagsterError) as raised:
        desk.put(wrong, target(desk), run="run-2")
    assert "generated" in str(raised.value).lower()
    assert rows(desk.engine, desk) == [(1, "a", 2), (2, "b", 4)]


def test_an_append_only_table_takes_rows_and_no_changes(spark: Any, desk: Desk) -> None:
    create(spark, desk, "'delta.appendOnly'='true'")
    desk.put(FIRST, target(desk))
    with pytest.raises(WriteError, match="append"):
        desk.put(SECOND, target(desk, "MERGE"), run="run-2")
    assert rows(desk.engine, desk) == [(1, "a"), (2, "b")]


def test_changes_of_a_table_that_keeps_them_are_those_of_the_merge(spark: Any, desk: Desk) -> None:
    create(spark, desk, "'delta.enableChangeDataFeed'='true'")
    desk.put(FIRST, target(desk))
    version = desk.put(SECOND, target(desk, "MERGE"), run="run-2").version
    table = f"'{desk.folder}/t'"
    query = f"SELECT id, v, _change_type FROM table_changes_by_path({table}, {version})"
    changes = sorted(map(tuple, spark.sql(query).collect()))
    assert changes == [
        (2, "B", "update_postimage"),
        (2, "b", "update_preimage"),
        (3, "c", "insert"),
    ]
