"""Where does the bench work? Its cache, a virtual environment for each system, a database for each, and one Redis."""

import hashlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import redis
from psycopg import sql

ROOT = Path(__file__).resolve().parent.parent
CACHE = ROOT / "bench" / ".cache"
SERVER = os.environ.get("DATABASE_URL") or "postgres://postgres@127.0.0.1:5432/postgres"
REDIS = os.environ.get("REDIS_URL") or "redis://127.0.0.1:6379/15"


class Refused(SystemExit):
    """The bench can't run here; the message says why and what to do."""


def tidy_when_stopped() -> None:
    """SIGTERM ends the bench as Ctrl-C does: processes are stopped, and databases dropped."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


def python_of(name: str) -> Path:
    """The interpreter of a virtual environment that holds exactly requirements/<name>.txt; made when it is missing."""
    wanted = ROOT / "bench" / "requirements" / f"{name}.txt"
    folder = CACHE / f"{name}-{hashlib.sha256(wanted.read_bytes()).hexdigest()[:12]}"
    python = folder / "bin" / "python"
    if not (folder / "complete").exists():
        print(f"Making a virtual environment for {name} …", file=sys.stderr, flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        install = ["-m", "pip", "install", "-qq", "--disable-pip-version-check", "--requirement", str(wanted)]
        subprocess.run([str(python), *install], check=True)
        (folder / "complete").touch()
    return python


@contextmanager
def database(name: str) -> Iterator[str]:
    """An empty database on the given server for as long as the block runs; gives its address."""
    whole = sql.Identifier(f"countersign_bench_{name}_{os.getpid()}")
    with psycopg.connect(SERVER, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(whole))
        try:
            yield urlunsplit(urlsplit(SERVER)._replace(path=f"/{whole.as_string().strip(chr(34))}"))
        finally:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(whole))


@contextmanager
def empty_redis() -> Iterator[str]:
    """A Redis database that was empty and is emptied again. Refused where it holds anything."""
    with redis.Redis.from_url(REDIS) as server:
        if server.dbsize():
            raise Refused(f"{REDIS} is not empty, and the bench empties it in the end. Name another by REDIS_URL.")
        try:
            yield REDIS
        finally:
            server.flushdb()
