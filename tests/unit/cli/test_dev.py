"""`dev` where it cannot start, and its talk with a webserver that does not answer as it should.

The webserver here is a small one that gives the answers of Dagster's which a real one gives rarely.
"""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from laktory_dagster.cli.dev import reload_locations, report_problems
from laktory_dagster.cli.main import program
from laktory_dagster.cli.screen import Screen

GOOD = "name: good\nnodes:\n  - {name: n, source: {path: x.json, format: JSON}}\n"
BROKEN = "name: broken\nnodes:\n  - {name: n, sorce: {path: x}}\n"


def call(*arguments: object) -> Result:
    return CliRunner().invoke(program, [str(argument) for argument in arguments])


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "good.yaml").write_text(GOOD)
    return tmp_path


def test_a_port_that_is_taken_is_told_at_once(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = call("dev", "good.yaml", "--port", port)

    assert (done.exit_code, done.stdout) == (2, "")
    assert f"127.0.0.1, port {port}: Address already in use" in done.stderr
    assert "--port" in done.stderr
    # Nothing was begun.
    assert not (folder / ".env").exists()


def test_a_host_that_is_none_is_told_at_once(folder: Path) -> None:
    done = call("dev", "good.yaml", "--host", "no.such.host.invalid")

    assert (done.exit_code, done.stdout) == (2, "")
    assert "cannot be served at no.such.host.invalid" in done.stderr


@pytest.mark.parametrize("port", ["0", "65536", "-1", "web"])
def test_a_port_that_is_none_is_a_wrong_call(folder: Path, port: str) -> None:
    done = call("dev", "good.yaml", "--port", port)

    assert done.exit_code == 2
    assert "--port" in done.stderr


@pytest.mark.parametrize("path", ["gone.yaml", "empty"])
def test_a_path_without_pipelines_starts_no_server(folder: Path, path: str) -> None:
    (folder / "empty").mkdir()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]

    done = call("dev", path, "--port", port)

    assert done.exit_code == 2
    assert path in done.stderr


def test_problems_are_shown_and_counted(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "broken.yaml").write_text(BROKEN)

    assert not report_problems(Screen(), folder, None)
    said = capsys.readouterr()
    assert "broken.yaml:3:15: error: unknown key `sorce`" in said.err
    # The good one loads all the same, but not everything is good.
    assert said.out == ""


def test_what_is_good_is_said_in_one_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert report_problems(Screen(), folder, None)

    assert capsys.readouterr().out == "pipelines: 1, nodes: 1, no errors\n"


def test_warnings_are_shown_and_are_no_problem(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "good.yaml").write_text(GOOD.replace("x.json", "x.csv"))

    assert report_problems(Screen(), folder, None)
    assert "its format is JSON" in capsys.readouterr().err


class Server:
    """A webserver that gives these answers, one a request, and notes what it was asked."""

    def __init__(self, *answers: tuple[int, Any]) -> None:
        left, asked = list(answers), []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                size = int(self.headers["Content-Length"])
                asked.append(json.loads(self.rfile.read(size)))
                code, body = left.pop(0)
                self.send_response(code)
                self.end_headers()
                self.wfile.write(json.dumps(body).encode())

            def log_message(self, *_: Any) -> None:
                return

        self.asked: list[dict[str, Any]] = asked
        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/graphql"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def serving() -> Iterator[Any]:
    opened: list[Server] = []

    def serve(*answers: tuple[int, Any]) -> Server:
        opened.append(Server(*answers))
        return opened[-1]

    yield serve
    for server in opened:
        server.close()


def locations(*names: str) -> tuple[int, Any]:
    entries = [{"name": name} for name in names]
    return 200, {"data": {"workspaceOrError": {"locationEntries": entries}}}


def reloaded(answer: dict[str, Any]) -> tuple[int, Any]:
    return 200, {"data": {"reloadRepositoryLocation": answer}}


FINE = reloaded({"locationOrLoadError": {"__typename": "RepositoryLocation"}})
LOST = reloaded({"locationOrLoadError": {"__typename": "PythonError", "message": "no module"}})


def test_every_location_is_reloaded_and_told_apart(serving: Any) -> None:
    server = serving(locations("a", "b", "c"), FINE, LOST, FINE)

    assert reload_locations(server.url) == ["b: no module"]
    assert [asked["variables"].get("name") for asked in server.asked] == [None, "a", "b", "c"]


def test_a_reload_that_fails_altogether_is_told(serving: Any) -> None:
    server = serving(locations("a"), reloaded({"message": "the server of the code is gone"}))

    assert reload_locations(server.url) == ["a: the server of the code is gone"]


def test_a_workspace_that_is_an_error_has_no_locations(serving: Any) -> None:
    server = serving((200, {"data": {"workspaceOrError": {}}}))

    assert reload_locations(server.url) == []


def test_an_answer_of_errors_is_one_error(serving: Any) -> None:
    server = serving((200, {"errors": [{"message": "no such field"}], "data": None}))

    with pytest.raises(OSError, match="no such field"):
        reload_locations(server.url)


@pytest.mark.parametrize("code", [404, 500, 503])
def test_an_answer_of_another_server_names_its_code(serving: Any, code: int) -> None:
    server = serving((code, {}))

    with pytest.raises(OSError, match=f"answered {code}"):
        reload_locations(server.url)


def test_a_server_that_is_gone_is_an_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]

    with pytest.raises(OSError, match="refused"):
        reload_locations(f"http://127.0.0.1:{port}/graphql")
