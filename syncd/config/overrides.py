"""Turn `[rules]` and `[[rules.override]]` into a provider's rules, and check them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from syncd.config.mapping import ProviderCalendars
from syncd.config.problems import Finding, did_you_mean, join_names
from syncd.config.settings import OverrideSettings, RulesSettings
from syncd.core.merging.rules import CHOICES, Choice, Override, Rules
from syncd.model import ConflictKind

_SETTABLE = tuple(str(kind) for kind, choices in CHOICES.items() if len(choices) > 1)
_PAIRS = frozenset({ConflictKind.MOVED_APART, ConflictKind.MOVED_AND_CANCELLED})
"""Kinds that involve at least two systems."""
_WRITTEN = frozenset({ConflictKind.BLOCK_EDITED, ConflictKind.SLOT_TAKEN})
"""Kinds that occur only where syncd writes."""
_MOVING = frozenset({Choice.RESCHEDULE, Choice.REVERT, Choice.NEXT_FREE})
"""Choices that move the meeting in the other systems."""

Case = tuple[str, ConflictKind, str]
"""A possible conflict: a provider, a kind, and a system that is involved."""


def rules_of(settings: RulesSettings, provider: str) -> Rules:
    """Return the rules of one provider: those of `[rules]`, changed by the overrides that apply."""
    general = Rules(
        prefer=settings.prefer,
        moved_apart=settings.moved_apart,
        moved_and_cancelled=settings.moved_and_cancelled,
        block_edited=settings.block_edited,
        slot_taken=settings.slot_taken,
        double_booked=settings.double_booked,
        twin_deleted=settings.twin_deleted,
    )
    overrides = (
        Override(
            Choice(each.choice),
            kinds_of(each),
            frozenset() if each.system is None else frozenset({each.system}),
            override_key(number),
        )
        for number, each in enumerate(settings.override)
        if each.provider in {None, provider}
    )
    return replace(general, overrides=tuple(overrides))


def kinds_of(override: OverrideSettings) -> frozenset[ConflictKind]:
    """Return the kinds of conflicts that an override applies to.

    Without a named kind, these are all kinds that can have the override's choice.
    """
    if override.kind is not None:
        return frozenset({ConflictKind(override.kind)})
    return frozenset(
        kind for kind, choices in CHOICES.items() if len(choices) > 1 and override.choice in choices
    )


def override_key(number: int) -> str:
    """Return the key of an override, as error messages name it; ``number`` counts from 0."""
    return f"rules.override[{number}]"


def check_rules(
    settings: RulesSettings, calendars: ProviderCalendars, declared: Sequence[str]
) -> Iterator[Finding]:
    """Yield rules that contradict the mapping or each other, and overrides that never match."""
    unknown_names = list(_unknown_names(settings, calendars, declared))
    yield from unknown_names
    if unknown_names:
        # Which cases an override with an unknown name applies to is not known.
        return
    yield from _check_table(settings, calendars)
    before: dict[tuple[str, ConflictKind], set[str]] = {}
    for number, override in enumerate(settings.override):
        cases = _cases(override, calendars)
        at = ("rules", "override", number)
        matching = [c for c in cases if _matches(c, cases, before, calendars)]
        if not cases:
            remedy = "Correct provider, system or kind, or remove the override."
            yield Finding(
                at, f"the override can never match: {_why_none(override, calendars)}", remedy
            )
        elif not matching:
            pairs = {(provider, kind) for provider, kind, _ in cases}
            first = min(
                n
                for n in range(number)
                if pairs & {(p, k) for p, k, _ in _cases(settings.override[n], calendars)}
            )
            remedy = "The first match wins: put this override before it, or remove this one."
            reason = f"the override can never match: {override_key(first)} comes first"
            yield Finding(at, reason, remedy)
        else:
            yield from _contradiction(settings, calendars, Choice(override.choice), matching, at)
        for provider, kind, system in cases:
            before.setdefault((provider, kind), set()).add(system)


def _unknown_names(
    settings: RulesSettings, calendars: ProviderCalendars, declared: Sequence[str]
) -> Iterator[Finding]:
    """Yield unknown providers, systems, kinds and choices."""
    every = [str(choice) for kind in _SETTABLE for choice in CHOICES[ConflictKind(kind)]]
    for number, override in enumerate(settings.override):
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
            reason = (
                f"conflicts of kind {kind} are always held"
                if known
                else f'there is no kind "{kind}"'
            )
            remedy = f"Choose {join_names(_SETTABLE)}." if known else did_you_mean(kind, _SETTABLE)
            yield Finding((*at, "kind"), reason, remedy)
        elif kind is not None:
            allowed = [str(choice) for choice in CHOICES[ConflictKind(kind)]]
        if override.choice not in allowed:
            scope = f" for {kind}" if kind in _SETTABLE else ""
            reason = f'"{override.choice}" is not a choice{scope}'
            yield Finding((*at, "choice"), reason, f"Write {join_names(allowed)}.")


def _cases(override: OverrideSettings, calendars: ProviderCalendars) -> list[Case]:
    """Return every possible case that an override applies to."""
    return [
        (provider, kind, system)
        for provider in calendars
        if override.provider in {None, provider}
        for kind in sorted(kinds_of(override))
        for system in _systems(kind, provider, calendars)
        if override.system in {None, system}
    ]


def _systems(kind: ConflictKind, provider: str, calendars: ProviderCalendars) -> list[str]:
    """Return the systems in which a conflict of this kind can occur for a provider."""
    own = calendars[provider]
    if kind is not ConflictKind.DOUBLE_BOOKED and len(own) == 1:
        return []
    return [name for name, calendar in own.items() if calendar.write or kind not in _WRITTEN]


def _matches(
    case: Case,
    cases: Sequence[Case],
    before: Mapping[tuple[str, ConflictKind], set[str]],
    calendars: ProviderCalendars,
) -> bool:
    """Return true if a conflict can occur in this case that involves no earlier override."""
    provider, kind, system = case
    free = set(_systems(kind, provider, calendars)) - before.get((provider, kind), set())
    return case in cases and system in free and len(free) >= (2 if kind in _PAIRS else 1)


def _why_none(override: OverrideSettings, calendars: ProviderCalendars) -> str:
    """Explain why an override applies to no case."""
    providers = [p for p in calendars if override.provider in {None, p}]
    if override.system is not None and not any(override.system in calendars[p] for p in providers):
        if override.provider:
            return f"{override.provider} has no calendar in {override.system}"
        return f"no provider has a calendar in {override.system}"
    if all(len(calendars[p]) == 1 for p in providers):
        return "with a calendar in one system only, nothing can differ"
    return f"syncd never writes to {override.system or 'these calendars'} (write = false)"


def _check_table(settings: RulesSettings, calendars: ProviderCalendars) -> Iterator[Finding]:
    for kind in CHOICES:
        choice = getattr(settings, kind, Choice.HOLD)
        cases = [(p, kind, s) for p in calendars for s in _systems(kind, p, calendars)]
        if cases:
            yield from _contradiction(settings, calendars, choice, cases, ("rules", str(kind)))


def _contradiction(
    settings: RulesSettings,
    calendars: ProviderCalendars,
    choice: Choice,
    cases: Sequence[Case],
    at: tuple[str | int, ...],
) -> Iterator[Finding]:
    """Yield a finding if a choice cannot be carried out in these cases."""
    providers = list(dict.fromkeys(provider for provider, _, _ in cases))
    if choice is Choice.PREFER:
        for provider in providers:
            unnamed = [s for s in calendars[provider] if s not in settings.prefer]
            if len(unnamed) > 1:
                names = join_names(unnamed)
                reason = f"prefer does not say which of {names} comes first (provider {provider})"
                yield Finding(at, reason, "Name all but one of these systems in prefer = […].")
                return
    elif choice in _MOVING and not any(
        calendar.write
        for provider, _, system in cases
        for other, calendar in calendars[provider].items()
        if other != system
    ):
        reason = (
            f'"{choice}" moves the meeting in another system, but all other systems are read-only'
        )
        yield Finding(
            at, reason, "Choose another value, or remove write = false in one of these systems."
        )
