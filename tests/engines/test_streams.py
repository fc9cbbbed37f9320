"""Streams: only what is new, exactly once, on every engine; what does not fit together is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from deltalake import DeltaTable

from laktory_dagster import models
from laktory_dagster.engines.base import Engine
from laktory_dagster.errors import LaktoryDagsterError, RunFailedError
from tests.engines.streaming import Feed, in_order

A, B, C = ({"id": 1, "v": "a"}, {"id": 2, "v": "b"}, {"id": 3, "v": "c"})


@pytest.fixture
def feed(engine: Engine, tmp_path: Path) -> Feed:
    return Feed(engine.name, tmp_path)


def failure(feed: Feed, **options: Any) -> str:
    """Return what a run that has to fail says."""
    with pytest.raises(RunFailedError) as caught:
        feed.run(**options)
    problems = [node.error for node in caught.value.result.nodes.values() if node.error]
    assert all(isinstance(problem, LaktoryDagsterError) for problem in problems)
    return "\n".join(str(problem) for problem in problems)


def test_each_run_reads_only_new_files(feed: Feed) -> None:
    feed.drop("1", A)
    assert feed.run().rows_out == 1
    feed.drop("2", B, C)
    second = feed.run()
    assert (second.rows_in, second.rows_out, second.batch) == (2, 2, 1)
    assert feed.rows() == [A, B, C]


def test_nothing_new_changes_nothing(feed: Feed) -> None:
    feed.drop("1", A)
    feed.run()
    version = DeltaTable(str(feed.table)).version()
    third = feed.run()
    assert third.rows_out in (0, None)
    assert DeltaTable(str(feed.table)).version() == version
    assert feed.rows() == [A]


@pytest.mark.parametrize("form", ["CSV", "PARQUET", "JSON"])
def test_formats(feed: Feed, form: str) -> None:
    feed.source = {"format": form}
    write = {"CSV": pl.DataFrame.write_csv, "PARQUET": pl.DataFrame.write_parquet}.get(
        form, pl.DataFrame.write_ndjson
    )
    for number, row in enumerate((A, B)):
        write(pl.DataFrame([row]), feed.landing / f"{number}.{form.lower()}")
        feed.run()
    assert feed.rows() == [A, B]


@pytest.mark.parametrize("declared", [{}, {"schema_definition": {"id": "int64", "v": "string"}}])
def test_a_first_run_without_files_waits(feed: Feed, declared: dict[str, Any]) -> None:
    feed.source = declared
    assert feed.landing.is_dir()
    for full_refresh in (False, True):
        assert feed.run(full_refresh=full_refresh).rows_out in (0, None)
        assert not feed.table.exists()
    feed.drop("1", A)
    feed.run()
    assert feed.rows() == [A]
    for file in feed.landing.iterdir():
        file.unlink()
    assert "nothing to read" in failure(feed, full_refresh=True)
    assert feed.rows() == [A]


def test_a_changed_file_is_refused_and_a_refresh_mends_it(feed: Feed) -> None:
    feed.drop("1", A)
    feed.run()
    feed.drop("1", B, C)
    said = failure(feed)
    assert "changed after a batch had read it" in said
    assert "--full-refresh" in said
    assert feed.rows() == [A]
    feed.run(full_refresh=True)
    assert feed.rows() == [B, C]
    feed.drop("2", A)
    feed.run()
    assert feed.rows() == [A, B, C]


def test_files_that_are_gone_are_no_concern(feed: Feed) -> None:
    feed.drop("1", A)
    feed.run()
    (feed.landing / "1.jsonl").unlink()
    feed.drop("2", B)
    feed.run()
    assert feed.rows() == [A, B]


def test_a_column_that_changes_its_type_is_refused(feed: Feed) -> None:
    feed.source = {"format": "CSV"}
    (feed.landing / "1.csv").write_text("id,v\n1,a\n")
    feed.run()
    (feed.landing / "2.csv").write_text("id,v\nx,b\n")
    assert "`id` is int64" in failure(feed)
    (feed.landing / "2.csv").write_text("id,v\n2,b\n")
    feed.run()
    assert feed.rows() == [A, B]


def test_a_damaged_file_can_be_set_aside_and_mended(feed: Feed) -> None:
    feed.source = {"format": "PARQUET", "bad_files": "quarantine"}
    pl.DataFrame([A]).write_parquet(feed.landing / "1.parquet")
    (feed.landing / "2.parquet").write_bytes(b"PAR1 and nothing more")
    first = feed.run()
    assert [Path(name).name for name in first.bad_files] == ["2.parquet"]
    assert feed.rows() == [A]
    feed.run()
    assert feed.rows() == [A]
    pl.DataFrame([B]).write_parquet(feed.landing / "2.parquet")
    feed.run()
    assert feed.rows() == [A, B]


def test_rules_hold_for_every_batch(feed: Feed) -> None:
    feed.node = {
        "expectations": [
            {"name": "known", "expr": "v <> 'bad'", "action": "QUARANTINE"},
            {"name": "positive", "expr": "id > 0", "action": "DROP"},
        ]
    }
    feed.sink = {"table_name": "out", "checkpoint_location": str(feed.folder / "cp")}
    feed.node = {**feed.node, "sinks": [feed.sink, {"table_name": "aside", "is_quarantine": True}]}
    bad = {"id": 7, "v": "bad"}
    feed.drop("1", A, bad)
    first = feed.run()
    feed.drop("2", B, {"id": -1, "v": "x"}, {**bad, "id": 8})
    second = feed.run()
    counts = [(r.rows_in, r.rows_out, r.rows_dropped, r.rows_quarantined) for r in (first, second)]
    assert counts == [(2, 1, 0, 1), (3, 1, 1, 1)]
    assert feed.rows() == [A, B]
    assert [row["id"] for row in feed.rows("aside")] == [7, 8]


def test_a_rule_that_fails_keeps_the_batch_for_a_mended_file(feed: Feed) -> None:
    feed.node = {"expectations": [{"name": "known", "expr": "v <> 'bad'", "action": "FAIL"}]}
    feed.drop("1", A)
    feed.run()
    feed.drop("2", B, {"id": 9, "v": "bad"})
    failure(feed)
    assert feed.rows() == [A]
    feed.drop("2", B)
    feed.run()
    assert feed.rows() == [A, B]


def test_merge_takes_the_latest_of_each_key(feed: Feed) -> None:
    merge = {"primary_keys": ["id"], "order_by": "at"}
    feed.sink = {"table_name": "out", "mode": "MERGE", "merge_cdc_options": merge}
    feed.drop("1", {**A, "at": 2}, {**A, "v": "early", "at": 1})
    feed.run()
    feed.drop("2", {**A, "v": "late", "at": 1}, {**B, "at": 1})
    feed.run()
    assert feed.rows() == in_order([{**A, "at": 2}, {**B, "at": 1}])


def test_a_lost_checkpoint_is_refused(feed: Feed) -> None:
    feed.drop("1", A)
    feed.run()
    shutil.rmtree(feed.checkpoint)
    said = failure(feed)
    assert "is gone, and the table holds 1 batches of the stream" in said
    assert "--full-refresh" in said
    assert feed.rows() == [A]


def test_a_stale_checkpoint_is_refused(feed: Feed) -> None:
    feed.drop("1", A)
    feed.run()
    saved = feed.folder / "saved"
    shutil.copytree(feed.checkpoint, saved)
    feed.drop("2", B)
    feed.run()
    shutil.rmtree(feed.checkpoint)
    shutil.copytree(saved, feed.checkpoint)
    assert "is older than the table" in failure(feed)
    assert feed.rows() == [A, B]


def test_a_foreign_checkpoint_is_refused(feed: Feed, tmp_path: Path) -> None:
    other = Feed(feed.engine, tmp_path / "other")
    other.folder.mkdir()
    for one in (feed, other):
        one.drop("1", A)
        one.run()
    shutil.rmtree(feed.checkpoint)
    shutil.copytree(other.checkpoint, feed.checkpoint)
    assert "checkpoint" in failure(feed)
    assert feed.rows() == [A]


def test_two_streams_never_share_a_checkpoint(feed: Feed) -> None:
    place = str(feed.folder / "cp")
    feed.sink = {"table_name": "out", "checkpoint_location": place}
    feed.drop("1", A)
    feed.run()
    twin = Feed(feed.engine, feed.folder, sink={"table_name": "two", "checkpoint_location": place})
    assert "belongs to the target" in failure(twin)


@pytest.mark.parametrize("name", ["metadata.json", "offsets/0.json"])
def test_a_damaged_checkpoint_is_named(feed: Feed, name: str) -> None:
    feed.drop("1", A)
    feed.run()
    (feed.checkpoint / name).write_text('{"half')
    assert name.rpartition("/")[2] in failure(feed)
    assert feed.rows() == [A]


def test_many_batches_are_as_one(feed: Feed) -> None:
    expected = []
    for number in range(21):
        expected.append({"id": number, "v": f"{number}"})
        feed.drop(f"{number:02}", expected[-1])
        feed.run()
    assert feed.rows() == in_order(expected)
    assert len(list((feed.checkpoint / "offsets").iterdir())) == 11


def _reading(name: str, upstream: str, **more: Any) -> dict[str, Any]:
    source = {"node_name": upstream, "as_stream": True}
    return {"name": name, "source": source, "sinks": [{"table_name": name}], **more}


def test_a_node_reads_the_new_rows_of_a_node(feed: Feed) -> None:
    feed.more = (_reading("next", "out"),)
    feed.drop("1", A)
    feed.run()
    feed.drop("2", B)
    with feed.declared() as pipeline:
        assert pipeline.execute()["next"].rows_out == 1
    assert feed.rows("next") == [A, B]


def test_a_view_between_is_part_of_its_consumer(feed: Feed) -> None:
    view = {
        "name": "seen",
        "source": {"path": str(feed.landing), "format": "JSONL", "as_stream": True},
        "sinks": [{"pipeline_view_name": "seen"}],
        "expectations": [{"name": "known", "expr": "v <> 'bad'", "action": "DROP"}],
    }
    feed.node = {"source": {"node_name": "seen", "as_stream": True}}
    feed.more = (view,)
    feed.drop("1", A, {"id": 9, "v": "bad"})
    feed.run()
    feed.drop("2", B)
    feed.run()
    assert feed.rows() == [A, B]


def test_a_delta_table_is_read_by_versions(feed: Feed) -> None:
    path = str(feed.folder / "given")
    pl.DataFrame([A]).write_delta(path)
    feed.source = {"path": path, "format": "DELTA"}
    feed.run()
    pl.DataFrame([B]).write_delta(path, mode="append")
    pl.DataFrame([C]).write_delta(path, mode="append")
    assert feed.run().rows_out == 2
    assert feed.rows() == [A, B, C]
    DeltaTable(path).optimize.compact()
    assert feed.run().rows_out in (0, None)
    assert feed.rows() == [A, B, C]


@pytest.mark.parametrize("change", ["delete", "overwrite", "anew"])
def test_a_table_that_loses_rows_is_refused(feed: Feed, change: str) -> None:
    path = str(feed.folder / "given")
    pl.DataFrame([A, B]).write_delta(path)
    feed.source = {"path": path, "format": "DELTA"}
    feed.run()
    if change == "delete":
        DeltaTable(path).delete("id = 1")
    elif change == "overwrite":
        pl.DataFrame([C]).write_delta(path, mode="overwrite")
    else:
        shutil.rmtree(path)
        pl.DataFrame([C]).write_delta(path)
    said = failure(feed)
    assert "made anew" in said if change == "anew" else "deleted, updated or replaced" in said
    assert feed.rows() == [A, B]
    feed.run(full_refresh=True)
    assert feed.rows() == in_order(pl.read_delta(path).to_dicts())


def test_a_stream_joins_a_table_read_as_a_whole(feed: Feed) -> None:
    pl.DataFrame({"v": ["a", "b"], "name": ["Ann", "Bob"]}).write_parquet(feed.folder / "n.parquet")
    names = {
        "name": "names",
        "source": {"path": str(feed.folder / "n.parquet"), "format": "PARQUET"},
    }
    feed.more = ({**names, "sinks": [{"table_name": "names"}]},)
    query = "SELECT s.id, n.name FROM {df} AS s JOIN {nodes.names} AS n ON s.v = n.v"
    feed.node = {"transformer": {"nodes": [{"sql_expr": query}]}}
    feed.drop("1", A)
    feed.run()
    feed.drop("2", B)
    feed.run()
    assert feed.rows() == [{"id": 1, "name": "Ann"}, {"id": 2, "name": "Bob"}]


def test_the_offsets_are_plain_json(feed: Feed) -> None:
    feed.drop("1", A)
    feed.run()
    stored = json.loads((feed.checkpoint / "offsets/0.json").read_text())
    assert stored["batch"] == 0
    (source,) = stored["sources"].values()
    assert list(source["files"]) == ["1.jsonl"]


def test_changing_the_engine_in_mid_stream_is_refused(tmp_path: Path, engine: Engine) -> None:
    if engine.name == "polars":
        return
    first = Feed("polars", tmp_path)
    first.drop("1", A)
    first.run()
    second = Feed(engine.name, tmp_path)
    assert "was made by polars" in failure(second)
    second.run(full_refresh=True)
    assert second.rows() == [A]


def test_a_pipeline_without_a_stream_takes_no_checkpoint(feed: Feed) -> None:
    feed.source = {"as_stream": False}
    feed.drop("1", A)
    feed.run()
    assert not feed.checkpoint.exists()
    assert isinstance(feed.declared(), models.Pipeline)
