"""How are the rows of the loop written, many times a second? By few statements, whose text is put together only once.

Django builds each statement anew, which takes several times as long as the database needs to carry it out. What a
step always writes is said here instead: one INSERT for each kind of row, and one conditional UPDATE by its key. Values
pass through their fields as everywhere, so that every database stores and gives back the same.

Most of what is left is the way to the database and back. PostgreSQL takes what belongs together as one statement, which
is its own transaction where there is no other, and keeps it prepared. SQLite, which is no way off, is told one by one.
"""

import functools
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any, NamedTuple, TypeVar, cast

from django.db import DEFAULT_DB_ALIAS, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import BigIntegerField, DateTimeField, ExpressionWrapper, Func, Model, QuerySet
from django.db.models.base import ModelState
from django.db.models.expressions import BaseExpression, Col, DatabaseDefault
from django.db.models.functions import Now
from psycopg import sql
from psycopg.types.json import Jsonb

Row = TypeVar("Row", bound=Model)


class Kept(ExpressionWrapper):
    """An expression that is used again and again. Two are the same only if they are one: texts are looked up by it."""

    __hash__ = object.__hash__
    __eq__ = object.__eq__


NOW = Kept(Now(), output_field=DateTimeField())
"""The database's clock, among what an UPDATE gives back."""


@dataclass(frozen=True)
class Statement:
    """An UPDATE of another row, which goes with one of ours. Its text ends with its condition."""

    text: str
    parameters: tuple[Any, ...]


@dataclass(frozen=True)
class Aside:
    """An UPDATE of another row by its key, that goes with a change: it sets `fields` of a row that still is as it was
    `before`; if it was, `then` changes another one, too. A statement carries it out also where the change itself finds
    nothing; what undoes a transaction undoes it.
    """

    model: type[Model]
    key: int
    before: Mapping[str, Any]
    fields: Mapping[str, Any]
    then: Statement | None


@dataclass(frozen=True)
class Rider:
    """A new row that goes with a change of other rows, in one statement: inserted where the change takes place, and
    where `after`, which is carried out with it, finds its row, too.

    With an `aside`, which `after` may ask about, `after` does for its row what the aside's own statement would do; that
    one is carried out only where `after` finds none.
    """

    after: Statement
    row: Model
    aside: Aside | None = None


def new(model: type[Row], /, **columns: Any) -> Row:
    """A row that is yet to be written, by its columns: keys instead of rows. The rest has the model's defaults.

    It is what `model(...)` makes of the same values, without asking each field for its part, which takes twenty times
    as long.
    """
    defaults, made = _defaults(model)
    if not columns.keys() <= defaults.keys():
        raise TypeError(f"{model.__name__} has no columns {', '.join(columns.keys() - defaults.keys())}.")
    row = model.__new__(model)
    row.__dict__ |= defaults | {name: default() for name, default in made if name not in columns} | columns
    row._state = ModelState()
    return row


@functools.cache
def _defaults(model: type[Model]) -> tuple[dict[str, Any], tuple[tuple[str, Callable[[], Any]], ...]]:
    """The defaults by their columns, and which of them are made anew for each row."""
    fields = model._meta.concrete_fields
    made = tuple((one.attname, one.get_default) for one in fields if one.has_default() and callable(one.default))
    return {one.attname: one.get_default() for one in fields}, made


def belong(row: Model, **others: Model) -> None:
    """Has a new row know the rows that its keys name. What Django's own way asks of routers is settled here."""
    for name, other in others.items():
        row.__dict__[f"{name}_id"] = other.pk
        row._state.fields_cache[name] = other


