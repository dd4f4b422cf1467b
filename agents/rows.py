"""How are the rows of the loop written, many times a second? By few statements, whose text is put together only once.

Django builds each statement anew, which takes several times as long as the database needs to carry it out. What a
step always writes is said here instead: one INSERT for each kind of row, and one conditional UPDATE by its key. Values
pass through their fields as everywhere, so that every database stores and gives back the same.

Most of what is left is the way to the database and back. PostgreSQL takes what belongs together as one statement, which
is its own transaction where there is no other, and keeps it prepared. SQLite, which is no way off, is told one by one.
"""

import functools
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import BigIntegerField, Field, Func, Model
from django.db.models.expressions import BaseExpression, Col, DatabaseDefault
from django.db.models.functions import Now

NOW = Now()
"""The database's clock, among what an UPDATE gives back."""


@dataclass(frozen=True)
class Statement:
    """An UPDATE of another row, which goes with one of ours. Its text ends with its condition."""

    text: str
    parameters: tuple[Any, ...]


def insert(rows: Iterable[Model], after: Statement | None = None) -> bool:
    """Inserts new rows of one kind, which get their keys, and what the database alone knows, in this order.

    `after` is carried out first; where it finds no row, nothing is inserted, and the answer is False.
    """
    new = list(rows)
    if not new:
        return True
    here = connections[DEFAULT_DB_ALIAS]
    if after is not None and not _takes_several(here):
        with transaction.atomic():
            return carry_out(after) and insert(new)
    model, (given, left) = type(new[0]), _columns(new[0])
    statement, back = _insert(here.vendor, model, given, left, len(new), after.text if after else "")
    with _cursor(here) as cursor:
        cursor.execute(statement, [*(after.parameters if after else ()), *_values(new, given, here)])
        written = cursor.fetchall()
    if after is not None and not written:
        return False
    for row, values in zip(new, written, strict=True):
        for column, value in zip((model._meta.pk, *left), _read(back, values, here), strict=True):
            setattr(row, column.attname, value)
        _is_written(row)
    return True


def update(
    model: type[Model],
    key: int,
    before: Mapping[str, Any],
    back: Sequence[str | BaseExpression] = (),
    then: Statement | None = None,
    **fields: Any,
) -> tuple[Any, ...] | None:
    """Sets fields of the row with this key while it still is as it was `before`; gives `back` what else it holds.

    None where there is no such row any more; else `then` is carried out, too. An expression may be set that names no
    other field.
    """
    here = connections[DEFAULT_DB_ALIAS]
    if then is not None and not _takes_several(here):
        with transaction.atomic():
            found = update(model, key, before, back, **fields)
            if found is not None:
                carry_out(then)
            return found
    statement, parameters, readers = _setting(here, model, key, fields, before, tuple(back))
    if then is not None:
        # Texts are ours, values are parameters.
        statement = f"WITH found AS ({statement}), other AS ({then.text} AND EXISTS (SELECT FROM found)) TABLE found"
        parameters += then.parameters
    with _cursor(here) as cursor:
        cursor.execute(statement, parameters)
        rows = cursor.fetchall()
    return tuple(_read(readers, rows[0], here)) if rows else None


def write(inserts: Iterable[Sequence[Model]], model: type[Model], key: int, fields: Mapping[str, Any]) -> None:
    """Inserts rows, each kind in its turn, and sets fields of the row with this key.

    On PostgreSQL they have their keys already (see `next_key`), or nobody asks for them.
    """
    here, kinds = connections[DEFAULT_DB_ALIAS], [rows for rows in inserts if rows]
    if not (fields and kinds and _takes_several(here)):
        for rows in kinds:
            insert(rows)
        if fields:
            update(model, key, {}, **fields)
        return
    statement, parameters, _ = _setting(here, model, key, fields, {}, ())
    before: list[Any] = []
    news = []
    for number, rows in enumerate(kinds):
        given, _ = _columns(rows[0])
        news.append(f"new{number} AS ({_insert(here.vendor, type(rows[0]), given, (), len(rows), '')[0]})")
        before += _values(rows, given, here)
    with _cursor(here) as cursor:
        cursor.execute(f"WITH {', '.join(news)} {statement}", before + parameters)
    for rows in kinds:
        for row in rows:
            _is_written(row)


def next_key(model: type[Model]) -> BaseExpression | None:
    """A key for a new row, among what an UPDATE gives back; None where the database gives keys only at the INSERT."""
    if not _takes_several(connections[DEFAULT_DB_ALIAS]):
        return None
    return _next_key(model)


def carry_out(statement: Statement) -> bool:
    """Carries it out by itself; says whether it found a row."""
    with connections[DEFAULT_DB_ALIAS].cursor() as cursor:
        cursor.execute(statement.text, statement.parameters)
        return bool(cursor.rowcount)


@functools.cache
def _next_key(model: type[Model]) -> BaseExpression:
    return Func(template=f"nextval('{model._meta.db_table}_id_seq')", output_field=BigIntegerField())


def _takes_several(here: BaseDatabaseWrapper) -> bool:
    """Can one statement change several tables?"""
    return here.vendor == "postgresql"


def _cursor(here: BaseDatabaseWrapper) -> AbstractContextManager[Any]:
    """Our backend for PostgreSQL has a cursor for statements that come again and again."""
    cursor: AbstractContextManager[Any] = getattr(here, "preparing_cursor", here.cursor)()
    return cursor


