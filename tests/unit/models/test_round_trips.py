"""Declarations survive JSON and YAML without loss, however they are written.

What must come back is compared as JSON text, where `1`, `1.0` and `true` differ. The texts to read
are written by PyYAML and by the standard library's JSON, the words of today by a table of our own.
"""

from __future__ import annotations

import datetime as dt
import decimal
import json
import random
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from laktory_dagster import models
from laktory_dagster.errors import DeclarationError, InvalidInputError
from laktory_dagster.project import load_plan
from laktory_dagster.settings import Settings
from tests.unit.models.declarations import in_words_of_today, pipelines

QUICK = settings(max_examples=40, deadline=None)
Declared = dict[str, Any]


def written(pipeline: models.Pipeline) -> str:
    """Return the pipeline as JSON text, its keys in their order."""
    text: str = pipeline.model_dump_json()
    return text


@QUICK
@given(pipelines())
def test_json_and_yaml_give_back_what_was_declared(declared: Declared) -> None:
    pipeline = models.Pipeline.model_validate(declared)

    from_json = models.Pipeline.model_validate_json(written(pipeline))
    from_yaml = models.Pipeline.model_validate_yaml(pipeline.model_dump_yaml())

    assert from_json == pipeline == from_yaml
    assert written(from_json) == written(pipeline) == written(from_yaml)
    assert from_yaml.model_dump_yaml() == pipeline.model_dump_yaml()


@QUICK
@given(pipelines(), st.sampled_from([True, False, None]), st.integers(2, 5), st.booleans())
def test_every_style_of_yaml_declares_the_same(
    declared: Declared, flow: bool | None, indent: int, as_json: bool
) -> None:
    text = yaml.safe_dump(declared, default_flow_style=flow, indent=indent, sort_keys=as_json)
    if as_json:
        text = json.dumps(declared, indent=indent, ensure_ascii=False)

    found = models.Pipeline.model_validate_yaml(text)

    assert written(found) == written(models.Pipeline.model_validate(declared))


@QUICK
@given(pipelines(), st.randoms(use_true_random=False))
def test_todays_words_and_another_order_of_keys_declare_the_same(
    declared: Declared, source: random.Random
) -> None:
    today = in_words_of_today(declared)
    shuffled = list(today.items())
    source.shuffle(shuffled)

    pipeline = models.Pipeline.model_validate(declared)

    assert written(models.Pipeline.model_validate(dict(shuffled))) == written(pipeline)
    assert "comment" not in json.loads(written(pipeline))


@QUICK
@given(pipelines())
def test_a_single_source_or_sink_may_stand_without_a_list(declared: Declared) -> None:
    single = {
        **declared,
        "nodes": [
            {
                {"sources": "source", "sinks": "sink"}[key]
                if key in ("sources", "sinks") and len(value) == 1
                else key: value[0] if key in ("sources", "sinks") and len(value) == 1 else value
                for key, value in node.items()
            }
            for node in declared["nodes"]
        ],
    }

    pipeline = models.Pipeline.model_validate(declared)

    assert written(models.Pipeline.model_validate(single)) == written(pipeline)
    for node in json.loads(written(pipeline)).get("nodes", []):
        assert len(node.get("sources", [1, 2])) > 1
        assert "sinks" not in node


@settings(max_examples=25, deadline=None)
@given(pipelines())
def test_a_plan_is_the_same_after_a_round_trip(declared: Declared) -> None:
    pipeline = models.Pipeline.model_validate(declared)

    plans = [
        load_plan(text, settings=Settings())
        for text in (
            json.dumps(declared, ensure_ascii=False),
            pipeline.model_dump_yaml(),
            written(pipeline),
        )
    ]

    assert len({plan.plan_hash for plan in plans}) == 1
    assert len({tuple(n.code_version for n in plan.nodes.values()) for plan in plans}) == 1


