"""Operators of `F.` between values of different types: texts, dates, decimals, whole numbers and floats."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from laktory_dagster.engines.base import Engine
from tests.engines.together import Together

NAN = math.nan


def at(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type, misc]


COLUMNS: dict[str, list[Any]] = {
    "id": [0, 1, 2, 3],
    "i": [7, -3, None, 0],
    "j": [2, 5, 1, None],
    "x": [2.5, -0.0, NAN, None],
    "w": ["7", "1.5", " -3 ", "x"],
    "s": ["a", "", None, "B"],
    "d": [date(2024, 1, 31), date(1969, 12, 31), None, date(2024, 2, 29)],
    "e": ["2024-01-31", "no", None, "2024-02-29"],
    "t": [at(2024, 1, 31, 23, 59, 59, 999999), at(1969, 12, 31, 1), None, at(2024, 2, 29)],
    "b": [True, False, None, True],
}
PRICES = [Decimal("1.10"), Decimal("-2.25"), None, Decimal("3.00")]
SHARES = [Decimal("2.5"), Decimal("0.0"), Decimal("1.0"), None]
DATA = pa.table(
    {
        **COLUMNS,
        "m": pa.array(PRICES, pa.decimal128(10, 2)),
        "p": pa.array(SHARES, pa.decimal128(4, 1)),
        "k": pa.array([1, 2, 3, None], pa.int32()),
    }
)

# Type and values in the rows above, as Spark gives them.
# fmt: off
CASES: list[tuple[str, str, list[Any]]] = [
    ("F.col('i') ** 2", "float64", [49.0, 9.0, None, 0.0]),
    ("2 ** F.col('j')", "float64", [4.0, 32.0, 2.0, None]),
    ("F.col('x') ** F.col('i')", "float64", [610.3515625, -math.inf, None, None]),
    ("F.col('k') ** 0", "float64", [1.0, 1.0, 1.0, None]),
    ("F.col('w') + 1", "float64", [8.0, 2.5, -2.0, None]),
    ("F.col('w') + F.col('w')", "float64", [14.0, 3.0, -6.0, None]),
    ("F.col('w') * F.col('i')", "float64", [49.0, -4.5, None, None]),
    ("F.col('w') / 2", "float64", [3.5, 0.75, -1.5, None]),
    ("F.col('w') % 2", "float64", [1.0, 1.5, -1.0, None]),
    ("2 - F.col('w')", "float64", [-5.0, 0.5, 5.0, None]),
    ("-F.col('w')", "float64", [-7.0, -1.5, 3.0, None]),
    ("F.col('s') + F.col('s')", "float64", [None, None, None, None]),
    ("F.col('m') + F.col('w')", "float64", [8.1, -0.75, None, None]),
    ("F.col('m') + F.col('p')", "decimal(11,2)", [Decimal("3.60"), Decimal("-2.25"), None, None]),
    ("F.col('m') - 1", "decimal(11,2)", [Decimal("0.10"), Decimal("-3.25"), None, Decimal("2.00")]),
    ("F.col('m') * F.col('m')", "decimal(21,4)", [Decimal("1.2100"), Decimal("5.0625"), None, Decimal("9.0000")]),
    ("F.col('m') * F.col('p')", "decimal(15,3)", [Decimal("2.750"), Decimal("0.000"), None, None]),
    ("F.col('m') * 3", "decimal(12,2)", [Decimal("3.30"), Decimal("-6.75"), None, Decimal("9.00")]),
    ("F.col('m') / 3", "decimal(14,6)", [Decimal("0.366667"), Decimal("-0.750000"), None, Decimal("1.000000")]),
    ("3 / F.col('m')", "decimal(14,11)", [Decimal("2.72727272727"), Decimal("-1.33333333333"), None, Decimal("1.00000000000")]),
    ("F.col('m') / F.col('p')", "decimal(16,7)", [Decimal("0.4400000"), None, None, None]),
    ("F.col('m') / F.col('k')", "decimal(21,13)", [Decimal("1.1000000000000"), Decimal("-1.1250000000000"), None, None]),
    ("F.col('m') / F.col('i')", "decimal(31,23)", [Decimal("0.15714285714285714285714"), Decimal("0.75000000000000000000000"), None, None]),
    ("F.col('m') % F.col('p')", "decimal(5,2)", [Decimal("1.10"), None, None, None]),
    ("F.col('m') % 2", "decimal(3,2)", [Decimal("1.10"), Decimal("-0.25"), None, Decimal("1.00")]),
    ("F.col('m') * 2.5", "float64", [2.75, -5.625, None, 7.5]),
    ("F.col('m') / F.lit(2)", "decimal(14,6)", [Decimal("0.550000"), Decimal("-1.125000"), None, Decimal("1.500000")]),
    ("F.col('m') + F.col('i')", "decimal(23,2)", [Decimal("8.10"), Decimal("-5.25"), None, Decimal("3.00")]),
    ("F.col('d') + 1", "date", [date(2024, 2, 1), date(1970, 1, 1), None, date(2024, 3, 1)]),
    ("1 + F.col('d')", "date", [date(2024, 2, 1), date(1970, 1, 1), None, date(2024, 3, 1)]),
    ("F.col('d') - 31", "date", [date(2023, 12, 31), date(1969, 11, 30), None, date(2024, 1, 29)]),
    ("F.col('d') + F.col('k')", "date", [date(2024, 2, 1), date(1970, 1, 2), None, None]),
    ("F.col('d') - F.col('k')", "date", [date(2024, 1, 30), date(1969, 12, 29), None, None]),
    ("F.col('d') == '2024-01-31'", "bool", [True, False, None, False]),
    ("'2024-01-31' == F.col('d')", "bool", [True, False, None, False]),
    ("F.col('d') > '2024-01-01'", "bool", [True, False, None, True]),
    ("F.col('d') != F.col('e')", "bool", [False, None, None, False]),
    ("F.col('d') <= F.lit('2024-01-31')", "bool", [True, True, None, False]),
    ("F.col('t') > '2024-01-31'", "bool", [True, False, None, True]),
    ("F.col('t') == '2024-02-29T00:00:00Z'", "bool", [False, False, None, True]),
    ("F.col('t') >= F.col('d')", "bool", [True, True, None, True]),
    ("F.col('d') < F.col('t')", "bool", [True, True, None, False]),
    ("F.col('i') == '7'", "bool", [True, False, None, False]),
    ("F.col('i') == F.col('w')", "bool", [True, False, None, None]),
    ("F.col('w') > 1", "bool", [True, False, False, None]),
    ("F.col('w') > 1.0", "bool", [True, True, False, None]),
    ("F.col('w') == F.col('x')", "bool", [False, False, False, None]),
    ("F.col('x') == '2.5'", "bool", [True, False, False, None]),
    ("F.col('m') == '1.1'", "bool", [True, False, None, False]),
    ("F.col('s') == 7", "bool", [None, None, None, None]),
    ("F.col('b') == 'true'", "bool", [True, False, None, True]),
    ("F.col('b') == 't'", "bool", [True, False, None, True]),
    ("F.col('b') == 'no'", "bool", [False, True, None, False]),
    ("F.lit(1) == F.lit('1.5')", "bool", [True, True, True, True]),
    ("F.lit('9007199254740993') == F.lit(9007199254740992)", "bool", [False, False, False, False]),
    ("F.col('i') != 'x'", "bool", [None, None, None, None]),
    ("F.col('d').between('2024-01-01', '2024-02-01')", "bool", [True, False, None, False]),
    ("F.col('t').between('2024-01-31', '2024-02-29')", "bool", [True, False, None, True]),
    ("F.col('i').between('0', '9')", "bool", [True, False, None, True]),
    ("F.col('w').between(1, 9)", "bool", [True, True, False, None]),
    ("F.col('d').isin('2024-01-31', '2024-02-29')", "bool", [True, False, None, True]),
    ("F.col('d').isin(['1969-12-31', None])", "bool", [None, True, None, None]),
    ("F.col('i').isin('7', '-3.0')", "bool", [True, False, None, False]),
    ("F.col('x').isin([2.5, 3])", "bool", [True, False, False, None]),
    ("F.col('x').isin(2, 3)", "bool", [False, False, False, None]),
    ("F.col('i').isin([7, 2.5])", "bool", [True, False, None, False]),
    ("F.col('m').isin([3, 1.1])", "bool", [True, False, None, True]),
    ("F.col('w').isin(7, 1.5)", "bool", [True, True, False, False]),
    ("F.col('i').isin(F.col('j') + 5, F.lit(0))", "bool", [True, False, None, True]),
    ("F.col('i').isin(7, F.col('j'))", "bool", [True, False, None, None]),
    ("F.col('i').eqNullSafe('7')", "bool", [True, False, False, False]),
    ("F.col('d').eqNullSafe('2024-01-31')", "bool", [True, False, False, False]),
    ("F.col('i').eqNullSafe(F.col('j'))", "bool", [False, False, False, False]),
    ("F.equal_null('d', F.lit('2024-01-31'))", "bool", [True, False, False, False]),
    ("F.equal_null('i', F.lit(None))", "bool", [False, False, True, False]),
    ("F.nullif('i', F.lit('7'))", "int64", [None, -3, None, 0]),
    ("F.nullif('d', F.lit('2024-02-29'))", "date", [date(2024, 1, 31), date(1969, 12, 31), None, None]),
    ("F.nullif('i', F.col('j'))", "int64", [7, -3, None, 0]),
    ("(F.col('i') > '0') & (F.col('d') > '2024-01-01')", "bool", [True, False, None, False]),
    ("F.col('b') & F.lit(None)", "bool", [None, False, None, None]),
    ("F.col('b') | F.lit(None)", "bool", [True, None, None, True]),
    ("~F.col('b')", "bool", [False, True, None, False]),
    ("F.sqrt('w')", "float64", [2.6457513110645907, 1.224744871391589, NAN, None]),
    ("F.abs('w')", "float64", [7.0, 1.5, 3.0, None]),
    ("F.round('w')", "float64", [7.0, 2.0, -3.0, None]),
    ("F.floor('w')", "int64", [7, 1, -3, None]),
    ("F.ceil('w')", "int64", [7, 2, -3, None]),
    ("F.exp('w')", "float64", [1096.6331584284585, 4.4816890703380645, 0.049787068367863944, None]),
    ("F.pow('w', 2)", "float64", [49.0, 2.25, 9.0, None]),
    ("F.isnan('w')", "bool", [False, False, False, False]),
    ("F.sign('w')", "float64", [1.0, 1.0, -1.0, None]),
    ("F.log('w')", "float64", [1.9459101490553132, 0.4054651081081644, None, None]),
    ("F.pmod('w', F.lit(3))", "float64", [1.0, 1.5, -0.0, None]),
    ("F.factorial('w')", "int64", [5040, 1, None, None]),
    ("F.hypot('w', 'i')", "float64", [9.899494936611665, 3.3541019662496847, None, None]),
    ("F.atan2(F.lit(-0.0), F.lit(-1.0))", "float64", [3.141592653589793, 3.141592653589793, 3.141592653589793, 3.141592653589793]),
    ("F.atan2('x', 'i')", "float64", [0.3430239404207034, 3.141592653589793, None, None]),
]
# fmt: on

VALUES = Together(DATA, CASES)


@pytest.mark.parametrize(("expression", "_kind", "expected"), CASES)
def test_value_of_an_operator(
    engine: Engine, expression: str, _kind: str, expected: list[Any]
) -> None:
    VALUES.check(engine, expression, expected)


def test_the_types_of_the_results(engine: Engine) -> None:
    """A decimal has the digits that Spark's rules give it, whatever its values are."""
    VALUES.check_types(engine, {text: kind for text, kind, _ in CASES})
