"""What is known of a node's columns without data: which ones its steps name."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from laktory_dagster.errors import ExpressionError
from laktory_dagster.expressions.portable import CANONICAL
from laktory_dagster.expressions.python import parse_argument
from laktory_dagster.expressions.sql import parse_query, parse_sql_expression
from laktory_dagster.models.transformer import (
    ColumnsStep,
    ColumnStep,
    LeafStep,
    MethodStep,
    SqlStep,
)

Names = tuple[str, ...] | None


@dataclass
class ColumnFlow:
    """The columns after a chain of steps, as far as the declaration says.

    `named` are the outputs that steps named. `from_source` says whether columns of the source that
    no step named may still be there. `exact` is the whole list of columns where it is known.
    `is_grouped` says that the next step takes groups, `only_source` that no step brought columns
    of other frames.
    """

    named: set[str] = field(default_factory=set)
    from_source: bool = True
    exact: tuple[str, ...] | None = None
    is_grouped: bool = False
    only_source: bool = True

    @property
    def produced(self) -> frozenset[str] | None:
        """Return the columns to spare when source columns are dropped; None: drop nothing."""
        return frozenset(self.named) if self.named and self.from_source else None

    def replace_all(self, names: Names, *, complete: bool = True) -> None:
        """Take a step after which only what it names is there."""
        self.named.update(names or ())
        self.from_source = False
        self.exact = names if complete and names is not None else None

    def add(self, names: Iterable[str], *, complete: bool = True) -> None:
        """Take a step that adds or replaces the columns that it names."""
        names = tuple(names)
        self.named.update(names)
        if self.exact is not None and complete:
            self.exact = tuple(dict.fromkeys((*self.exact, *names)))
        else:
            self.exact = None

    def rename(self, names: Mapping[str, str]) -> None:
        """Take a step that renames columns. Spark also finds them in another letter case."""
        self.named.update(names.values())
        if self.exact is not None:
            others = {name.lower() for name in self.exact if name not in names}
            cased = any(old not in self.exact and old.lower() in others for old in names)
            renamed = tuple(names.get(name, name) for name in self.exact)
            self.exact = None if cased else renamed

    def remove(self, names: Names) -> None:
        """Take a step that leaves columns out; None for names that are not known."""
        if self.exact is not None:
            gone = set(names or ())
            self.exact = None if names is None else tuple(n for n in self.exact if n not in gone)

    def forget(self) -> None:
        """Take a step that may bring or lose any column."""
        self.exact = None
        self.only_source = False


def column_flow(
    steps: Iterable[LeafStep], dialect: str, start: Names = None, own: Collection[str] = ()
) -> ColumnFlow:
    """Return what the steps do to the columns.

    Args:
        steps: the chain, flat.
        dialect: SQL dialect of its strings.
        start: the source's columns where they are known.
        own: functions of the project, which come before methods of the same name.
    """
    flow = ColumnFlow(exact=start)
    for step in steps:
        if isinstance(step, ColumnStep):
            flow.add([step.with_column.name])
        elif isinstance(step, ColumnsStep):
            flow.add([column.name for column in step.with_columns])
        elif isinstance(step, SqlStep):
            _take_query(flow, step.sql_expr, dialect)
        elif step.func_name in own:
            flow.forget()
        else:
            _take_method(flow, step, dialect)
    return flow


def _take_method(flow: ColumnFlow, step: MethodStep, dialect: str) -> None:
    name = CANONICAL.get(step.func_name, step.func_name)
    effect = _EFFECTS.get(name)
    if flow.is_grouped and name in ("having", "pivot"):
        flow.exact = flow.exact if name == "having" else None
        return
    if flow.is_grouped:
        flow.is_grouped = False
        effect = _aggregate if name == "agg" else _close
    if effect is None:
        flow.forget()
    else:
        effect(flow, step, dialect)


def _take_query(flow: ColumnFlow, text: str, dialect: str) -> None:
    try:
        query = parse_query(text, dialect)
    except ExpressionError:
        flow.forget()
        return
    if query.passes_through:
        flow.only_source = False
        flow.add(query.output_names, complete=False)
    else:
        flow.replace_all(query.output_names, complete=_names_all(query.tree))


def _names_all(tree: Any) -> bool:
    """Return whether every projection is a column or has an alias: dialects name the rest."""
    while not tree.args.get("expressions"):
        tree = tree.this
    return all(item.output_name for item in tree.expressions)


def _values(step: MethodStep) -> list[Any]:
    values: list[Any] = []
    for value in step.func_args:
        values.extend(value if isinstance(value, (list, tuple)) else [value])
    return values


def _select(flow: ColumnFlow, step: MethodStep, dialect: str) -> None:
    names, passes, complete = _projected(_values(step), dialect)
    names += tuple(step.func_kwargs)
    if passes:
        flow.add(names, complete=False)
    else:
        flow.replace_all(names, complete=complete)


def _projected(values: list[Any], dialect: str) -> tuple[tuple[str, ...], bool, bool]:
    """Return the names of projected values, whether others pass, and whether these are all."""
    names: list[str] = []
    passes, complete = False, True
    for value in values:
        if not isinstance(value, str):
            complete = False
            continue
        found = _output_names(value, dialect)
        if found is None:
            complete = False
            # `*`, selectors and patterns let columns of the source through.
            passes = passes or _lets_through(value)
        else:
            names.extend(found)
            # Engines differ in what `a.b` is: a field, or a column of that name.
            complete = complete and not ("." in value and "(" not in value)
    return tuple(names), passes, complete


def _output_names(text: str, dialect: str) -> Names:
    try:
        expression = parse_argument(text)
    except ExpressionError:
        return None
    if expression is not None:
        return expression.output_names
    if text == "*" or text.endswith(".*") or text.startswith("^"):
        return None
    return (text.rpartition(".")[2].strip("`"),) if dialect == "spark" else (text,)


def _lets_through(text: str) -> bool:
    try:
        expression = parse_argument(text)
    except ExpressionError:
        return True
    return expression is None or expression.columns is None


def _select_expr(flow: ColumnFlow, step: MethodStep, dialect: str) -> None:
    names: list[str] = []
    passes, complete = False, True
    for text in _values(step):
        if text == "*" or not isinstance(text, str):
            passes = True
            continue
        try:
            name = parse_sql_expression(text, dialect).output_name
        except ExpressionError:
            name = None
        complete = complete and name is not None
        names += [name] if name else []
    if passes:
        flow.add(names, complete=False)
    else:
        flow.replace_all(tuple(names), complete=complete)


def _with_columns(flow: ColumnFlow, step: MethodStep, dialect: str) -> None:
    values = _values(step)
    mappings = [value for value in values if isinstance(value, dict)]
    names, _, complete = _projected([v for v in values if not isinstance(v, dict)], dialect)
    mapped = tuple(name for mapping in mappings for name in mapping)
    options = step.func_kwargs
    if isinstance(options.get("colsMap"), dict):
        mapped, options = (*mapped, *options["colsMap"]), {}
    flow.add((*names, *mapped, *options), complete=complete)


def _argument(step: MethodStep, index: int, *names: str) -> Any:
    if len(step.func_args) > index:
        return step.func_args[index]
    return next((step.func_kwargs[name] for name in names if name in step.func_kwargs), None)


def _with_column(flow: ColumnFlow, step: MethodStep, _: str) -> None:
    name = _argument(step, 0, "colName", "name")
    flow.add([name] if isinstance(name, str) else [])


def _with_row_index(flow: ColumnFlow, step: MethodStep, _: str) -> None:
    name = _argument(step, 0, "name")
    unnamed = "row_nr" if step.func_name == "with_row_count" else "index"
    flow.add([name if isinstance(name, str) else unnamed])


def _rename(flow: ColumnFlow, step: MethodStep, _: str) -> None:
    mapping = _argument(step, 0, "mapping", "colsMap")
    if isinstance(mapping, dict) and all(isinstance(new, str) for new in mapping.values()):
        flow.rename(mapping)
    else:
        flow.forget()


def _rename_one(flow: ColumnFlow, step: MethodStep, _: str) -> None:
    old, new = _argument(step, 0, "existing"), _argument(step, 1, "new")
    if isinstance(old, str) and isinstance(new, str):
        flow.rename({old: new})
    else:
        flow.forget()


def _to_df(flow: ColumnFlow, step: MethodStep, _: str) -> None:
    names = _values(step)
    if all(isinstance(name, str) for name in names):
        flow.replace_all(tuple(names))
    else:
        flow.forget()


def _drop(flow: ColumnFlow, step: MethodStep, dialect: str) -> None:
    names, passes, complete = _projected(_values(step), dialect)
    flow.remove(names if complete and not passes else None)


def _group(flow: ColumnFlow, step: MethodStep, dialect: str) -> None:
    values = _values(step)
    if step.func_name in ("group_by_dynamic", "rolling"):
        values = [value for value in (_argument(step, 0, "index_column"),) if value]
    names, _, complete = _projected(values, dialect)
    complete = complete and not step.func_kwargs.get("include_boundaries")
    flow.replace_all((*names, *_group_names(step)), complete=complete)
    flow.is_grouped = True


def _grouping_sets(flow: ColumnFlow, _step: MethodStep, _: str) -> None:
    flow.replace_all(None)
    flow.is_grouped = True


def _group_names(step: MethodStep) -> tuple[str, ...]:
    named = step.func_kwargs.get("group_by")
    values = [named] if isinstance(named, str) else named or []
    options = {"maintain_order", "group_by", "drop_null_keys", "every", "period", "offset"}
    options |= {"include_boundaries", "closed", "label", "start_by", "index_column"}
    keywords = [key for key in step.func_kwargs if key not in options]
    return (*(value for value in values if isinstance(value, str)), *keywords)


def _aggregate(flow: ColumnFlow, step: MethodStep, dialect: str) -> None:
    names, passes, complete = _projected(_values(step), dialect)
    keys = flow.exact
    flow.replace_all((*names, *step.func_kwargs), complete=False)
    if keys is not None and complete and not passes:
        flow.exact = tuple(dict.fromkeys((*keys, *names, *step.func_kwargs)))


def _total(flow: ColumnFlow, step: MethodStep, dialect: str) -> None:
    """Take an `agg` without groups: one row of all, without keys."""
    flow.exact = ()
    _aggregate(flow, step, dialect)


def _close(flow: ColumnFlow, _step: MethodStep, _: str) -> None:
    flow.replace_all(None)


def _groupby_and_agg(flow: ColumnFlow, step: MethodStep, _: str) -> None:
    keys = _argument(step, 0, "groupby_columns") or []
    aggregates = _argument(step, 1, "agg_expressions") or []
    keys = [keys] if isinstance(keys, str) else keys
    names = [_aggregate_name(item) for item in aggregates]
    known = [name for name in (*keys, *names) if isinstance(name, str)]
    if len(known) == len(keys) + len(names):
        flow.replace_all(tuple(known), complete="groupby_window" not in step.func_kwargs)
    else:
        flow.replace_all(None)


def _aggregate_name(item: Any) -> str | None:
    if isinstance(item, dict) and "name" in item:
        return str(item["name"])
    text = item.get("expr") if isinstance(item, dict) else item
    try:
        expression = parse_argument(text) if isinstance(text, str) else None
    except ExpressionError:
        return None
    return None if expression is None else expression.output_name


def _keep(_flow: ColumnFlow, _step: MethodStep, _: str) -> None:
    return None


Effect = Callable[[ColumnFlow, MethodStep, str], None]
_SAME_COLUMNS = (
    "filter", "drop_duplicates", "distinct", "order_by", "limit", "head", "tail", "offset", "slice",
    "sample", "dropna", "fillna", "replace", "unique", "sort", "drop_nulls", "drop_nans",
    "fill_null", "fill_nan", "cast", "alias", "cache", "coalesce", "hint", "persist", "repartition",
    "unpersist", "with_watermark", "reverse", "lazy", "gather_every", "top_k", "bottom_k",
    "intersect", "intersect_all", "subtract", "except_all", "set_sorted", "shift", "interpolate",
    "explode", "first", "last", "union", "laktory.union", "laktory.display", "laktory.show_string",
    "laktory.watermark",
)  # fmt: skip
_ONLY_OWN_COLUMNS = (
    "melt", "unpivot", "pivot", "describe", "transpose", "null_count", "to_dummies", "corr",
    "count", "sum", "avg", "mean", "median", "min", "max", "std", "var", "quantile", "len",
    "n_unique", "approx_n_unique", "value_counts",
)  # fmt: skip
_EFFECTS: Mapping[str, Effect] = {
    **dict.fromkeys(_SAME_COLUMNS, _keep),
    **dict.fromkeys(_ONLY_OWN_COLUMNS, _close),
    "select": _select,
    "select_seq": _select,
    "select_expr": _select_expr,
    "with_columns": _with_columns,
    "with_columns_seq": _with_columns,
    "with_columns_map": _with_columns,
    "with_column": _with_column,
    "with_row_index": _with_row_index,
    "with_row_count": _with_row_index,
    "laktory.with_row_index": _with_row_index,
    "rename": _rename,
    "with_columns_renamed": _rename,
    "with_column_renamed": _rename_one,
    "to_df": _to_df,
    "drop": _drop,
    "group_by": _group,
    "group_by_dynamic": _group,
    "rolling": _group,
    "rollup": _group,
    "cube": _group,
    "groupingSets": _grouping_sets,
    "agg": _total,
    "laktory.groupby_and_agg": _groupby_and_agg,
}
