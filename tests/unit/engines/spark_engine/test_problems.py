"""What Spark, Java and the network say, in one clear line."""

from __future__ import annotations

import pytest
from py4j.protocol import Py4JError, Py4JNetworkError
from pyspark.errors import AnalysisException

from laktory_dagster.engines.spark.problems import explained, is_lost, plain_text, require_avro
from laktory_dagster.errors import ReadError, TransformError


def test_codes_of_spark_are_left_out() -> None:
    text = "[DIVIDE_BY_ZERO.DETAIL] Division by zero. Use `try_divide`. SQLSTATE: 22012\n== SQL =="
    assert plain_text(AnalysisException(text)) == "Division by zero. Use `try_divide`."


def test_the_first_sentence_stays_where_there_is_a_plan() -> None:
    text = "[X] Reference `k` is ambiguous. SQLSTATE: 42704;\n'Project ['k]\n+- Relation"
    assert plain_text(AnalysisException(text)) == "Reference `k` is ambiguous."


def test_the_last_cause_of_a_java_error_is_the_reason_without_its_codes() -> None:
    error = Py4JError(
        "An error occurred while calling o1.save. Trace:\n"
        ": org.apache.spark.SparkException: Job aborted\n"
        "Caused by: java.lang.RuntimeException: [BAD_RECORD] the record is bad: 1;2 SQLSTATE: KD000\n"
    )
    assert plain_text(error) == "the record is bad: 1;2"


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("java.io.IOException: No space left on device", "no space left on the disk"),
        ("java.io.IOException: File name too long", "too long for the name of a folder"),
        ('No FileSystem for scheme "s3"', "has no file system for `s3://`"),
        ("Class org.apache.hadoop.fs.s3a.S3AFileSystem not found", "has no file system for `s3a://`"),
    ],
)  # fmt: skip
def test_causes_that_users_can_mend_are_told_as_such(said: str, expected: str) -> None:
    assert expected in plain_text(AnalysisException(said))


@pytest.mark.parametrize(
    "error",
    [
        Py4JNetworkError("Answer from Java side is empty"),
        ConnectionRefusedError("refused"),
        Py4JError("An error occurred while calling o1.sql"),
        AnalysisException("[INVALID_HANDLE.SESSION_NOT_FOUND] the handle is invalid"),
        RuntimeError("StatusCode.UNAVAILABLE: failed to connect"),
    ],
)
def test_a_session_that_is_gone_is_named(error: BaseException) -> None:
    assert is_lost(error)
    assert "the Spark session was lost" in plain_text(error)
    assert "spark.driver.memory" in plain_text(error)


@pytest.mark.parametrize(
    "error", [AnalysisException("[X] no such column"), Py4JError("Trace: x"), ValueError("no")]
)
def test_other_errors_are_no_lost_session(error: BaseException) -> None:
    assert not is_lost(error)


def test_an_error_of_ours_keeps_what_it_says() -> None:
    found = explained(ReadError("gone", expected="a file", hint="look"))
    assert isinstance(found, TransformError)
    assert (found.message, found.expected, found.hint) == ("gone", "a file", "look")


def test_an_error_of_python_has_its_kind_and_its_first_line() -> None:
    assert plain_text(KeyError("k\nmore")).startswith("KeyError: ")
    assert plain_text(ValueError("one\ntwo")) == "ValueError: one"


def test_a_window_without_an_order_says_how_to_write_one() -> None:
    found = explained(AnalysisException("Window function rank() requires window to be ordered"))
    assert found.message == "this function of a window needs an order"
    assert "order_by" in str(found.expected)


def test_avro_names_its_package_and_nothing_else_does() -> None:
    error = AnalysisException("Failed to find data source: avro.")
    assert "spark-avro" in str(require_avro(error, "read"))
    assert require_avro(AnalysisException("Failed to find data source: x."), "read") is None
