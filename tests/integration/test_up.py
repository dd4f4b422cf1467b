"""`manage.py up`, as a newcomer meets it: a real process, a real port, a folder of its own."""

import http.cookiejar
import os
import re
import shutil
import signal
import socket
import sqlite3
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.processes import Running, run

pytestmark = pytest.mark.timeout(600)


def up(folder: Path, *more: str) -> Running:
    return Running("manage.py", "up", "--data-dir", str(folder), "--port", "0", *more)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("up") / "data"


@pytest.fixture(scope="module")
def running(folder: Path) -> Iterator[Running]:
    with up(folder) as process:
        process.wait_for("Ctrl-C")
        yield process


@pytest.fixture(scope="module")
def address(running: Running) -> str:
    return re.findall(r"http://\S+", running.said)[0]


def sign_in(address: str, username: str, password: str) -> urllib.request.OpenerDirector:
    """A browser's session after the sign-in form was sent."""
    cookies = http.cookiejar.CookieJar()
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(cookies))
    page = browser.open(f"{address}admin/login/").read().decode()
    token = re.findall(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)[0]
    form = {"username": username, "password": password, "csrfmiddlewaretoken": token, "next": "/admin/"}
    request = urllib.request.Request(
        f"{address}admin/login/?next=/admin/",
        urllib.parse.urlencode(form).encode(),
        {"Referer": f"{address}admin/login/"},
    )
    browser.open(request)
    return browser


def test_prints_one_address_the_sign_ins_and_what_to_do_next(running: Running) -> None:
    assert len(re.findall(r"http://", running.said)) == 1
    assert running.said.count("password ") == 3
    assert "What to do next" in running.said


def test_the_printed_sign_ins_open_the_desk(running: Running, address: str) -> None:
    sign_ins = re.findall(r"^  (\S+) +password (\S+)", running.said, flags=re.MULTILINE)
    for username, password in sign_ins:
        page = sign_in(address, username, password).open(f"{address}admin/")
        assert page.status == 200
        assert page.url == f"{address}admin/"


def test_pages_and_their_styles_are_served(address: str) -> None:
    page = urllib.request.urlopen(f"{address}admin/login/")
    style = re.findall(r'href="(/static/[^"]+\.css)"', page.read().decode())[0]

    assert page.status == 200
    assert urllib.request.urlopen(f"{address.rstrip('/')}{style}").status == 200


def test_is_alive_and_ready(address: str) -> None:
    assert urllib.request.urlopen(f"{address}livez").status == 200
    assert urllib.request.urlopen(f"{address}readyz").status == 200


def test_a_name_that_is_not_this_machine_is_refused(address: str) -> None:
    """A page elsewhere can point its own name at 127.0.0.1; it must not reach the desk that way."""
    request = urllib.request.Request(f"{address}admin/login/", headers={"Host": "elsewhere.example"})
    with pytest.raises(urllib.error.HTTPError, match="400"):
        urllib.request.urlopen(request)


def test_a_second_one_on_the_same_folder_is_refused_in_one_sentence(
    running: Running, folder: Path, address: str
) -> None:
    second = run("manage.py", "up", "--data-dir", str(folder), "--port", "0")

    assert second.returncode == 1
    assert address in second.stderr
    assert str(running.process.pid) in second.stderr
    assert len(second.stderr.strip().splitlines()) == 1


def test_only_the_owner_can_read_the_secrets(running: Running, folder: Path) -> None:
    assert folder.stat().st_mode & 0o777 == 0o700
    assert (folder / "secret_key").stat().st_mode & 0o777 == 0o600


def test_a_port_in_use_is_refused_in_one_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        refused = run("manage.py", "up", "--data-dir", str(tmp_path), "--port", port)

    assert refused.returncode == 1
    assert refused.stderr.startswith(f"Countersign can't start: port {port}")
    assert len(refused.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "countersign.sqlite3").exists()


