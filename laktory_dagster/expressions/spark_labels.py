"""The names that Spark gives to results that have no alias: `sum(n)`, `(n + 1)`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from sqlglot import exp

from laktory_dagster.expressions.spark_scalar import as_calls
from laktory_dagster.expressions.sql import SqlExpression

_IN_CAPITALS = """
    acos acosh asin asinh atan atan2 atanh cbrt ceil cos cosh cot csc degrees exp expm1 floor hypot
    log10 log1p log2 radians regexp regexp_like rlike sec signum sin sinh sqrt tan tanh
"""
_OWN_NAMES: Mapping[str, str] = {
    **{name: name.upper() for name in _IN_CAPITALS.split()},
    "approxCountDistinct": "approx_count_distinct",
    "array_agg": "collect_list",
    "dateadd": "date_add",
    "log": "LOG",
    "mean": "avg",
    "negate": "negative",
    "pow": "POWER",
    "power": "POWER",
    "toDegrees": "DEGREES",
    "toRadians": "RADIANS",
}
_PATTERNS: Mapping[str, str] = {
    **dict.fromkeys(("bitwise_not", "bitwiseNOT"), "~{}"),
    **dict.fromkeys(("countDistinct", "count_distinct"), "count(DISTINCT {all})"),
    **dict.fromkeys(("sumDistinct", "sum_distinct"), "sum(DISTINCT {all})"),
    **{name: f"{name}({{}})" for name in ("first", "from_json", "last")},
    "isnotnull": "({} IS NOT NULL)",
    "isnull": "({} IS NULL)",
    "like": "{} LIKE {}",
    "positive": "(+ {})",
}
_IMPLIED: Mapping[tuple[str, int], str] = {
    ("approx_percentile", 2): "10000",
    ("bround", 1): "0",
    ("from_unixtime", 1): "yyyy-MM-dd HH:mm:ss",
    ("listagg", 1): "NULL",
    ("locate", 2): "1",
    ("months_between", 2): "true",
    ("percentile", 2): "1",
    ("percentile_approx", 2): "10000",
    ("position", 2): "1",
    ("regexp_extract_all", 2): "1",
    ("regexp_replace", 3): "1",
    ("round", 1): "0",
    ("sort_array", 1): "true",
    ("split", 2): "-1",
    ("string_agg", 1): "NULL",
    ("substr", 2): "2147483647",
    ("unix_timestamp", 1): "yyyy-MM-dd HH:mm:ss",
}
"""Functions and their number of arguments to the one that Spark shows in the name of the result."""
_IN_SQL: Mapping[str, str] = dict.fromkeys(("ifnull", "nvl"), "coalesce({all})")

_OPERATORS: Mapping[type[exp.Expr], str] = {
    exp.Add: "({} + {})",
    exp.And: "({} AND {})",
    exp.BitwiseAnd: "({} & {})",
    exp.BitwiseOr: "({} | {})",
    exp.BitwiseXor: "({} ^ {})",
    exp.Div: "({} / {})",
    exp.DPipe: "concat({}, {})",
    exp.EQ: "({} = {})",
    exp.GT: "({} > {})",
    exp.GTE: "({} >= {})",
    exp.LT: "({} < {})",
    exp.LTE: "({} <= {})",
    exp.Like: "{} LIKE {}",
    exp.Mod: "({} % {})",
    exp.Mul: "({} * {})",
    exp.NEQ: "(NOT ({} = {}))",
    exp.NullSafeEQ: "({} <=> {})",
    exp.Or: "({} OR {})",
    exp.RegexpLike: "RLIKE({}, {})",
    exp.Sub: "({} - {})",
}
_PREFIXES: Mapping[type[exp.Expr], str] = {
    exp.BitwiseNot: "~{}",
    exp.Distinct: "DISTINCT {}",
    exp.Neg: "(- {})",
    exp.Not: "(NOT {})",
    exp.Paren: "{}",
}


def function_label(name: str, arguments: Sequence[str]) -> str:
    """Return the name of what a function of `F.` gives for arguments of these names."""
    if name == "log" and len(arguments) == 1:
        return f"ln({arguments[0]})"
    if name in _PATTERNS:
        return _PATTERNS[name].format(*arguments, all=", ".join(arguments))
    implied = _IMPLIED.get((name, len(arguments)))
    shown = arguments if implied is None else [*arguments, implied]
    return f"{_OWN_NAMES.get(name, name)}({', '.join(shown)})"


def sql_label(expression: SqlExpression) -> str | None:
    """Return the name of what SQL gives: its alias, its column, or Spark's; None if it is unknown."""
    if expression.output_name is not None:
        return expression.output_name
    tree = as_calls(expression.tree)
    if isinstance(tree, exp.Cast) and isinstance(tree.this, exp.Column):
        return tree.this.name
    return None if tree is None else _label(tree)


