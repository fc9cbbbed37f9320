"""Decimals in SQL beside Python's own, which are exact."""

from __future__ import annotations

import random
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal, localcontext

import polars as pl
import pytest

from laktory_dagster.engines.registry import open_engine
from tests.engines.transforming import rows, types

SIZES = [(10, 2), (5, 0), (18, 6), (4, 4), (20, 10), (30, 12), (38, 2), (38, 18), (20, 0)]


def spark_size(operator: str, one: tuple[int, int], other: tuple[int, int]) -> tuple[int, int]:
    """Return the size of a result as Spark's documentation says it."""
    (p1, s1), (p2, s2) = one, other
    if operator in "+-":
        scale = max(s1, s2)
        precision = max(p1 - s1, p2 - s2) + scale + 1
    elif operator == "*":
        precision, scale = p1 + p2 + 1, s1 + s2
    elif operator == "/":
        scale = max(6, s1 + p2 + 1)
        precision = p1 - s1 + s2 + scale
    else:
        scale = max(s1, s2)
        precision = min(p1 - s1, p2 - s2) + scale
    if precision <= 38:
        return precision, scale
    return 38, max(38 - (precision - scale), min(scale, 6))


def exact(operator: str, a: Decimal, b: Decimal, whole: int, scale: int) -> Decimal | None:
    """Return the rounded result; None where its size does not hold it, as for a zero below."""
    with localcontext() as context:
        context.prec = 100
        if operator in "/%" and b == 0:
            return None
        if operator == "%":
            found = a - b * (a / b).to_integral_value(ROUND_DOWN)
        else:
            found = {"+": a + b, "-": a - b, "*": a * b, "/": a / b if b else a}[operator]
        rounded = found.quantize(Decimal(1).scaleb(-scale), ROUND_HALF_UP)
        return rounded if abs(rounded) < Decimal(10) ** whole else None


def numbers(dice: random.Random, size: tuple[int, int], most: int) -> list[Decimal]:
    precision, scale = size
    digits = [dice.randint(1, min(precision, most)) for _ in range(40)]
    found = [Decimal(dice.randint(-(10**n) + 1, 10**n - 1)).scaleb(-scale) for n in digits]
    return [Decimal(0).scaleb(-scale), Decimal(1).scaleb(-scale), *found]


@pytest.mark.parametrize("operator", ["+", "-", "*", "/", "%"])
@pytest.mark.parametrize("one", SIZES)
def test_arithmetic_of_decimals_is_exact_to_the_digits_of_spark(
    operator: str, one: tuple[int, int]
) -> None:
    dice = random.Random(7)
    engine = open_engine("polars")
    most = 14 if operator == "%" else 38
    for other in SIZES:
        data = pl.DataFrame(
            {"a": numbers(dice, one, most), "b": numbers(dice, other, most)},
            schema={"a": pl.Decimal(*one), "b": pl.Decimal(*other)},
        )
        step = {"sql_expr": f"SELECT a, b, a {operator} b AS r FROM {{df}}"}
        precision, scale = spark_size(operator, one, other)
        assert types(engine, data, step)["r"] == f"decimal({precision},{scale})"
        for a, b, found in rows(engine, data, step):
            assert found == exact(operator, a, b, precision - scale, scale), (a, b)
    engine.close()
