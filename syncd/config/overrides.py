"""`[rules]` and `[[rules.override]]`: what they mean for a provider, and contradict."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from syncd.config.mapping import Calendars
from syncd.config.problems import Finding, did_you_mean, join_names
from syncd.config.settings import OverrideSettings, RulesSettings
from syncd.core.rules import CHOICES, Choice, Override, Rules
from syncd.model import ConflictKind

_SETTABLE = tuple(str(kind) for kind, choices in CHOICES.items() if len(choices) > 1)
_PAIRS = frozenset({ConflictKind.MOVED_APART, ConflictKind.MOVED_AND_CANCELLED})
"""Kinds in which at least two systems are involved."""
_WRITTEN = frozenset({ConflictKind.BLOCK_EDITED, ConflictKind.SLOT_TAKEN})
"""Kinds that arise only where syncd writes."""
_MOVING = frozenset({Choice.RESCHEDULE, Choice.REVERT, Choice.NEXT_FREE})
"""Choices that move the meeting in the other systems."""

Case = tuple[str, ConflictKind, str]
"""A provider, a kind, and a system that is involved."""


def rules_of(said: RulesSettings, provider: str) -> Rules:
    """The rules of one provider: the table, and the overrides that speak of this provider."""
    general = Rules(
        prefer=said.prefer,
        moved_apart=said.moved_apart,
        moved_and_cancelled=said.moved_and_cancelled,
        block_edited=said.block_edited,
        slot_taken=said.slot_taken,
        double_booked=said.double_booked,
        twin_deleted=said.twin_deleted,
    )
    overrides = (
        Override(
            Choice(each.choice),
            kinds_of(each),
            frozenset() if each.system is None else frozenset({each.system}),
            place_of(number),
        )
        for number, each in enumerate(said.override)
        if each.provider in {None, provider}
    )
    return replace(general, overrides=tuple(overrides))


def kinds_of(override: OverrideSettings) -> frozenset[ConflictKind]:
    """The kinds that an override speaks of: the named one, else all that know its choice."""
    if override.kind is not None:
        return frozenset({ConflictKind(override.kind)})
    able = (k for k, choices in CHOICES.items() if len(choices) > 1 and override.choice in choices)
    return frozenset(able)


def place_of(number: int) -> str:
    """Where an override stands in the file, as error messages name it."""
    return f"rules.override[{number}]"


def check_rules(
    said: RulesSettings, calendars: Calendars, declared: Sequence[str]
) -> Iterator[Finding]:
    """Look for rules that contradict the mapping or each other, and overrides that never match."""
    words = list(_words(said, calendars, declared))
    yield from words
    if words:
        # What an override with a wrong word means is not known.
        return
    yield from _general(said, calendars)
    before: dict[tuple[str, ConflictKind], set[str]] = {}
    for number, override in enumerate(said.override):
        cases = _cases(override, calendars)
        at = ("rules", "override", number)
        alive = [c for c in cases if _matches(c, cases, before, calendars)]
        if not cases:
            remedy = "Correct provider, system or kind, or remove it."
            yield Finding(at, f"it can never match: {_why(override, calendars)}", remedy)
        elif not alive:
            about = {(provider, kind) for provider, kind, _ in cases}
            first = min(
                n
                for n in range(number)
                if about & {(p, k) for p, k, _ in _cases(said.override[n], calendars)}
            )
            remedy = "The first that matches wins: put this one before it, or remove it."
            reason = f"it can never match: {place_of(first)} comes first"
            yield Finding(at, reason, remedy)
        else:
            yield from _contradiction(said, calendars, Choice(override.choice), alive, at)
        for provider, kind, system in cases:
            before.setdefault((provider, kind), set()).add(system)


def _words(said: RulesSettings, calendars: Calendars, declared: Sequence[str]) -> Iterator[Finding]:
    """Look for words that name nothing."""
    every = [str(choice) for kind in _SETTABLE for choice in CHOICES[ConflictKind(kind)]]
    for number, override in enumerate(said.override):
        at = ("rules", "override", number)
        provider, system, kind = override.provider, override.system, override.kind
        if provider is not None and provider not in calendars:
            remedy = did_you_mean(provider, calendars)
            yield Finding((*at, "provider"), f'there is no provider "{provider}"', remedy)
        if system is not None and system not in declared:
            remedy = did_you_mean(system, declared)
            yield Finding((*at, "system"), f'there is no system "{system}"', remedy)
        allowed = list(dict.fromkeys(every))
        if kind is not None and kind not in _SETTABLE:
            known = kind in {str(k) for k in ConflictKind}
            reason = f"{kind} is always held" if known else f'there is no kind "{kind}"'
            remedy = f"Choose {join_names(_SETTABLE)}." if known else did_you_mean(kind, _SETTABLE)
            yield Finding((*at, "kind"), reason, remedy)
        elif kind is not None:
            allowed = [str(choice) for choice in CHOICES[ConflictKind(kind)]]
        if override.choice not in allowed:
            of = f" of {kind}" if kind in _SETTABLE else ""
            reason = f'"{override.choice}" is no choice{of}'
            yield Finding((*at, "choice"), reason, f"Write {join_names(allowed)}.")


def _cases(override: OverrideSettings, calendars: Calendars) -> list[Case]:
    """Every case of which an override speaks and that can arise."""
    return [
        (provider, kind, system)
        for provider, kept in calendars.items()
        if override.provider in {None, provider}
        for kind in sorted(kinds_of(override))
        for system in _systems(kind, provider, calendars)
        if override.system in {None, system}
    ]


def _systems(kind: ConflictKind, provider: str, calendars: Calendars) -> list[str]:
    """The systems in which such a conflict of a provider can arise."""
    kept = calendars[provider]
    if kind is not ConflictKind.DOUBLE_BOOKED and len(kept) == 1:
        return []
    return [name for name, calendar in kept.items() if calendar.write or kind not in _WRITTEN]


def _matches(
    case: Case,
    cases: Sequence[Case],
    before: Mapping[tuple[str, ConflictKind], set[str]],
    calendars: Calendars,
) -> bool:
    """Whether a conflict can arise in this case in which no earlier override's system is."""
    provider, kind, system = case
    free = set(_systems(kind, provider, calendars)) - before.get((provider, kind), set())
    return case in cases and system in free and len(free) >= (2 if kind in _PAIRS else 1)