def insert(rows: Iterable[Model], after: Statement | None = None, *, read_back: bool = False) -> bool:
    """Inserts new rows of one kind, which get their keys, and what the database alone knows, in this order.

    `after` is carried out first; where it finds no row, nothing is inserted, and the answer is False. With `read_back`
    each value becomes what a later reading would find.
    """
    added = list(rows)
    if not added:
        return True
    here = _here()
    if after is not None and not takes_several():
        with transaction.atomic():
            return carry_out(after) and insert(added, read_back=read_back)
    shape = _shape(added[0], read_back)
    if after is None:
        statement, values = _inserting(shape, len(added)), []
    else:
        # Texts are ours, values are parameters.
        statement = f"WITH first AS ({after.text} RETURNING 1) {_inserting(shape, len(added), 'first')}"
        values = list(after.parameters)
    written = _carried_out(here, f"{statement} RETURNING {shape.said}", values + _values(added, shape, here))
    if after is not None and not written:
        return False
    for row, found in zip(added, written, strict=True):
        _read_new(row, shape, found, here)
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
    here, back = _here(), tuple(back) or ("pk",)
    if then is not None and not takes_several():
        with transaction.atomic():
            found = update(model, key, before, back, **fields)
            if found is not None:
                carry_out(then)
            return found
    statement, parameters = _setting(here, model, key, fields, before, back)
    if then is not None:
        # Texts are ours, values are parameters.
        statement = f"WITH found AS ({statement}), other AS ({then.text} AND EXISTS (SELECT FROM found)) TABLE found"
        parameters += then.parameters
    rows = _carried_out(here, statement, parameters)
    return tuple(_read(_readers(here.vendor, model, back), rows[0], here)) if rows else None


def write(
    inserts: Iterable[Sequence[Model]],
    model: type[Model],
    key: int,
    before: Mapping[str, Any],
    back: Sequence[str | BaseExpression] = (),
    rider: Rider | None = None,
    aside: Aside | None = None,
    **fields: Any,
) -> tuple[Any, ...] | None:
    """Sets fields of the row with this key as `update` does, and inserts rows of several kinds with it, or neither.

    One statement, for a database that takes several changes as one (see `takes_several`). The new rows have their keys
    already (see `next_key`), or nobody asks for them; where several are of one kind, no value of theirs is None. The
    row of a `rider` tells whether it was inserted, too (see `is_written`). An `aside` is carried out in any case, and a
    rider brings its own along.
    """
    here, back, kinds = _here(), tuple(back) or ("pk",), [rows for rows in inserts if rows]
    aside = aside if rider is None else rider.aside
    beside, parameters = "", list[Any]()
    if aside is not None:
        beside, parameters = _setting(here, aside.model, aside.key, aside.fields, aside.before, ("pk",))
    statement, given = _setting(here, model, key, fields, before, back)
    parameters += given
    shapes = tuple((_shape(rows[0]), len(rows)) for rows in kinds)
    for rows, (shape, _) in zip(kinds, shapes, strict=True):
        parameters += _values(rows, shape, here)
    riding = None if rider is None else _shape(rider.row)
    if rider is not None and riding is not None:
        parameters += [*rider.after.parameters, *_values([rider.row], riding, here)]
    then = aside.then if aside else None
    if then is not None:
        parameters += then.parameters
    text = _together(beside, statement, shapes, rider and rider.after.text, riding, then and then.text)
    found = _carried_out(here, text, parameters)
    if not found:
        return None
    for rows in kinds:
        for row in rows:
            _is_written(row)
    if rider is not None and riding is not None:
        _read_new(rider.row, riding, found[0][len(back) :], here)
    return tuple(_read(_readers(here.vendor, model, back), found[0][: len(back)], here))


@functools.lru_cache(maxsize=256)
def _together(
    aside: str,
    statement: str,
    shapes: "tuple[tuple[_Shape, int], ...]",
    first: str | None,
    riding: "_Shape | None",
    then: str | None,
) -> str:
    """One statement out of all that. No part sees what another one changes, and no row is changed by two of them."""
    parts = [f"aside AS ({aside})"] if aside else []
    parts.append(f"found AS ({statement})")
    parts += [f"new{number} AS ({_inserting(shape, count, 'found')})" for number, (shape, count) in enumerate(shapes)]
    asked, otherwise = "TABLE found", ""
    if riding is not None:
        parts.append(f"first AS ({first} AND EXISTS (SELECT FROM found) RETURNING 1)")
        parts.append(f"rider AS ({_inserting(riding, 1, 'first')} RETURNING {riding.said})")
        asked = "SELECT found.*, rider.* FROM found LEFT JOIN rider ON true"
        otherwise = " AND NOT EXISTS (SELECT FROM first)"
    if then is not None:
        parts.append(f"other AS ({then} AND EXISTS (SELECT FROM aside){otherwise})")
    return f"WITH {', '.join(parts)} {asked}"


def carry_out_aside(aside: Aside) -> bool:
    """Carries it out by itself; says whether it found its row."""
    return update(aside.model, aside.key, aside.before, then=aside.then, **aside.fields) is not None


