"""The operator in the story: accepts what was stopped, answers conflicts, takes back a run."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from syncd.app import App
from syncd.core.resolution import Resolution, ResolutionKind
from syncd.daemon.control_socket import RequestRejectedError
from syncd.daemon.jobs import Jobs
from syncd.engine import pausing
from syncd.engine.acknowledge import entries
from syncd.engine.guard_stops import AcceptError, check_accept
from syncd.engine.resolve import to_arguments
from syncd.model import ConflictKind, HeldConflict, Topic
from syncd.simulate import errands, status_check
from syncd.simulate.clocks import true_time
from syncd.simulate.paused import place_of
from syncd.simulate.scenario import EventKind, SimEvent
from syncd.simulate.unmapped import Place
from syncd.simulate.world import World
from syncd.store import StateError, Store
from syncd.store.journal import intents_of
from syncd.store.pauses import pauses
from syncd.store.reported import open_items
from syncd.store.status_query import RunRecord

WAYS = tuple(ResolutionKind)

_AGAIN, _TRIES = 60.0, 30
"""Seconds until something is asked for again, and how often it is."""


class Killed(BaseException):
    """The process is dead: not an Exception, as nothing may catch it."""


@dataclass(slots=True)
class Operator:
    """Somebody with a terminal beside the running daemon, ``work``, if there is one.

    ``beside`` builds what a command of its own works with, on a copy of the state.
    """

    state: Path
    town: World
    say: Callable[[str], None]
    beside: Callable[[Store], App]
    work: Jobs | None = None
    done: Counter[str] = field(default_factory=Counter)

    async def perform(self, step: SimEvent) -> None:
        """Do what a step says."""
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
                if self.work is not None and self.state.exists():
                    with suppress(Killed, StateError):
                        await errands.perform(self, self.work, step)
            case _:
                await self.resync()

    async def acknowledge(self, step: SimEvent) -> None:
        """Acknowledge one of the things that `syncd acknowledge` lists."""
        if self.work is None or not self.state.exists():
            return
        with closing(Store.open(self.state, write=False)) as store:
            known = entries(store, self.town.clock.now())
            told = {h.id: status_check.of_pair(h) for h in store.open_conflicts()}
            of_it = {item.digest: status_check.of_item(item) for item in open_items(store)}
        if not known:
            return
        self.done[EventKind.ACKNOWLEDGE] += 1
        entry = known[step.number % len(known)]
        # As soon as it is stored, all else may follow from it, also if the reply is lost.
        self.town.known.add({**told, **of_it}.get(entry.subject, ()))
        with suppress(Killed, StateError):
            try:
                await self.work.on_acknowledge({"id": entry.subject, "by": "kim"}, _quietly)
                if entry.what == Topic.DAMAGED:
                    self.town.released.add(entry.system)
                self.say(f"acknowledge {entry.id}: {entry.what} {entry.event}")
            except RequestRejectedError as refused:
                self.say(f"acknowledge {entry.id}: {refused.reason}")

    async def pause(self, step: SimEvent) -> None:
        """Pause a system, a provider or one calendar; it holds once it is acknowledged."""
        if self.work is None:
            return
        self.done[EventKind.PAUSE] += 1
        place = place_of(step)
        asked = {
            "what": pausing.targets_to_arguments([pausing.PauseTarget(*place)]),
            "by": "kim",
            "reason": "",
        }
        with suppress(Killed, StateError):
            await self.work.on_pause(asked, _quietly)
            self.town.paused.begin(place, self.town.clock.now())
            self.say(f"pause {place}")

    async def unpause(self, *, first: bool = False) -> bool:
        """End the pause that is the oldest, or all; return whether they are over."""
        if self.work is None or not self.state.exists():
            return False
        with closing(Store.open(self.state, write=False)) as store:
            found = pauses(store)[: 1 if first else None]
        for each in found:
            self.done[EventKind.UNPAUSE] += 1
            place = pausing.PauseTarget(each.system, each.provider)
            self.town.paused.end(self.town.clock.now(), Place(each.system, each.provider))
            try:
                await self.work.on_unpause(
                    {"what": pausing.targets_to_arguments([place]), "by": "kim"}, _quietly
                )
            except (Killed, StateError, RequestRejectedError):
                return False
            self.say(f"unpause {place}")
        return True

    async def unpause_all(self) -> None:
        """End every pause, also of a daemon that is about to start again."""
        for _ in range(_TRIES):
            if await self.unpause():
                return
            await asyncio.sleep(_AGAIN)

    async def release(self) -> None:
        """End every pause, and accept every damage, so that writes that wait for it go on."""
        await self.unpause_all()
        if self.work is None or not self.state.exists():
            return
        with closing(Store.open(self.state, write=False)) as store:
            damaged = [item for item in open_items(store) if item.topic is Topic.DAMAGED]
        for item in damaged:
            self.town.known.add(status_check.of_item(item))
            self.town.released.add(item.system)
            with suppress(Killed, StateError, RequestRejectedError):
                await self.work.on_acknowledge({"id": item.digest, "by": "kim"}, _quietly)

    async def resync(self) -> None:
        """Run `syncd resync`: cycles in quick succession, beside the daemon's own."""
        if self.work is not None:
            self.done[EventKind.RESYNC] += 1
            # Death and a full disk are the daemon's to notice: they meet it with its next step.
            with suppress(Killed, StateError):
                await self.work.on_request({}, _quietly)

    async def nightly(self) -> None:
        """Wait for two resyncs of the daemon; a system that has just refused is not asked again."""
        for _ in range(2):
            if self.work is None:
                return
            with suppress(Killed, StateError):
                await self.work.resync_and_compact()

    async def accept(self, *, first: bool = False) -> None:
        """Let pass what the last run lists, or (``first``) only what the first one did."""
        run = self._listing(first=first)
        if run is None or self.work is None:
            return
        self.town.accepted(true_time(self.town, run.started_at) if first else None)
        self.done[EventKind.ACCEPT] += 1
        self.say(f"accept {run.id}")
        with suppress(Killed, StateError):
            await self.work.on_request({"accept": run.id}, _quietly)

    def _listing(self, *, first: bool) -> RunRecord | None:
        """Return the last or the first run that listed something which is stopped still."""
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
        """Answer one of the conflicts that are held, in any way that there is."""
        held = [h for h in self._open() if h.conflict.kind is not ConflictKind.GUARD]
        if not held or self.work is None:
            return
        self.done[EventKind.RESOLVE] += 1
        one = sorted(held, key=lambda h: h.id)[step.number % len(held)]
        answer = _answer(one, step)
        self.town.answered(one.conflict.provider, answer.at)
        with suppress(Killed, StateError):
            try:
                said, _ = await self.work.on_resolve(to_arguments(one.id, answer), _quietly)
                told = str(said["ending"])
            except RequestRejectedError as refused:
                told = refused.reason
            self.say(f"resolve {one.id} ({one.conflict.kind}): {answer}: {told}")

    async def undo(self) -> None:
        """Take back the last run that wrote something."""
        if self.work is None or not self.state.exists():
            return
        with closing(Store.open(self.state, write=False)) as store:
            runs = [run.id for run in store.runs(50) if intents_of(store, run.id)]
        if not runs:
            return
        self.done[EventKind.UNDO] += 1
        self.town.answered()
        with suppress(Killed, StateError):
            try:
                said, _ = await self.work.on_undo({"run": runs[0]}, _quietly)
                told = f"{said['bookings']} back, {said['left']} left"
            except RequestRejectedError as refused:
                told = refused.reason
            self.say(f"undo {runs[0]}: {told}")

    def _open(self) -> list[HeldConflict]:
        if not self.state.exists():
            return []
        with closing(Store.open(self.state, write=False)) as store:
            return [h for h in store.open_conflicts() if h.conflict.held]


def _quietly(_text: str) -> None:
    """Nobody watches the progress."""


def _answer(held: HeldConflict, step: SimEvent) -> Resolution:
    claims = held.conflict.claims
    way = WAYS[step.slot % len(WAYS)]
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