def _values(rows: Iterable[Model], given: tuple[Any, ...], here: BaseDatabaseWrapper) -> list[Any]:
    return [one.get_db_prep_save(getattr(row, one.attname), here) for row in rows for one in given]


def _is_written(row: Model) -> None:
    row._state.adding, row._state.db = False, DEFAULT_DB_ALIAS


def _setting(
    here: BaseDatabaseWrapper,
    model: type[Model],
    key: int,
    fields: Mapping[str, Any],
    before: Mapping[str, Any],
    back: tuple[str | BaseExpression, ...],
) -> tuple[str, list[Any], Any]:
    """The UPDATE, its parameters, and what reads its answer."""
    columns = tuple(model._meta.get_field(name) for name in fields)
    same = tuple(model._meta.get_field(name) for name in before)
    expressions = tuple(value if isinstance(value, BaseExpression) else None for value in fields.values())
    statement, readers = _update(here.vendor, model, columns, expressions, same, back)
    parameters: list[Any] = []
    for column, value in zip(columns, fields.values(), strict=True):
        if isinstance(value, BaseExpression):
            parameters += _compiled(here.vendor, model, value)[1]
        else:
            parameters.append(_prepared(column, value, here))
    parameters += [key, *(_prepared(column, value, here) for column, value in zip(same, before.values(), strict=True))]
    return statement, parameters, readers


def _columns(row: Model) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """The columns that a new row gives a value for, and those that the database fills."""
    given: list[Any] = []
    left: list[Any] = []
    for column in row._meta.concrete_fields:
        if not column.primary_key or row.pk is not None:
            (left if isinstance(getattr(row, column.attname), DatabaseDefault) else given).append(column)
    return tuple(given), tuple(left)


@functools.lru_cache(maxsize=256)
def _insert(
    vendor: str, model: type[Model], given: tuple[Any, ...], left: tuple[Any, ...], rows: int, after: str
) -> tuple[str, Any]:
    back = (model._meta.pk, *left)
    table, values = _name(model._meta.db_table), ", ".join(["%s"] * len(given))
    # Names come from the models, values are parameters.
    if after:
        lines = " UNION ALL ".join([f"SELECT {values} WHERE EXISTS (SELECT FROM first)"] * rows)  # noqa: S608
        first = f"WITH first AS ({after} RETURNING 1) "
    else:
        lines, first = f"VALUES {', '.join([f'({values})'] * rows)}", ""
    statement = f"{first}INSERT INTO {table} ({_names(given)}) {lines} RETURNING {_names(back)}"
    return statement, tuple(_reader(model, column) for column in back)


@functools.lru_cache(maxsize=256)
def _update(
    vendor: str,
    model: type[Model],
    columns: tuple[Any, ...],
    expressions: tuple[Any, ...],
    same: tuple[Any, ...],
    back: tuple[Any, ...],
) -> tuple[str, Any]:
    sets = [
        f"{_name(column.column)} = {'%s' if expression is None else _compiled(vendor, model, expression)[0]}"
        for column, expression in zip(columns, expressions, strict=True)
    ]
    conditions = [f"{_name(column.column)} = %s" for column in (model._meta.pk, *same)]
    wanted: list[Any] = [model._meta.get_field(one) if isinstance(one, str) else one for one in back]
    wanted = wanted or [model._meta.pk]
    said = [
        _compiled(vendor, model, one)[0] if isinstance(one, BaseExpression) else _name(one.column) for one in wanted
    ]
    table, where = _name(model._meta.db_table), " AND ".join(conditions)
    statement = f"UPDATE {table} SET {', '.join(sets)} WHERE {where} RETURNING {', '.join(said)}"  # noqa: S608
    return statement, tuple(_reader(model, one) for one in wanted)


@functools.lru_cache(maxsize=256)
def _compiled(vendor: str, model: type[Model], expression: Any) -> tuple[str, tuple[Any, ...]]:
    query = model._default_manager.all().query
    compiler = query.get_compiler(connection=connections[DEFAULT_DB_ALIAS])
    statement, parameters = compiler.compile(expression.resolve_expression(query))
    return statement, tuple(parameters)


def _prepared(column: Any, value: Any, here: BaseDatabaseWrapper) -> Any:
    return column.get_db_prep_save(value.pk if isinstance(value, Model) else value, here)


def _reader(model: type[Model], of: Any) -> tuple[Any, tuple[Any, ...]]:
    """What makes a value of a column out of what the database gives, which differs between databases."""
    column = of if isinstance(of, Field) else of.output_field
    expression = Col(model._meta.db_table, column) if isinstance(of, Field) else of
    here = connections[DEFAULT_DB_ALIAS]
    return expression, (*here.ops.get_db_converters(expression), *expression.get_db_converters(here))


def _read(
    readers: Sequence[tuple[Any, tuple[Any, ...]]], values: Sequence[Any], here: BaseDatabaseWrapper
) -> list[Any]:
    result = []
    for (expression, steps), value in zip(readers, values, strict=True):
        for step in steps:
            value = step(value, expression, here)
        result.append(value)
    return result


def _names(columns: Iterable[Any]) -> str:
    return ", ".join(_name(column.column) for column in columns)


def _name(name: str) -> str:
    return connections[DEFAULT_DB_ALIAS].ops.quote_name(name)
