"""Checks of the columns that a node names against those that its steps give."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from laktory_dagster.expressions.suggest import hint_for
from laktory_dagster.models.sinks import MergeOptions
from laktory_dagster.plan.context import NodeContext
from laktory_dagster.plan.layouts import layout_of
from laktory_dagster.plan.steps import Path
from laktory_dagster.plan.type_checks import declared_columns

_LISTED = 20


def check_columns(
    columns: Collection[str],
    known: tuple[str, ...],
    path: Path,
    context: NodeContext,
    what: str,
) -> None:
    """Report columns that are not there. Letter case is not compared: Spark folds it."""
    folded = {name.lower() for name in known}
    for column in sorted(columns):
        if column.lower() not in folded:
            more = ", ..." if len(known) > _LISTED else ""
            context.findings.error(
                f"{what} the column `{column}`, which the transformer does not give",
                path,
                expected=f"one of {', '.join(known[:_LISTED])}{more}",
                hint=hint_for(column, known),
            )


def check_named_columns(known: tuple[str, ...], context: NodeContext) -> None:
    """Report columns that the sinks of a node name and that are not among the node's.

    Those of a quarantine are left out: it holds more columns, as do those that a function writes.
    """
    for index, sink in enumerate(context.node.sinks):
        if sink.is_quarantine:
            continue
        path = (*context.path, "sinks", index)
        for place, columns in _merged_by(sink.merge_cdc_options):
            check_columns(columns, known, (*path, *place), context, "the merge names")
        if sink.custom_writer is None:
            stored = (*known, *_times_of_validity(sink.merge_cdc_options))
            for part in layout_of(sink):
                at = (*path, *part.path)
                check_columns(part.columns, stored, at, context, "the sink names")
            declared = declared_columns(sink.schema_definition) or ()
            at = (*path, "schema_definition")
            check_columns(declared, known, at, context, "the sink declares")


def _merged_by(merge: MergeOptions | None) -> Iterator[tuple[Path, tuple[str, ...]]]:
    if merge is None:
        return
    named = {
        "primary_keys": merge.primary_keys,
        "order_by": (merge.order_by,) if merge.order_by else (),
        "include_columns": merge.include_columns or (),
        "exclude_columns": merge.exclude_columns or (),
    }
    for key, columns in named.items():
        yield ("merge_cdc_options", key), columns


def _times_of_validity(merge: MergeOptions | None) -> tuple[str, ...]:
    if merge is None or merge.scd_type != 2:
        return ()
    return merge.start_at_column_name, merge.end_at_column_name
