"""Find the line of a key in a TOML text, because `tomllib` keeps no positions."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence

Path = tuple[str | int, ...]
"""Keys, and the index (from 0) of a table in an array of tables."""


def key_lines(text: str) -> Mapping[Path, int]:
    """Return the line (from 1) of each key and of each table header, by its path of keys.

    Used to name the line in error messages. Keys are found only at the beginning of a line. A table
    without a header of its own gets the line of its first inner table. The text must be valid TOML.
    A line inside a multi-line string may be mistaken for a key; then a message names a wrong line,
    without other consequences.
    """
    found: dict[Path, int] = {}
    indices: dict[Path, int] = {}
    table: Path = ()
    for number, line in enumerate(text.split("\n"), start=1):
        bare = line.strip()
        if bare.startswith("["):
            header = _path(bare)
            if header:
                if bare.startswith("[["):
                    indices[header] = indices.get(header, -1) + 1
                table = _with_indices(header, indices)
                for depth in range(len(table), 0, -1):
                    found.setdefault(table[:depth], number)
                found.setdefault(header, number)
        elif "=" in bare and not bare.startswith("#"):
            for key in _assigned(bare):
                found.setdefault(table + key, number)
                found.setdefault(_without_indices(table) + key, number)
    return found


def item_lines(text: str, table: Path) -> list[int]:
    """Return the lines (from 1) of the ``[[table]]`` headers, in the order of the file."""
    lines = enumerate(text.split("\n"), start=1)
    return [n for n, line in lines if line.strip().startswith("[[") and _path(line) == table]


def line_of(at: Sequence[str | int], lines: Mapping[Path, int]) -> int | None:
    """Return the line (from 1) of a key, or else the line of the nearest enclosing table.

    ``lines`` is the result of `key_lines`. Returns None if no enclosing table has a line.
    """
    path = tuple(at)
    if not any(path[:n] in lines for n in range(2, len(path) + 1)):
        path = _without_indices(path)
    return next((lines[path[:n]] for n in range(len(path), 0, -1) if path[:n] in lines), None)


def _with_indices(header: Path, indices: Mapping[Path, int]) -> Path:
    """Insert the index of the last table so far after each array of tables in a header."""
    path: Path = ()
    for depth, step in enumerate(header, start=1):
        path += (step,)
        if header[:depth] in indices:
            path += (indices[header[:depth]],)
    return path


def _without_indices(table: Path) -> Path:
    return tuple(step for step in table if isinstance(step, str))


def _assigned(line: str) -> Iterator[Path]:
    """Yield the key that a line assigns: the text before the first ``=`` that is a valid key."""
    for place, letter in enumerate(line):
        if letter == "=" and (key := _path(f"{line[:place]}=0")):
            yield key
            return


def _path(line: str) -> Path:
    try:
        node: object = tomllib.loads(line)
    except (ValueError, RecursionError):
        return ()
    steps: list[str] = []
    while isinstance(node, dict | list) and node:
        if isinstance(node, dict):
            step, node = next(iter(node.items()))
            steps.append(step)
        else:
            node = node[0]
    return tuple(steps)
