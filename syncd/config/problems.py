"""Problems of a configuration, with their place and remedy, and their wording."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem of the configuration: its place, the reason, and the remedy.

    ``file`` is None if no file was found. ``key`` is dotted, and '' for the whole file. ``line``
    counts from 1, and is None if the line is not known. If ``warning`` is true, syncd runs in spite
    of the problem.
    """

    file: Path | None
    key: str
    line: int | None
    reason: str
    remedy: str
    warning: bool = False

    @property
    def where(self) -> str:
        """The file, line and key, as far as they are known."""
        place = "" if self.file is None else str(self.file)
        if place and self.line is not None:
            place += f":{self.line}"
        return ": ".join(part for part in (place, self.key) if part)

    def to_json(self) -> dict[str, object]:
        """Return one entry of ``problems`` in JSON; the keys are stable."""
        return {
            "file": None if self.file is None else str(self.file),
            "line": self.line,
            "key": self.key or None,
            "message": self.reason,
            "remedy": self.remedy,
        }

    def __str__(self) -> str:
        """Return file, line, key, reason and remedy in one line."""
        message = ": ".join(part for part in (self.where, self.reason) if part)
        return f"{message}. {self.remedy}" if self.remedy else f"{message}."


@dataclass(frozen=True, slots=True)
class Finding:
    """A problem whose file and line are not known yet.

    ``at`` is the path of keys and list indices that leads to the value.
    """

    at: tuple[str | int, ...]
    reason: str
    remedy: str
    warning: bool = False


class ConfigError(Exception):
    """The configuration cannot be used; ``problems`` lists all the reasons."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__(self.problems)

    def __str__(self) -> str:
        """Return all problems, one per line."""
        return "\n".join(map(str, self.problems))


class InvalidValueError(ValueError):
    """A value in the configuration cannot be used.

    Raised by functions that parse one value. ``under`` is the path of the invalid key inside the
    value, if the value is a table; () for the value as a whole.
    """

    def __init__(self, reason: str, remedy: str, *, under: tuple[str, ...] = ()) -> None:
        self.reason, self.remedy, self.under = reason, remedy, under
        super().__init__(reason)


_BARE = re.compile("[A-Za-z0-9_-]+")


def dotted(at: Sequence[str | int]) -> str:
    """Format the path of a key as in TOML: quoted if necessary, ``[0]`` for an index."""
    steps = (f"[{step}]" if isinstance(step, int) else f".{_quoted(step)}" for step in at)
    return "".join(steps).removeprefix(".")


def _quoted(step: str) -> str:
    return step if _BARE.fullmatch(step) else json.dumps(step, ensure_ascii=False)


def did_you_mean(word: str, known: Iterable[str], none: str = "Remove this entry.") -> str:
    """Return the remedy for an unknown word in the configuration, as a sentence.

    The remedy names the most similar word in ``known``, or else all known words. Without known
    words, the remedy is ``none``. The result is never empty: every problem has a remedy.
    """
    words = tuple(known)
    close = difflib.get_close_matches(word, words, n=1)
    if close:
        return f'Did you mean "{close[0]}"?'
    return f"Choose {join_names(words)}." if words else none


def join_names(words: Sequence[str]) -> str:
    """Join words for a sentence: ``"a", "b" or "c"``."""
    quoted = [f'"{word}"' for word in words]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} or {quoted[-1]}"
