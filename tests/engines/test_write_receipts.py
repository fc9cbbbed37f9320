"""Who wrote it: receipts after every mode, damaged ones, rows that add up, and what is written twice."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from laktory_dagster.engines.base import Engine, Receipt, Target
from laktory_dagster.engines.registry import open_engine
from laktory_dagster.errors import LaktoryDagsterError, WriteError
from tests.engines.frames import collected
from tests.engines.writing import Desk, receipt_for, rule, stamp_of

FRAME = pl.DataFrame({"symbol": ["A", "B", None, "bad"], "close": [1.0, -1.0, 2.0, None]})
RULES = [
    rule("positive", "close > 0", "DROP"),
    rule("known", "symbol <> 'bad'", "QUARANTINE"),
    rule("cheap", "close < 2", "WARN"),
]
"""B is dropped; the row without a symbol and the bad one are set aside; one is left."""
PLACES = [
    ("DELTA", "OVERWRITE", "t"),
    ("DELTA", "APPEND", "t"),
    ("DELTA", "ERROR", "t"),
    ("DELTA", "IGNORE", "t"),
    ("DELTA", "MERGE", "t"),
    ("PARQUET", "OVERWRITE", "one.parquet"),
    ("CSV", "ERROR", "one.csv"),
    ("JSON", "IGNORE", "one.json"),
    ("PARQUET", "APPEND", "f"),
    ("JSON", "OVERWRITE", "f"),
]


@pytest.fixture
def desk(engine: Engine, tmp_path: Path) -> Desk:
    return Desk(engine, tmp_path)


@pytest.fixture
def polars_desk(tmp_path: Path) -> Desk:
    return Desk(open_engine("polars"), tmp_path)


def target_of(desk: Desk, form: str, mode: str, name: str, **more: Any) -> Target:
    keys = {"primary_keys": ("symbol",)} if mode == "MERGE" else {}
    return desk.target(name, form, mode, **keys, **more)


def receipt_of(desk: Desk, target: Target) -> Receipt:
    state = desk.engine.inspect(target.place, target.format)
    assert state is not None
    assert state.receipt is not None
    return state.receipt


@pytest.mark.parametrize(("form", "mode", "name"), PLACES)
def test_rows_of_a_receipt_add_up_in_every_mode(
    desk: Desk, form: str, mode: str, name: str
) -> None:
    target, aside = target_of(desk, form, mode, name), desk.aside("aside")
    desk.write(FRAME, aside, target, rules=RULES)
    found = receipt_of(desk, target)
    assert (found.rows_in, found.rows_out) == (4, 1)
    assert (found.rows_dropped, found.rows_quarantined) == (1, 2)
    assert found.rows_in == found.rows_out + found.rows_dropped + found.rows_quarantined
    assert [(c.name, c.type) for c in found.columns] == [("symbol", "string"), ("close", "float64")]
    assert desk.rows(target) == [("A", 1.0)]
    reasons = {row[0]: set(row[2]) for row in desk.rows(aside)}
    assert reasons == {None: {"known", "cheap"}, "bad": {"positive", "known", "cheap"}}


@pytest.mark.parametrize(("form", "mode", "name"), PLACES)
def test_a_receipt_is_found_by_its_token_only(desk: Desk, form: str, mode: str, name: str) -> None:
    target = target_of(desk, form, mode, name)
    desk.put(FRAME.head(1), target, run="r1")
    find = desk.engine.find_receipt
    found = find(target.place, form, stamp_of("r1").token(target))
    assert found is not None
    assert (found.run_id, found.root_run_id, found.node) == ("r1-try", "r1", "prices")
    for token in ("r2/prices/sink_0/-", "r1/other/sink_0/-", "r1/prices/sink_1/-", "r1/prices"):
        assert find(target.place, form, token) is None


KEYS = [
    "2024-05-01",
    "skipped-2024-05-01",
    "a/b",
    "..",
    "-",
    "skipped",
    "ü 😀",
    "x" * 300,
    "y" * 300,
    "A|B",
    " ",
    "%2D",
]


@pytest.mark.parametrize(("form", "name"), [("DELTA", "t"), ("PARQUET", "f")])
def test_partitions_of_any_name_have_receipts_of_their_own(
    polars_desk: Desk, form: str, name: str
) -> None:
    target = polars_desk.target(name, form, "APPEND")
    for number, key in enumerate(KEYS):
        frame = pl.DataFrame({"n": range(number)}, schema={"n": pl.Int64})
        polars_desk.put(frame, target, run="r1", partition=key)
    for number, key in enumerate(KEYS):
        token = stamp_of("r1", key).token(target)
        found = polars_desk.engine.find_receipt(target.place, form, token)
        assert found is not None
        assert (found.partition, found.rows_out) == (key, number)
    home = polars_desk.folder / name / "_laktory/receipts"
    assert all(path.parent == home for path in home.rglob("*.json"))


DAMAGED = ["", "{", "{}", "[]", "null", '"x"', "1", '{"token": 1}', '{"columns": []}', "\0"]


@pytest.mark.parametrize("content", DAMAGED)
def test_a_damaged_receipt_of_a_table_is_read_out_of_the_log(desk: Desk, content: str) -> None:
    target = desk.target("t")
    desk.put(FRAME, target, run="r1")
    (desk.folder / "t/_laktory/receipts/-.json").write_text(content)
    assert receipt_of(desk, target).root_run_id == "r1"
    token = stamp_of("r1").token(target)
    found = desk.engine.find_receipt(target.place, "DELTA", token)
    assert found is not None
    assert (found.token, found.rows_in, found.table_version) == (token, 4, 0)


@pytest.mark.parametrize("content", DAMAGED)
@pytest.mark.parametrize(("form", "name"), [("PARQUET", "one.parquet"), ("CSV", "f")])
def test_a_damaged_receipt_of_files_is_none(
    polars_desk: Desk, form: str, name: str, content: str
) -> None:
    target = polars_desk.target(name, form)
    polars_desk.put(FRAME, target, run="r1")
    [receipt] = polars_desk.folder.rglob("-.json")
    receipt.write_text(content)
    state = polars_desk.engine.inspect(target.place, form)
    assert state is not None
    assert state.receipt is None
    polars_desk.put(FRAME.head(1), target, run="r2")
    assert receipt_of(polars_desk, target).root_run_id == "r2"


@pytest.mark.parametrize(("form", "name"), [("DELTA", "t"), ("PARQUET", "f"), ("CSV", "x.csv")])
def test_a_receipt_of_a_newer_version_is_read(polars_desk: Desk, form: str, name: str) -> None:
    target = polars_desk.target(name, form)
    polars_desk.put(FRAME, target, run="r1")
    for path in polars_desk.folder.rglob("-.json"):
        path.write_text(json.dumps({**json.loads(path.read_text()), "weather": "fine"}))
    for path in polars_desk.folder.rglob("manifest.json"):
        told = json.loads(path.read_text())
        receipts = {key: {**data, "weather": "fine"} for key, data in told["receipts"].items()}
        path.write_text(json.dumps({**told, "receipts": receipts}))
    found = receipt_of(polars_desk, target)
    assert (found.root_run_id, found.rows_in) == ("r1", 4)
    assert polars_desk.put(FRAME, target, run="r1").rows in (0, 4)
    assert len(polars_desk.rows(target)) == 4


@pytest.mark.parametrize(
    "note", ['{"laktory.receipt": "["}', '{"laktory.receipt": "[1]"}', "[]", "x"]
)
def test_notes_of_other_tools_in_the_log_are_no_receipts(polars_desk: Desk, note: str) -> None:
    target = polars_desk.target("t", mode="APPEND")
    polars_desk.put(FRAME, target, run="r1")
    log = polars_desk.folder / "t/_delta_log/00000000000000000001.json"
    info = {"commitInfo": {"timestamp": 1, "operation": "WRITE", "userMetadata": note}}
    log.write_text(json.dumps(info) + "\n")
    state = polars_desk.engine.inspect(target.place, "DELTA")
    assert state is not None
    assert state.version == 1
    assert polars_desk.put(FRAME, target, run="r1").skipped


def test_a_table_that_others_wrote_later_keeps_our_last_receipt(desk: Desk) -> None:
    from deltalake import write_deltalake

    target = desk.target("t")
    desk.put(FRAME, target, run="r1")
    write_deltalake(target.place.uri, FRAME.head(1).to_arrow(), mode="append")
    state = desk.engine.inspect(target.place, "DELTA")
    assert state is not None
    assert (state.version, state.count()) == (1, 5)
    assert state.receipt is not None
    assert (state.receipt.root_run_id, state.receipt.table_version) == ("r1", 0)


EMPTY = FRAME.clear()


@pytest.mark.parametrize(("policy", "calls"), [("write", [0]), ("skip", []), ("fail", None)])
def test_a_custom_writer_and_no_rows(desk: Desk, policy: str, calls: list[int] | None) -> None:
    """`skip` keeps what is stored, so the function is not called."""
    got: list[int] = []

    def writer(frame: Any) -> None:
        got.append(collected(frame).height)

    target = desk.target("x", "PARQUET", on_empty=policy, custom_writer=writer)
    if calls is None:
        with pytest.raises(WriteError, match="`on_empty` is `fail`"):
            desk.put(EMPTY, target)
        return
    assert desk.put(EMPTY, target).skipped is (policy == "skip")
    assert got == calls
    token = stamp_of("run-1").token(target)
    assert desk.engine.find_receipt(target.place, "PARQUET", token) is not None


def test_what_is_skipped_is_no_receipt_of_another_partition(polars_desk: Desk) -> None:
    target = polars_desk.target("f", "CSV", "APPEND")
    polars_desk.put(FRAME, target, run="r1", partition="skipped-x")
    assert polars_desk.put(EMPTY, target, run="r2", partition="x").skipped
    assert receipt_of(polars_desk, target).partition == "skipped-x"
    for run, key, rows in (("r1", "skipped-x", 4), ("r2", "x", 0)):
        token = stamp_of(run, key).token(target)
        found = polars_desk.engine.find_receipt(target.place, "CSV", token)
        assert found is not None
        assert found.rows_out == rows


def test_a_custom_writer_that_failed_is_called_again(desk: Desk) -> None:
    got: list[int] = []

    def writer(frame: Any) -> None:
        got.append(collected(frame).height)
        if len(got) == 1:
            raise ConnectionError("no answer")

    target = desk.target("x", "PARQUET", custom_writer=writer)
    with pytest.raises(WriteError, match="no answer"):
        desk.put(FRAME, target)
    desk.put(FRAME, target)
    assert desk.put(FRAME, target).skipped
    assert got == [4, 4]


@pytest.mark.parametrize("mode", ["OVERWRITE", "APPEND"])
@pytest.mark.parametrize(("form", "name"), [("DELTA", "t"), ("PARQUET", "f")])
def test_two_attempts_of_one_run_at_once_write_once(
    polars_desk: Desk, form: str, name: str, mode: str
) -> None:
    """A run that was taken for dead and its retry: one of them publishes, the other may be told so."""
    target, stamp = polars_desk.target(name, form, mode), stamp_of("r1")
    polars_desk.put(FRAME.head(1), target, run="r0")
    staged = [polars_desk.stage(FRAME, target, stamp=stamp) for _ in range(2)]
    ready = threading.Barrier(2)
    failed: list[BaseException] = []

    def commit(attempt: Any) -> None:
        ready.wait()
        try:
            attempt.commit(target, receipt_for(stamp, target, attempt.summary))
        except LaktoryDagsterError as error:
            failed.append(error)

    threads = [threading.Thread(target=commit, args=(attempt,)) for attempt in staged]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(failed) < 2
    assert len(polars_desk.rows(target)) == (5 if mode == "APPEND" else 4)


def _is_known(symbol: str | None, close: int | None) -> bool:
    return close is not None and close != 2 and symbol is not None


CONDITIONS: dict[str, Callable[[str | None, int | None], bool]] = {
    "close > 0": lambda _, close: close is not None and close > 0,
    "symbol = 'A'": lambda symbol, _: symbol == "A",
    "close <> 2 AND symbol IS NOT NULL": _is_known,
}


@given(
    closes=st.lists(
        st.tuples(st.none() | st.sampled_from("AB"), st.none() | st.integers(-2, 2)), max_size=12
    ),
    actions=st.lists(st.sampled_from(["WARN", "DROP", "QUARANTINE"]), min_size=1, max_size=3),
)
@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_no_row_is_lost_between_rules(
    tmp_path_factory: pytest.TempPathFactory,
    closes: list[tuple[str | None, int | None]],
    actions: list[str],
) -> None:
    """A row whose rule gives null fails it; the worst action among its rules decides."""
    used = list(zip(CONDITIONS.items(), actions, strict=False))
    rules = [rule(f"r{n}", text, action) for n, ((text, _), action) in enumerate(used)]
    failed = [{action for (_, meets), action in used if not meets(*row)} for row in closes]
    desk = Desk(open_engine("polars"), tmp_path_factory.mktemp("rules"))
    target, aside = desk.target("t"), desk.aside("aside")
    frame = pl.DataFrame(closes, schema={"symbol": pl.String, "close": pl.Int64}, orient="row")
    summary, _ = desk.write(frame, aside, target, rules=rules)
    quarantined = sum("QUARANTINE" in actions for actions in failed)
    dropped = sum(actions >= {"DROP"} and "QUARANTINE" not in actions for actions in failed)
    assert summary.rows_in == len(closes)
    assert (summary.rows_quarantined, summary.rows_dropped) == (quarantined, dropped)
    assert len(desk.rows(aside)) == quarantined
    assert len(desk.rows(target)) == summary.rows_out == len(closes) - quarantined - dropped
    for number, ((_, meets), _) in enumerate(used):
        assert summary.failures[f"r{number}"] == sum(not meets(*row) for row in closes)
