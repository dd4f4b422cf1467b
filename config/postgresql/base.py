"""How does a dead connection leave the pool? Before it is used, and with it all others that the server has closed.

psycopg's pool can check what it lends. After each connection that fails it waits twice as long before it tries the next
one, so that a server's restart, which leaves every idle connection dead, makes each borrower wait for half a minute.
Here the socket is looked at instead: something to read on an idle connection is nearly always its end. That costs no
round trip for a good connection, and no wait for a dead one.
"""

import functools
import select
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

import psycopg
import sentry_sdk
from django.db.backends.postgresql import base
from psycopg.adapt import AdaptersMap
from psycopg.pq import Format
from psycopg.types.numeric import Int8Dumper
from psycopg_pool import ConnectionPool


class DatabaseWrapper(base.DatabaseWrapper):
    def rows_of(self, statement: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
        """Carries out a statement that comes again and again: the server prepares it once, and one cursor serves all.

        Sentry listens at Django's own cursors, which are then put around it. They can't say what was sent where
        statements are written down, so that an ordinary one takes its place.
        """
        if self.queries_logged:
            with self.cursor() as cursor:
                cursor.execute(statement, parameters)
                found: list[tuple[Any, ...]] = cursor.fetchall()
                return found
        self.ensure_connection()
        with self.wrap_database_errors:
            if self.execute_wrappers or _sentry_listens():
                wrapped = self._prepare_cursor(_RepeatingCursor(self.connection))  # type: ignore[attr-defined]
                wrapped.execute(statement, parameters)
                return list(wrapped.fetchall())
            return _repeating_cursor_of(self.connection).execute(statement, parameters).fetchall()

    _parameters: tuple[str, dict[str, Any]] | None = None

    def get_connection_params(self) -> dict[str, Any]:
        """Put together once for each database: each borrowing from the pool asks for them, and has no use for them."""
        name = self.settings_dict["NAME"]
        if self._parameters is None or self._parameters[0] != name:
            params: dict[str, Any] = super().get_connection_params()
            self._parameters = (name, params | {"context": _adapted(params["context"])})
        return dict(self._parameters[1])

    def _set_autocommit(self, autocommit: bool) -> None:
        """Each borrowing asks for what a connection of the pool has already, and to say so is cheap."""
        if self.connection.autocommit != autocommit:
            super()._set_autocommit(autocommit)  # type: ignore[misc]

    def get_new_connection(self, conn_params: dict[str, Any]) -> psycopg.Connection[Any]:
        """A connection that lives. From the pool, where there is one; dead ones are given back to be replaced."""
        connection = super().get_new_connection(conn_params)
        while self.pool and _is_dead(connection):
            connection.close()
            self.pool.putconn(connection)
            connection = super().get_new_connection(conn_params)
        return connection


@functools.cache
def _sentry_listens() -> bool:
    """It is set up with Django's settings, before the first statement, or not at all."""
    return sentry_sdk.is_initialized()


class _RepeatingCursor(psycopg.RawCursor[Any]):
    """Takes our placeholders and sends the server's own, whose places psycopg need not look for each time."""

    def execute(self, query: Any, params: Any = None, **options: Any) -> "_RepeatingCursor":
        return super().execute(_numbered(query), params, **options)


def _repeating_cursor_of(connection: Any) -> _RepeatingCursor:
    """One that lives as long as its connection does."""
    kept: _RepeatingCursor | None = getattr(connection, "repeating_cursor", None)
    if kept is None:
        kept = connection.repeating_cursor = _RepeatingCursor(connection)
    return kept


@functools.lru_cache(maxsize=512)
def _numbered(statement: str) -> str:
    """The statement with the server's placeholders instead of ours."""
    first, *others = statement.split("%s")
    return (first + "".join(f"${number}{text}" for number, text in enumerate(others, 1))).replace("%%", "%")


def _is_dead(connection: psycopg.Connection[Any]) -> bool:
    """Did the server hang up? A notice or the like may wait to be read too: then a round trip tells."""
    waiting = select.poll()
    waiting.register(connection.fileno(), select.POLLIN)
    if not waiting.poll(0):
        return False
    try:
        ConnectionPool.check_connection(connection)
    except psycopg.Error:
        return True
    return False


@functools.cache
def _adapted(adapters: AdaptersMap) -> AdaptersMap:
    """A statement is prepared for the types of its parameters: large and small numbers must not be two of them. And
    times are read by Python's own parser; Django has a regular expression read them.
    """
    ours = AdaptersMap(adapters)
    ours.register_dumper(int, Int8Dumper)
    loader: Any = ours.get_loader(ours.types["timestamptz"].oid, Format.TEXT)

    class Loader(loader):
        def load(self, data: Any) -> Any:
            text = bytes(data).decode()
            with suppress(ValueError):
                if text.endswith("+00"):
                    return datetime.fromisoformat(text)
            return super().load(data)

    ours.register_loader("timestamptz", Loader)
    return ours