def test_a_folder_that_cannot_be_written_to_is_refused_in_one_sentence(tmp_path: Path) -> None:
    # A file stands where the folder should be: permissions would not keep root out.
    (tmp_path / "data").write_text("not a folder")
    refused = run("manage.py", "up", "--data-dir", str(tmp_path / "data" / "inside"), "--port", "0")

    assert refused.returncode == 1
    assert "can't be written to" in refused.stderr
    assert len(refused.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize("port", ["70000", "-1", "http"])
def test_an_impossible_port_is_refused_in_one_sentence(tmp_path: Path, port: str) -> None:
    refused = run("manage.py", "up", "--data-dir", str(tmp_path), f"--port={port}")

    assert refused.returncode == 1
    assert len(refused.stderr.strip().splitlines()) == 1


@dataclass(frozen=True)
class Stopped:
    """What a first run left behind, after a person pressed Ctrl-C."""

    folder: Path
    code: int
    said: str

    def again(self, elsewhere: Path, *more: str) -> Running:
        """Another run on a copy of its data."""
        shutil.copytree(self.folder, elsewhere)
        return up(elsewhere, *more)


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Stopped:
    folder = tmp_path_factory.mktemp("stopped") / "data"
    with up(folder) as process:
        process.wait_for("Ctrl-C")
        code = process.stop(signal.SIGINT)
        return Stopped(folder, code, process.said)


def signed_off(folder: Path) -> int:
    with sqlite3.connect(folder / "countersign.sqlite3") as database:
        asked = "SELECT count(*) FROM agents_workerprocess WHERE stopped_at IS NOT NULL"
        return int(database.execute(asked).fetchone()[0])


def test_ctrl_c_stops_it_cleanly(stopped: Stopped) -> None:
    assert stopped.code == 0
    assert "Traceback" not in stopped.said
    assert signed_off(stopped.folder) == 1


def test_without_the_demo_its_people_are_shut_out_and_one_new_person_can_sign_in(
    stopped: Stopped, tmp_path: Path
) -> None:
    demo = re.findall(r"^  (\S+) +password (\S+)", stopped.said, flags=re.MULTILINE)
    assert demo
    with stopped.again(tmp_path / "data", "--no-demo") as process:
        process.wait_for("Ctrl-C")
        address = re.findall(r"http://\S+", process.said)[0]
        (somebody,) = re.findall(r"^  (\S+) +password (\S+)", process.said, flags=re.MULTILINE)

        assert sign_in(address, *somebody).open(f"{address}admin/").url == f"{address}admin/"
        for username, password in demo:
            assert "/login/" in sign_in(address, username, password).open(f"{address}admin/").url


def test_beyond_this_machine_the_known_passwords_do_not_work_and_a_supervisor_stops_it_cleanly(
    stopped: Stopped, tmp_path: Path
) -> None:
    with stopped.again(tmp_path / "data", "--host", "0.0.0.0") as process:
        process.wait_for("Ctrl-C")
        assert "plain HTTP" in process.said
        sign_ins = re.findall(r"^  (\S+) +password (\S+)", process.said, flags=re.MULTILINE)

        assert sign_ins
        assert all(len(password) >= 16 for _, password in sign_ins)

        # A supervisor stops it by another signal, as cleanly.
        assert process.stop(signal.SIGTERM) == 0
        assert "Traceback" not in process.said
    assert signed_off(tmp_path / "data") == 2


def test_an_old_python_is_told_which_one_is_needed() -> None:
    """manage.py must be readable by a Python that can't run the rest."""
    source = (Path(__file__).parents[2] / "manage.py").read_text()
    check = source[source.index("if sys.version_info") : source.index("def main")]

    class Old:
        version_info = (3, 9, 18)
        version = "3.9.18 (main)"
        exit = staticmethod(lambda words: (_ for _ in ()).throw(SystemExit(words)))

    with pytest.raises(SystemExit, match=r"needs Python 3\.11 or later, and this is 3\.9\.18"):
        exec(check, {"sys": Old})


def test_its_own_data_is_not_mixed_with_a_production_address(tmp_path: Path) -> None:
    process = Running(
        "manage.py", "up", "--data-dir", str(tmp_path), "--port", "0",
        DATABASE_URL="postgres://nobody@192.0.2.1/nothing",
    )  # fmt: skip
    with process:
        process.wait_for("DATABASE_URL in the environment are not used")
        assert os.path.exists(tmp_path / "countersign.sqlite3")
