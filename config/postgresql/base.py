"""How does a dead connection leave the pool? Before it is used, and with it all others that the server has closed.

psycopg's pool can check what it lends. After each connection that fails it waits twice as long before it tries the next
one, so that a server's restart, which leaves every idle connection dead, makes each borrower wait for half a minute.
Here the socket is looked at instead: something to read on an idle connection is nearly always its end. That costs no
round trip for a good connection, and no wait for a dead one.
"""

import select
from typing import Any

import psycopg
from django.db.backends.postgresql import base
from psycopg_pool import ConnectionPool


class DatabaseWrapper(base.DatabaseWrapper):
    def get_new_connection(self, conn_params: dict[str, Any]) -> psycopg.Connection[Any]:
        """A connection that lives. From the pool, where there is one; dead ones are given back to be replaced."""
        connection = super().get_new_connection(conn_params)
        while self.pool and _is_dead(connection):
            connection.close()
            self.pool.putconn(connection)
            connection = super().get_new_connection(conn_params)
        return connection


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
