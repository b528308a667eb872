"""Read `state` if the value is a database URL.

This is a module of its own because importing SQLAlchemy takes longer than a whole `syncd status`.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from syncd.config.problems import InvalidValueError

_REMEDY = 'Write a path: state = "state/syncd.db".'


def resolve_sqlite_url(value: str, home: Path) -> str:
    """Return the URL with its file resolved against ``home``. Raises InvalidValueError."""
    try:
        url = make_url(value)
        url.get_dialect()
    except NoSuchModuleError:
        raise InvalidValueError("unknown type of database", _REMEDY) from None
    except (ArgumentError, ValueError):
        raise InvalidValueError("not a database URL", _REMEDY) from None
    file = sqlite_file(value)
    if file is None:
        reason = "the URL must name an SQLite file"
        raise InvalidValueError(reason, _REMEDY)
    return url.set(database=str(home / file)).render_as_string(hide_password=False)


def sqlite_file(url: str) -> Path | None:
    """Return the file of an SQLite URL; None for an in-memory or another database."""
    parsed = make_url(url)
    name = parsed.database or ""
    if parsed.get_backend_name() != "sqlite" or not name or name.startswith((":memory:", "file:")):
        return None
    return Path(name)
