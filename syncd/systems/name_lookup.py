"""Finding one of many by what a person calls it, and saying why it is not to be found."""

from __future__ import annotations

import difflib
import unicodedata
from typing import TYPE_CHECKING

from syncd.systems.provisioning import UnresolvedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_FEW = 8
"""So many names are listed in a message."""


def fold_name(name: str) -> str:
    """A name without case, accents and doubled spaces: what people take for the same."""
    plain = unicodedata.normalize("NFKD", name)
    bare = "".join(letter for letter in plain if not unicodedata.combining(letter))
    return " ".join(bare.casefold().split())


def resolve_name(wanted: str, ids: Mapping[str, Sequence[str]], what: str, where: str) -> str:
    """Return the one id that is ``wanted`` itself, or bears it as one of its names.

    ``ids`` gives each id's names. Raises UnresolvedError, with a message of its own for none, for
    several, and for a name that differs in case or accents only.
    """
    if wanted in ids:
        return wanted
    exact = [id for id, names in ids.items() if wanted in names]
    if len(exact) == 1:
        return exact[0]
    if exact:
        raise UnresolvedError(
            f'{len(exact)} {what}s in {where} are called "{wanted}"',
            f"Write the id of the one that is meant: {', '.join(sorted(exact))}.",
        )
    every = sorted({name for names in ids.values() for name in names if name})
    near = [name for name in every if fold_name(name) == fold_name(wanted)]
    if near:
        raise UnresolvedError(
            f'no {what} in {where} is called "{wanted}"; "{near[0]}" differs only in case or '
            "accents",
            "Write the name exactly as it is there.",
        )
    raise UnresolvedError(f'no {what} in {where} is called "{wanted}"', _known(wanted, every))


def _known(wanted: str, every: Iterable[str]) -> str:
    names = list(every)
    close = difflib.get_close_matches(wanted, names, n=1)
    if close:
        return f'Did you mean "{close[0]}"?'
    if not names:
        return "There is none yet."
    shown = ", ".join(f'"{name}"' for name in names[:_FEW])
    return f"There are: {shown}{', …' if len(names) > _FEW else ''}."