@pytest.mark.parametrize(
    ("parameters", "names"),
    [
        ("{a: {default: null}}", []),
        ("{a: {}}", ["a"]),
        ("{a: {default: null}, b: {description: d}, c: {default: 0}}", ["b"]),
    ],
)
def test_a_parameter_without_default_stays_one_that_a_run_must_give(
    parameters: str, names: list[str]
) -> None:
    text = (
        f"name: p\nparameters: {parameters}\nnodes: [{{name: n, source: {{data: [{{x: 1}}]}}}}]\n"
    )
    first = models.Pipeline.model_validate_yaml(text)
    again = [
        models.Pipeline.model_validate_yaml(first.model_dump_yaml()),
        models.Pipeline.model_validate_yaml(written(first)),
    ]
    for pipeline in (first, *again):
        if not names:
            assert pipeline.execute().succeeded
            continue
        with pytest.raises(DeclarationError, match=f"the parameter `{names[0]}` has no value"):
            pipeline.execute()


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (dt.date(2024, 1, 1), "date"),
        (dt.datetime(2024, 1, 1, tzinfo=dt.UTC), "datetime"),
        (dt.timedelta(1), "timedelta"),
        (decimal.Decimal("1.10"), "Decimal"),
        (b"\xff", "bytes"),
        ({1, 2}, "set"),
        (Path("x"), "PosixPath"),
        (pl.col("a"), "Expr"),
    ],
)
@pytest.mark.parametrize("where", ["data", "func_args", "read_options"])
def test_a_value_that_json_has_not_is_refused_and_not_made_another_one(
    value: object, kind: str, where: str
) -> None:
    source: Declared = {"path": "x"}
    steps: list[Declared] = [{"func_name": "select", "func_args": ["a"]}]
    if where == "data":
        source = {"data": [{"a": {"deep": [value]}}]}
    elif where == "func_args":
        steps[0]["func_args"] = [["a", {"k": value}]]
    else:
        source["read_options"] = {"k": value}
    nodes = [{"name": "n", "source": source, "transformer": {"nodes": steps}}]
    pipeline = models.Pipeline.model_validate({"name": "p", "nodes": nodes})

    for dump in (
        pipeline.model_dump_json,
        pipeline.model_dump_yaml,
        lambda: pipeline.model_dump(mode="json"),
    ):
        with pytest.raises(InvalidInputError, match=f"node `n` holds a value of the type {kind}"):
            dump()
    assert pipeline.model_dump()["name"] == "p"


@pytest.mark.parametrize("key", ["df", "mock_df"])
def test_a_frame_refuses_every_dump_and_names_its_node(key: str) -> None:
    source = {key: pl.DataFrame({"a": [1]}), **({"path": "x"} if key == "mock_df" else {})}
    nodes = [{"name": "first", "source": {"path": "y"}}, {"name": "second", "source": source}]
    pipeline = models.Pipeline.model_validate({"name": "p", "nodes": nodes})

    for dump in (pipeline.model_dump_json, pipeline.model_dump_yaml, pipeline.model_dump):
        with pytest.raises(InvalidInputError, match="node `second`"):
            dump()


@pytest.mark.parametrize("number", ["1e400", "-1e400", ".inf", "-.inf"])
def test_numbers_beyond_all_bounds_survive(number: str) -> None:
    text = f"name: p\nnodes: [{{name: n, source: {{data: [{{x: {number}}}]}}}}]\n"
    pipeline = models.Pipeline.model_validate_yaml(text)
    expected = float("-inf") if number.startswith("-") else float("inf")

    for again in (
        models.Pipeline.model_validate_json(written(pipeline)),
        models.Pipeline.model_validate_yaml(pipeline.model_dump_yaml()),
    ):
        assert again.nodes[0].source.data == [{"x": expected}]


def test_the_written_form_is_the_one_a_person_would_write() -> None:
    pipeline = models.Pipeline.model_validate_yaml("""
        name: p
        nodes:
          - name: slv
            comment: |
              Two lines,
              kept.
            sources: [{node_name: brz, reader_kwargs: {sep: ';'}}]
            primary_keys: [id]
            expectations: [{name: r, expr: id > 0, action: ALLOW}]
            step: own
            sinks: [{table_name: slv, mode: ERRORIFEXISTS, schema: {on: int}}]
          - {name: brz, source: {data: [{id: 1, day: 2024-01-01, no: yes}]}}
    """)

    assert (
        pipeline.model_dump_yaml()
        == """\
name: p
nodes:
- name: slv
  source:
    read_options:
      sep: ;
    node_name: brz
  sink:
    mode: ERROR
    schema_definition:
      'on': int
    table_name: slv
  primary_key: id
  expectations:
  - name: r
    expression: id > 0
  description: |
    Two lines,
    kept.
  step: {}
- name: brz
  source:
    data:
    - id: 1
      day: '2024-01-01'
      'no': 'yes'
"""
    )
