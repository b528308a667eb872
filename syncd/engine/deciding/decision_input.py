"""Build the input of a decision: trusted and writable calendars, rules, guard stops, failures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import timedelta

from syncd.core.decision import DecisionInput
from syncd.core.inputs import CalendarState
from syncd.core.matching.rebooked import NearCycle
from syncd.core.merging.rules import Rules
from syncd.core.propagation import write_order
from syncd.engine.context import Context
from syncd.engine.deciding.guard import GuardState
from syncd.engine.deciding.ownership import ownership_of
from syncd.engine.reading.observation import Observation
from syncd.engine.report.run_report import SystemStatus
from syncd.engine.writing.first_writes import damaged_event, waiting_updates
from syncd.engine.writing.series import may_write_series
from syncd.model import Kind, OwnerProof, ProviderState, WaitReason, Window
from syncd.store.queries.availability import availabilities
from syncd.store.repository.journal import failed_operations


def build_input(
    ctx: Context,
    provider: str,
    state: ProviderState,
    observed: Mapping[str, Observation],
    guard_state: GuardState,
    run: str,
    *,
    why_not_freed: WaitReason | None = None,
) -> DecisionInput:
    """Build the decision input of one provider after the systems were read.

    ``observed`` are the reads of this cycle by system, ``run`` is the id of the run.
    ``why_not_freed`` is a reason to free no time of the provider; None if there is none. The
    input's ``now`` is the platforms' time if this machine's clock is known to be wrong.
    """
    now, unknown = ctx.now(), systems_in_doubt(state)
    failed = failed_operations(ctx.store, provider)
    policy, units = ctx.policy, ctx.resources.quantities
    rules = policy.rules.get(provider, Rules())
    if rules.looks_for_free_time:
        rules = rules.with_availability(availabilities(ctx.store, provider).values())
    return DecisionInput(
        calendars={
            system: _calendar(
                ctx,
                provider,
                system,
                _observation_of(provider, observed.get(system)),
                guard_state.stopped_in(provider, system),
                unknown=system in unknown,
            )
            for system in ctx.mapping[provider]
        },
        rules=rules,
        now=now,
        horizon=now - policy.past,
        run=run,
        guards=guard_state.guards.get(provider, ()),
        failures=Counter(write_order.operation_key(o) for o in failed),
        ownership=ownership_of(ctx.store, state, ctx.mapping, whole=was_read_whole(ctx, provider)),
        why_not_freed=WaitReason.CLOCK if ctx.clock_error else why_not_freed,
        capacity=units.get(provider, policy.capacity.get(provider, 1)),
        may_overlap=provider in ctx.resources.unmapped,
        near=NearCycle(policy.near_every, ctx.window(near=True)),
    )


def _observation_of(provider: str, observation: Observation | None) -> Observation | None:
    """Return an observation if it includes this provider's calendar; otherwise None."""
    asked = observation.request if observation is not None else None
    return None if asked is not None and provider not in asked.providers else observation


def was_read_whole(ctx: Context, provider: str) -> bool:
    """Return whether every system of a provider was read in full since the state was lost."""
    return all(
        ctx.read_progress.read_whole(provider, system)
        for system in ctx.mapping[provider]
        if system in ctx.systems
    )


def _read_windows(
    ctx: Context, place: tuple[str, str], observation: Observation | None
) -> tuple[Window, ...] | None:
    """Return the windows in which a calendar was read so far; None if it was read in full."""
    known = ctx.read_progress
    hiding = known.may_hide_blocks(*place)
    everywhere = known.read_whole(*place) or (known.arrived(*place) and not hiding)
    if everywhere or place not in known.mapped:
        return None
    if observation is None or not observation.used_clock_error(ctx.clock_error):
        return ()
    coverage = observation.whole if hiding else observation.arrived
    return tuple(
        c.window for c in coverage if c.provider == place[0] and Kind.APPOINTMENT in c.kinds
    )


def systems_in_doubt(state: ProviderState) -> frozenset[str]:
    """Return the systems in which it is unknown which events belong to the provider.

    Nothing is written to such a system for the provider. If an event's new owner is
    not a known user, only the event is in doubt, not the calendar: the provider's own user exists,
    so the other events are listed as usual. If another mapped provider has the event by now, the
    calendar is in doubt: a decision would replace the event by a block.
    """
    return frozenset(
        change.system
        for change in state.owner_changes
        if (change.holder and not change.proven)
        or change.proof in {OwnerProof.USER_MISSING, OwnerProof.USERS_UNKNOWN}
    )


def wait_reason(
    ctx: Context, place: tuple[str, str], observation: Observation | None, *, unknown: bool
) -> WaitReason | None:
    """Return why a calendar cannot be written to now; None if it can be written to.

    ``place`` is (provider, system). ``observation`` is this cycle's read of the calendar; None if
    the calendar was not read. ``unknown``: it is in doubt which events belong to the provider.
    """
    provider, system = place
    if (held_back := ctx.pauses.reason(provider, system)) is not None:
        return held_back
    if observation is None or observation.state is not SystemStatus.OK:
        skipped = observation is None and place in ctx.not_due
        return WaitReason.RATE_LIMITED if skipped else WaitReason.UNANSWERED
    if unknown:
        return WaitReason.OWNER
    if (why := ctx.why_suspended(system)) is not None:
        return why
    if place not in ctx.answered_calendars:
        return WaitReason.NOT_READ
    # The quantity of a resource must be known first.
    counted = provider not in ctx.policy.resources or provider in ctx.resources.quantities
    return None if counted else WaitReason.UNITS


def _calendar(
    ctx: Context,
    provider: str,
    system: str,
    observation: Observation | None,
    stopped: frozenset[str],
    *,
    unknown: bool,
) -> CalendarState:
    source = ctx.systems.get(system) or ctx.resources.get(system)
    able, policy, place = source.capabilities, ctx.policy, (provider, system)
    answered = observation is not None and observation.state is SystemStatus.OK
    return CalendarState(
        system=system,
        blocked=wait_reason(ctx, place, observation, unknown=unknown),
        trusted=answered and not unknown,
        stopped=stopped,
        grain=able.grain,
        statuses=able.statuses,
        moves_set_status=able.update_sets_status,
        skew=source.traffic.skew or timedelta(0),
        read=_read_windows(ctx, place, observation),
        recent_reads=ctx.recent.recent_reads(
            place, observation, ctx.window(near=False), ctx.clock.now()
        ),
        first_read_pending=answered
        and able.reach is None
        and not ctx.read_progress.arrived(*place),
        keeps_tags=able.key_survives,
        never_written=place in policy.read_only,
        seats=source.seats,
        buffers=source.buffers,
        can_hold_blocks=able.reach is None and policy.resources.get(provider) != system,
        affects=able.reach,
        series_writes=may_write_series(source),
        waiting_updates=waiting_updates(source),
        damaged=damaged_event(source),
        status_checks={status: bulk.check for status, bulk in able.bulk_statuses.items()},
    )
