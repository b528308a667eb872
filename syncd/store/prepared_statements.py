"""Statements in the driver's own words: compiled once, and carried out on its own cursor.

For one row SQLAlchemy takes some 100 µs and the driver 5, and a write to a system is six such
statements. The SQL stays SQLAlchemy's, for each database, and so do the column types.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Dialect, Table, func
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine.interfaces import DBAPICursor

Converter = Callable[[Any], Any]
"""What a type does to a value on its way, unless that is None."""


@dataclass(frozen=True, slots=True)
class CompiledStatement:
    """One statement for one kind of database: its text, what it takes, and what it shows.

    ``given`` are the values that stand in the statement itself. ``binds`` and ``converters`` name
    what the driver does not take or show as it is meant: by name, or by place where it ``counts``
    them.
    """

    text: str
    parameters: tuple[str, ...]
    columns: tuple[str, ...]
    given: Mapping[str, Any]
    binds: tuple[tuple[Any, Converter], ...]
    converters: tuple[tuple[str, Converter], ...]
    counts: bool

    def execute(self, cursor: DBAPICursor, values: Sequence[Mapping[str, Any]]) -> None:
        """Carry it out once for each of these rows."""
        if len(values) == 1:
            cursor.execute(self.text, self._bound(values[0]))
        else:
            cursor.executemany(self.text, [self._bound(row) for row in values])

    def query(
        self, cursor: DBAPICursor, questions: Iterable[Mapping[str, Any]]
    ) -> list[dict[str, Any]]:
        """The rows that answer these questions, one after the other."""
        found = []
        for asked in questions:
            cursor.execute(self.text, self._bound(asked))
            found += [dict(zip(self.columns, row, strict=True)) for row in cursor.fetchall()]
        for name, turn in self.converters:
            for row in found:
                if (value := row[name]) is not None:
                    row[name] = turn(value)
        return found

    def pairs(self, cursor: DBAPICursor, asked: Mapping[str, Any]) -> dict[str, str]:
        """Two columns of text, by the first: as the driver gives them, none of them kept twice."""
        cursor.execute(self.text, self._bound(asked))
        return dict(cursor)  # type: ignore[call-overload,no-any-return]

    def _bound(self, row: Mapping[str, Any]) -> Any:
        if self.given:
            row = {**self.given, **row}
        bound: Any = (
            [row[name] for name in self.parameters]
            if self.counts
            else {name: row[name] for name in self.parameters}
        )
        for key, turn in self.binds:
            if (value := bound[key]) is not None:
                bound[key] = turn(value)
        return bound


_KEPT: dict[tuple[object, ...], CompiledStatement] = {}


def compiled(dialect: Dialect, statement: Any) -> CompiledStatement:
    """A SELECT, UPDATE or DELETE that is a constant of the program: it is kept for good."""
    return _kept((type(dialect), statement), dialect, lambda: statement)


def upsert(dialect: Dialect, table: Table, columns: tuple[str, ...]) -> CompiledStatement:
    """INSERT, or replace the row that is there; but see `_upsert`."""
    return _kept(
        (type(dialect), table, columns), dialect, lambda: _upsert(dialect, table, columns), columns
    )


def insert(dialect: Dialect, table: Table, columns: tuple[str, ...]) -> CompiledStatement:
    """INSERT into a table that numbers its rows itself."""
    return _kept(
        (type(dialect), table, columns, "add"), dialect, lambda: table.insert().inline(), columns
    )


def insert_statement(dialect: Dialect, table: Table) -> Any:
    """An INSERT that knows ON CONFLICT; both databases spell it alike."""
    return (postgresql if dialect.name == "postgresql" else sqlite).insert(table)


def _upsert(dialect: Dialect, table: Table, columns: tuple[str, ...]) -> Any:
    """Replace all columns but ``first_at``; those of a ``last_`` time only where there is one."""
    statement = insert_statement(dialect, table)
    keys = [column.name for column in table.primary_key]
    stays = {*keys, "first_at"}
    fresh = {name: statement.excluded[name] for name in columns if name not in stays}
    fresh |= {
        name: func.coalesce(value, table.c[name])
        for name, value in fresh.items()
        if name.startswith("last_")
    }
    return statement.on_conflict_do_update(index_elements=keys, set_=fresh)


def _kept(
    key: tuple[object, ...],
    dialect: Dialect,
    make: Callable[[], Any],
    columns: Sequence[str] | None = None,
) -> CompiledStatement:
    found = _KEPT.get(key)
    if found is None:
        found = _KEPT[key] = _prepare(make(), dialect, columns)
    return found


def _prepare(statement: Any, dialect: Dialect, columns: Sequence[str] | None) -> CompiledStatement:
    compiled = statement.compile(dialect=dialect, column_keys=columns)
    counts = bool(compiled.positional)
    takes = compiled.positiontup if counts else list(compiled.params)
    binds = [
        compiled.binds[name].type.dialect_impl(dialect).bind_processor(dialect) for name in takes
    ]
    shown = list(getattr(statement, "selected_columns", ()))
    turns = [c.type.dialect_impl(dialect).result_processor(dialect, None) for c in shown]
    return CompiledStatement(
        str(compiled),
        tuple(takes),
        tuple(column.name for column in shown),
        {name: value for name, value in compiled.params.items() if value is not None},
        tuple(
            (place if counts else name, turn)
            for place, (name, turn) in enumerate(zip(takes, binds, strict=True))
            if turn is not None
        ),
        tuple((c.name, turn) for c, turn in zip(shown, turns, strict=True) if turn is not None),
        counts,
    )
