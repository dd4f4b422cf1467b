"""Which database does a DATABASE_URL stand for, and how does Django talk to it?"""

from typing import Any

import environ
from psycopg_pool import ConnectionPool

from config.environment import refuse, seconds, whole

SQLITE = "django.db.backends.sqlite3"
POSTGRESQL = "config.postgresql"


def database(url: str) -> dict[str, Any]:
    """Django's settings for the database at this address: PostgreSQL with a pool, or SQLite."""
    scheme = url.partition(":")[0]
    if scheme in {"postgres", "postgresql", "pgsql", "psql"}:
        return _postgresql(url)
    if scheme != "sqlite":
        refuse(f"DATABASE_URL begins with {scheme!r}; it must be a postgres:// or a sqlite:// address.")
    return _sqlite(url)


def _sqlite(url: str) -> dict[str, Any]:
    """WAL lets readers go on while one writes. IMMEDIATE takes the write lock when a transaction begins, and
    waits for it; a transaction that turns from reader to writer midway is refused at once."""
    return {
        **_parsed(url),
        "ENGINE": SQLITE,
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON;",
        },
    }


def _postgresql(url: str) -> dict[str, Any]:
    parsed = _parsed(url)
    if not parsed.get("NAME"):
        refuse("DATABASE_URL names no database; it looks like postgres://user:password@host:5432/countersign.")
    statement = int(seconds("DATABASE_STATEMENT_TIMEOUT", 30, at_least=0) * 1000)
    idle = int(seconds("DATABASE_IDLE_TIMEOUT", 30, at_least=0) * 1000)
    smallest = whole("DATABASE_POOL_MIN", 0)
    largest = whole("DATABASE_POOL_MAX", 20, at_least=1)
    if smallest > largest:
        refuse(f"DATABASE_POOL_MIN is {smallest}, and DATABASE_POOL_MAX is only {largest}.")
    return {
        **parsed,
        "ENGINE": POSTGRESQL,
        # The pool keeps connections open; a request or a step borrows one and gives it back.
        "CONN_MAX_AGE": 0,
        # Our backend looks at what it borrows, see config.postgresql.
        "CONN_HEALTH_CHECKS": False,
        "OPTIONS": {
            "connect_timeout": 5,
            "application_name": "countersign",
            # A server that went away without a word (its host, or the way to it) is given up within half a minute.
            "keepalives_idle": 10,
            "keepalives_interval": 5,
            "keepalives_count": 4,
            "tcp_user_timeout": 30_000,
            # For statements that agents.rows sends; so often they come before the server keeps them prepared.
            "prepare_threshold": 5,
            **parsed.get("OPTIONS", {}),
            "options": f"-c statement_timeout={statement} -c idle_in_transaction_session_timeout={idle}",
            "pool": {
                "min_size": smallest,
                "max_size": largest,
                "timeout": seconds("DATABASE_POOL_TIMEOUT", 30),
                "max_idle": 300,
                # The pool waits twice as long after each failed attempt: begin anew soon, so that a server that is
                # back is found within a second or two, however long it was away.
                "reconnect_timeout": 2,
                # When the pool gives up it forgets those who wait. This makes it begin anew for them.
                "reconnect_failed": ConnectionPool.check,
            },
        },
    }


def _parsed(url: str) -> dict[str, Any]:
    try:
        return dict(environ.Env.db_url_config(url))
    except ValueError:
        refuse("DATABASE_URL can't be read; characters such as @ : / # in a password must be percent-encoded.")
