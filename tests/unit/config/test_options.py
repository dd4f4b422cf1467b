import os
from pathlib import Path

import pytest

from config.embedded import options


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("COUNTERSIGN_DATA", "COUNTERSIGN_DEMO", "ALLOWED_HOSTS"):
        # Set first, so that what a test exports is taken back.
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)


def test_by_default_only_this_machine_can_reach_it() -> None:
    made = options.export([])

    assert (made.host, made.on_loopback, made.demo) == ("127.0.0.1", True, True)
    assert os.environ["ALLOWED_HOSTS"] == "localhost,127.0.0.1,[::1]"


def test_the_command_line_decides_the_settings(tmp_path: Path) -> None:
    options.export(["--data-dir", str(tmp_path), "--no-demo", "--verbosity", "2"])

    assert os.environ["COUNTERSIGN_DATA"] == str(tmp_path)
    assert os.environ["COUNTERSIGN_DEMO"] == "false"


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.168.1.5", False),
        ("countersign.example", False),
    ],
)
def test_what_counts_as_this_machine_alone(host: str, loopback: bool) -> None:
    assert options.export(["--host", host]).on_loopback is loopback


def test_allowed_hosts_that_were_set_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALLOWED_HOSTS", "desk.example")
    options.export(["--host", "0.0.0.0"])
    assert os.environ["ALLOWED_HOSTS"] == "desk.example"


@pytest.mark.parametrize("arguments", [["--port", "x"], ["--port=-1"], ["--port", "65536"], ["--port"]])
def test_a_port_that_is_none_is_refused(arguments: list[str]) -> None:
    with pytest.raises(SystemExit, match="port"):
        options.export(arguments)