def _label(node: exp.Expr) -> str | None:
    kind = type(node)
    if kind in _OPERATORS:
        found = _of_parts(_OPERATORS[kind], [node.this, node.expression])
    elif kind in _PREFIXES:
        found = _of_parts(_PREFIXES[kind], [node.this or node.expressions[0]])
    else:
        build = _BUILDERS.get(kind)
        found = None if build is None else build(node)
    return f"(NOT {found})" if found is not None and node.args.get("negate") else found


def _of_parts(pattern: str, parts: Sequence[exp.Expr]) -> str | None:
    names = [name for part in parts if (name := _label(part)) is not None]
    if len(names) < len(parts):
        return None
    return pattern.format(*names, all=", ".join(names), rest=", ".join(names[1:]))


def _column(node: exp.Expr) -> str:
    parts = node.parts if isinstance(node, exp.Column) else [node]
    return ".".join(part.name for part in parts)


def _is(node: exp.Expr) -> str | None:
    is_null = isinstance(node.expression, exp.Null)
    return _of_parts("({} IS NULL)" if is_null else "({} <=> {})", [node.this, node.expression])


def _cast(node: exp.Expr) -> str | None:
    return _of_parts(f"CAST({{}} AS {node.args['to'].sql('spark')})", [node.this])


def _case(node: exp.Expr) -> str | None:
    if node.this is not None:
        return None
    branches = [part for branch in node.args["ifs"] for part in (branch.this, branch.args["true"])]
    pattern = "CASE" + " WHEN {} THEN {}" * len(node.args["ifs"])
    default = node.args.get("default")
    if default is None:
        return _of_parts(f"{pattern} END", branches)
    return _of_parts(f"{pattern} ELSE {{}} END", [*branches, default])


def _call(node: exp.Expr) -> str | None:
    name = str(node.this).lower()
    if name in _IN_SQL:
        return _of_parts(_IN_SQL[name], node.expressions)
    arguments = [found for part in node.expressions if (found := _label(part)) is not None]
    return None if len(arguments) < len(node.expressions) else function_label(name, arguments)


_BUILDERS: Mapping[type[exp.Expr], Callable[[exp.Expr], str | None]] = {
    exp.Anonymous: _call,
    exp.Between: lambda node: _of_parts(
        "between({all})", [node.this, node.args["low"], node.args["high"]]
    ),
    exp.Boolean: lambda node: str(bool(node.this)).lower(),
    exp.Case: _case,
    exp.Cast: _cast,
    exp.Column: _column,
    exp.If: lambda node: _of_parts(
        "(IF({all}))", [node.this, node.args["true"], node.args["false"]]
    ),
    exp.In: lambda node: _of_parts("({} IN ({rest}))", [node.this, *node.expressions]),
    exp.Is: _is,
    exp.Literal: lambda node: node.name,
    exp.Null: lambda _: "NULL",
    exp.Star: lambda _: "1",
    exp.TryCast: _cast,
}
