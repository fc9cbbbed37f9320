"""Models accept both schema eras, refuse everything else, and round-trip."""

from __future__ import annotations

import inspect
import json
import re

import pytest
import yaml
from pydantic import ValidationError

from laktory_dagster import models
from laktory_dagster.errors import InvalidInputError
from laktory_dagster.models import (
    expectation,
    node,
    orchestrators,
    pipeline,
    sinks,
    sources,
    transformer,
)
from laktory_dagster.models.base import Model
from laktory_dagster.models.names import normalised

MODULES = (expectation, node, orchestrators, pipeline, sinks, sources, transformer)
SHARED_BASES = {"Part", "SourceOptions", "ReadOptions", "SinkOptions", "StepOptions"}
MODELS = sorted(
    {
        value
        for module in MODULES
        for value in vars(module).values()
        if inspect.isclass(value)
        and issubclass(value, Model)
        and value is not Model
        and value.__name__ not in SHARED_BASES
    },
    key=lambda model: model.__name__,
)


def example_of(model: type[Model]) -> str:
    """Return the YAML example of a model's docstring: an inline mapping or an Example block."""
    text = inspect.cleandoc(model.__doc__ or "")
    block = re.search(r"Example:\n((?:    .*\n?)+)", text)
    if block:
        return inspect.cleandoc(block.group(1))
    inline = re.search(r"`(\{[^`]*:[^`]*\})`", " ".join(text.split()))
    assert inline, f"{model.__name__} has no example"
    return inline.group(1)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_model_has_an_example_that_round_trips(model: type[Model]) -> None:
    declared = model.model_validate(yaml.safe_load(example_of(model)))

    assert model.model_validate_json(declared.model_dump_json()) == declared
    assert model.model_validate(declared.model_dump(mode="json")) == declared


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_field_is_described_for_editors(model: type[Model]) -> None:
    for name, field in model.model_fields.items():
        assert field.description, f"{model.__name__}.{name}"


def declare(**parts: object) -> models.Pipeline:
    node = {"name": "a", "source": {"path": "in"}, "sink": {"table_name": "a"}, **parts}
    return models.Pipeline.model_validate({"name": "p", "nodes": [node]})


def test_names_of_both_eras_declare_the_same_pipeline() -> None:
    old = declare(
        source={"path": "in", "format": "CSV", "header": False, "read_options": {"x": 1}},
        sink={"table_name": "a", "checkpoint_location": "c", "write_options": {"y": 2}},
        transformer={"nodes": [{"sql_expr": "SELECT 1"}]},
        expectations=[{"name": "r", "expression": "x > 1", "action": "ALLOW"}],
        primary_key="id",
        description="d",
        dataframe_type="SPARK",
    )
    new = models.Pipeline.model_validate(
        {
            "name": "p",
            "nodes": [
                {
                    "name": "a",
                    "sources": [
                        {
                            "path": "in",
                            "format": "CSV",
                            "has_header": False,
                            "reader_kwargs": {"x": 1},
                        }
                    ],
                    "sinks": [
                        {"table_name": "a", "checkpoint_path": "c", "writer_kwargs": {"y": 2}}
                    ],
                    "transformer": {"nodes": [{"expr": "SELECT 1"}]},
                    "expectations": [{"name": "r", "expr": "x > 1", "action": "WARN"}],
                    "primary_keys": ["id"],
                    "comment": "d",
                    "dataframe_backend": "PYSPARK",
                }
            ],
        }
    )

    assert new == old
    assert new.model_dump_json() == old.model_dump_json()


def test_dumps_use_the_canonical_names_singular_where_there_is_one() -> None:
    dumped = declare(primary_keys=["id"], sinks=[{"table_name": "a"}, {"path": "b"}], sink=None)

    (found,) = dumped.model_dump(mode="json")["nodes"]

    assert found["source"] == {"path": "in"}
    assert [set(sink) for sink in found["sinks"]] == [{"table_name"}, {"path"}]
    assert found["primary_key"] == "id"


def test_a_field_given_under_two_names_is_refused() -> None:
    with pytest.raises(ValidationError, match="another name of"):
        declare(source={"path": "in", "header": True, "has_header": True})


@pytest.mark.parametrize(
    "kind",
    [
        {"type": "LAKEFLOW_JOB", "max_retries": 2},
        {"type": "LAKEFLOW_DECLARATIVE_PIPELINE", "catalog": "dev"},
    ],
)
def test_the_newer_orchestrator_block_is_kept(kind: dict[str, object]) -> None:
    declared = models.Pipeline.model_validate({"name": "p", "orchestrator": dict(kind)})

    block = declared.databricks_job or declared.dlt
    assert block is not None
    assert block.model_dump() == {key: value for key, value in kind.items() if key != "type"}


