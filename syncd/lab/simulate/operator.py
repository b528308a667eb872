"""The operator: accepts mass changes, answers conflicts, pauses, and undoes a run."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from syncd.app import App
from syncd.core.conflicts.resolution import Resolution, ResolutionKind
from syncd.daemon.control_socket import RequestRejectedError
from syncd.daemon.jobs import Jobs
from syncd.engine.deciding.guard_stops import AcceptError, check_accept
from syncd.engine.operator import pausing
from syncd.engine.operator.acknowledge import entries
from syncd.engine.operator.resolve import to_arguments
from syncd.lab.simulate import errands, status_check
from syncd.lab.simulate.clocks import true_time
from syncd.lab.simulate.paused import paused_place
from syncd.lab.simulate.scenario import EventKind, SimEvent
from syncd.lab.simulate.unmapped import ConfigPlace
from syncd.lab.simulate.world import World
from syncd.model import ConflictKind, StoredConflict, Topic
from syncd.model.runs import RunRecord
from syncd.store import StateError, Store
from syncd.store.queries.pauses import pauses
from syncd.store.queries.reported import open_items
from syncd.store.repository.journal import intents_of

RESOLUTION_KINDS = tuple(ResolutionKind)

_AGAIN, _TRIES = 60.0, 30
"""Seconds until a command is repeated, and how often it is."""


class ProcessKilled(BaseException):
    """The process is dead. It derives from BaseException so that no handler catches it."""


@dataclass(slots=True)
class Operator:
    """An operator with a terminal beside the running daemon (``jobs``, None while it is down).

    ``build_app`` builds the app of a command of its own, on a copy of the state.
    """

    state: Path
    world: World
    say: Callable[[str], None]
    build_app: Callable[[Store], App]
    jobs: Jobs | None = None
    done: Counter[str] = field(default_factory=Counter)

    async def perform(self, step: SimEvent) -> None:
        """Perform a step."""
        match step.kind:
            case EventKind.ACCEPT:
                await self.accept(first=step.slot == 1)
            case EventKind.RESOLVE:
                await self.resolve(step)
            case EventKind.UNDO:
                await self.undo()
            case EventKind.ACKNOWLEDGE:
                await self.acknowledge(step)
            case EventKind.PAUSE:
                await self.pause(step)
            case EventKind.UNPAUSE:
                await self.unpause(first=True)
            case what if what in errands.ERRANDS:
                if self.jobs is not None and self.state.exists():
                    with suppress(ProcessKilled, StateError):
                        await errands.perform(self, self.jobs, step)
            case _:
                await self.resync()

    async def acknowledge(self, step: SimEvent) -> None:
        """Acknowledge one of the items that `syncd acknowledge` lists."""
        if self.jobs is None or not self.state.exists():
            return
        with closing(Store.open(self.state, write=False)) as store:
            listed = entries(store, self.world.clock.now())
            pairs = {h.id: status_check.of_pair(h) for h in store.open_conflicts()}
            items = {item.digest: status_check.of_item(item) for item in open_items(store)}
        if not listed:
            return
        self.done[EventKind.ACKNOWLEDGE] += 1
        entry = listed[step.number % len(listed)]
        # As soon as it is stored, cycles may act on it, even if the reply is lost.
        self.world.known.add({**pairs, **items}.get(entry.subject, ()))
        with suppress(ProcessKilled, StateError):
            try:
                await self.jobs.on_acknowledge({"id": entry.subject, "by": "kim"}, _ignore_progress)
                if entry.what == Topic.DAMAGED:
                    self.world.released.add(entry.system)
                self.say(f"acknowledge {entry.id}: {entry.what} {entry.event}")
            except RequestRejectedError as refused:
                self.say(f"acknowledge {entry.id}: {refused.reason}")

    async def pause(self, step: SimEvent) -> None:
        """Pause a system, a provider or a calendar; it holds once the daemon has confirmed it."""
        if self.jobs is None:
            return
        self.done[EventKind.PAUSE] += 1
        place = paused_place(step)
        arguments = {
            "what": pausing.targets_to_arguments([pausing.PauseTarget(*place)]),
            "by": "kim",
            "reason": "",
        }
        with suppress(ProcessKilled, StateError):
            await self.jobs.on_pause(arguments, _ignore_progress)
            self.world.paused.begin(place, self.world.clock.now())
            self.say(f"pause {place}")

    async def unpause(self, *, first: bool = False) -> bool:
        """End the oldest pause (``first``), or all; return true if they are over."""
        if self.jobs is None or not self.state.exists():
            return False
        with closing(Store.open(self.state, write=False)) as store:
            paused = pauses(store)[: 1 if first else None]
        for pause in paused:
            self.done[EventKind.UNPAUSE] += 1
            place = pausing.PauseTarget(pause.system, pause.provider)
            self.world.paused.end(self.world.clock.now(), ConfigPlace(pause.system, pause.provider))
            try:
                await self.jobs.on_unpause(
                    {"what": pausing.targets_to_arguments([place]), "by": "kim"}, _ignore_progress
                )
            except (ProcessKilled, StateError, RequestRejectedError):
                return False
            self.say(f"unpause {place}")
        return True

    async def unpause_all(self) -> None:
        """End every pause, also while the daemon restarts."""
        for _ in range(_TRIES):
            if await self.unpause():
                return
            await asyncio.sleep(_AGAIN)

    async def release(self) -> None:
        """End every pause and accept every damage, so that writes that wait can go on."""
        await self.unpause_all()
        if self.jobs is None or not self.state.exists():
            return
        with closing(Store.open(self.state, write=False)) as store:
            damaged = [item for item in open_items(store) if item.topic is Topic.DAMAGED]
        for item in damaged:
            self.world.known.add(status_check.of_item(item))
            self.world.released.add(item.system)
            with suppress(ProcessKilled, StateError, RequestRejectedError):
                await self.jobs.on_acknowledge({"id": item.digest, "by": "kim"}, _ignore_progress)

    async def resync(self) -> None:
        """Run `syncd resync`: cycles in quick succession, beside the daemon's own."""
        if self.jobs is not None:
            self.done[EventKind.RESYNC] += 1
            # The daemon meets the crash or the full disk itself, with its next step.
            with suppress(ProcessKilled, StateError):
                await self.jobs.on_request({}, _ignore_progress)

    async def nightly(self) -> None:
        """Wait for two resyncs of the daemon: one does not ask a system that has just refused."""
        for _ in range(2):
            if self.jobs is None:
                return
            with suppress(ProcessKilled, StateError):
                await self.jobs.resync_and_compact()

    async def accept(self, *, first: bool = False) -> None:
        """Accept what the last run lists, or (``first``) what only the first run listed."""
        run = self._run_with_stops(first=first)
        if run is None or self.jobs is None:
            return
        self.world.note_acceptance(true_time(self.world, run.started_at) if first else None)
        self.done[EventKind.ACCEPT] += 1
        self.say(f"accept {run.id}")
        with suppress(ProcessKilled, StateError):
            await self.jobs.on_request({"accept": run.id}, _ignore_progress)

    def _run_with_stops(self, *, first: bool) -> RunRecord | None:
        """Return the last or the first run that lists writes which are still stopped."""
        if not self.state.exists():
            return None
        with closing(Store.open(self.state, write=False)) as store:
            runs = [run for run in store.runs(500) if (run.report or {}).get("stopped")]
            for run in reversed(runs) if first else runs:
                with suppress(AcceptError):
                    check_accept(store, run.id)
                    return run
        return None

    async def resolve(self, step: SimEvent) -> None:
        """Answer one of the held conflicts, in any possible way."""
        conflicts = [h for h in self._open() if h.conflict.kind is not ConflictKind.GUARD]
        if not conflicts or self.jobs is None:
            return
        self.done[EventKind.RESOLVE] += 1
        one = sorted(conflicts, key=lambda h: h.id)[step.number % len(conflicts)]
        answer = _resolution(one, step)
        self.world.note_answer(one.conflict.provider, answer.at)
        with suppress(ProcessKilled, StateError):
            try:
                reply, _ = await self.jobs.on_resolve(
                    to_arguments(one.id, answer), _ignore_progress
                )
                ending = str(reply["ending"])
            except RequestRejectedError as refused:
                ending = refused.reason
            self.say(f"resolve {one.id} ({one.conflict.kind}): {answer}: {ending}")

    async def undo(self) -> None:
        """Undo the last run that wrote something."""
        if self.jobs is None or not self.state.exists():
            return
        with closing(Store.open(self.state, write=False)) as store:
            runs = [run.id for run in store.runs(50) if intents_of(store, run.id)]
        if not runs:
            return
        self.done[EventKind.UNDO] += 1
        self.world.note_answer()
        with suppress(ProcessKilled, StateError):
            try:
                reply, _ = await self.jobs.on_undo({"run": runs[0]}, _ignore_progress)
                text = f"{reply['bookings']} back, {reply['left']} left"
            except RequestRejectedError as refused:
                text = refused.reason
            self.say(f"undo {runs[0]}: {text}")

    def _open(self) -> list[StoredConflict]:
        if not self.state.exists():
            return []
        with closing(Store.open(self.state, write=False)) as store:
            return [h for h in store.open_conflicts() if h.conflict.held]


def _ignore_progress(_text: str) -> None:
    """Ignore progress messages."""


def _resolution(held: StoredConflict, step: SimEvent) -> Resolution:
    claims = held.conflict.claims
    way = RESOLUTION_KINDS[step.slot % len(RESOLUTION_KINDS)]
    claim = claims[step.number % len(claims)]
    match way:
        case ResolutionKind.TAKE:
            several = sum(c.system == claim.system for c in claims) > 1
            return Resolution(way, claim.system, (claim.event or "") if several else "")
        case ResolutionKind.AT:
            starts = [c.value.start for c in claims if c.value is not None]
            later = timedelta(minutes=30 * (1 + step.slot % 7))
            return Resolution(way, at=min(starts, default=held.opened_at) + later)
        case _:
            return Resolution(way)
