"""Strategies that build valid declarations as plain data, and their keys in today's words."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

# 0.4 to today's words, by the place where the key stands; written by hand from the documentation.
WORDS_OF_TODAY: dict[str, dict[str, str]] = {
    "pipeline": {"description": "comment", "dataframe_type": "dataframe_backend"},
    "node": {
        "description": "comment", "timestamp_key": "time_column", "dlt_template": "ldp_template",
        "dataframe_type": "dataframe_backend",
    },
    "source": {
        "header": "has_header", "read_options": "reader_kwargs", "schema_definition": "schema",
        "dataframe_type": "dataframe_backend",
    },
    "sink": {
        "write_options": "writer_kwargs", "checkpoint_location": "checkpoint_path",
        "schema_definition": "schema", "dataframe_type": "dataframe_backend",
    },
    "step": {"sql_expr": "expr", "dataframe_type": "dataframe_backend"},
    "rule": {"expression": "expr"},
}  # fmt: skip

WORDS = st.sampled_from(
    ["a", "price", "yes", "on", "NULL", "0777", "2024-01-01", "1:30", "é", "a b", "- x", "#"]
)
TEXTS = WORDS | st.text(
    st.characters(exclude_categories=("Cs", "Cc", "Cn", "Zl", "Zp")), max_size=8
).filter(
    # Two versions of YAML read different numbers, and PyYAML quotes those of the older one only.
    lambda text: "$" not in text and not text[:2].strip("+-.")[:1].isdigit()
)
COLUMNS = st.sampled_from(["id", "symbol", "close", "day", "Größe", "on"])
VALUES = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(-1e6, 1e6) | TEXTS
OPTIONS = st.dictionaries(TEXTS.filter(bool), VALUES | st.lists(VALUES, max_size=2), max_size=3)
ROWS = st.lists(st.dictionaries(COLUMNS, VALUES, min_size=1, max_size=3), max_size=3)


def some(required: dict[str, Any], **optional: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Return mappings with these keys, and some of the others."""
    return st.fixed_dictionaries(required, optional=optional)


COMMON_TO_SOURCES: dict[str, st.SearchStrategy[Any]] = {
    "filter": st.sampled_from(["id > 1", "symbol = 'on'", "close IS NOT NULL"]),
    "selects": st.lists(COLUMNS, min_size=1, max_size=3, unique=True)
    | st.dictionaries(COLUMNS, COLUMNS, min_size=1, max_size=2).filter(
        lambda names: len(set(names.values())) == len(names)
    ),
    "renames": st.dictionaries(COLUMNS, COLUMNS, max_size=2),
    "drops": st.lists(COLUMNS, max_size=2),
    "drop_duplicates": st.booleans() | st.lists(COLUMNS, min_size=1, max_size=2),
    "sample": some({"fraction": st.sampled_from([0, 0.25, 1])}, seed=st.integers(0, 9)),
    "limit": st.integers(0, 10**6),
    "broadcast": st.booleans(),
}
FILES = some(
    {"path": st.sampled_from(["./in", "in/*.csv", "s3://b/k", "/data/é", "a b"])},
    format=st.sampled_from(["CSV", "JSON", "PARQUET", "DELTA", "NDJSON"]),
    header=st.booleans(),
    infer_schema=st.booleans(),
    read_options=OPTIONS,
    schema_definition=st.dictionaries(COLUMNS, st.sampled_from(["int", "string"]), max_size=2),
    bad_files=st.sampled_from(["fail", "quarantine"]),
    **COMMON_TO_SOURCES,
)
INLINE = some({"data": ROWS}, **COMMON_TO_SOURCES)
TABLES = some(
    {"table_name": st.sampled_from(["t", "s.t", "c.s.t"])},
    read_options=OPTIONS,
    **COMMON_TO_SOURCES,
)
COLUMN = some(
    {"name": COLUMNS, "sql_expr": st.sampled_from(["close", "close * 2", "upper(symbol)"])},
    type=st.sampled_from(["double", "string", None]),
    unit=TEXTS,
)
SIMPLE_STEPS = st.one_of(
    st.fixed_dictionaries({"with_column": COLUMN}),
    st.fixed_dictionaries({"with_columns": st.lists(COLUMN, min_size=1, max_size=2)}),
    st.fixed_dictionaries({"sql_expr": st.just("SELECT * FROM {df}")}),
    st.fixed_dictionaries({"func_name": st.just("distinct")}),
    st.fixed_dictionaries(
        {
            "func_name": st.just("fillna"),
            "func_args": st.lists(TEXTS.map(lambda t: {"value": t}), min_size=1, max_size=1),
        }
    ),
    st.fixed_dictionaries(
        {"func_name": st.just("union"), "func_kwargs": st.fixed_dictionaries({"other": INLINE})}
    ),
)
STEPS = st.recursive(
    SIMPLE_STEPS,
    lambda inner: st.fixed_dictionaries({"nodes": st.lists(inner, max_size=2)}),
    max_leaves=4,
)
RULES = some(
    {
        "name": st.sampled_from(["r", "é", "rule 2"]),
        "expression": st.sampled_from(["close > 0", "id = 'no'"]),
    },
    action=st.sampled_from(["WARN", "DROP", "QUARANTINE", "FAIL"]),
    tolerance=st.fixed_dictionaries({"abs": st.integers(0, 9)})
    | st.fixed_dictionaries({"rel": st.sampled_from([0, 0.5, 1])}),
)
SINKS = some(
    {"path": st.just("out")},
    mode=st.sampled_from(["OVERWRITE", "APPEND", "IGNORE", "ERROR"]),
    write_options=OPTIONS,
    schema_evolution=st.sampled_from(["freeze", "add", "widen"]),
    on_empty=st.sampled_from(["write", "skip", "fail"]),
    checkpoint_location=TEXTS,
    metadata=some(
        {}, comment=TEXTS, owner=TEXTS, properties=st.dictionaries(TEXTS, TEXTS, max_size=1)
    ),
)


