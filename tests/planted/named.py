"""Bugs that no simulated day can show, each to be caught by tests that are named for it."""

from __future__ import annotations

import asyncio
import os
import re
import socket
import stat
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from syncd.cli import conflict_view, export, facts_page, measured_facts
from syncd.config import load
from syncd.core import block_planning, blocks, poll_rate, reported
from syncd.core.cleanup import TaggedBlock, tagged_blocks
from syncd.core.mass_change_guard import change_keys_of
from syncd.core.reported import ItemChanges
from syncd.daemon import arguments, control_socket, http_status, lock
from syncd.engine import (
    cleanup,
    decide,
    decision_input,
    guard_stops,
    held_back_log,
    own_blocks,
    reading,
    unlisted_events,
)
from syncd.engine.held_back_log import HeldBackLog
from syncd.engine.other_persons import follow_persons
from syncd.engine.owners import OwnerTracker
from syncd.engine.run_pause import RunPause
from syncd.engine.write_pauses import WritePauses
from syncd.model import Event, Kind, Offer, TrackedEvent, WaitReason
from syncd.model.pauses import pause_of
from syncd.model.platform_facts import PlatformFact, PlatformKind, platform_facts
from syncd.provision.directory import calendar_only
from syncd.store import Store, backup, compact, created_ids_sync, files, forget, layout
from syncd.store.left_behind import left_behind
from syncd.store.state_summary import StateSummary, summarise_state
from syncd.systems import (
    connections,
    exchange,
    open_files,
    paging,
    rate_limiter,
    redact,
    sizes,
    time_slices,
    unpacking,
)
from syncd.systems.addresses import resolve_host
from syncd.systems.fault_boundary import strip_traceback
from syncd.systems.leadconnector import discover
from syncd.systems.leadconnector.blocks import Blocks
from syncd.systems.leadconnector_v1 import checks
from syncd.systems.leadsquared import slots, wire
from syncd.systems.measured import MeasuredFacts
from tests.planted.swap import swap

Patch = pytest.MonkeyPatch


def waits_have_no_cap(patch: Patch) -> None:
    """A platform is believed that asks for years of waiting."""
    patch.setattr(rate_limiter, "capped_wait", lambda seconds, **_given: seconds)


def files_of_the_state_may_be_links(patch: Patch) -> None:
    """What another user has put in the place of a lock is opened."""

    def open_anything(path: Path, flags: int) -> int:
        return os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)

    swap(patch, files.open_plain, open_anything)


def a_deletion_in_words_is_done(patch: Patch) -> None:
    """An answer that says why nothing was deleted counts as queued."""
    swap(patch, wire.WriteAnswer.deleted, lambda *_given: None)


def nobody_is_found_where_no_user_is_listed(patch: Patch) -> None:
    """The members of teams do not stand in for an empty list of users."""

    async def nobody(*_given: Any) -> tuple[()]:
        return ()

    patch.setattr(discover, "members_of", nobody)


def what_calendars_alone_do_not_show_is_not_mentioned(patch: Patch) -> None:
    """Whoever maps calendars without their user does not learn what is not seen."""
    swap(patch, calendar_only, lambda *_given: ())


def blocks_are_always_listed(patch: Patch) -> None:
    """No block is asked for by its id."""

    async def unknown(*_given: Any) -> tuple[None, bool]:
        return None, False

    swap(patch, Blocks.by_id, unknown)


def any_run_accepts_all(patch: Patch) -> None:
    """What is accepted is everything that is stopped, whatever the run listed."""

    def everything(store: Store, _run: str) -> frozenset[str]:
        return change_keys_of(held.conflict for held in guard_stops.open_stops(store))

    patch.setattr(guard_stops, "listed_changes", everything)


def every_unreadable_row_is_listed(patch: Patch) -> None:
    """A flood of rows is stored, followed and loaded one by one."""
    patch.setattr(reported, "MAX_LISTED", 10**9)


def heads_are_parsed_in_one_piece(patch: Patch) -> None:
    """However long a head is, it is parsed if it arrives at once."""
    patch.setattr(connections, "READ_SIZE", 10**9)


def a_body_may_grow_without_bound(patch: Patch) -> None:
    """What is packed may be a thousand times as long."""
    patch.setattr(unpacking, "MAX_RATIO", 10**9)


def lists_may_have_any_number_of_pages(patch: Patch) -> None:
    """A list is read to its end, wherever that is."""
    patch.setattr(paging, "MAX_PAGES", 10**9)


def a_read_may_keep_any_amount(patch: Patch) -> None:
    """Each answer is bounded, and all of them together are not."""
    patch.setattr(sizes, "MAX_HELD", 10**12)
    patch.setattr(sizes.MemoryBudget.__init__, "__defaults__", (10**9, 10**12, 10**12))


def faults_keep_their_frames(patch: Patch) -> None:
    """What failed keeps the answer and the rows of its read, until garbage is collected."""
    swap(patch, strip_traceback, lambda error: error)


