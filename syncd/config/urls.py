"""The state given as a database URL: an SQLite file, and where it is.

Apart from the other fields, because SQLAlchemy takes longer to import than a whole `syncd status`.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from syncd.config.problems import InvalidValueError

_REMEDY = 'Write a path: state = "state/syncd.db".'


def resolve_sqlite_url(value: str, home: Path) -> str:
    """The URL, its file anchored at a directory. Raises InvalidValueError where it names none."""
    try:
        url = make_url(value)
        url.get_dialect()
    except NoSuchModuleError:
        raise InvalidValueError("SQLAlchemy knows no such kind of database", _REMEDY) from None
    except (ArgumentError, ValueError):
        raise InvalidValueError("it is no database URL", _REMEDY) from None
    file = sqlite_file(value)
    if file is None:
        reason = "this version keeps its state in an SQLite file, and this names none"
        raise InvalidValueError(reason, _REMEDY)
    return url.set(database=str(home / file)).render_as_string(hide_password=False)


def sqlite_file(url: str) -> Path | None:
    """Return the file of an SQLite URL; None for memory and for other databases."""
    parsed = make_url(url)
    name = parsed.database or ""
    if parsed.get_backend_name() != "sqlite" or not name or name.startswith((":memory:", "file:")):
        return None
    return Path(name)
