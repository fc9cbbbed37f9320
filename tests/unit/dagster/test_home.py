"""Where the instance lies, and that `dagster dev` finds the same."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from dagster._core.secrets.env_file import get_env_var_dict

from laktory_dagster.dagster.home import instance_home, project_root, use_home
from laktory_dagster.errors import SettingsError


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a project with a pipeline file two folders down."""
    (tmp_path / "pyproject.toml").touch()
    file = tmp_path / "pipelines/prices/pipeline.yaml"
    file.parent.mkdir(parents=True)
    file.touch()
    return tmp_path


def pipeline_of(project: Path) -> Path:
    return project / "pipelines/prices/pipeline.yaml"


@pytest.mark.parametrize("mark", ["pyproject.toml", ".git", "workspace.yaml", "dagster.yaml"])
def test_the_root_is_the_nearest_folder_that_holds_a_project(tmp_path: Path, mark: str) -> None:
    inner = tmp_path / "a/b/c"
    inner.mkdir(parents=True)
    (tmp_path / "a" / mark).touch()

    assert project_root(inner) == tmp_path / "a"
    assert project_root(inner / "not-there.yaml") == tmp_path / "a"


def test_the_home_of_the_environment_wins(project: Path, tmp_path: Path) -> None:
    named = tmp_path / "elsewhere"

    assert instance_home(pipeline_of(project), {"DAGSTER_HOME": str(named)}) == named
    assert named.is_dir()
    assert not (project / ".env").exists()


def test_without_one_it_is_kept_beside_the_project_and_named_for_dagster(project: Path) -> None:
    home = instance_home(pipeline_of(project), {})

    assert home == project / ".dagster_home"
    assert get_env_var_dict(str(project)) == {"DAGSTER_HOME": str(home)}
    assert (home / ".gitignore").read_text() == "*\n"
    assert "enabled: false" in (home / "dagster.yaml").read_text()


def test_the_second_time_finds_the_first(project: Path) -> None:
    first = instance_home(pipeline_of(project), {})
    text = (project / ".env").read_text()

    assert instance_home(project, {}) == first
    assert (project / ".env").read_text() == text


def test_other_lines_of_the_file_stay(project: Path) -> None:
    (project / ".env").write_text("TOKEN=abc\n# a note\n")

    instance_home(project, {})

    lines = (project / ".env").read_text().splitlines()
    assert lines == ["TOKEN=abc", "# a note", f'DAGSTER_HOME="{project / ".dagster_home"}"']


@pytest.mark.parametrize("line", ["DAGSTER_HOME={}", 'DAGSTER_HOME="{}"', "export DAGSTER_HOME={}"])
def test_a_home_that_the_project_names_is_used(project: Path, tmp_path: Path, line: str) -> None:
    named = tmp_path / "shared home"
    (project / ".env").write_text(line.format(named) + "\n")

    assert instance_home(project, {}) == named


def test_a_project_that_was_moved_gets_a_home_at_its_new_place(project: Path) -> None:
    (project / ".env").write_text('DAGSTER_HOME="/old/place/.dagster_home"\n')

    assert instance_home(project, {}) == project / ".dagster_home"
    assert (project / ".env").read_text().count("DAGSTER_HOME") == 1


def test_a_home_that_the_project_leaves_empty_is_filled_in(project: Path) -> None:
    (project / ".env").write_text("DAGSTER_HOME=\nTOKEN=abc\n")

    home = instance_home(project, {})

    assert home == project / ".dagster_home"
    assert get_env_var_dict(str(project)) == {"DAGSTER_HOME": str(home), "TOKEN": "abc"}


def test_of_several_homes_the_one_that_dagster_takes_is_used(project: Path) -> None:
    first, last = project / "first", project / "last"
    (project / ".env").write_text(f"DAGSTER_HOME={first}\nexport DAGSTER_HOME={last}\n")

    assert instance_home(project, {}) == last
    assert get_env_var_dict(str(project))["DAGSTER_HOME"] == str(last)
    assert not first.exists()


def test_an_exported_home_of_a_project_that_was_moved_is_replaced(project: Path) -> None:
    (project / ".env").write_text("export DAGSTER_HOME=/old/place/.dagster_home\n")

    home = instance_home(project, {})

    assert (project / ".env").read_text() == f'DAGSTER_HOME="{home}"\n'


def test_lines_of_another_encoding_stay_as_they_are(project: Path) -> None:
    (project / ".env").write_bytes(b"NAME=caf\xe9\n")

    home = instance_home(project, {})

    written = f'DAGSTER_HOME="{home}"\n'.encode()
    assert (project / ".env").read_bytes() == b"NAME=caf\xe9\n" + written
    assert instance_home(project, {}) == home


def test_a_folder_called_env_says_what_to_set(project: Path) -> None:
    (project / ".env").mkdir()

    with pytest.raises(SettingsError, match="cannot be written") as caught:
        instance_home(project, {})

    assert "DAGSTER_HOME" in str(caught.value)


def test_a_relative_home_is_refused(project: Path) -> None:
    with pytest.raises(SettingsError, match="an absolute path"):
        instance_home(project, {"DAGSTER_HOME": "home"})


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_home_that_cannot_be_made_is_an_error(project: Path) -> None:
    project.chmod(0o500)

    with pytest.raises(SettingsError, match="cannot be made"):
        instance_home(project, {})


def test_a_home_that_is_a_file_is_an_error(project: Path) -> None:
    (project / ".dagster_home").touch()

    with pytest.raises(SettingsError, match="cannot be made"):
        instance_home(project, {})


def test_using_it_names_it_in_the_environment(project: Path) -> None:
    environ: dict[str, str] = {}

    home = use_home(pipeline_of(project), environ)

    assert environ == {"DAGSTER_HOME": str(home)}