def large_answers_come_all_at_once(patch: Patch) -> None:
    """Each answer is bounded, and ten of them are in memory at once."""
    patch.setattr(exchange, "LARGE", 10**9)


def a_name_server_keeps_all_connections(patch: Patch) -> None:
    """Hosts are looked up in the few threads that the loop has."""

    async def looked_up(host: str, port: int) -> Any:
        loop = asyncio.get_running_loop()
        return await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)

    swap(patch, resolve_host, looked_up)


def polls_wait_for_a_run_that_pauses(patch: Patch) -> None:
    """While a run waits for a platform to confirm, nothing else is carried."""
    swap(patch, RunPause.end, lambda _self: None)


def rows_are_taken_in_one_go(patch: Patch) -> None:
    """However many rows a list has, nobody else has a turn while they are looked at."""
    patch.setattr(time_slices, "SLICE_SIZE", 10**9)


def nothing_is_left_behind(patch: Patch) -> None:
    """Blocks of who left the configuration are mentioned nowhere."""
    swap(patch, left_behind, lambda *_given: ())


def a_cleanup_pauses_nothing(patch: Patch) -> None:
    """What was cleaned up may be written to, so that its blocks are made again."""
    swap(patch, cleanup.pause_scope, lambda *_given: [])


def a_repeated_tag_is_proposed(patch: Patch) -> None:
    """Without a state every tagged block is proposed, a person's copy as well."""

    def all_of_them(events: Iterable[Event], *_given: object) -> list[TaggedBlock]:
        return [TaggedBlock(e) for e in events if e.key is not None and e.kind is Kind.BLOCK]

    swap(patch, tagged_blocks, all_of_them)


def other_persons_are_not_reported(patch: Patch) -> None:
    """Two systems may name different people for one meeting."""

    def nothing_found(store: Store, provider: str, _found: object, now: datetime) -> ItemChanges:
        return follow_persons(store, provider, [], now)

    patch.setattr(decide, "follow_persons", nothing_found)


def error_words_are_private(patch: Patch) -> None:
    """The words of an error are taken for names."""
    patch.setattr(redact, "KEPT_PHRASES", re.compile(r"(?!)"))


def v1_is_in_support(patch: Patch) -> None:
    """Nobody says that v1 is out of support."""
    patch.setattr(checks, "OUT_OF_SUPPORT", ("the v1 API works", ""))


def what_comes_back_has_no_news(patch: Patch) -> None:
    """What was moved while its owner was in doubt is believed to be carried."""

    def as_decided(
        _owners: OwnerTracker, _before: TrackedEvent | None, after: TrackedEvent
    ) -> TrackedEvent:
        return after

    swap(patch, OwnerTracker.restored_base, as_decided)


def a_pause_waits_for_the_next_decision(patch: Patch) -> None:
    """A write looks at the pauses that the decision was made by."""
    swap(patch, WritePauses.reason_now, WritePauses.reason)


def a_pause_is_answered_at_once(patch: Patch) -> None:
    """Who pauses does not wait for the writes that are under way."""

    async def landed(*_given: Any) -> None:
        return None

    swap(patch, WritePauses.wait_for_requests, landed)


def observe_mode_is_not_heeded(patch: Patch) -> None:
    """What the configuration says is read, and only pauses count."""

    def why(self: WritePauses, *calendar: str) -> WaitReason | None:
        return WaitReason.PAUSED if pause_of(self.current, *calendar) else None

    swap(patch, WritePauses.reason, why)
    swap(patch, WritePauses.reason_now, why)


def each_cycle_logs_its_wishes_anew(patch: Patch) -> None:
    """What was wanted in the cycle before is not known any more."""
    update, save = HeldBackLog.update, HeldBackLog.save
    latest: list[tuple[Any, ...]] = []

    def remember_latest(log: HeldBackLog, *given: Any) -> None:
        latest[:] = [given]
        update(log, *given)

    def save_anew(log: HeldBackLog, *given: Any) -> None:
        fresh = HeldBackLog(log.store)
        for each in latest:
            update(fresh, *each)
        save(fresh, *given)

    patch.setattr(held_back_log, "held_back_now", lambda _store: [])
    swap(patch, update, remember_latest)
    swap(patch, save, save_anew)


def any_window_is_taken(patch: Patch) -> None:
    """A resync to the year 9999 is carried out."""
    patch.setattr(arguments, "window_error", lambda *_given: "")


def who_left_is_still_served(patch: Patch) -> None:
    """Nobody hears that a client of the socket has left."""

    async def never(*_given: Any) -> None:
        await asyncio.Event().wait()

    patch.setattr(control_socket, "client_left", never)


def a_further_line_is_leaving(patch: Patch) -> None:
    """A client that says more than its request counts as gone."""

    async def anything(reader: asyncio.StreamReader) -> None:
        await reader.read(1)

    patch.setattr(control_socket, "client_left", anything)


def a_state_may_hold_code(patch: Patch) -> None:
    """Triggers, views and unknown tables of a file that was put in place are taken over."""
    swap(patch, layout.compare_layout, lambda *_given: None)


