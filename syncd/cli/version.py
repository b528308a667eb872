"""`syncd version`."""

from __future__ import annotations

from syncd import __version__
from syncd.cli import terminal
from syncd.cli.options import JsonOption


def version(*, as_json: JsonOption = False) -> None:
    """Print the version."""
    if as_json:
        terminal.print_json({"version": __version__})
    else:
        terminal.say(f"syncd {__version__}")
