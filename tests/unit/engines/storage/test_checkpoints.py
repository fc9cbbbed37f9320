"""The files of a stream's checkpoint: what is added up, what is dropped, what is damaged."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from laktory_dagster.engines.storage.checkpoints import (
    COMPACT_EVERY,
    Checkpoint,
    Metadata,
    Offset,
    advanced,
    is_of,
)
from laktory_dagster.engines.storage.store import LocalStore
from laktory_dagster.errors import CheckpointError, TargetBusyError

OWN = Metadata("stream-1", "out", "lake/out", "polars", ("landing",))


@pytest.fixture
def checkpoint(tmp_path: Path) -> Checkpoint:
    found = Checkpoint(LocalStore(str(tmp_path)), "home/checkpoint")
    found.begin(OWN)
    return found


def reads(batch: int, attempt: str = "one", **more: Any) -> Offset:
    """Return the offset of a batch that reads a file of its own and the next version of a table."""
    sources = {"landing": {"files": {f"f{batch}": "v"}}, "table": {"from": batch, "to": batch + 1}}
    return Offset("stream-1", batch, "2024-05-01T12:00:00", sources, attempt, **more)


def test_nothing_is_there_before_it_begins(tmp_path: Path) -> None:
    found = Checkpoint(LocalStore(str(tmp_path)), "")
    assert found.metadata() is None
    assert found.batches() == []
    assert found.states(0) == {}


def test_it_says_whose_it_is(checkpoint: Checkpoint) -> None:
    assert checkpoint.metadata() == OWN
    assert checkpoint.uri.endswith("home/checkpoint")


def test_streams_have_ids_of_their_own() -> None:
    made = {Metadata.new("p", "out", "lake/out", "polars", ()).id for _ in range(3)}
    assert len(made) == 3
    assert all(is_of(made_id, "p") and not is_of(made_id, "q") for made_id in made)
    assert not is_of("stream-1", "p")


def test_offsets_come_back_as_they_were(checkpoint: Checkpoint) -> None:
    for batch in (0, 1, 10, 2):
        checkpoint.open(reads(batch))
    assert checkpoint.batches() == [0, 1, 2, 10]
    assert checkpoint.offset(10) == reads(10)


def test_a_batch_is_begun_by_one_run(checkpoint: Checkpoint) -> None:
    checkpoint.open(reads(0))
    with pytest.raises(TargetBusyError, match="another run began batch 0"):
        checkpoint.open(reads(0, attempt="two"))
    assert checkpoint.offset(0).attempt == "one"
    checkpoint.confirm_open(reads(0))
    with pytest.raises(TargetBusyError, match="another run began batch 0"):
        checkpoint.confirm_open(reads(0, attempt="two"))


def test_a_batch_that_was_dropped_may_begin_again(checkpoint: Checkpoint) -> None:
    checkpoint.open(reads(0))
    checkpoint.drop(0)
    checkpoint.drop(0)
    checkpoint.open(reads(0, attempt="two"))
    checkpoint.confirm_open(reads(0, attempt="two"))


def test_what_was_read_adds_up(checkpoint: Checkpoint) -> None:
    for batch in range(3):
        checkpoint.open(reads(batch))
    assert checkpoint.states(0) == {}
    files = {"f0": "v", "f1": "v"}
    assert checkpoint.states(2) == {"landing": {"files": files, "bad": {}}, "table": {"to": 2}}


def test_old_offsets_go_and_what_they_read_stays_known(checkpoint: Checkpoint) -> None:
    """As a run does it: every tenth offset holds what all before it read."""
    for batch in range(2 * COMPACT_EVERY + 1):
        whole = batch % COMPACT_EVERY == 0 and batch > 0
        offset = reads(batch, before=checkpoint.states(batch) if whole else None)
        checkpoint.open(offset)
        checkpoint.close(offset)
    assert checkpoint.batches() == list(range(COMPACT_EVERY, 2 * COMPACT_EVERY + 1))
    state = checkpoint.states(2 * COMPACT_EVERY + 1)
    assert set(state["landing"]["files"]) == {f"f{n}" for n in range(2 * COMPACT_EVERY + 1)}
    assert state["table"] == {"to": 2 * COMPACT_EVERY + 1}


def test_a_committed_batch_gets_its_offset_back(checkpoint: Checkpoint) -> None:
    """The offset that stands was replaced while the batch was committed: the table decides."""
    checkpoint.open(reads(0, attempt="two"))
    checkpoint.close(reads(0))
    assert checkpoint.offset(0).attempt == "one"


def test_a_new_stream_in_the_same_place_begins_without_offsets(checkpoint: Checkpoint) -> None:
    checkpoint.open(reads(0))
    checkpoint.begin(replace(OWN, id="stream-2"))
    assert checkpoint.batches() == []


def test_a_refresh_is_kept_apart_until_it_is_adopted(checkpoint: Checkpoint) -> None:
    checkpoint.open(reads(0))
    checkpoint.open(reads(1))
    checkpoint.adopt_refresh()
    assert checkpoint.batches() == [0, 1]
    new = replace(OWN, id="stream-2")
    checkpoint.refresh.begin(new)
    offset = replace(reads(0), checkpoint="stream-2", refresh=True)
    checkpoint.refresh.open(offset)
    assert (checkpoint.metadata(), checkpoint.batches()) == (OWN, [0, 1])
    checkpoint.adopt_refresh()
    assert (checkpoint.metadata(), checkpoint.batches()) == (new, [0])
    assert checkpoint.offset(0) == offset
    assert checkpoint.refresh.metadata() is None


def test_a_removed_checkpoint_leaves_nothing(checkpoint: Checkpoint, tmp_path: Path) -> None:
    checkpoint.open(reads(0))
    checkpoint.remove()
    checkpoint.remove()
    assert not (tmp_path / "home/checkpoint").exists()


@pytest.mark.parametrize("content", ["", "{", "{}", "[]", "null", '{"id": "x"}', '{"sources": []}'])
def test_damaged_metadata_is_named(checkpoint: Checkpoint, tmp_path: Path, content: str) -> None:
    (tmp_path / "home/checkpoint/metadata.json").write_text(content)
    with pytest.raises(CheckpointError, match=r"metadata\.json is missing or damaged"):
        checkpoint.metadata()


@pytest.mark.parametrize("content", [None, "", "{", "{}", "[]", '{"batch": 0}', '{"more": 1}'])
def test_a_damaged_offset_is_named(
    checkpoint: Checkpoint, tmp_path: Path, content: str | None
) -> None:
    checkpoint.open(reads(0))
    file = tmp_path / "home/checkpoint/offsets/0.json"
    file.unlink() if content is None else file.write_text(content)
    for look in (checkpoint.offset, lambda _: checkpoint.states(1)):
        with pytest.raises(CheckpointError, match=r"offsets/0\.json is missing or damaged"):
            look(0)


def test_other_files_among_the_offsets_are_none(checkpoint: Checkpoint, tmp_path: Path) -> None:
    checkpoint.open(reads(3))
    for name in ("x.json", "-1.json", "4.json.tmp", "5", ".6.json"):
        (tmp_path / "home/checkpoint/offsets" / name).write_text("{}")
    assert checkpoint.batches() == [3]


@pytest.mark.parametrize(
    ("state", "offset", "after"),
    [
        (None, {"from": 0, "to": 4}, {"to": 4}),
        ({"to": 4}, {"from": 4, "to": 6}, {"to": 6}),
        ({"files": {"a": "1"}}, {"files": {"b": "1"}}, {"files": {"a": "1", "b": "1"}, "bad": {}}),
        ({"files": {"a": "1"}}, {"files": {"a": "2"}}, {"files": {"a": "2"}, "bad": {}}),
        (
            {"files": {}, "bad": {"a": "1", "b": "1"}},
            {"files": {"a": "2"}, "bad": {"c": "1"}},
            {"files": {"a": "2"}, "bad": {"b": "1", "c": "1"}},
        ),
    ],
)
def test_what_a_batch_adds(state: Any, offset: Any, after: Any) -> None:
    """A file that was bad and is read by now is bad no more."""
    assert advanced(state, offset) == after


def test_offsets_are_json_that_people_read(checkpoint: Checkpoint, tmp_path: Path) -> None:
    checkpoint.open(reads(0))
    text = (tmp_path / "home/checkpoint/offsets/0.json").read_text()
    assert json.loads(text)["sources"]["landing"] == {"files": {"f0": "v"}}
    assert text.count("\n") > 5
