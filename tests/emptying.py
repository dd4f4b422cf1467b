"""How is the database emptied after a test with real transactions? By deleting the rows of the tables that have some.

Django's own way is to TRUNCATE all of them and to make the permissions anew. On PostgreSQL that takes longer than most
tests: each table and each index gets a new file, which is forced to the disk.
"""

import functools

from django.db import connection, transaction

KEPT = {"django_migrations", "django_content_type", "auth_permission"}
"""What Django's own way leaves or makes anew; no test changes it."""


def empty() -> None:
    """Leaves what `flush` leaves: content types and permissions."""
    quote = connection.ops.quote_name
    filled = " UNION ALL ".join(f"SELECT '{name}' WHERE EXISTS (SELECT 1 FROM {quote(name)})" for name in _tables())
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(filled)
        for (name,) in cursor.fetchall():
            cursor.execute(f"DELETE FROM {quote(name)}")


@functools.cache
def _tables() -> tuple[str, ...]:
    return tuple(name for name in connection.introspection.table_names() if name not in KEPT)
