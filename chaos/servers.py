"""Where do PostgreSQL and Redis come from? Started on free ports, with everything they write in one folder; or given.

Of a given server a run takes a database of its own and hangs up on nobody else; it is never brought down.
"""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import redis
from psycopg import sql

from chaos.processes import Process, Refused, environment, free_port, until

CONNECTIONS = 300


class Postgres:
    """A PostgreSQL of our own, that can be brought down as a crash would."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.url = f"postgres://postgres@127.0.0.1:{self.port}/countersign"
        self.restarts: list[float] = []
        """When it was brought down, in seconds since 1970."""
        self._data = folder / "postgres"
        self._data.mkdir(mode=0o700)
        user = "postgres" if os.geteuid() == 0 else None
        if user:
            _hand_over(folder, self._data, user)
        programs = _programs()
        made = subprocess.run(  # noqa: S603
            [programs / "initdb", "--auth=trust", "--username=postgres", "--no-sync", "-E", "UTF8", "-D", self._data],
            user=user,
            group=user,
            cwd=self._data,
            capture_output=True,
            text=True,
        )
        if made.returncode:
            raise Refused(f"initdb ended with {made.returncode}: {made.stderr}")
        options = (f"port={self.port}", "listen_addresses=127.0.0.1", f"max_connections={CONNECTIONS}")
        places = (f"unix_socket_directories={self._data}", "log_line_prefix=%m %a ")
        settings = [part for option in (*options, *places) for part in ("-c", option)]
        command = [str(programs / "postgres"), "-D", str(self._data), *settings]
        self._process = Process("postgresql", command, environment(), folder, user=user)

    def __enter__(self) -> "Postgres":
        self._process.start()
        try:
            self._until_ready()
            with psycopg.connect(self._maintenance, autocommit=True) as line:
                line.execute("CREATE DATABASE countersign")
        except BaseException:
            self._process.kill()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._process.ask(signal.SIGINT)  # a fast shutdown
        self._process.wait(20)
        self._process.kill()

    def restart(self) -> None:
        """An immediate shutdown, which is a crash to everybody, and a start with recovery."""
        self.restarts.append(time.time())
        self._process.ask(signal.SIGQUIT)
        if self._process.wait(20) is None:
            self._process.kill()
        self._process.start()
        self._until_ready()

    @property
    def _maintenance(self) -> str:
        return f"postgres://postgres@127.0.0.1:{self.port}/postgres"

    def _until_ready(self) -> None:
        until(lambda: _answers(self._maintenance), 60, f"PostgreSQL answers on port {self.port}")


class GivenPostgres(Postgres):
    """A database of our own on a server that somebody has: instead of restarting, it hangs up on all of ours."""

    def __init__(self, server: str) -> None:
        self.name = f"countersign_chaos_{os.getpid()}"
        self.url = urlunsplit(urlsplit(server)._replace(path=f"/{self.name}"))
        self._server = server

    def __enter__(self) -> "GivenPostgres":
        self._say(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(self.name)))
        return self

    def __exit__(self, *_: object) -> None:
        self._say(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(self.name)))

    def restart(self) -> None:
        everybody = sql.SQL("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = {}")
        self._say(everybody.format(sql.Literal(self.name)))

    def _say(self, what: sql.Composed) -> None:
        with psycopg.connect(self._server, autocommit=True, connect_timeout=5) as line:
            line.execute(what)


class Redis:
    """A Redis of our own, which keeps nothing on disk."""

    def __init__(self, folder: Path) -> None:
        program = shutil.which("redis-server")
        if program is None:
            raise Refused("redis-server is not on the PATH. Install Redis, or run with --embedded.")
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        place = ["--bind", "127.0.0.1", "--port", str(self.port), "--dir", str(folder)]
        command = [program, *place, "--save", "", "--appendonly", "no"]
        self._process = Process("redis", command, environment(), folder)

    def __enter__(self) -> "Redis":
        self._process.start()
        self._until_ready()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.end()

    def flush(self) -> None:
        with redis.Redis.from_url(self.url) as line:
            line.flushdb()

    def restart(self) -> None:
        """Killed and started again: whatever it held is gone."""
        self._process.kill()
        self._process.start()
        self._until_ready()

    def _until_ready(self) -> None:
        until(self._answers, 20, f"Redis answers on port {self.port}")

    def _answers(self) -> bool:
        try:
            with redis.Redis(port=self.port, socket_timeout=1) as line:
                return bool(line.ping())
        except redis.RedisError:
            return False


class GivenRedis(Redis):
    """An empty database of a Redis that somebody has; it is emptied again, and never killed."""

    def __init__(self, url: str) -> None:
        self.url = url

    def __enter__(self) -> "GivenRedis":
        with redis.Redis.from_url(self.url) as line:
            if line.dbsize():
                raise Refused(f"{self.url} is not empty, and a run empties it. Name another database by REDIS_URL.")
        return self

    def __exit__(self, *_: object) -> None:
        self.flush()

    def restart(self) -> None:
        raise Refused("A Redis that was given is not restarted.")


def _answers(url: str) -> bool:
    try:
        with psycopg.connect(url, connect_timeout=2):
            return True
    except psycopg.OperationalError:
        return False


def _hand_over(folder: Path, data: Path, user: str) -> None:
    """PostgreSQL does not run as root, so the folder becomes another user's, who must be able to get there."""
    try:
        shutil.chown(data, user)
    except LookupError:
        raise Refused("PostgreSQL does not run as root, and there is no user postgres. Run this as another.") from None
    folder.chmod(0o755)


def _programs() -> Path:
    """The folder of PostgreSQL's programs, of the newest version."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parent.parent.name))
    if found:
        return found[-1].parent
    if on_path := shutil.which("initdb"):
        return Path(on_path).resolve().parent
    raise Refused("PostgreSQL's programs are not found. Install PostgreSQL, or run with --embedded.")
