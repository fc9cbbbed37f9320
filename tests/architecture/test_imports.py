"""What each part may import, proved in fresh processes with libraries blocked."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

HEAVY = ("dagster", "polars", "deltalake", "pyspark", "delta", "databricks", "pyarrow", "pandas")


def run_blocked(blocked: tuple[str, ...], code: str) -> subprocess.CompletedProcess[str]:
    """Run code in a new interpreter in which some libraries cannot be imported."""
    prelude = f"""
        import sys
        class Blocker:
            def find_spec(self, name, path=None, target=None):
                if name.split(".")[0] in {set(blocked)!r}:
                    raise ModuleNotFoundError(f"blocked: {{name}}", name=name)
        sys.meta_path.insert(0, Blocker())
    """
    program = textwrap.dedent(prelude) + textwrap.dedent(code)
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=120
    )


def test_importing_the_package_loads_nothing_heavy() -> None:
    done = run_blocked(
        (),
        f"""
        import laktory_dagster, sys
        loaded = {{m.split('.')[0] for m in sys.modules}}
        heavy = loaded & {set(HEAVY) | {"pydantic", "yaml", "sqlglot", "narwhals"}!r}
        assert not heavy, heavy
        """,
    )

    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("library", ["dagster", "polars", "pyspark", "databricks"])
def test_the_core_validates_and_plans_without(library: str) -> None:
    done = run_blocked(
        (library, "deltalake") if library == "polars" else (library,),
        """
        from laktory_dagster import models
        from laktory_dagster.plan.explain import explain_text
        from laktory_dagster.project import plan_of
        pipeline = models.Pipeline.model_validate_yaml('''
        name: p
        nodes:
          - name: a
            layer: SILVER
            source: {path: in.csv, format: CSV, filter: "x > 1"}
            sink: {table_name: a}
            transformer:
              nodes:
                - {func_name: with_columns, func_kwargs: {y: "pl.col('x') + 1"}}
                - {sql_expr: "SELECT x, y FROM {df}"}
        ''')
        assert "a" in explain_text(plan_of(pipeline))
        """,
    )

    assert done.returncode == 0, done.stderr


def test_validating_never_loads_dagster_or_an_engine() -> None:
    done = run_blocked(
        (),
        """
        import sys
        from laktory_dagster.project import load_project
        from laktory_dagster.project.schema import json_schema
        json_schema()
        assert not {'dagster', 'polars', 'deltalake'} & set(sys.modules)
        """,
    )

    assert done.returncode == 0, done.stderr


def test_storing_a_small_table_loads_no_pandas(tmp_path: Path) -> None:
    done = run_blocked(
        (),
        f"""
        import sys
        from laktory_dagster import models
        pipeline = models.Pipeline.model_validate({{
            'name': 'p',
            'nodes': [{{
                'name': 'a',
                'source': {{'data': [{{'at': '2024-02-29T12:00:00Z'}}]}},
                'transformer': {{'nodes': [
                    {{'with_column': {{'name': 'at', 'type': 'timestamp', 'sql_expr': 'at'}}}}
                ]}},
                'sink': {{'path': {str(tmp_path / "a")!r}, 'format': 'DELTA'}},
            }}],
        }})
        pipeline.execute()
        assert 'polars' in sys.modules and 'pandas' not in sys.modules
        """,
    )

    assert done.returncode == 0, done.stderr


def test_running_without_the_engines_library_names_the_extra() -> None:
    done = run_blocked(
        ("polars", "deltalake"),
        """
        from laktory_dagster import models
        from laktory_dagster.errors import MissingDependencyError
        pipeline = models.Pipeline.model_validate(
            {'name': 'p', 'nodes': [{'name': 'a', 'source': {'data': [{'x': 1}]}}]})
        try:
            pipeline.execute()
        except MissingDependencyError as error:
            assert 'laktory-dagster[polars]' in str(error), error
        else:
            raise AssertionError('no error')
        """,
    )

    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("missing", [("dagster_pyspark",), ("dagster", "dagster_pyspark")])
def test_every_listed_name_loads_without_an_extra(missing: tuple[str, ...]) -> None:
    done = run_blocked(
        (*missing, "pyspark"),
        """
        import laktory_dagster
        from laktory_dagster.errors import MissingDependencyError
        for name in dir(laktory_dagster):
            getattr(laktory_dagster, name)
        try:
            laktory_dagster.SparkResource
        except MissingDependencyError as error:
            assert "laktory-dagster[" in str(error), error
        else:
            raise AssertionError
        """,
    )

    assert done.returncode == 0, done.stderr
