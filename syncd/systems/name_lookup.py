"""Resolve a name from the configuration to an id, or explain why it cannot be resolved."""

from __future__ import annotations

import difflib
import unicodedata
from typing import TYPE_CHECKING

from syncd.systems.provisioning import UnresolvedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_MAX_LISTED = 8
"""Names that a message lists at most."""


def fold_name(name: str) -> str:
    """Return a name without case, accents and repeated spaces, to compare names leniently."""
    decomposed = unicodedata.normalize("NFKD", name)
    letters = "".join(letter for letter in decomposed if not unicodedata.combining(letter))
    return " ".join(letters.casefold().split())


def resolve_name(wanted: str, ids: Mapping[str, Sequence[str]], what: str, where: str) -> str:
    """Return the id that equals ``wanted``, or the id of the only thing with that name.

    ``ids`` maps each id to its names; ``what`` (the kind) and ``where`` (the place) are used in
    messages. Raises UnresolvedError if not exactly one id matches; the message says if a name
    differs only in case or accents.
    """
    if wanted in ids:
        return wanted
    exact = [id for id, names in ids.items() if wanted in names]
    if len(exact) == 1:
        return exact[0]
    if exact:
        raise UnresolvedError(
            f'{len(exact)} {what}s in {where} are called "{wanted}"',
            f"Use the id instead of the name: {', '.join(sorted(exact))}.",
        )
    every = sorted({name for names in ids.values() for name in names if name})
    near = [name for name in every if fold_name(name) == fold_name(wanted)]
    if near:
        raise UnresolvedError(
            f'no {what} in {where} is called "{wanted}"; "{near[0]}" differs only in case or '
            "accents",
            "Use exactly the same spelling.",
        )
    raise UnresolvedError(f'no {what} in {where} is called "{wanted}"', _suggestion(wanted, every))


def _suggestion(wanted: str, every: Iterable[str]) -> str:
    names = list(every)
    close = difflib.get_close_matches(wanted, names, n=1)
    if close:
        return f'Did you mean "{close[0]}"?'
    if not names:
        return "None exists yet."
    shown = ", ".join(f'"{name}"' for name in names[:_MAX_LISTED])
    return f"Existing names: {shown}{', …' if len(names) > _MAX_LISTED else ''}."
