"""What a cleanup through the daemon's door is asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from syncd.core.cleanup import Scope
from syncd.daemon.door import Refused
from syncd.engine.cleanup_beside import Wanted
from syncd.engine.giving_up import give_up

if TYPE_CHECKING:
    from syncd.daemon.work import Worker

KNOWN_OF_CLEANUP = frozenset(
    {"system", "provider", "chosen", "by_tag", "who", "give_up", "dry_run"}
)


def wanted_of(
    arguments: Mapping[str, Any], text: Callable[[Mapping[str, Any], str], str | None]
) -> Wanted:
    """Read what is to be cleaned up. Raises Refused."""
    chosen = arguments.get("chosen") or []
    if not isinstance(chosen, list) or not all(_is_event(each) for each in chosen):
        raise Refused("chosen is no list of events", "Send pairs of a system and an id.")
    return Wanted(
        Scope(text(arguments, "system") or "", text(arguments, "provider") or ""),
        frozenset((system, event) for system, event in chosen),
        arguments.get("by_tag") is True,
        text(arguments, "who") or "",
        arguments.get("dry_run") is True,
    )


def given_up(engine: Worker, system: str, who: str) -> Mapping[str, object]:
    """Give a system up that the running daemon does not work with. Raises Refused."""
    if any(system in systems for systems in engine.mapping.values()):
        raise Refused(
            f"the running daemon works with {system}",
            "Reload or restart it first, so that it reads the configuration without that system.",
        )
    return give_up(engine.store, system, who, engine.clock.now(), engine.ids).to_json()


def _is_event(said: object) -> bool:
    return isinstance(said, list) and len(said) == 2 and all(isinstance(x, str) for x in said)  # noqa: PLR2004
