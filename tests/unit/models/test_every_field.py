"""Every field of every model under every name: a good value is kept, a wrong one is told in its place.

Keys, values and what is stored come from the tables beside this file, written by hand; places from
a plain search in the text.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import pytest

from laktory_dagster import models
from laktory_dagster.errors import DeclarationError
from laktory_dagster.models.base import Model
from tests.unit.models.field_tables import TABLES, Place
from tests.unit.models.pipeline_tables import PIPELINE_TABLES


class Row(NamedTuple):
    """One key of one model."""

    model: type[Model]
    place: Place
    key: str
    stored_as: str
    good: str
    kept: Any
    wrong: str

    def text(self, value: str) -> str:
        """Return a pipeline with this value under the key, and what else the model needs."""
        replaced = {self.key, self.stored_as, self.key.removesuffix("s")}
        pairs = {k: v for k, v in self.place.required.items() if k not in replaced}
        pairs = {**pairs, self.key: value}
        inner = ", ".join(f"{key}: {item}" for key, item in pairs.items())
        return self.place.text % f"{{{inner}}}"


def _rows() -> list[Row]:
    rows: list[Row] = []
    for model, place, table in (*TABLES, *PIPELINE_TABLES):
        for line in table.strip().splitlines():
            if not line.strip():
                continue
            key, good, kept, wrong = line.strip().split(" | ")
            key, _, stored_as = key.partition(">")
            value = json.loads(good if kept == "=" else kept)
            rows.append(Row(model, place, key, stored_as or key, good, value, wrong))
    return rows


ROWS = _rows()
IDS = [f"{row.model.__name__}.{row.key}" for row in ROWS]


def part_of(data: Any, path: tuple[str | int, ...]) -> Any:
    for step in path:
        data = data[step]
    return data


def test_the_tables_name_every_field_and_every_other_name_once() -> None:
    written: dict[type[Model], list[str]] = {}
    for row in ROWS:
        written.setdefault(row.model, []).append(row.key)
    for model, keys in written.items():
        known = {*model.model_fields, *model.other_names, *model.singular}
        assert sorted(keys) == sorted(known), model.__name__


@pytest.mark.parametrize("row", [row for row in ROWS if row.key != "df"], ids=lambda row: row.key)
def test_a_good_value_is_kept_under_the_name_of_0_4(row: Row) -> None:
    declared = models.Pipeline.model_validate_yaml(row.text(row.good))

    stored = part_of(json.loads(declared.model_dump_json()), row.place.path)
    assert stored[row.stored_as] == row.kept
    assert type(stored[row.stored_as]) is type(row.kept)
    assert row.key == row.stored_as or row.key not in stored
    assert models.Pipeline.model_validate_yaml(declared.model_dump_yaml()) == declared


@pytest.mark.parametrize(
    "row", [row for row in ROWS if row.wrong != "-"], ids=lambda row: f"{row.key}-{row.wrong}"
)
def test_a_wrong_value_is_one_error_where_it_stands(row: Row) -> None:
    text = row.text(row.wrong)
    line = text[: text.rindex(f"{row.key}: {row.wrong}")].count("\n")
    start = text.splitlines()[line].rindex(f"{row.key}: {row.wrong}") + len(row.key) + 3

    with pytest.raises(DeclarationError) as caught:
        models.Pipeline.model_validate_yaml(text)

    (found,) = caught.value.diagnostics
    assert found.location is not None
    assert found.location.line == line + 1
    inside = len(row.wrong) if row.wrong.startswith("{") else 0
    assert start <= found.location.column <= start + inside
    assert "pydantic" not in found.render()


@pytest.mark.parametrize("row", ROWS, ids=IDS)
def test_a_misspelt_key_is_told_with_what_was_meant(row: Row) -> None:
    """The letter in the middle is doubled."""
    key, middle = row.key, len(row.key) // 2
    wrong = key[:middle] + key[middle] + key[middle:]
    text = row._replace(key=wrong).text(row.good)

    with pytest.raises(DeclarationError) as caught:
        models.Pipeline.model_validate_yaml(text)

    told = [found.render() for found in caught.value.diagnostics if f"`{wrong}`" in found.render()]
    assert len(told) == 1
    meant = {f"did you mean `{name}`?" for name in (key, row.stored_as)}
    assert any(hint in told[0] for hint in meant)


# What a field holds that nobody gives, where it is not nothing; stored under the name of 0.4.
DEFAULTS: dict[type[Model], dict[str, Any]] = {
    models.FileSource: {
        "as_stream": False, "broadcast": False, "format": "JSON", "header": True,
        "multiline": False, "bad_files": "fail",
    },
    models.TableSource: {"as_stream": False, "broadcast": False},
    models.FileSink: {
        "is_quarantine": False, "format": "DELTA", "reset_mode": "DROP", "shared": False,
        "null_keys": "error", "on_empty": "write",
    },
    models.TableSink: {
        "is_quarantine": False, "format": "DELTA", "reset_mode": "DROP", "shared": False,
        "null_keys": "error", "on_empty": "write", "table_type": "TABLE",
    },
    models.MergeOptions: {
        "ignore_null_updates": False, "null_equals_null": False, "scd_type": 1,
        "start_at_column_name": "__start_at", "end_at_column_name": "__end_at",
    },
    models.Column: {"type": "string"},
    models.Expectation: {"type": "ROW", "action": "WARN"},
    models.PipelineNode: {"add_layer_columns": True, "dlt_template": "DEFAULT"},
    models.OwnStep: {"retries": 0, "retry_delay_seconds": 0},
    models.Schedule: {"timezone": "UTC", "enabled": True},
    models.Pipeline: {"steps": "auto"},
    models.Environment: {},
    models.DatabricksJob: {},
    models.DeclarativePipeline: {},
}  # fmt: skip


@pytest.mark.parametrize("model", DEFAULTS, ids=lambda model: model.__name__)
def test_what_is_not_given_holds_its_default_and_is_not_stored(model: type[Model]) -> None:
    found = {
        name: field.get_default(call_default_factory=True)
        for name, field in model.model_fields.items()
        if not field.is_required()
    }
    assert {name: value for name, value in found.items() if value not in (None, (), {}, [])} == (
        DEFAULTS[model]
    )
    row = next(row for row in ROWS if row.model is model)
    declared = models.Pipeline.model_validate_yaml(row.text(row.good))
    stored = part_of(json.loads(declared.model_dump_json()), row.place.path)
    assert set(stored) | {"nodes"} == {*row.place.required, row.stored_as, "nodes"}