def take(query: "Query", **fields: Any) -> tuple[Any, list[Any]] | None:
    """Sets fields of the first row that a kept query finds and locks; gives that row as it is then, and what the query
    says beside it, which is as it was before.

    Expressions may name the row's own fields. Where two statements are needed, the caller has a transaction open.
    """
    here = _here()
    if not takes_several():
        found = first(query)
        if found is None:
            return None
        row, beside = found
        now = update(query.model, row.pk, {}, query.names, **fields)
        assert now is not None  # found in the same transaction
        return query.model.from_db(DEFAULT_DB_ALIAS, query.names, now), beside
    names, expressions, parameters = _assigned(here, query.model, fields)
    return _first(query, _taking(query, _sets(here.vendor, query.model, names, expressions)), parameters)


@functools.lru_cache(maxsize=64)
def _taking(query: "Query", sets: str) -> str:
    """What was found is put aside first, so that no other row can be found and locked while this one is changed."""
    table, key = _name(query.model._meta.db_table), _column(query.model, "pk")
    back = [f"{table}.{_column(query.model, name)}" for name in query.names]
    back += [f"best.{_name(name)}" for name, _ in query.beside]
    return (
        f"WITH best AS MATERIALIZED ({query.text}) UPDATE {table} SET {sets} FROM best "  # noqa: S608
        f"WHERE {table}.{key} = best.{key} RETURNING {', '.join(back)}"
    )


def first(query: "Query") -> tuple[Any, list[Any]] | None:
    """The first row that a kept query finds, and what it says beside the row's own columns."""
    return _first(query, query.text, query.parameters)


def _first(query: "Query", text: str, parameters: Sequence[Any]) -> tuple[Any, list[Any]] | None:
    here = _here()
    found = _carried_out(here, text, parameters)
    if not found:
        return None
    own, beside = len(query.names), tuple(expression for _, expression in query.beside)
    values = _read(_readers(here.vendor, query.model, (*query.names, *beside)), found[0], here)
    return query.model.from_db(DEFAULT_DB_ALIAS, query.names, values[:own]), values[own:]


@dataclass(frozen=True)
class Query:
    """A SELECT whose text has been put together, for many times."""

    model: type[Model]
    names: tuple[str, ...]
    beside: tuple[tuple[str, BaseExpression], ...]
    text: str
    parameters: tuple[Any, ...]


def kept(queryset: QuerySet[Any], **beside: BaseExpression) -> Query:
    """Puts the text together of what is asked again and again: all columns of the first row, and what is named.

    PostgreSQL gets its values as a part of the text: one that plans it once can then use the indexes of those values.
    """
    names = tuple(column.attname for column in queryset.model._meta.concrete_fields)
    listed = queryset.annotate(**beside).values_list(*names, *beside)[:1]
    with transaction.atomic():  # Only there does Django put a text together that locks.
        text, parameters = listed.query.get_compiler(DEFAULT_DB_ALIAS).as_sql()
    if takes_several():
        text, parameters = _filled_in(text, parameters), ()
    return Query(queryset.model, names, tuple(beside.items()), text, tuple(parameters))


def _filled_in(text: str, parameters: Sequence[Any]) -> str:
    """The text with its values in the places of the placeholders."""
    first, *others = text.split("%s")
    values = [sql.quote(value) for value in parameters]
    if any("%" in value for value in values):
        raise ValueError(f"A percent sign would be taken for a placeholder: {values}")
    return first + "".join(f"{value}{other}" for value, other in zip(values, others, strict=True))


@functools.cache
def takes_several() -> bool:
    """Can one statement change several tables here, and a key be had before its row?"""
    return _here().vendor == "postgresql"


@functools.cache
def next_key(model: type[Model]) -> BaseExpression:
    """A key for a new row, among what an UPDATE gives back, where the database takes several changes as one."""
    return Func(template=f"nextval('{model._meta.db_table}_id_seq')", output_field=BigIntegerField())


def carry_out(statement: Statement) -> bool:
    """Carries it out by itself; says whether it found a row."""
    with _here().cursor() as cursor:
        cursor.execute(statement.text, statement.parameters)
        return bool(cursor.rowcount)


def _here() -> BaseDatabaseWrapper:
    return connections[DEFAULT_DB_ALIAS]


