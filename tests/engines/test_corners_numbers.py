"""Functions and operators of numbers: overflow, NaN, infinity, null and zero mean what they mean on Spark."""

from __future__ import annotations

import math
from typing import Any

import pytest

from laktory_dagster.engines.base import Engine
from tests.engines.together import Together

NAN = math.nan
INF = math.inf
DATA: dict[str, list[Any]] = {
    "id": [0, 1, 2, 3, 4],
    "i": [7, -3, 0, None, 2**63 - 1],
    "x": [2.5, -0.5, NAN, None, INF],
    "y": [2.0, -1.5, 1.0, NAN, -3.0],
}

# The values in the rows above, as Spark gives them.
# fmt: off
CASES: list[tuple[str, list[Any]]] = [
    ("F.abs('x')", [2.5, 0.5, NAN, None, INF]),
    ("F.ceil('x')", [3, 0, 0, None, 9223372036854775807]),
    ("F.floor('x')", [2, -1, 0, None, 9223372036854775807]),
    ("F.ceil('y')", [2, -1, 1, 0, -3]),
    ("F.rint('x')", [2.0, -0.0, NAN, None, INF]),
    ("F.round('y')", [2.0, -2.0, 1.0, NAN, -3.0]),
    ("F.sqrt('y')", [1.4142135623730951, NAN, 1.0, NAN, NAN]),
    ("F.cbrt('i')", [1.9129311827723892, -1.4422495703074083, 0.0, None, 2097152.0]),
    ("F.exp('y')", [7.38905609893065, 0.22313016014842982, 2.7182818284590455, NAN, 0.049787068367863944]),
    ("F.expm1(F.lit(1e-10))", [1.00000000005e-10, 1.00000000005e-10, 1.00000000005e-10, 1.00000000005e-10, 1.00000000005e-10]),
    ("F.expm1('y')", [6.38905609893065, -0.7768698398515702, 1.718281828459045, NAN, -0.950212931632136]),
    ("F.ln('y')", [0.6931471805599453, None, 0.0, NAN, None]),
    ("F.log10('y')", [0.3010299956639812, None, 0.0, NAN, None]),
    ("F.log2('x')", [1.3219280948873624, None, NAN, None, INF]),
    ("F.log1p('y')", [1.0986122886681096, None, 0.6931471805599453, NAN, None]),
    ("F.log(2.0,'i')", [2.807354922057604, None, None, None, 63.0]),
    ("F.pow('x','y')", [6.25, NAN, NAN, None, 0.0]),
    ("F.pmod('i',F.lit(5))", [2, 2, 0, None, 2]),
    ("F.pmod('i',F.lit(-5))", [2, -3, 0, None, 2]),
    ("F.pmod('x',F.lit(2))", [0.5, 1.5, NAN, None, NAN]),
    ("F.pmod('y',F.lit(-2))", [0.0, -1.5, 1.0, NAN, -1.0]),
    ("F.pmod('i','i')", [0, 0, None, None, 0]),
    ("F.try_mod('i',F.lit(-5))", [2, -3, 0, None, 2]),
    ("F.try_mod('i',F.lit(0))", [None, None, None, None, None]),
    ("F.try_mod('x','y')", [0.5, -0.5, NAN, None, NAN]),
    ("F.sign('x')", [1.0, -1.0, NAN, None, 1.0]),
    ("F.signum('i')", [1.0, -1.0, 0.0, None, 1.0]),
    ("F.hypot('x','y')", [3.2015621187164243, 1.5811388300841898, NAN, None, INF]),
    ("F.hypot(F.lit(3e200),F.lit(4e200))", [4.9999999999999995e+200, 4.9999999999999995e+200, 4.9999999999999995e+200, 4.9999999999999995e+200, 4.9999999999999995e+200]),
    ("F.factorial('i')", [5040, None, 1, None, None]),
    ("F.bit_count('i')", [3, 63, 0, None, 63]),
    ("F.bitwise_not('i')", [-8, 2, -1, None, -9223372036854775808]),
    ("F.degrees('y')", [114.59155902616465, -85.94366926962348, 57.29577951308232, NAN, -171.88733853924697]),
    ("F.greatest('x','y')", [2.5, -0.5, NAN, NAN, INF]),
    ("F.least('x','y')", [2.0, -1.5, 1.0, NAN, -3.0]),
    ("F.greatest('i','x')", [7.0, -0.5, NAN, None, INF]),
    ("F.least('i','x')", [2.5, -3.0, 0.0, None, 9.223372036854776e+18]),
    ("F.try_add('i',F.lit(1))", [8, -2, 1, None, None]),
    ("F.try_subtract('i',F.lit(1))", [6, -4, -1, None, 9223372036854775806]),
    ("F.try_multiply('i',F.lit(2))", [14, -6, 0, None, None]),
    ("F.try_add('x','i')", [9.5, -3.5, NAN, None, INF]),
    ("F.try_divide('i',F.lit(0))", [None, None, None, None, None]),
    ("F.try_divide('x','y')", [1.25, 0.3333333333333333, NAN, None, -INF]),
    ("F.zeroifnull('x')", [2.5, -0.5, NAN, 0.0, INF]),
    ("F.nullifzero('i')", [7, -3, None, None, 9223372036854775807]),
    ("F.nullif('x','x')", [None, None, None, None, None]),
    ("F.nullif('i',F.lit(7))", [None, -3, 0, None, 9223372036854775807]),
    ("F.nanvl('x','y')", [2.5, -0.5, 1.0, None, INF]),
    ("F.isnan('x')", [False, False, True, False, False]),
    ("F.equal_null('x','x')", [True, True, True, True, True]),
    ("F.hex('i')", ["7", "FFFFFFFFFFFFFFFD", "0", None, "7FFFFFFFFFFFFFFF"]),
    ("F.acos('y')", [NAN, NAN, 0.0, NAN, NAN]),
    ("F.acosh('x')", [1.566799236972411, NAN, NAN, None, INF]),
    ("F.atanh('y')", [NAN, NAN, INF, NAN, NAN]),
    ("F.asin('x')", [NAN, -0.5235987755982989, NAN, None, NAN]),
    ("F.cosh('y')", [3.7621956910836314, 2.352409615243247, 1.543080634815244, NAN, 10.067661995777765]),
    ("F.nvl2('x','i','i')", [7, -3, 0, None, 9223372036854775807]),
    ("F.coalesce('x','y')", [2.5, -0.5, NAN, NAN, INF]),
    ("F.when(F.col('x')>0,'pos').otherwise('rest')", ["pos", "rest", "pos", "rest", "pos"]),
    ("F.when(F.col('x')>0,1).when(F.col('y')<0,2)", [1, 2, 1, None, 1]),
    ("F.col('x')>1", [True, False, True, None, True]),
    ("F.col('x')==F.col('x')", [True, True, True, None, True]),
    ("F.col('x')<F.col('y')", [False, False, False, None, False]),
    ("F.col('x').eqNullSafe(F.col('x'))", [True, True, True, True, True]),
    ("F.col('x').isNaN()", [False, False, True, False, False]),
    ("F.col('x').between(0,3)", [True, False, False, None, False]),
    ("F.col('i').isin(7,None)", [True, None, None, None, None]),
    ("F.col('i')%2", [1, -1, 0, None, 1]),
    ("F.col('i')%-2", [1, -1, 0, None, 1]),
    ("F.col('i')/0", [None, None, None, None, None]),
    ("F.col('x')%0", [None, None, None, None, None]),
    ("F.col('i').bitwiseAND(6)", [6, 4, 0, None, 6]),
    ("F.col('i').bitwiseXOR(1)", [6, -4, 1, None, 9223372036854775806]),
    ("F.col('x').cast('int')", [2, 0, None, None, None]),
    ("F.col('x').cast('string')", ["2.5", "-0.5", "NaN", None, "Infinity"]),
    ("F.col('i').cast('boolean')", [True, True, False, None, True]),
    ("F.col('i').try_cast('tinyint')", [7, -3, 0, None, None]),
    ("F.col('x').isin(2.5)", [True, False, False, None, False]),
]
# fmt: on

VALUES = Together(DATA, CASES)


@pytest.mark.parametrize(("expression", "expected"), CASES)
def test_value_of_numbers(engine: Engine, expression: str, expected: list[Any]) -> None:
    VALUES.check(engine, expression, expected)
