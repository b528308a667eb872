"""Plant a bug at a public seam: replace a public function, method or property of syncd.

A plant names what it replaces by the object itself, not by the text of its name. So a rename that
misses a plant is found by the type checker, and no plant depends on which modules import what.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import cache
from importlib import import_module
from pkgutil import walk_packages
from typing import Any

import pytest

import syncd

Replaceable = Callable[..., Any] | property


def swap(patch: pytest.MonkeyPatch, old: Replaceable, new: Replaceable) -> None:
    """Replace ``old`` in every module and class of syncd that binds it.

    ``new`` may call ``old`` through a name of its own, because only syncd's modules are changed.
    Functions in containers and default arguments stay. Raises ValueError for a private name, and
    for an object that no module of syncd binds.
    """
    _import_all()
    places = [place for name in sorted(sys.modules) for place in _places(name, old)]
    private = [name for _, name in places if is_private(name)]
    if private or not places:
        message = f"{private[0]} is private" if private else f"{old!r} is not part of syncd"
        raise ValueError(message)
    for owner, name in places:
        patch.setattr(owner, name, new)


def is_private(name: str) -> bool:
    """Return true for a name with a leading underscore, except names like ``__init__``."""
    return name.startswith("_") and not (name.startswith("__") and name.endswith("__"))


@cache
def _import_all() -> None:
    """Import each module of syncd: one that is first imported later would keep the bug."""
    for module in walk_packages(syncd.__path__, "syncd."):
        if not module.name.endswith("__main__") and ".migrations" not in module.name:
            import_module(module.name)


def _places(module_name: str, wanted: Replaceable) -> Iterator[tuple[object, str]]:
    """Yield each module and class of a module that binds an object, with the name."""
    if module_name.partition(".")[0] != "syncd":
        return
    module = sys.modules[module_name]
    for name, value in list(vars(module).items()):
        if value is wanted:
            yield module, name
        elif isinstance(value, type) and value.__module__ == module_name:
            for member, inner in list(vars(value).items()):
                if inner is wanted:
                    yield value, member
