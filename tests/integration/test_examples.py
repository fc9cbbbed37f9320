"""The examples: what they store, against the same worked out by DuckDB from their raw files."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from laktory_dagster import models
from laktory_dagster.execution.results import RunResult
from tests.sessions import ENGINES, shared_session

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
Frame = pl.DataFrame


class Example:
    """A copy of an example after one run, with a database that sees its raw files."""

    def __init__(self, name: str, folder: Path, kind: str) -> None:
        self.kind = kind
        self.folder = folder / name
        shutil.copytree(
            EXAMPLES / name, self.folder, ignore=shutil.ignore_patterns("warehouse", "__pycache__")
        )
        self.result = self.run()
        self.database = duckdb.connect()

    def run(self) -> RunResult:
        with (self.folder / "pipeline.yaml").open() as file:
            pipeline = models.Pipeline.model_validate_yaml(file)
        engine = "polars" if self.kind == "polars" else "spark"
        spark = shared_session(self.kind) if engine == "spark" else None
        with pytest.MonkeyPatch.context() as patched, pipeline:
            patched.setenv("LAKTORY_DAGSTER_ENGINE", engine)
            result: RunResult = pipeline.execute(spark)
        assert {node.engine for node in result.nodes.values()} == {engine}
        return result

    def stored(self, table: str) -> Frame:
        return pl.read_delta(str(self.folder / "warehouse/main" / table.replace(".", "/")))

    def expected(self, query: str) -> Frame:
        found = pl.from_arrow(self.database.sql(query).to_arrow_table())
        assert isinstance(found, pl.DataFrame)
        return found


def same_rows(found: Frame, expected: Frame, by: list[str]) -> None:
    assert_frame_equal(
        found.sort(by), expected.select(found.columns).sort(by), check_dtypes=False, rel_tol=1e-9
    )


def failed_rows(result: RunResult, node: str) -> dict[str, int | None]:
    return {check.name: check.failed_rows for check in result[node].checks}


@pytest.fixture(scope="module", params=ENGINES)
def kind(request: pytest.FixtureRequest) -> str:
    """The kind of engine that both examples run on."""
    return str(request.param)


@pytest.fixture(scope="module")
def prices(kind: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Example]:
    example = Example("stock_prices", tmp_path_factory.mktemp("prices"), kind)
    example.database.execute(
        f"""
        CREATE TABLE raw AS
        SELECT event_id, created_at, d.* FROM (
            SELECT event_id, created_at::TIMESTAMP AS created_at, unnest([data]) AS d
            FROM read_json('{example.folder}/data/events/*.json', format = 'newline_delimited',
                columns = {{event_id: 'VARCHAR', created_at: 'VARCHAR', data: 'STRUCT(
                    symbol VARCHAR, traded_on DATE, open DOUBLE, high DOUBLE, low DOUBLE,
                    close DOUBLE, volume BIGINT)'}}));
        CREATE TABLE companies AS FROM read_csv('{example.folder}/data/companies.csv');
        CREATE TABLE latest AS SELECT * FROM raw
        QUALIFY row_number() OVER (PARTITION BY symbol, traded_on ORDER BY created_at DESC) = 1;
        CREATE TABLE silver AS SELECT latest.*, company, sector, currency
        FROM latest LEFT JOIN companies USING (symbol);
        CREATE TABLE good AS SELECT * FROM silver WHERE symbol IS NOT NULL AND company IS NOT NULL
            AND least(open, high, low, close) > 0 AND low <= high;
        """
    )
    yield example
    example.database.close()


@pytest.fixture(scope="module")
def orders(kind: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Example]:
    example = Example("orders", tmp_path_factory.mktemp("orders"), kind)
    data = example.folder / "data"
    example.database.execute(
        f"""
        CREATE TABLE changes AS FROM read_json('{data}/order_changes/*.jsonl');
        CREATE TABLE customers AS FROM read_csv('{data}/customers.csv');
        CREATE TABLE products AS FROM read_json('{data}/products.json');
        CREATE TABLE joined AS
        SELECT c.order_id, c.customer_id, u.country, c.product_id, p.category, c.quantity,
            c.unit_price, c.currency, c.status, c.changed_at::TIMESTAMP AS changed_at
        FROM changes c LEFT JOIN customers u USING (customer_id)
            LEFT JOIN products p USING (product_id);
        CREATE TABLE accepted AS FROM joined
        WHERE quantity > 0 AND category IS NOT NULL AND order_id IS NOT NULL;
        CREATE TABLE current AS SELECT * FROM (
            FROM accepted
            QUALIFY row_number() OVER (PARTITION BY order_id ORDER BY changed_at DESC) = 1)
        WHERE status <> 'deleted';
        """
    )
    yield example
    example.database.close()


@pytest.mark.parametrize("name", ["stock_prices", "orders"])
def test_the_data_is_what_the_generator_writes(name: str, tmp_path: Path) -> None:
    shutil.copy(EXAMPLES / name / "generate.py", tmp_path)
    subprocess.run([sys.executable, str(tmp_path / "generate.py")], check=True)

    made = {p.relative_to(tmp_path): p.read_bytes() for p in (tmp_path / "data").rglob("*.*")}
    kept = EXAMPLES / name
    shipped = {p.relative_to(kept): p.read_bytes() for p in (kept / "data").rglob("*.*")}
    assert made == shipped


def test_every_node_finishes(prices: Example, orders: Example) -> None:
    assert prices.result.succeeded
    assert orders.result.succeeded


class TestStockPrices:
    """The pipeline of the demo."""

    def test_bronze_keeps_every_event(self, prices: Example) -> None:
        lines = [
            json.loads(line)
            for file in (prices.folder / "data/events").iterdir()
            for line in file.read_text().splitlines()
        ]

        found = prices.stored("finance.brz_stock_prices")

        assert sorted(found["event_id"]) == sorted(line["event_id"] for line in lines)
        assert set(found.columns) == {*lines[0], "_bronze_at"}

    def test_silver_holds_the_good_rows_once(self, prices: Example) -> None:
        found = prices.stored("finance.slv_stock_prices")
        measured = ["symbol", "traded_on", "open", "high", "low", "close", "volume"]

        expected = prices.expected("SELECT * FROM good")

        same_rows(
            found.select(*measured, "company", "sector", "currency"),
            expected,
            ["symbol", "traded_on"],
        )
        assert set(found.columns) == {
            *measured, "company", "sector", "currency", "_tstamp", "_bronze_at", "_silver_at",
        }  # fmt: skip

    def test_a_correction_wins_over_what_it_corrects(self, prices: Example) -> None:
        corrected = prices.expected(
            "SELECT symbol, traded_on, volume FROM raw WHERE event_id >= 'evt-900000'"
        )
        found = prices.stored("finance.slv_stock_prices")

        both = corrected.join(found, on=["symbol", "traded_on", "volume"], how="inner")

        assert corrected.height == 25
        assert both.height == 25

    def test_silver_counts_add_up(self, prices: Example) -> None:
        node = prices.result["slv_stock_prices"]
        (rows,) = prices.expected("SELECT count(*) AS rows FROM silver")["rows"]
        (good,) = prices.expected("SELECT count(*) AS rows FROM good")["rows"]

        assert (node.rows_in, node.rows_out) == (rows, good)
        assert node.rows_dropped == 6
        assert node.rows_quarantined == 9 + 7 + 4

    def test_the_planted_faults_are_caught(self, prices: Example) -> None:
        assert failed_rows(prices.result, "slv_stock_prices") == {
            "symbol is there": 6,
            "prices are positive": 9,
            "low is not above high": 7,
            "company is known": 4,
            "volume is there": 12,
        }

    def test_the_quarantine_says_which_rule_failed(self, prices: Example) -> None:
        found = prices.stored("finance.slv_stock_prices_quarantine")

        rules = found.explode("_failed_rules")["_failed_rules"].value_counts()

        assert dict(rules.iter_rows()) == {
            "prices are positive": 9,
            "low is not above high": 7,
            "company is known": 4,
        }

    def test_the_view_is_stored_nowhere(self, prices: Example) -> None:
        tables = {path.name for path in (prices.folder / "warehouse/main/finance").iterdir()}

        assert tables == {
            "brz_companies", "brz_stock_prices", "gld_companies", "gld_sectors_by_month",
            "slv_stock_prices", "slv_stock_prices_quarantine",
        }  # fmt: skip

    def test_the_companies_report(self, prices: Example) -> None:
        found = prices.stored("finance.gld_companies").drop("_gold_at")

        expected = prices.expected(
            """
            WITH returns AS (
                SELECT *, close / lag(close) OVER (PARTITION BY symbol ORDER BY traded_on) - 1 AS r
                FROM good)
            SELECT symbol, company, sector, count(*) AS trading_days, min(low) AS lowest,
                max(high) AS highest, round(avg(volume), 0) AS mean_volume,
                round(stddev_samp(r), 5) AS volatility
            FROM returns GROUP BY ALL
            """
        )

        assert found.height == 12
        same_rows(found, expected, ["symbol"])

    def test_the_sectors_report(self, prices: Example) -> None:
        found = prices.stored("finance.gld_sectors_by_month").drop("_gold_at")

        expected = prices.expected(
            """
            WITH returns AS (
                SELECT *, close / lag(close) OVER (PARTITION BY symbol ORDER BY traded_on) - 1 AS r
                FROM good)
            SELECT sector, year(traded_on) AS year, month(traded_on) AS month,
                count(DISTINCT symbol) AS companies, round(sum(close * volume), 2) AS traded_value,
                round(avg(r), 6) AS mean_return
            FROM returns GROUP BY ALL
            """
        )

        same_rows(found, expected, ["sector", "month"])

    def test_all_rows_of_a_run_bear_one_time(self, prices: Example) -> None:
        found = prices.stored("finance.slv_stock_prices")["_silver_at"]

        assert found.n_unique() == 1
        assert found.dtype == pl.Datetime("us", "UTC")


class TestOrders:
    """The pipeline with merges."""

    def test_one_row_per_order_with_its_last_change(self, orders: Example) -> None:
        found = orders.stored("sales.slv_orders")

        same_rows(found, orders.expected("SELECT * FROM current"), ["order_id"])

    def test_rejected_rows_are_kept_with_their_reasons(self, orders: Example) -> None:
        found = orders.stored("sales.slv_orders_rejected")
        (rejected,) = orders.expected(
            "SELECT (SELECT count(*) FROM joined) - (SELECT count(*) FROM accepted) AS rows"
        )["rows"]

        assert found.height == rejected
        assert set(found.explode("_failed_rules")["_failed_rules"]) >= {
            "quantity is positive",
            "product is known",
        }

    def test_a_tolerated_failure_is_counted(self, orders: Example) -> None:
        failed = failed_rows(orders.result, "slv_orders")

        assert failed["customer is known"] == 4
        assert failed["quantity is positive"] == 6
        assert failed["product is known"] == 5

    def test_revenue_by_country(self, orders: Example) -> None:
        found = orders.stored("sales.gld_revenue_by_country")

        expected = orders.expected(
            """
            WITH rates(currency, to_eur) AS (VALUES ('CAD', 0.6427), ('CHF', 1.0482), ('EUR', 1.0),
                ('NOK', 0.0868), ('USD', 0.9253))
            SELECT country, category, count(*) AS orders,
                round(sum(quantity * unit_price * to_eur::DOUBLE), 2) AS revenue_eur
            FROM current JOIN rates USING (currency)
            WHERE status IN ('paid', 'shipped') AND country IS NOT NULL GROUP BY ALL
            """
        )

        same_rows(found, expected, ["country", "category"])

    def test_the_file_holds_what_the_table_holds(self, orders: Example) -> None:
        file = pl.read_csv(orders.folder / "warehouse/reports/revenue_by_country.csv")

        same_rows(file, orders.stored("sales.gld_revenue_by_country"), ["country", "category"])

    def test_customers(self, orders: Example) -> None:
        found = orders.stored("sales.gld_customers")

        expected = orders.expected(
            """
            SELECT customer_id, count(*) AS orders, sum(quantity)::BIGINT AS pieces,
                max(changed_at) AS last_change
            FROM current WHERE customer_id IS NOT NULL GROUP BY ALL
            """
        )

        same_rows(found, expected, ["customer_id"])

    def test_running_again_changes_nothing(self, orders: Example) -> None:
        before = orders.stored("sales.slv_orders").sort("order_id")

        again = orders.run()

        assert again.succeeded
        assert_frame_equal(orders.stored("sales.slv_orders").sort("order_id"), before)


def test_the_examples_carry_the_modeline_of_the_schema() -> None:
    for file in EXAMPLES.glob("*/*.yaml"):
        first = file.read_text().splitlines()[0]
        place = first.removeprefix("# yaml-language-server: $schema=")
        assert place != first
        assert (file.parent / place).resolve().is_file()


def test_the_schema_accepts_the_examples() -> None:
    import jsonschema
    import yaml

    schema: Any = json.loads((EXAMPLES.parent / "schema/laktory-dagster.schema.json").read_text())
    for file in EXAMPLES.glob("*/*.yaml"):
        jsonschema.validate(yaml.safe_load(file.read_text().replace(" on:", ' "on":')), schema)