def _why(override: OverrideSettings, calendars: Calendars) -> str:
    about = [p for p in calendars if override.provider in {None, p}]
    if override.system is not None and not any(override.system in calendars[p] for p in about):
        who = override.provider or "no provider"
        return f"{who} is {'not ' if override.provider else ''}kept in {override.system}"
    if all(len(calendars[p]) == 1 for p in about):
        return "with one system nothing differs"
    return f"syncd never writes to {override.system or 'these calendars'} (write = false)"


def _general(said: RulesSettings, calendars: Calendars) -> Iterator[Finding]:
    for kind in CHOICES:
        choice = getattr(said, kind, Choice.HOLD)
        cases = [(p, kind, s) for p in calendars for s in _systems(kind, p, calendars)]
        if cases:
            yield from _contradiction(said, calendars, choice, cases, ("rules", str(kind)))


def _contradiction(
    said: RulesSettings,
    calendars: Calendars,
    choice: Choice,
    cases: Sequence[Case],
    at: tuple[str | int, ...],
) -> Iterator[Finding]:
    """Look whether a choice can be carried out for anybody it speaks of."""
    providers = list(dict.fromkeys(provider for provider, _, _ in cases))
    if choice is Choice.PREFER:
        for provider in providers:
            unnamed = [s for s in calendars[provider] if s not in said.prefer]
            if len(unnamed) > 1:
                reason = (
                    f"prefer does not say which of {join_names(unnamed)} goes first ({provider})"
                )
                yield Finding(at, reason, "Name all but one in prefer = […].")
                return
    elif choice in _MOVING and not any(
        calendar.write
        for provider, _, system in cases
        for other, calendar in calendars[provider].items()
        if other != system
    ):
        reason = f'"{choice}" moves the meeting in another system, and all others are only read'
        yield Finding(at, reason, "Choose another, or let syncd write there.")