def test_unknown_keys_are_refused_where_they_stand() -> None:
    with pytest.raises(ValidationError) as caught:
        declare(sink={"table_name": "a", "modus": "APPEND"})

    (error,) = caught.value.errors()
    assert error["loc"][-1] == "modus"


@pytest.mark.parametrize("value", ["yes", "on", 1, "true"])
def test_flags_take_true_and_false_only(value: object) -> None:
    with pytest.raises(ValidationError):
        declare(source={"path": "in", "as_stream": value})


@pytest.mark.parametrize(
    "name", ["../../etc/x", "a/b", "", "a" * 300, "💥", "a b", "a\x00b", "1a", "a..b", ".a"]
)
def test_hostile_node_names_are_refused(name: str) -> None:
    with pytest.raises(ValidationError):
        declare(name=name)


@pytest.mark.parametrize("table", ["a.b.c.d", "../x", "a/b", "a;drop", "`a`", "a.", "", "a\nb"])
def test_hostile_table_names_are_refused(table: str) -> None:
    with pytest.raises(ValidationError):
        declare(sink={"table_name": table})


@pytest.mark.parametrize("names", [("a", "a"), ("a.b", "a_b"), ("A", "a")])
def test_names_that_are_equal_once_folded_are_refused(names: tuple[str, str]) -> None:
    assert normalised(names[0]) == normalised(names[1])
    with pytest.raises(ValidationError, match=r"named|same"):
        models.Pipeline.model_validate(
            {"name": "p", "nodes": [{"name": n, "source": {"path": "x"}} for n in names]}
        )


def test_arguments_that_name_a_source_become_sources() -> None:
    declared = declare(
        transformer={
            "nodes": [
                {
                    "func_name": "join",
                    "func_args": [{"node_name": "b"}, {"value": {"path": "literal"}}, ["x"]],
                    "func_kwargs": {"on": ["id"], "other": {"table_name": "t", "limit": 1}},
                }
            ]
        }
    )
    (step,) = transformer.flat_steps(declared.nodes[0].transformer)

    kinds = [type(source).__name__ for source in transformer.argument_sources(step)]
    assert kinds == ["NodeSource", "TableSource"]
    assert step.func_args[1] == {"value": {"path": "literal"}}
    assert models.Pipeline.model_validate_json(declared.model_dump_json()) == declared


def test_frames_in_memory_refuse_to_serialize_and_name_the_node() -> None:
    declared = declare(source={"df": object()})

    with pytest.raises(InvalidInputError, match="node `a`"):
        declared.model_dump_json()


def test_inline_rows_serialize() -> None:
    rows = [{"x": 1, "y": None}, {"x": 2, "y": "b"}]
    declared = declare(source={"data": rows})

    assert json.loads(declared.model_dump_json())["nodes"][0]["source"] == {"data": rows}


def test_results_of_a_run_are_no_part_of_the_declaration() -> None:
    first, second = declare(), declare()
    first.nodes[0]._outcome = object()

    assert first == second
    assert hash(first.nodes[0]) == hash(second.nodes[0])
    assert "outcome" not in first.model_dump_json()


def test_a_node_declared_once_stands_in_two_pipelines() -> None:
    shared = models.PipelineNode.model_validate({"name": "a", "source": {"path": "x"}})
    one = models.Pipeline(name="one", nodes=(shared,))
    two = models.Pipeline(name="two", nodes=(shared,))

    one.nodes[0]._outcome = object()

    assert two.nodes[0]._outcome is None


def test_aggregate_rules_cannot_take_rows_out() -> None:
    rule = {"name": "r", "expression": "count(*) > 0", "type": "AGGREGATE", "action": "DROP"}
    with pytest.raises(ValidationError, match="no rows"):
        declare(expectations=[rule])


def test_seed_notebook_properties_group_rules_by_action() -> None:
    actions = ("ALLOW", "DROP", "QUARANTINE", "FAIL")
    rules = [{"name": a, "expression": f"x > {i}", "action": a} for i, a in enumerate(actions)]
    (found,) = declare(expectations=rules).nodes

    assert found.warning_expectations == {"ALLOW": "x > 0"}
    assert found.drop_expectations == {"DROP": "x > 1", "QUARANTINE": "x > 2"}
    assert found.fail_expectations == {"FAIL": "x > 3"}
