"""What must hold for the rows of a node."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from laktory_dagster.models.base import Model, Number, Whole

NULL_KEY = "null_key"
"""The name of the rule that a merge with `null_keys: quarantine` adds."""


class Tolerance(Model):
    """How many rows may fail, absolute or relative: `{rel: 0.05}`."""

    abs: Annotated[Whole, Field(ge=0)] | None = None
    """Number of rows."""
    rel: Annotated[Number, Field(ge=0, le=1)] | None = None
    """Share of the rows, from 0 to 1."""

    @model_validator(mode="after")
    def _one_of_both(self) -> Tolerance:
        if (self.abs is None) == (self.rel is None):
            raise PydanticCustomError("one_tolerance", "give either `abs` or `rel`")
        return self


Action = Annotated[
    Literal["WARN", "DROP", "QUARANTINE", "FAIL"],
    BeforeValidator(lambda value: "WARN" if value == "ALLOW" else value),
]


class Expectation(Model):
    """A rule: `{name: positive price, expression: close > 0, action: DROP}`.

    A row whose expression is null fails. ALLOW is another word for WARN.
    """

    other_names: ClassVar[Mapping[str, str]] = {"expr": "expression"}

    name: Annotated[str, Field(min_length=1, max_length=128)]
    """What the rule says, in a few words."""
    expression: str
    """SQL or an expression that is true for a good row (ROW) or a good table (AGGREGATE)."""
    type: Literal["ROW", "AGGREGATE"] = "ROW"
    """Whether it speaks of each row or of all of them."""
    action: Action = "WARN"
    """What happens to rows that fail, worst last: WARN, DROP, QUARANTINE, FAIL."""
    tolerance: Tolerance | None = None
    """How many rows may fail before FAIL fails."""

    @model_validator(mode="after")
    def _aggregate_has_no_rows(self) -> Expectation:
        if self.type == "AGGREGATE" and self.action in ("DROP", "QUARANTINE"):
            raise PydanticCustomError(
                "aggregate_action",
                "an AGGREGATE rule has no rows to {action}; use WARN or FAIL",
                {"action": self.action},
            )
        return self