def any_value_of_a_state_is_taken(patch: Patch) -> None:
    """Nobody looks whether the rows of a file that was put in place can be read."""
    for module in (backup, created_ids_sync):
        patch.setattr(module, "check_values", lambda *_given: None)


def a_copied_state_is_believed(patch: Patch) -> None:
    """A backup that was copied into place by hand counts as what was read last."""
    sync = created_ids_sync.sync_created_ids
    swap(patch, sync, lambda engine, created, **_opening: sync(engine, created))


def the_page_may_be_at_any_path(patch: Patch) -> None:
    """The path of the state is taken for the page's socket."""
    patch.setattr(load, "check_listen", lambda _settings: iter(()))


def the_page_removes_what_is_in_its_place(patch: Patch) -> None:
    """Whatever has the name of the page's socket makes way."""

    def removed(path: Path) -> None:
        if path.is_dir() and not path.is_symlink():
            path.rmdir()
        else:
            path.unlink(missing_ok=True)

    patch.setattr(http_status, "remove_stale_socket", removed)


def a_pipe_is_a_plain_file(patch: Patch) -> None:
    """Pipes are read where secrets, locks and states belong."""
    patch.setattr(stat, "S_ISREG", lambda _mode: True)


def any_process_may_hold_a_lock(patch: Patch) -> None:
    """The process id in a lock is believed, however absurd it is."""
    patch.setattr(lock, "MAX_PROCESS_ID", 10**100)


def any_number_of_open_files_is_enough(patch: Patch) -> None:
    """Syncd begins, however few files it may open."""
    patch.setattr(open_files, "OTHER_FILES", -1000)


def slots_with_unknown_names_offer_nothing(patch: Patch) -> None:
    """Free slots whose names are not known count as none."""
    offered_slots = slots.offered_slots

    def known(*given: Any) -> list[Offer]:
        try:
            return offered_slots(*given)
        except slots.UnknownSlotFormatError:
            return []

    swap(patch, offered_slots, known)


def a_kept_length_is_the_wanted_one(patch: Patch) -> None:
    """A block that an update did not lengthen is taken for what was asked for."""
    for module in (blocks, block_planning):
        patch.setattr(module, "has_other_time", lambda _record: False)


def unknown_service_bookings_are_not_mentioned(patch: Patch) -> None:
    """Nobody says that time may be open while it is not known what lists show."""
    swap(patch, measured_facts.unknown_facts, lambda _statuses: [])


def what_was_measured_never_ages(patch: Patch) -> None:
    """`check` asks for no new probe, however long ago the last one was."""
    patch.setattr(measured_facts, "REMEASURE_AFTER", timedelta.max)


def what_was_measured_is_kept_for_ever(patch: Patch) -> None:
    """Nothing is withdrawn on request."""
    swap(patch, MeasuredFacts.forget, lambda _self: ())


def the_table_is_not_the_page(patch: Patch) -> None:
    """The table of facts is changed, and the page is not."""

    def changed(kind: PlatformKind) -> list[PlatformFact]:
        return [replace(row, depends="Nothing.") for row in platform_facts(kind)]

    patch.setattr(facts_page, "platform_facts", changed)


def the_block_of_a_probe_is_a_lost_one(patch: Patch) -> None:
    """A first read looks for what a probe made as for blocks of a lost state."""
    hidden_too: Any = unlisted_events.ask_for_created
    found_too: Any = own_blocks.find_created_blocks
    patch.setattr(reading, "ask_for_created", lambda *given: hidden_too(*given[:-1], ()))
    patch.setattr(reading, "find_created_blocks", lambda *given: found_too(*given[:-1], ()))


def the_slowest_pace_is_everybody_s(patch: Patch) -> None:
    """A system is polled as seldom as the one with the tightest account."""
    swap(patch, poll_rate.PollIntervals.of, lambda paces, _system: paces.longest)


def what_was_not_asked_for_counts_as_seen(patch: Patch) -> None:
    """A system that a poll leaves out is written to as if it had just been read."""
    patch.setattr(decision_input, "wait_reason", lambda *_given, **_named: None)


def old_rows_go_in_one_step(patch: Patch) -> None:
    """However much is old, it is dropped at once."""
    patch.setattr(compact, "ROWS_PER_STEP", 10**6)


def a_restore_asks_before_it_looks(patch: Patch) -> None:
    """A person is asked about a file that cannot be restored."""
    looked = StateSummary("0014", 7, None, 0)
    swap(patch, summarise_state, lambda *_given, **_named: looked)


def a_choice_leaves_nothing(patch: Patch) -> None:
    """What a person has to do after a choice is not named."""
    swap(patch, conflict_view.remaining_tasks, lambda *_given: iter(()))


def forgotten_hashes_stay(patch: Patch) -> None:
    """The hash of a contact stays in the fingerprints of their appointments."""
    patch.setattr(forget, "ERASED_FIELDS", {"person": None})


def formulas_are_exported(patch: Patch) -> None:
    """A cell of an export is calculated by the spreadsheet that opens it."""
    patch.setattr(export, "FORMULA_START", ("\x00",))
