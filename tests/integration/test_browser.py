"""What a person sees: the graph, an asset, its checks and a run, in a real headless Chromium."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.ports import free_port

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome") or shutil.which("chrome")
ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "stock_prices"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine"),
]


ENGINES = {"polars": {}, "mixed": {"slv_stock_prices": "SPARK", "gld_companies": "SPARK"}}


@pytest.fixture(scope="module", params=["polars", pytest.param("mixed", marks=[pytest.mark.spark])])
def engines(request: pytest.FixtureRequest) -> dict[str, str]:
    """Nodes of the example that run on another engine than Polars."""
    return ENGINES[request.param]


@pytest.fixture(scope="module")
def address(engines: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a webserver that shows the example after one run of it."""
    home = tmp_path_factory.mktemp("home")
    # Without the welcome dialog, which hides the page.
    (home / "dagster.yaml").write_text("nux:\n  enabled: false\ntelemetry:\n  enabled: false\n")
    project = tmp_path_factory.mktemp("project") / "stock_prices"
    shutil.copytree(EXAMPLE, project, ignore=shutil.ignore_patterns("warehouse"))
    pipeline = project / "pipeline.yaml"
    for node, engine in engines.items():
        name = f"name: {node}\n"
        typed = f"{name}    dataframe_type: {engine}\n"
        pipeline.write_text(pipeline.read_text().replace(name, typed, 1))
    environ = {
        # This process may have a session of Spark Connect, and say so to its children.
        **{key: value for key, value in os.environ.items() if not key.startswith("SPARK_")},
        "DAGSTER_HOME": str(home),
        "LAKTORY_DAGSTER_PIPELINES": str(project),
        "DAGSTER_DISABLE_TELEMETRY": "yes",
    }
    cli = [sys.executable, "-m", "laktory_dagster.cli.main", "run", str(pipeline)]
    done = subprocess.run(cli, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    port = free_port()
    command = [
        str(Path(sys.executable).with_name("dagster-webserver")),
        "-f", str(ROOT / "definitions.py"), "-h", "127.0.0.1", "-p", str(port),
    ]  # fmt: skip
    log = (home / "webserver.log").open("wb")
    # Not in the root: a `.env` there, which a demo leaves, would name another instance.
    server = subprocess.Popen(command, env=environ, stdout=log, stderr=log, cwd=home)
    try:
        url = f"http://127.0.0.1:{port}"
        wait_for(url, server, home / "webserver.log")
        yield url
    finally:
        server.terminate()
        server.wait(30)
        log.close()


def wait_for(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        assert server.poll() is None, log.read_text()
        try:
            if requests.get(f"{url}/server_info", timeout=5).ok:
                return
        except requests.ConnectionError:
            time.sleep(0.5)
    raise AssertionError(log.read_text())


@pytest.fixture(scope="module")
def shots() -> Path:
    """Where pictures go, to be looked at: `LAKTORY_DAGSTER_SHOTS`, or the test's own folder."""
    folder = Path(os.environ.get("LAKTORY_DAGSTER_SHOTS", ROOT / ".tmp" / "shots"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


class Browser:
    """A page of a headless Chromium that reads texts and takes pictures."""

    def __init__(self, page: object, address: str, shots: Path) -> None:
        self.page, self.address, self.shots = page, address, shots

    def see(self, path: str, *texts: str, shot: str) -> str:
        """Open a path, wait until all texts are visible, take a picture, return the page's text."""
        from playwright.sync_api import Page, expect

        page = self.page
        assert isinstance(page, Page)
        page.goto(f"{self.address}{path}")
        for text in texts:
            expect(page.get_by_text(text, exact=False).first).to_be_visible(timeout=60_000)
        page.wait_for_timeout(500)
        page.screenshot(path=self.shots / f"{shot}.png", full_page=False)
        return page.inner_text("body")


@pytest.fixture(scope="module")
def browser(address: str, shots: Path) -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = chromium.new_page(viewport={"width": 1600, "height": 1000})
        yield Browser(page, address, shots)
        chromium.close()


def test_the_graph_shows_every_node_with_its_kinds(browser: Browser) -> None:
    text = browser.see(
        "/asset-groups",
        "brz_stock_prices", "slv_stock_prices", "gld_companies",
        shot="graph",
    )  # fmt: skip

    assert "daily_returns" in text
    assert "data_events" in text


def test_an_assets_page_shows_schema_rows_and_table(
    browser: Browser, engines: dict[str, str]
) -> None:
    text = browser.see(
        "/assets/stock_prices/slv_stock_prices?view=overview", "traded_on", shot="asset"
    )

    assert "Row count" in text or "row_count" in text
    assert "finance" in text
    assert engines.get("slv_stock_prices", "POLARS").lower() in text.lower()
    for column in ("symbol", "close", "_silver_at"):
        assert column in text


def test_a_materialization_shows_its_numbers(browser: Browser) -> None:
    text = browser.see(
        "/assets/stock_prices/slv_stock_prices?view=events", "rows_quarantined", shot="events"
    )

    rows = dict(re.findall(r"(rows_\w+)\s+(\d+)", text))
    parts = ("rows_out", "rows_dropped", "rows_quarantined")
    assert int(rows["rows_in"]) == sum(int(rows[name]) for name in parts)


def test_an_assets_page_plots_its_row_counts(browser: Browser) -> None:
    from playwright.sync_api import Page

    browser.see(
        "/assets/stock_prices/slv_stock_prices?view=overview", "traded_on", shot="before_plots"
    )
    page = browser.page
    assert isinstance(page, Page)
    page.get_by_role("button", name="Plots").click()
    plot = page.locator("canvas").first
    plot.scroll_into_view_if_needed()
    page.wait_for_timeout(2_000)
    page.screenshot(path=browser.shots / "plots.png")
    shown = page.inner_text("body")
    for name in ("rows_out", "rows_dropped", "rows_quarantined", "dagster/row_count"):
        assert name in shown
    # A drawn line: a canvas that is not of one colour.
    drawn = plot.evaluate(
        "it => new Set(it.getContext('2d').getImageData(0, 0, it.width, it.height).data).size"
    )
    assert drawn > 2


def test_checks_show_their_results(browser: Browser) -> None:
    text = browser.see(
        "/assets/stock_prices/slv_stock_prices?view=checks", "prices_are_positive", shot="checks"
    )

    assert "volume_is_there" in text


def test_a_run_shows_its_steps(browser: Browser) -> None:
    from playwright.sync_api import Page

    browser.see("/runs", "Success", shot="runs")
    page = browser.page
    assert isinstance(page, Page)
    page.locator("a[href*='/runs/']").first.click()
    page.wait_for_timeout(3_000)
    page.screenshot(path=browser.shots / "run.png")
    assert "slv_stock_prices" in page.inner_text("body")
