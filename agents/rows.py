"""How are the rows of the loop written, many times a second? By statements whose text is put together only once.

Django builds each statement anew, which takes several times as long as the database needs to carry it out. What a
step always writes is said here instead: one INSERT for each kind of row, and one conditional UPDATE by its key. Values
pass through their fields as everywhere, so that every database stores and gives back the same.
"""

import functools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Field, Model
from django.db.models.expressions import BaseExpression, Col, DatabaseDefault
from django.db.models.functions import Now

NOW = Now()
"""The database's clock, among what an UPDATE gives back."""


def insert(rows: Iterable[Model]) -> None:
    """Inserts new rows of one kind, which get their keys, and what the database alone knows, in this order."""
    new = list(rows)
    if not new:
        return
    model, here = type(new[0]), connections[DEFAULT_DB_ALIAS]
    given, left = _columns(new[0])
    parameters = [one.get_db_prep_save(getattr(row, one.attname), here) for row in new for one in given]
    statement, back = _insert(here.vendor, model, given, left, len(new))
    with here.cursor() as cursor:
        cursor.execute(statement, parameters)
        written = cursor.fetchall()
    for row, values in zip(new, written, strict=True):
        for column, value in zip((model._meta.pk, *left), _read(back, values, here), strict=True):
            setattr(row, column.attname, value)
        row._state.adding, row._state.db = False, DEFAULT_DB_ALIAS


def update(
    model: type[Model], key: int, before: Mapping[str, Any], back: Sequence[str | Now] = (), **fields: Any
) -> tuple[Any, ...] | None:
    """Sets fields of the row with this key while it still is as it was `before`; gives `back` what else it holds.

    None where there is no such row any more. An expression may be set that names no other field.
    """
    columns = tuple(model._meta.get_field(name) for name in fields)
    same = tuple(model._meta.get_field(name) for name in before)
    values = tuple(fields.values())
    expressions = tuple(value if isinstance(value, BaseExpression) else None for value in values)
    here = connections[DEFAULT_DB_ALIAS]
    statement, readers = _update(here.vendor, model, columns, expressions, same, tuple(back))
    parameters: list[Any] = []
    for column, value in zip(columns, values, strict=True):
        if isinstance(value, BaseExpression):
            parameters += _compiled(here.vendor, model, value)[1]
        else:
            parameters.append(_prepared(column, value, here))
    parameters += [key, *(_prepared(column, value, here) for column, value in zip(same, before.values(), strict=True))]
    with here.cursor() as cursor:
        cursor.execute(statement, parameters)
        found = cursor.fetchall()
    return tuple(_read(readers, found[0], here)) if found else None


def _columns(row: Model) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """The columns that a new row gives a value for, and those that the database fills."""
    given: list[Any] = []
    left: list[Any] = []
    for column in row._meta.concrete_fields:
        if not column.primary_key:
            (left if isinstance(getattr(row, column.attname), DatabaseDefault) else given).append(column)
    return tuple(given), tuple(left)


@functools.lru_cache(maxsize=256)
def _insert(
    vendor: str, model: type[Model], given: tuple[Any, ...], left: tuple[Any, ...], rows: int
) -> tuple[str, Any]:
    back = (model._meta.pk, *left)
    row = f"({', '.join(['%s'] * len(given))})"
    table, values = _name(model._meta.db_table), ", ".join([row] * rows)
    # Names come from the models, values are parameters.
    statement = f"INSERT INTO {table} ({_names(given)}) VALUES {values} RETURNING {_names(back)}"  # noqa: S608
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
    said = [_compiled(vendor, model, one)[0] if isinstance(one, Now) else _name(one.column) for one in wanted]
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
