"""Names and paths turned into places."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from laktory_dagster import models
from laktory_dagster.engines.base import Place
from laktory_dagster.errors import InvalidInputError, SettingsError
from laktory_dagster.plan import locations
from laktory_dagster.plan.definition import Plan

FOLDER = Path("/project/pipelines")


def plan(**parts: object) -> Plan:
    pipeline = models.Pipeline(name="p", **parts.pop("pipeline", {}))  # type: ignore[arg-type]
    return Plan(pipeline=pipeline, nodes={}, edges=(), folder=FOLDER, **parts)  # type: ignore[arg-type]


def table(name: str, **parts: str) -> models.TableSink:
    return models.TableSink(table_name=name, **parts)


@pytest.mark.parametrize(
    "written",
    [
        table("t"),
        table("default.t"),
        table("main.default.t"),
        table("t", schema_name="default"),
        table("t", schema_name="default", catalog_name="main"),
        table("default.t", catalog_name="main"),
    ],
)
def test_one_table_however_much_of_its_name_is_written(written: models.TableSink) -> None:
    assert locations.table_name(plan(), written) == "main.default.t"
    assert locations.table_place(plan(), written, "/w/").uri == "/w/main/default/t"


def test_catalog_and_schema_prefix_of_the_environment() -> None:
    of_dev = plan(catalog="dev", schema_prefix="me_")
    assert locations.table_name(of_dev, table("t")) == "dev.me_default.t"
    assert locations.table_name(of_dev, table("fin.t")) == "dev.me_fin.t"
    assert locations.table_name(of_dev, table("prod.fin.t")) == "prod.me_fin.t"


def test_a_source_and_a_sink_of_one_name_are_one_place() -> None:
    source = models.TableSource(table_name="fin.t")
    assert locations.table_place(plan(), source, "/w") == locations.table_place(
        plan(), table("t", schema_name="fin"), "/w"
    )


def test_the_warehouse_is_the_overrides_the_plans_the_declared_or_the_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    declared = plan(pipeline={"warehouse": "declared"})
    chosen = plan(pipeline={"warehouse": "declared"}, warehouse="chosen")
    assert locations.warehouse_root(plan()) == "/project/pipelines/warehouse"
    assert locations.warehouse_root(declared) == "/project/pipelines/declared"
    assert locations.warehouse_root(chosen) == "/project/pipelines/chosen"
    assert locations.warehouse_root(chosen, "here") == str(tmp_path / "here")
    assert locations.warehouse_root(chosen, "s3://lake/w/") == "s3://lake/w"


@pytest.mark.parametrize(
    ("path", "uri"),
    [
        ("a.json", "/project/pipelines/a.json"),
        ("./events/", "/project/pipelines/events"),
        ("../a.json", "/project/a.json"),
        ("/data/a.json", "/data/a.json"),
        ("file:///data/a%20b.json", "/data/a b.json"),
        ("s3://bucket/a/", "s3://bucket/a"),
        ("abfss://c@account.dfs.core.windows.net/a", "abfss://c@account.dfs.core.windows.net/a"),
        ("gs://bucket/*.json", "gs://bucket/*.json"),
        ("a b/é.json", "/project/pipelines/a b/é.json"),
        ("c:x/d.json", "/project/pipelines/c:x/d.json"),
    ],
)
def test_a_path_of_the_declaration(path: str, uri: str) -> None:
    assert locations.file_place(plan(), path).uri == uri


def test_storage_options_go_along_and_are_never_shown() -> None:
    place = locations.file_place(plan(), "s3://b/a", {"secret": "canary"})
    assert place.storage_options == {"secret": "canary"}
    assert place.is_remote
    assert "canary" not in repr(place)


@pytest.mark.parametrize("path", ["", "  ", "a\0b"])
def test_a_path_that_is_none(path: str) -> None:
    with pytest.raises(InvalidInputError, match="empty or holds a NUL"):
        locations.file_place(plan(), path)


@pytest.mark.parametrize("path", ["s3://", "abfss:///", "gs:////"])
def test_a_url_without_a_bucket_is_no_folder_of_that_name(path: str) -> None:
    with pytest.raises(SettingsError, match="names no bucket"):
        locations.file_place(plan(), path)
    with pytest.raises(SettingsError, match="names no bucket"):
        locations.warehouse_root(plan(), path)


class TestDataRoots:
    """With data roots, nothing lies outside of them."""

    def test_inside(self, tmp_path: Path) -> None:
        confined = plan(data_roots=(str(tmp_path),))
        assert locations.file_place(confined, f"{tmp_path}/a").uri == f"{tmp_path}/a"
        assert locations.file_place(confined, str(tmp_path)).uri == str(tmp_path)
        assert locations.warehouse_root(confined, f"{tmp_path}/w") == f"{tmp_path}/w"

    @pytest.mark.parametrize("path", ["../x", "/etc/passwd", "s3://bucket/x", "file:///etc/x"])
    def test_outside(self, tmp_path: Path, path: str) -> None:
        confined = plan(data_roots=(str(tmp_path),))
        with pytest.raises(SettingsError, match="outside of the data roots") as raised:
            locations.file_place(confined, path)
        assert str(tmp_path) in str(raised.value.expected)

    def test_a_sibling_whose_name_only_starts_alike_is_outside(self, tmp_path: Path) -> None:
        root = tmp_path / "data"
        with pytest.raises(SettingsError):
            locations.file_place(plan(data_roots=(str(root),)), f"{root}2/a")

    def test_a_link_that_leads_out_is_outside(self, tmp_path: Path) -> None:
        root = tmp_path / "data"
        root.mkdir()
        (root / "out").symlink_to("/etc")
        with pytest.raises(SettingsError):
            locations.file_place(plan(data_roots=(str(root),)), f"{root}/out/passwd")

    @pytest.mark.parametrize(
        "uri", ["s3://lake/ours2", "s3://lake/ours/../x", "s3://lake/ours/%2e%2e/x", "s3://lake"]
    )
    def test_urls_outside(self, uri: str) -> None:
        confined = plan(data_roots=("s3://lake/ours",))
        assert locations.file_place(confined, "s3://lake/ours/x").uri == "s3://lake/ours/x"
        with pytest.raises(SettingsError):
            locations.file_place(confined, uri)

    def test_the_warehouse_is_confined(self, tmp_path: Path) -> None:
        with pytest.raises(SettingsError):
            locations.warehouse_root(plan(data_roots=(str(tmp_path),)))


@pytest.mark.parametrize(
    ("uri", "quarantine"),
    [
        ("/w/main/default/t", "/w/main/default/t_quarantine"),
        ("/out/a.parquet", "/out/a_quarantine.parquet"),
        ("/out/a.json.gz", "/out/a_quarantine.json.gz"),
        ("/out/v1.2", "/out/v1.2_quarantine"),
        ("s3://b/a.PARQUET", "s3://b/a_quarantine.PARQUET"),
    ],
)
def test_where_rejected_rows_go(uri: str, quarantine: str) -> None:
    found = locations.quarantine_of(Place(uri, {"k": "v"}), "PARQUET")
    assert found == (Place(quarantine, {"k": "v"}), "PARQUET")


@pytest.mark.parametrize("form", ["CSV", "EXCEL"])
@pytest.mark.parametrize(
    ("uri", "quarantine"),
    [("/out/a.csv", "/out/a_quarantine.json"), ("/out/a", "/out/a_quarantine")],
)
def test_rejected_rows_of_a_flat_format_go_to_json(form: str, uri: str, quarantine: str) -> None:
    # A CSV file has no place for the list of rules that a row fails.
    assert locations.quarantine_of(Place(uri, {}), form) == (Place(quarantine, {}), "JSON")


HOSTILE = [
    "..",
    ".",
    "../x",
    "a/b",
    "a\\b",
    "~root",
    ".hidden",
    "a\0b",
    "%2e%2e",
    "a;b",
    "a:b",
    "*",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_is_one_part_of_a_path(name: str) -> None:
    part = locations.path_part(name)
    assert part not in {"", ".", ".."}
    assert not set(part) & set("/\\\0~*:;")
    assert os.path.normpath(f"/w/{part}") == f"/w/{part}"
    assert not part.startswith(".")


def test_different_names_are_different_parts() -> None:
    names = [*HOSTILE, "a b", "a%20b", "a.b", "%2E", "a%2Fb", "é"]
    assert len({locations.path_part(name) for name in names}) == len(names)


def test_a_view_lies_nowhere() -> None:
    with pytest.raises(InvalidInputError, match="a view stores nothing"):
        locations.sink_place(plan(), models.ViewSink(pipeline_view_name="v"), "/w")


def test_format_of_a_sink() -> None:
    assert locations.sink_format(models.FileSink(path="a")) == "DELTA"
    assert locations.sink_format(models.FileSink(path="a", format="CSV")) == "CSV"
    assert locations.sink_format(models.TableSink(table_name="a", format="PARQUET")) == "PARQUET"


@pytest.mark.parametrize(
    ("path", "uri"),
    [
        ("~/x.csv", "/home/ann/x.csv"),
        ("~", "/home/ann"),
        ("./~/x.csv", "/project/pipelines/~/x.csv"),
        ("~x.csv", "/project/pipelines/~x.csv"),
    ],
)
def test_a_tilde_is_the_home_folder(path: str, uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ann")
    assert locations.file_place(plan(), path).uri == uri
    assert locations.warehouse_root(plan(pipeline={"warehouse": path})) == uri
