"""Set up the log: text on a terminal, else JSON lines; secrets and personal data are masked."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable, MutableMapping
from typing import Any, Literal

import structlog

from syncd.systems.redact import Redactor
from syncd.systems.sanitize import sanitize

_NOT_REDACTED = frozenset({"level", "timestamp", "run", "event_id", "system"})
"""Fields with syncd's own ids and times: redacting them would make the log useless."""


def set_up(
    secrets: Iterable[str] = (),
    *,
    style: Literal["auto", "text", "json"] = "auto",
    level: Literal["debug", "info", "warning", "error"] = "info",
) -> None:
    """Send the log to standard error, with all ``secrets`` masked wherever they occur.

    ``style`` "auto" means text on a terminal and JSON elsewhere.
    """
    text = sys.stderr.isatty() if style == "auto" else style == "text"
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _Redaction(Redactor(secrets)),
    ]
    renderer: Any = (
        structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
        if text
        else structlog.processors.JSONRenderer(sort_keys=True)
    )
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    # Log records of libraries take the same path.
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)


class _Redaction:
    """The last structlog processor before rendering: it masks all values."""

    def __init__(self, redactor: Redactor) -> None:
        self._redact = redactor

    def __call__(
        self, _logger: Any, _method: str, fields: MutableMapping[str, Any]
    ) -> MutableMapping[str, Any]:
        for name, value in fields.items():
            if name == "exception":
                lines = str(value).splitlines()
                fields[name] = "\n".join(self._line(line) for line in lines)
            elif name in _NOT_REDACTED and isinstance(value, str):
                fields[name] = sanitize(value)
            elif not name.startswith("_"):
                fields[name] = self._deep(value)
        return fields

    def _deep(self, value: Any) -> Any:
        match value:
            case str():
                return self._redact(value)
            case dict():
                return {key: self._deep(each) for key, each in value.items()}
            case list() | tuple() | set() | frozenset():
                return [self._deep(each) for each in value]
            case bool() | int() | float() | None:
                return value
            case _:
                return self._redact(str(value))

    def _line(self, line: str) -> str:
        indent = line[: len(line) - len(line.lstrip())]
        return indent + self._redact(line)
