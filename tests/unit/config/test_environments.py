"""Environments: chosen by name, over the file, under the command line."""

from __future__ import annotations

from typing import Any

import pytest

from laktory_dagster.config.environments import EnvironmentOverlay, overlay, variables_of
from laktory_dagster.errors import DeclarationError, SettingsError

DATA: dict[str, Any] = {
    "name": "p",
    "variables": {"root": "/data", "day": "monday"},
    "environments": {
        "dev": {
            "variables": {"root": "/dev"},
            "warehouse": "${vars.root}/tables",
            "catalog": "dev",
            "schema_prefix": "${vars.day}_",
            "dataframe_type": "PYSPARK",
        },
        "prod": {"warehouse": "${vars.root}/tables", "dataframe_type": "POLARS"},
        "bare": None,
    },
}


def test_no_name_gives_no_overlay() -> None:
    assert overlay(DATA, None) == EnvironmentOverlay()


def test_an_environment_gives_its_values() -> None:
    assert overlay(DATA, "dev") == EnvironmentOverlay(
        name="dev",
        variables={"root": "/dev"},
        warehouse="/dev/tables",
        catalog="dev",
        schema_prefix="monday_",
        engine="spark",
    )


def test_what_an_environment_leaves_out_stays_open() -> None:
    assert overlay(DATA, "prod") == EnvironmentOverlay(
        name="prod", warehouse="/data/tables", engine="polars"
    )
    assert overlay(DATA, "bare") == EnvironmentOverlay(name="bare")


def test_given_variables_win_over_the_environments_and_the_files() -> None:
    assert overlay(DATA, "dev", {"root": "/mine"}).warehouse == "/mine/tables"
    assert variables_of(DATA, None) == {"root": "/data", "day": "monday"}
    assert variables_of(DATA, "dev") == {"root": "/dev", "day": "monday"}
    assert variables_of(DATA, "unknown") == {"root": "/data", "day": "monday"}


def test_the_declaration_stays_as_it_was() -> None:
    before = repr(DATA)

    overlay(DATA, "dev")

    assert repr(DATA) == before


def test_an_unknown_name_is_an_error_with_a_suggestion() -> None:
    with pytest.raises(SettingsError, match="did you mean `dev`") as caught:
        overlay(DATA, "dve")
    assert caught.value.expected == "one of dev, prod, bare"

    with pytest.raises(SettingsError, match="declare it under `environments:`"):
        overlay({"name": "p"}, "dev")


def test_an_unknown_variable_is_an_error() -> None:
    with pytest.raises(DeclarationError, match=r"`\$\{vars\.gone\}` has no value"):
        overlay({"environments": {"dev": {"warehouse": "${vars.gone}"}}}, "dev")


@pytest.mark.parametrize(
    "values",
    [
        "text",
        ["list"],
        {"variables": "text"},
        {"warehouse": 3},
        {"schema_prefix": ["x"]},
        {"dataframe_type": 3},
    ],
)
def test_values_of_a_wrong_type_are_left_to_the_models(values: Any) -> None:
    assert overlay({"environments": {"dev": values}}, "dev") == EnvironmentOverlay(name="dev")


@pytest.mark.parametrize("environments", [None, "text", ["dev"]])
def test_malformed_environments_hold_no_name(environments: Any) -> None:
    with pytest.raises(SettingsError, match="declares no environment"):
        overlay({"name": "p", "environments": environments}, "dev")
