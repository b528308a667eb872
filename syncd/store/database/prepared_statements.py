"""Statements that are compiled once and executed on the driver's own cursor.

For one row SQLAlchemy takes about 100 µs and the driver 5 µs, and a write to a system needs six
statements. SQLAlchemy still generates the SQL for each database, and converts the column types.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Dialect, Table, func
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine.interfaces import DBAPICursor

Converter = Callable[[Any], Any]
"""A function that converts a value between its column type and the driver. None is never passed."""


@dataclass(frozen=True, slots=True)
class CompiledStatement:
    """One statement for one kind of database.

    - ``text``: the SQL; ``parameters``: the names of its parameters; ``columns``: those of its
      result.
    - ``given``: the values of literals in the statement.
    - ``binds``: the converters of parameters that the driver does not take as they are; by name, or
      by position if parameters are ``positional``.
    - ``converters``: the converters of result columns, by name.
    """

    text: str
    parameters: tuple[str, ...]
    columns: tuple[str, ...]
    given: Mapping[str, Any]
    binds: tuple[tuple[Any, Converter], ...]
    converters: tuple[tuple[str, Converter], ...]
    positional: bool

    def execute(self, cursor: DBAPICursor, values: Sequence[Mapping[str, Any]]) -> None:
        """Execute the statement once for each set of parameters."""
        if len(values) == 1:
            cursor.execute(self.text, self._bound(values[0]))
        else:
            cursor.executemany(self.text, [self._bound(row) for row in values])

    def query(
        self, cursor: DBAPICursor, parameter_sets: Iterable[Mapping[str, Any]]
    ) -> list[dict[str, Any]]:
        """Run the query once for each set of parameters, and return all rows."""
        result = []
        for parameters in parameter_sets:
            cursor.execute(self.text, self._bound(parameters))
            result += [dict(zip(self.columns, row, strict=True)) for row in cursor.fetchall()]
        for name, convert in self.converters:
            for row in result:
                if (value := row[name]) is not None:
                    row[name] = convert(value)
        return result

    def pairs(self, cursor: DBAPICursor, parameters: Mapping[str, Any]) -> dict[str, str]:
        """Run a query with two text columns, and return the second column by the first."""
        cursor.execute(self.text, self._bound(parameters))
        return dict(cursor)  # type: ignore[call-overload,no-any-return]

    def _bound(self, row: Mapping[str, Any]) -> Any:
        if self.given:
            row = {**self.given, **row}
        bound: Any = (
            [row[name] for name in self.parameters]
            if self.positional
            else {name: row[name] for name in self.parameters}
        )
        for key, convert in self.binds:
            if (value := bound[key]) is not None:
                bound[key] = convert(value)
        return bound


_CACHE: dict[tuple[object, ...], CompiledStatement] = {}


def compiled(dialect: Dialect, statement: Any) -> CompiledStatement:
    """Return a compiled SELECT, UPDATE or DELETE. It is cached for good: pass only constants."""
    return _cached((type(dialect), statement), dialect, lambda: statement)


def upsert(dialect: Dialect, table: Table, columns: tuple[str, ...]) -> CompiledStatement:
    """Return a compiled INSERT that replaces an existing row (exceptions: `_upsert`)."""
    return _cached(
        (type(dialect), table, columns), dialect, lambda: _upsert(dialect, table, columns), columns
    )


def insert(dialect: Dialect, table: Table, columns: tuple[str, ...]) -> CompiledStatement:
    """Return a compiled INSERT into a table that numbers its rows itself."""
    return _cached(
        (type(dialect), table, columns, "add"), dialect, lambda: table.insert().inline(), columns
    )


def insert_statement(dialect: Dialect, table: Table) -> Any:
    """Return an INSERT that supports ON CONFLICT, for either database."""
    return (postgresql if dialect.name == "postgresql" else sqlite).insert(table)


def _upsert(dialect: Dialect, table: Table, columns: tuple[str, ...]) -> Any:
    """Replace all columns except ``first_at``; ``last_...`` columns only with a value, not NULL."""
    statement = insert_statement(dialect, table)
    keys = [column.name for column in table.primary_key]
    unchanged = {*keys, "first_at"}
    updates = {name: statement.excluded[name] for name in columns if name not in unchanged}
    updates |= {
        name: func.coalesce(value, table.c[name])
        for name, value in updates.items()
        if name.startswith("last_")
    }
    return statement.on_conflict_do_update(index_elements=keys, set_=updates)


def _cached(
    key: tuple[object, ...],
    dialect: Dialect,
    make: Callable[[], Any],
    columns: Sequence[str] | None = None,
) -> CompiledStatement:
    statement = _CACHE.get(key)
    if statement is None:
        statement = _CACHE[key] = _prepare(make(), dialect, columns)
    return statement


def _prepare(statement: Any, dialect: Dialect, columns: Sequence[str] | None) -> CompiledStatement:
    compiled = statement.compile(dialect=dialect, column_keys=columns)
    positional = bool(compiled.positional)
    names = compiled.positiontup if positional else list(compiled.params)
    binds = [
        compiled.binds[name].type.dialect_impl(dialect).bind_processor(dialect) for name in names
    ]
    selected = list(getattr(statement, "selected_columns", ()))
    results = [c.type.dialect_impl(dialect).result_processor(dialect, None) for c in selected]
    return CompiledStatement(
        str(compiled),
        tuple(names),
        tuple(column.name for column in selected),
        {name: value for name, value in compiled.params.items() if value is not None},
        tuple(
            (position if positional else name, convert)
            for position, (name, convert) in enumerate(zip(names, binds, strict=True))
            if convert is not None
        ),
        tuple((c.name, convert) for c, convert in zip(selected, results, strict=True) if convert),
        positional,
    )
