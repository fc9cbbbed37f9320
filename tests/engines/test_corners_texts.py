"""Functions of texts: empty ones, negative lengths, other alphabets, values that are no texts."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime
from typing import Any

import pytest

from laktory_dagster.engines.base import Engine
from tests.engines.together import Together

NAN = math.nan
INF = math.inf


def at(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type, misc]


DATA: dict[str, list[Any]] = {
    "id": [0, 1, 2, 3, 4],
    "s": ["Spark", "", "é😀x", None, "a%b_\\"],
    "n": [3, 1, None, 2, -1],
    "f": [1e20, -0.5, INF, 1e-5, NAN],
    "b": [True, False, None, True, False],
    "d": [date(2024, 1, 1), date(2023, 1, 1), None, date(2024, 2, 29), date(1, 1, 1)],
    "t": [at(2024, 2, 29, 1, 2, 3, 500000)] * 5,
}

# The values in the rows above, as Spark gives them.
# fmt: off
CASES: list[tuple[str, list[Any]]] = [
    ("F.upper('s')", ["SPARK", "", "É😀X", None, "A%B_\\"]),
    ("F.lower('s')", ["spark", "", "é😀x", None, "a%b_\\"]),
    ("F.initcap('s')", ["Spark", "", "É😀x", None, "A%b_\\"]),
    ("F.trim('s')", ["Spark", "", "é😀x", None, "a%b_\\"]),
    ("F.ltrim('s')", ["Spark", "", "é😀x", None, "a%b_\\"]),
    ("F.rtrim('s')", ["Spark", "", "é😀x", None, "a%b_\\"]),
    ("F.btrim('s')", ["Spark", "", "é😀x", None, "a%b_\\"]),
    ("F.length('s')", [5, 0, 3, None, 5]),
    ("F.octet_length('s')", [5, 0, 7, None, 5]),
    ("F.bit_length('s')", [40, 0, 56, None, 40]),
    ("F.concat('s','s')", ["SparkSpark", "", "é😀xé😀x", None, "a%b_\\a%b_\\"]),
    ("F.concat_ws('-','s','s')", ["Spark-Spark", "-", "é😀x-é😀x", "", "a%b_\\-a%b_\\"]),
    ("F.concat_ws('-',F.array('s','s'))", ["Spark-Spark", "-", "é😀x-é😀x", "", "a%b_\\-a%b_\\"]),
    ("F.substring('s',2,2)", ["pa", "", "😀x", None, "%b"]),
    ("F.substring('s',-2,5)", ["rk", "", "😀x", None, "_\\"]),
    ("F.substring('s',-99,98)", ["Spar", "", "é😀", None, "a%b_"]),
    ("F.substring('s',0,1)", ["S", "", "é", None, "a"]),
    ("F.substring('s',1,0)", ["", "", "", None, ""]),
    ("F.substring('s',1,-1)", ["", "", "", None, ""]),
    ("F.left('s',F.lit(2))", ["Sp", "", "é😀", None, "a%"]),
    ("F.left('s',F.lit(-1))", ["", "", "", None, ""]),
    ("F.right('s',F.lit(2))", ["rk", "", "😀x", None, "_\\"]),
    ("F.right('s',F.lit(0))", ["", "", "", None, ""]),
    ("F.lpad('s',4,'ab')", ["Spar", "abab", "aé😀x", None, "a%b_"]),
    ("F.lpad('s',4,'')", ["Spar", "", "é😀x", None, "a%b_"]),
    ("F.rpad('s',4,'é')", ["Spar", "éééé", "é😀xé", None, "a%b_"]),
    ("F.repeat('s',2)", ["SparkSpark", "", "é😀xé😀x", None, "a%b_\\a%b_\\"]),
    ("F.repeat('s',0)", ["", "", "", None, ""]),
    ("F.repeat('s',-1)", ["", "", "", None, ""]),
    ("F.reverse('s')", ["krapS", "", "x😀é", None, "\\_b%a"]),
    ("F.replace('s',F.lit('a'),F.lit('bb'))", ["Spbbrk", "", "é😀x", None, "bb%b_\\"]),
    ("F.replace('s',F.lit(''),F.lit('z'))", ["Spark", "", "é😀x", None, "a%b_\\"]),
    ("F.replace('s',F.lit('a'))", ["Sprk", "", "é😀x", None, "%b_\\"]),
    ("F.translate('s','aé','xy')", ["Spxrk", "", "y😀x", None, "x%b_\\"]),
    ("F.translate('s','aba','123')", ["Sp1rk", "", "é😀x", None, "1%2_\\"]),
    ("F.instr('s','')", [1, 1, 1, None, 1]),
    ("F.locate('a','s')", [3, 0, 0, None, 1]),
    ("F.locate('a','s',0)", [0, 0, 0, None, 0]),
    ("F.locate('','s',2)", [1, 1, 1, None, 1]),
    ("F.locate('a','s',-1)", [0, 0, 0, None, 0]),
    ("F.position(F.lit('a'),'s')", [3, 0, 0, None, 1]),
    ("F.contains('s',F.lit(''))", [True, True, True, None, True]),
    ("F.startswith('s',F.lit(''))", [True, True, True, None, True]),
    ("F.endswith('s',F.lit('k'))", [True, False, False, None, False]),
    ("F.like('s',F.lit('%\\\\%%'))", [False, False, False, None, True]),
    ("F.like('s',F.lit('100\\\\%\\\\_%'))", [False, False, False, None, False]),
    ("F.like('s',F.lit(''))", [False, True, False, None, False]),
    ("F.like('s',F.lit('_%'))", [True, False, True, None, True]),
    ("F.ilike('s',F.lit('É%'))", [False, False, True, None, False]),
    ("F.rlike('s',F.lit('^$'))", [False, True, False, None, False]),
    ("F.rlike('s',F.lit('\\\\s'))", [False, False, False, None, False]),
    ("F.regexp_count('s',F.lit('a'))", [1, 0, 0, None, 1]),
    ("F.regexp_extract('s','(a)?(r)?',2)", ["", "", "", None, ""]),
    ("F.regexp_extract('s','a',0)", ["a", "", "", None, "a"]),
    ("F.regexp_extract_all('s',F.lit('([a-z])([a-z])'))", [["p", "r"], [], [], None, []]),
    ("F.regexp_extract_all('s',F.lit('([a-z])([a-z])'),F.lit(2))", [["a", "k"], [], [], None, []]),
    ("F.regexp_extract_all('s',F.lit('([a-z])'),F.lit(0))", [["p", "a", "r", "k"], [], ["x"], None, ["a", "b"]]),
    ("F.regexp_replace('s','[aé]','$0$0')", ["Spaark", "", "éé😀x", None, "aa%b_\\"]),
    ("F.regexp_replace('s','a','\\\\$')", ["Sp$rk", "", "é😀x", None, "$%b_\\"]),
    ("F.regexp_substr('s',F.lit('a'))", ["a", None, None, None, "a"]),
    ("F.split('s','')", [["S", "p", "a", "r", "k"], [""], ["é", "😀", "x"], None, ["a", "%", "b", "_", "\\"]]),
    ("F.split('s','a')", [["Sp", "rk"], [""], ["é😀x"], None, ["", "%b_\\"]]),
    ("F.split('s','a',1)", [["Spark"], [""], ["é😀x"], None, ["a%b_\\"]]),
    ("F.split('s','[ar]',-1)", [["Sp", "", "k"], [""], ["é😀x"], None, ["", "%b_\\"]]),
    ("F.split('s','[ar]',0)", [["Sp", "", "k"], [""], ["é😀x"], None, ["", "%b_\\"]]),
    ("F.split_part('s',F.lit('a'),F.lit(1))", ["Sp", "", "é😀x", None, ""]),
    ("F.split_part('s',F.lit(''),F.lit(1))", ["Spark", "", "é😀x", None, "a%b_\\"]),
    ("F.split_part('s',F.lit('a'),F.lit(-2))", ["Sp", "", "", None, ""]),
    ("F.crc32('s')", [1557323817, 0, 1707095020, None, 3778131430]),
    ("F.base64('s')", ["U3Bhcms=", "", "w6nwn5iAeA==", None, "YSViX1w="]),
    ("F.hex(F.lit(255))", ["FF", "FF", "FF", "FF", "FF"]),
    ("F.unbase64(F.base64('s'))", [b"Spark", b"", b"\xc3\xa9\xf0\x9f\x98\x80x", None, b"a%b_\\"]),
    ("F.char_length('s')", [5, 0, 3, None, 5]),
    ("F.ucase('s')", ["SPARK", "", "É😀X", None, "A%B_\\"]),
    ("F.trim('s',F.lit('ak '))", ["Spar", "", "é😀x", None, "%b_\\"]),
    ("F.ltrim('s',F.lit(''))", ["Spark", "", "é😀x", None, "a%b_\\"]),
    ("F.substr('s',F.lit(2))", ["park", "", "😀x", None, "%b_\\"]),
    ("F.substr('s',F.lit(-2),F.lit(1))", ["r", "", "😀", None, "_"]),
    ("F.concat('s','f')", ["Spark1.0E20", "-0.5", "é😀xInfinity", None, "a%b_\\NaN"]),
    ("F.concat_ws('|','f','b','d')", ["1.0E20|true|2024-01-01", "-0.5|false|2023-01-01", "Infinity", "1.0E-5|true|2024-02-29", "NaN|false|0001-01-01"]),
    ("F.concat('t','s')", ["2024-02-29 01:02:03.5Spark", "2024-02-29 01:02:03.5", "2024-02-29 01:02:03.5é😀x", None, "2024-02-29 01:02:03.5a%b_\\"]),
    ("F.length('f')", [6, 4, 8, 6, 3]),
    ("F.upper('f')", ["1.0E20", "-0.5", "INFINITY", "1.0E-5", "NAN"]),
    ("F.length('t')", [21, 21, 21, 21, 21]),
    ("F.concat('d',F.lit('!'))", ["2024-01-01!", "2023-01-01!", None, "2024-02-29!", "0001-01-01!"]),
    ("F.substring('s',-3,2)", ["ar", "", "é😀", None, "b_"]),
    ("F.substr('s',F.lit(-3),F.lit(2))", ["ar", "", "é😀", None, "b_"]),
    ("F.col('s').substr(-3,2)", ["ar", "", "é😀", None, "b_"]),
    ("F.col('s').substr(2,-1)", ["", "", "", None, ""]),
    ("F.col('s').like('a\\\\%b\\\\_%')", [False, False, False, None, True]),
    ("F.col('s').like('%\\\\\\\\')", [False, False, False, None, True]),
    ("F.like('s',F.lit('a/%b/_%'),F.lit('/'))", [False, False, False, None, True]),
    ("F.ilike('s',F.lit('A/%B%'),F.lit('/'))", [False, False, False, None, True]),
    ("F.col('s').ilike('É%')", [False, False, True, None, False]),
    ("F.col('s').rlike('^$')", [False, True, False, None, False]),
    ("F.col('s').contains('%')", [False, False, False, None, True]),
    ("F.col('s').startswith('')", [True, True, True, None, True]),
    ("F.col('s').endswith('k')", [True, False, False, None, False]),
    ("F.instr('s','x')", [0, 0, 3, None, 0]),
    ("F.regexp_replace('s','a','\\\\$1')", ["Sp$1rk", "", "é😀x", None, "$1%b_\\"]),
    ("F.regexp_replace('s','(a)(.)','$2$1')", ["Sprak", "", "é😀x", None, "%ab_\\"]),
    ("F.regexp_replace('s','a','\\\\\\\\')", ["Sp\\rk", "", "é😀x", None, "\\%b_\\"]),
    ("F.length('b')", [4, 5, None, 4, 5]),
    ("F.crc32('s')", [1557323817, 0, 1707095020, None, 3778131430]),
    ("F.repeat('s',2)", ["SparkSpark", "", "é😀xé😀x", None, "a%b_\\a%b_\\"]),
    ("F.concat_ws('-',F.array('s','s'),'b')", ["Spark-Spark-true", "--false", "é😀x-é😀x", "true", "a%b_\\-a%b_\\-false"]),
    ("F.concat_ws('-','n','s')", ["3-Spark", "1-", "é😀x", "2", "-1-a%b_\\"]),
    ("F.initcap(F.lit('élan VITAL'))", ["Élan Vital", "Élan Vital", "Élan Vital", "Élan Vital", "Élan Vital"]),
    ("F.lpad('f',4,'0')", ["1.0E", "-0.5", "Infi", "1.0E", "0NaN"]),
]
# fmt: on

VALUES = Together(DATA, CASES)


@pytest.mark.parametrize(("expression", "expected"), CASES)
def test_value_of_texts(engine: Engine, expression: str, expected: list[Any]) -> None:
    VALUES.check(engine, expression, expected)
