"""Whatever the text is: an expression, a literal or an ExpressionError, and nothing else."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from laktory_dagster.errors import ExpressionError
from laktory_dagster.expressions.python import Expression, parse_argument, parse_data_type
from laktory_dagster.expressions.sql import (
    Reference,
    parse_condition,
    parse_query,
    parse_sql_expression,
)

PYTHON_TEXT = r"""pl . col ( ) "a" ' [ ] { } , + ** 9 : F nw lit expr sum alias lambda __class__ for
in if else \ # f' @ await * = := None pl.col('a') .str .over ~ - map_elements Int64 é 1e400 0x1 1_000
b'' ... % selectors when then laktory roundp eval "^a$" == < & | ${{ }} import yield not and is"""
SQL_TEXT = r"""SELECT FROM {df} {nodes.x} { } ( ) * , a `a` "b" 'c' WHERE AND NOT 1 = <=> GROUP BY ORDER
OVER count sum WITH t AS UNION JOIN ON ; -- /* */ \ ' CASE WHEN THEN END CAST INT INTERVAL LATERAL
VIEW explode . [ ] :: IN LIKE date_add regexp_extract round EXISTS DISTINCT LIMIT é ? :x substring
split concat DECIMAL(10,2) TIMESTAMP '2024-01-01' PIVOT VALUES ESCAPE ANY USING FULL collect_list"""
PYTHON_PIECES = st.sampled_from([*PYTHON_TEXT.split(), " ", "\n", "\u2028", "\x00"])
SQL_PIECES = st.sampled_from([*SQL_TEXT.split(), "\x00", "\n"])


def check_offset(error: ExpressionError, text: str) -> None:
    assert error.offset is None or 0 <= error.offset <= len(text)


@settings(max_examples=300, deadline=None)
@given(st.lists(PYTHON_PIECES, max_size=14).map("".join) | st.text(max_size=60))
def test_any_argument(text: str) -> None:
    for parse in (parse_argument, parse_data_type):
        try:
            result = parse(text)
        except ExpressionError as error:
            check_offset(error, text)
        else:
            assert result is None or isinstance(result, Expression)


@settings(max_examples=300, deadline=None)
@given(st.lists(SQL_PIECES, max_size=14).map(" ".join) | st.text(max_size=60))
def test_any_sql(text: str) -> None:
    for dialect in ("spark", "polars"):
        try:
            query = parse_query("SELECT " + text, dialect)
            query.render("polars", dict.fromkeys(query.references, "t"))
        except ExpressionError as error:
            check_offset(error, "SELECT " + text)
        try:
            parse_sql_expression(text, dialect).render("polars")
        except ExpressionError as error:
            check_offset(error, text)
        try:
            parse_condition(text, dialect)
        except ExpressionError as error:
            check_offset(error, text)


NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc", "Co"]), min_size=1, max_size=20)


@settings(max_examples=150, deadline=None)
@given(NAMES)
def test_any_column_name_survives(name: str) -> None:
    quoted = "`" + name.replace("`", "``") + "`"
    expression = parse_sql_expression(quoted, "spark")
    assert expression.columns == {name}
    assert expression.render("polars") == '"' + name.replace('"', '""') + '"'
    assert parse_sql_expression(expression.render("polars"), "polars").columns == {name}


@settings(max_examples=150, deadline=None)
@given(NAMES)
def test_any_table_name_is_quoted(name: str) -> None:
    query = parse_query("SELECT a FROM {df}", "spark")
    rendered = query.render("polars", {Reference("df"): name})
    is_table = "." not in name and not set(name) & set("/\\:*?<>|\"'")
    again = parse_query(rendered, "polars") if is_table else None
    assert '"' + name.replace('"', '""') + '"' in rendered
    assert again is None or len(again.references) == 1
