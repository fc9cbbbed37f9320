"""References to secrets, as texts of a declaration hold them."""

from __future__ import annotations

import re

from laktory_dagster.errors import ExpressionError

SECRET = re.compile(r"\$\{\s*secrets\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_.-]+)\s*\}")
"""`${secrets.scope.key}`: the groups are scope and key."""


def refuse_secrets(text: str) -> None:
    """Raise ExpressionError for a secret in the text of an expression or of SQL.

    Its value would be read as code, and shown with the plan of a query.
    """
    found = SECRET.search(text)
    if found is not None:
        raise ExpressionError(
            "a secret cannot stand in an expression or in SQL",
            expected="secrets in `path`, `storage_options`, the options of readers and writers, "
            "and as arguments in `func_args` and `func_kwargs`",
            hint="hand it to a function of the project as an argument",
            offset=found.start(),
        )
