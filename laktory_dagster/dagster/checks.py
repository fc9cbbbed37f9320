"""Expectations as asset checks: FAIL blocks as an error, the others warn."""

from __future__ import annotations

from typing import Any

import dagster as dg

from laktory_dagster.dagster.metadata import plain_rows
from laktory_dagster.execution.results import CheckResult


def check_result(key: dg.AssetCheckKey, check: CheckResult) -> dg.AssetCheckResult:
    """Return one expectation's result with its counts and the keys of a few failing rows."""
    failing = check.action == "FAIL"
    severity = dg.AssetCheckSeverity.ERROR if failing else dg.AssetCheckSeverity.WARN
    metadata: dict[str, Any] = {"expression": check.expression, "action": check.action}
    if check.failed_rows is not None and check.checked_rows is not None:
        metadata |= {"failed_rows": check.failed_rows, "checked_rows": check.checked_rows}
    if check.examples:
        metadata["examples"] = dg.MetadataValue.json(plain_rows(check.examples))
    return dg.AssetCheckResult(
        asset_key=key.asset_key,
        check_name=key.name,
        passed=check.passed,
        severity=severity,
        metadata=metadata,
        description=_description(check),
    )


def _description(check: CheckResult) -> str:
    if check.failed_rows is None:
        return "holds" if check.passed else "does not hold"
    return f"{check.failed_rows:,} of {check.checked_rows:,} rows fail ({check.action})"