def _carried_out(here: BaseDatabaseWrapper, statement: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
    """Our backend for PostgreSQL has a way for statements that come again and again."""
    if (rows_of := getattr(here, "rows_of", None)) is not None:
        return cast(list[tuple[Any, ...]], rows_of(statement, parameters))
    with here.cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchall()


@dataclass(frozen=True, eq=False)
class _Shape:
    """Which columns new rows give values for, and which ones the database fills. One object for each such choice."""

    model: type[Model]
    given: "tuple[_Column, ...]"
    back: tuple[str, ...]
    """The key, and what the database fills."""

    @functools.cached_property
    def said(self) -> str:
        return ", ".join(_column(self.model, name) for name in self.back)


def _shape(row: Model, read_back: bool = False) -> _Shape:
    model = type(row)
    left = tuple(name for name in _with_default(model) if isinstance(row.__dict__.get(name), DatabaseDefault))
    return _shape_of(model, left, row.pk is not None, read_back)


@functools.cache
def _with_default(model: type[Model]) -> tuple[str, ...]:
    return tuple(column.attname for column in model._meta.concrete_fields if column.has_db_default())


@functools.cache
def _shape_of(model: type[Model], left: tuple[str, ...], with_key: bool, read_back: bool) -> _Shape:
    fields = model._meta.concrete_fields
    given = (one for one in fields if one.attname not in left and (with_key or not one.primary_key))
    back = tuple(one.attname for one in fields) if read_back else (model._meta.pk.attname, *left)
    return _Shape(model, tuple(map(_column_of, given)), back)


@functools.cache
def _inserting(shape: _Shape, rows: int, after: str = "") -> str:
    """The INSERT of so many rows; `after` something is found in an earlier part of the statement, if so named."""
    # Names come from the models, values are parameters.
    values = ", ".join(["%s"] * len(shape.given))
    if after:
        lines = " UNION ALL ".join([f"SELECT {values} WHERE EXISTS (SELECT FROM {after})"] * rows)  # noqa: S608
    else:
        lines = f"VALUES {', '.join([f'({values})'] * rows)}"
    columns = ", ".join(_name(one.field.column) for one in shape.given)
    return f"INSERT INTO {_name(shape.model._meta.db_table)} ({columns}) {lines}"


def _values(rows: Iterable[Model], shape: _Shape, here: BaseDatabaseWrapper) -> list[Any]:
    return [
        value
        if (value := row.__dict__[one.name]) is None or type(value) in one.as_it_is
        else _prepared(one, value, here)
        for row in rows
        for one in shape.given
    ]


def _read_new(row: Model, shape: _Shape, found: Sequence[Any], here: BaseDatabaseWrapper) -> None:
    """Has a new row know what the database gave it; nothing but None says that it was not inserted."""
    if found[0] is None:
        return
    for name, value in zip(shape.back, _read(_readers(here.vendor, shape.model, shape.back), found, here), strict=True):
        setattr(row, name, value)
    _is_written(row)


def is_written(row: Model) -> bool:
    return not row._state.adding


def _is_written(row: Model) -> None:
    row._state.adding, row._state.db = False, DEFAULT_DB_ALIAS


def _setting(
    here: BaseDatabaseWrapper,
    model: type[Model],
    key: int,
    fields: Mapping[str, Any],
    before: Mapping[str, Any],
    back: tuple[str | BaseExpression, ...],
) -> tuple[str, list[Any]]:
    """The UPDATE, and its parameters."""
    columns = _columns(model)
    names, expressions, parameters = _assigned(here, model, fields)
    parameters.append(key)
    parameters += [_prepared(columns[name], value, here) for name, value in before.items()]
    return _update(here.vendor, model, names, expressions, tuple(before), back), parameters


Expressions = tuple[tuple[str, BaseExpression], ...]


def _assigned(
    here: BaseDatabaseWrapper, model: type[Model], fields: Mapping[str, Any]
) -> tuple[tuple[str, ...], Expressions, list[Any]]:
    """What an UPDATE sets: the names, those that are set to expressions, and the parameters."""
    columns = _columns(model)
    parameters: list[Any] = []
    expressions: list[tuple[str, BaseExpression]] = []
    for name, value in fields.items():
        column = columns[name]
        if value is None or type(value) in column.as_it_is:
            parameters.append(value)
        elif isinstance(value, BaseExpression):
            expressions.append((name, value))
            parameters += _compiled(here.vendor, model, value)[1]
        else:
            parameters.append(_prepared(column, value, here))
    return tuple(fields), tuple(expressions), parameters


@functools.lru_cache(maxsize=512)
def _update(
    vendor: str,
    model: type[Model],
    names: tuple[str, ...],
    expressions: Expressions,
    before: tuple[str, ...],
    back: tuple[str | BaseExpression, ...],
) -> str:
    where = " AND ".join(f"{_column(model, name)} = %s" for name in ("pk", *before))
    read = [
        _compiled(vendor, model, one)[0] if isinstance(one, BaseExpression) else _column(model, one) for one in back
    ]
    sets = _sets(vendor, model, names, expressions)
    return f"UPDATE {_name(model._meta.db_table)} SET {sets} WHERE {where} RETURNING {', '.join(read)}"  # noqa: S608


@functools.lru_cache(maxsize=512)
def _sets(vendor: str, model: type[Model], names: tuple[str, ...], expressions: Expressions) -> str:
    said = {name: _compiled(vendor, model, expression)[0] for name, expression in expressions}
    return ", ".join(f"{_column(model, name)} = {said.get(name, '%s')}" for name in names)


@functools.lru_cache(maxsize=256)
def _compiled(vendor: str, model: type[Model], expression: Any) -> tuple[str, tuple[Any, ...]]:
    query = model._default_manager.all().query
    compiler = query.get_compiler(connection=_here())
    statement, parameters = compiler.compile(expression.resolve_expression(query))
    return statement, tuple(parameters)


_PLAIN = {
    *("CharField", "TextField", "SlugField", "BooleanField", "DateTimeField", "ForeignKey", "OneToOneField"),
    *("IntegerField", "BigIntegerField", "PositiveIntegerField", "PositiveSmallIntegerField"),
    *("PositiveBigIntegerField", "AutoField", "BigAutoField"),
}
_json = json.JSONEncoder().encode
_AS_IT_IS = frozenset({str, int, bool, datetime})
"""Values of these types psycopg takes for those kinds of columns without being told how."""


class _Column(NamedTuple):
    """A column as it is written."""

    field: Any
    name: str
    """The attribute of a row."""
    as_it_is: frozenset[type]
    """The types of values that need nothing."""
    is_json: bool
    """Does psycopg's own adapter for JSON do for all other values?"""


def _column_of(field: Any) -> _Column:
    kind, postgresql = field.get_internal_type(), takes_several()
    plain, is_json = kind in _PLAIN, kind == "JSONField" and field.encoder is None
    return _Column(field, field.attname, _AS_IT_IS if plain and postgresql else frozenset(), is_json and postgresql)


@functools.cache
def _columns(model: type[Model]) -> dict[str, _Column]:
    """The columns by the names of their fields, and of their attributes."""
    fields = model._meta.concrete_fields
    return {name: _column_of(one) for one in fields for name in (one.name, one.attname)}


def _prepared(column: _Column, value: Any, here: BaseDatabaseWrapper) -> Any:
    """The value as the database takes it."""
    if isinstance(value, Enum):
        value = value.value
    elif isinstance(value, Model):
        value = value.pk
    if value is None or type(value) in column.as_it_is:
        return value
    return Jsonb(value, _json) if column.is_json else column.field.get_db_prep_save(value, here)


Reader = tuple[Any, tuple[Any, ...]]


@functools.lru_cache(maxsize=256)
def _readers(vendor: str, model: type[Model], back: tuple[str | BaseExpression, ...]) -> tuple[Reader, ...]:
    """What makes values of columns out of what the database gives, which differs between databases."""
    here = _here()
    said: list[Any] = [
        one if isinstance(one, BaseExpression) else Col(model._meta.db_table, _field(model, one)) for one in back
    ]
    return tuple((one, (*here.ops.get_db_converters(one), *one.get_db_converters(here))) for one in said)


def _read(readers: Sequence[Reader], values: Sequence[Any], here: BaseDatabaseWrapper) -> list[Any]:
    result = []
    for (expression, steps), value in zip(readers, values, strict=True):
        for step in steps:
            value = step(value, expression, here)
        result.append(value)
    return result


def _column(model: type[Model], name: str) -> str:
    return _name(_field(model, name).column)


def _field(model: type[Model], name: str) -> Any:
    return model._meta.pk if name == "pk" else model._meta.get_field(name)


def _name(name: str) -> str:
    return _here().ops.quote_name(name)
