"""How Spark names the result of an expression that has no alias: `count(1)`, `(a + b)`."""

from __future__ import annotations

from collections.abc import Callable

from sqlglot import exp

from laktory_dagster.expressions.spark_scalar import spark_calls

_SYMBOLS: dict[type[exp.Expr], str] = {
    exp.Add: "+",
    exp.Sub: "-",
    exp.Mul: "*",
    exp.Div: "/",
    exp.Mod: "%",
    exp.EQ: "=",
    exp.GT: ">",
    exp.GTE: ">=",
    exp.LT: "<",
    exp.LTE: "<=",
    exp.And: "AND",
    exp.Or: "OR",
}


def result_name(node: exp.Expr) -> str:
    """Return the name of a projected expression: its alias, its column, or its text."""
    if isinstance(node, exp.Alias):
        return str(node.alias)
    if isinstance(node, exp.Cast) and isinstance(node.this, exp.Column):
        return str(node.this.name)
    if isinstance(node, exp.Column | exp.Dot):
        return str(node.name)
    return "col" if isinstance(node, exp.Explode) else _text(node)


def _text(node: exp.Expr) -> str:
    write = _WRITERS.get(type(node))
    if write is not None:
        return write(node)
    symbol = _SYMBOLS.get(type(node))
    if symbol is not None:
        return f"({_text(node.this)} {symbol} {_text(node.expression)})"
    if isinstance(node, exp.AggFunc):
        return _call(node)
    calls = spark_calls(node)
    return _text(calls) if isinstance(calls, exp.Anonymous) else node.sql("spark")


def _call(node: exp.Expr) -> str:
    name = node.sql("spark").split("(", 1)[0].lower()
    return f"{name}({', '.join(map(_text, (node.this, *node.expressions)))})"


def _column(node: exp.Expr) -> str:
    return ".".join(part.name for part in node.parts) if isinstance(node, exp.Column) else ""


_WRITERS: dict[type[exp.Expr], Callable[[exp.Expr], str]] = {
    exp.Abs: _call,
    exp.Anonymous: lambda node: f"{node.name.lower()}({', '.join(map(_text, node.expressions))})",
    exp.Boolean: lambda node: str(node.this).lower(),
    exp.Bracket: lambda node: f"{_text(node.this)}[{', '.join(map(_text, node.expressions))}]",
    exp.Cast: lambda node: f"CAST({_text(node.this)} AS {node.args['to'].sql('spark')})",
    exp.TryCast: lambda node: f"CAST({_text(node.this)} AS {node.args['to'].sql('spark')})",
    exp.Coalesce: _call,
    exp.Column: _column,
    exp.Distinct: lambda node: "DISTINCT " + ", ".join(map(_text, node.expressions)),
    exp.Length: _call,
    exp.Literal: lambda node: str(node.this),
    exp.Lower: _call,
    exp.NEQ: lambda node: f"(NOT ({_text(node.this)} = {_text(node.expression)}))",
    exp.Paren: lambda node: _text(node.this),
    exp.Star: lambda _: "1",
    exp.Upper: _call,
}