@st.composite
def nodes(draw: st.DrawFn, index: int) -> dict[str, Any]:
    """Return a node that may read the nodes before it."""
    name = f"n{index}"
    above = [st.just({"node_name": f"n{i}"}) for i in range(index)]
    sources = draw(st.lists(st.one_of(FILES, INLINE, TABLES, *above), min_size=1, max_size=3))
    node: dict[str, Any] = {"name": name, "sources": sources}
    if draw(st.booleans()):
        node["sinks"] = [{**draw(SINKS), "path": f"out/{name}"}]
    if draw(st.booleans()):
        node["transformer"] = {"nodes": draw(st.lists(STEPS, max_size=3))}
    rules = draw(st.lists(RULES, max_size=2, unique_by=lambda rule: rule["name"]))
    more = draw(
        some(
            {},
            layer=st.sampled_from(["BRONZE", "GOLD"]),
            description=TEXTS,
            drop_duplicates=st.booleans(),
            add_layer_columns=st.booleans(),
            dlt_template=st.none() | TEXTS,
            tags=st.lists(TEXTS, max_size=2),
            timestamp_key=COLUMNS,
            samples=st.sampled_from(["on", "off", True, False]),
            step=st.sampled_from(["own", {}, {"retries": 2, "retry_delay_seconds": 1}]),
            expectations=st.just(rules),
        )
    )
    return {**node, **more}


@st.composite
def pipelines(draw: st.DrawFn) -> dict[str, Any]:
    """Return a whole pipeline in the words of 0.4, with lists of sources and sinks."""
    count = draw(st.integers(0, 3))
    declared = {"name": "p", "nodes": [draw(nodes(index)) for index in range(count)]}
    more = draw(
        some(
            {},
            description=TEXTS,
            variables=OPTIONS,
            parameters=st.dictionaries(
                WORDS, some({}, default=VALUES, description=TEXTS), max_size=2
            ),
            environments=st.dictionaries(
                WORDS,
                some({}, variables=OPTIONS, catalog=st.just("c"), warehouse=st.just("w")),
                max_size=2,
            ),
            tags=st.dictionaries(TEXTS, TEXTS, max_size=2),
            schedule=some({"cron": st.just("0 6 * * *")}, enabled=st.booleans()),
            steps=st.sampled_from(["auto", "node", "fused"]),
            orchestrator=st.sampled_from(["DLT", "DATABRICKS_JOB"]),
            databricks_job=some(
                {}, max_retries=st.integers(0, 3), tags=st.dictionaries(WORDS, TEXTS, max_size=1)
            ),
            max_parallel_nodes=st.integers(1, 9),
        )
    )
    return {**declared, **more}


def in_words_of_today(declared: dict[str, Any]) -> dict[str, Any]:
    """Return a declaration with every key, and every value, that has another word today."""
    made = _renamed(declared, "pipeline")
    made["nodes"] = [_node_of_today(node) for node in made["nodes"]]
    return made


def _renamed(mapping: dict[str, Any], place: str) -> dict[str, Any]:
    words = WORDS_OF_TODAY[place]
    return {words.get(key, key): value for key, value in mapping.items()}


def _node_of_today(node: dict[str, Any]) -> dict[str, Any]:
    made = _renamed(node, "node")
    made["sources"] = [_renamed(source, "source") for source in made["sources"]]
    if "sinks" in made:
        made["sinks"] = [_renamed(sink, "sink") for sink in made["sinks"]]
    if "expectations" in made:
        made["expectations"] = [
            {
                **_renamed(rule, "rule"),
                **({"action": "ALLOW"} if rule.get("action") == "WARN" else {}),
            }
            for rule in made["expectations"]
        ]
    if "transformer" in made:
        made["transformer"] = _step_of_today(made["transformer"])
    return made


def _step_of_today(step: dict[str, Any]) -> dict[str, Any]:
    made = _renamed(step, "step")
    if "nodes" in made:
        made["nodes"] = [_step_of_today(inner) for inner in made["nodes"]]
    return made
