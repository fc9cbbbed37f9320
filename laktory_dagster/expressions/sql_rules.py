"""What SQL of a pipeline may not hold: anything but reading rows of the tables it is given."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable

from sqlglot import exp

from laktory_dagster.errors import ExpressionError
from laktory_dagster.expressions.growth import MAX_LENGTH, grows_too_long

_STATEMENTS: tuple[type, ...] = (
    exp.DDL,
    exp.DML,
    exp.Command,
    exp.Create,
    exp.Drop,
    exp.Alter,
    exp.Into,
    exp.Set,
    exp.Use,
    exp.Pragma,
    exp.Attach,
    exp.Detach,
    exp.Copy,
    exp.Transaction,
    exp.Describe,
    exp.Show,
    exp.Kill,
    exp.Cache,
    exp.Uncache,
    exp.Refresh,
    exp.Analyze,
    exp.LoadData,
    exp.TruncateTable,
    exp.Merge,
)
_OPEN_VALUES = (exp.Placeholder, exp.Parameter, exp.SessionParameter)
_FUNCTION = re.compile(
    r"read_\w+|scan_\w+|\w+_scan|read|glob|getenv|secret|try_secret|list_secrets|java_method"
    r"|reflect|try_reflect|http_\w+|ai_\w+|remote_query|query|query_table|parquet_\w+|sniff_csv"
    r"|cloud_files\w*|load_\w+|current_setting|set_config|pg_\w+|dblink\w*|xmltable|system\w*"
    r"|file_row_number|which_secret|duckdb_\w+|copy_\w+|lo_\w+|vector_search|sql_keywords",
    re.IGNORECASE,
)
_FILE_SCHEMA = frozenset(
    {"csv", "parquet", "json", "delta", "orc", "text", "avro", "binaryfile", "xml", "iceberg"}
)
_BAD_NAME = re.compile(r"[/\\:*?<>|\"'\x00-\x1f]|\.\.")
_FILE_NAME = re.compile(
    r"\.(?:csv|tsv|parquet|json|jsonl|ndjson|ipc|feather|orc|avro|xlsx)$", re.IGNORECASE
)
_TABLE_FUNCTIONS = (exp.Unnest, exp.Explode, exp.Posexplode, exp.Inline)


def check_query_tree(tree: exp.Expr) -> None:
    """Check every part of a query.

    Raises:
        ExpressionError: It writes, runs or reads something beside its tables.
    """
    for node in tree.walk():
        if isinstance(node, _STATEMENTS) and not isinstance(node, exp.Query):
            raise ExpressionError(
                f"`{_statement_name(node)}` is not allowed: a step may only query",
                expected="one SELECT, WITH or UNION",
            )
        if isinstance(node, exp.QueryTransform):
            raise ExpressionError("`TRANSFORM ... USING` runs a program, which is not allowed")
        if isinstance(node, _OPEN_VALUES):
            raise ExpressionError(
                f"`{node.sql()[:40]}` has no value here",
                hint="write the value itself, or a variable `${vars.name}`",
            )
        if isinstance(node, exp.Lock):
            raise ExpressionError("`FOR UPDATE` is not allowed: a step may only query")
        if isinstance(node, exp.Table):
            _check_table(node)
        elif isinstance(node, exp.Func):
            _check_function(node)


def _statement_name(node: exp.Expr) -> str:
    if isinstance(node, exp.Command):
        return str(node.this).upper()
    return node.key.upper()


def _check_function(node: exp.Func) -> None:
    name = function_name(node)
    if _FUNCTION.fullmatch(name) or isinstance(node, exp.ReadCSV | exp.ReadParquet):
        raise ExpressionError(
            f"the function `{name}` is not allowed in SQL",
            hint="declare what it reads as a source of the node",
        )
    if grows_too_long(name, map(_total, node.iter_expressions())):
        raise ExpressionError(
            f"`{name}` would make values of more than {MAX_LENGTH:,} characters or items",
            hint="write a smaller number",
        )


_OPERATIONS: dict[type[exp.Expr], Callable[[float, float], float]] = {
    exp.Add: operator.add,
    exp.Sub: operator.sub,
    exp.Mul: operator.mul,
}


def _total(node: exp.Expr) -> float | None:
    """Return what a number, or plain arithmetic of numbers, comes to, else None."""
    node = node.unnest()
    if isinstance(node, exp.Literal):
        return None if node.is_string else float(node.this)
    calculate = _OPERATIONS.get(type(node))
    if calculate is None:
        return None
    left, right = _total(node.this), _total(node.expression)
    return None if left is None or right is None else calculate(left, right)


def function_name(node: exp.Func) -> str:
    """Return the name of a function as it was written, as far as that is known, in lower case."""
    if isinstance(node, exp.Anonymous):
        return str(node.name).lower()
    return str(node.meta.get("name") or node.sql_name()).lower()


def _check_table(node: exp.Table) -> None:
    if isinstance(node.this, exp.Func):
        if isinstance(node.this, _TABLE_FUNCTIONS):
            return
        name = function_name(node.this)
        raise ExpressionError(
            f"the table function `{name}` is not allowed in SQL",
            expected="a table, {df}, {sources.name} or {nodes.name}",
            hint="declare what it reads as a source of the node",
        )
    if not isinstance(node.this, exp.Identifier):
        raise ExpressionError("a table must be given by its name")
    parts = [part.name for part in node.parts]
    is_file = _FILE_NAME.search(parts[-1]) is not None
    is_file |= len(parts) > 1 and parts[-2].lower() in _FILE_SCHEMA and "." in parts[-1]
    if is_file or any(_BAD_NAME.search(part) for part in parts) or len(parts) > 3:
        raise ExpressionError(
            f"`{'.'.join(parts)[:80]}` is no name of a table",
            expected="table, schema.table or catalog.schema.table",
            hint="declare a file as a source of the node and name it `{sources.name}`",
        )
