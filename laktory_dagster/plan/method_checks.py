"""What is wrong with the methods that a source or a sink calls on Spark's reader or writer."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from laktory_dagster.expressions.suggest import hint_for
from laktory_dagster.models.sources import MethodCall
from laktory_dagster.plan.context import NodeContext
from laktory_dagster.plan.steps import Path

OPTION_METHODS = ("option", "options")
PARTITION_METHODS = ("partitionBy", "partition_by")
CLUSTER_METHODS = ("clusterBy", "cluster_by")


def check_methods(
    calls: Sequence[MethodCall], known: Collection[str], path: Path, context: NodeContext
) -> None:
    """Report calls that are not known, and options without a value."""
    for index, call in enumerate(calls):
        at = (*path, index)
        if call.name not in known:
            context.findings.error(
                f"`{call.name}` cannot be called here",
                (*at, "name"),
                expected=f"one of {', '.join(known)}",
                hint=hint_for(call.name, known) or "use the fields of the source or the sink",
            )
        elif call.name in OPTION_METHODS and not call.set_options:
            context.findings.error(
                f"`{call.name}` sets nothing",
                at,
                expected="`args: [name, value]` for `option`, `kwargs: {name: value}` for `options`",
            )
