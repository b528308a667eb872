"""Planted bugs that no simulated day can show; each is caught by a named test."""

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
from syncd.core.blocks import planning as block_planning
from syncd.core.blocks import wanted as blocks
from syncd.core.conflicts import reported
from syncd.core.conflicts.reported import ItemChanges
from syncd.core.mass_change.guard import change_keys_of
from syncd.core.ownership.cleanup import TaggedBlock, tagged_blocks
from syncd.core.polling import rate as poll_rate
from syncd.daemon import arguments, control_socket, http_status, lock
from syncd.engine.cleanup import clean_up as cleanup
from syncd.engine.deciding import decide, decision_input, guard_stops
from syncd.engine.deciding.other_customers import follow_customers
from syncd.engine.reading import observe as reading
from syncd.engine.reading import own_blocks, unlisted_events
from syncd.engine.reading.owners import OwnerTracker
from syncd.engine.tasks.run_pause import RunPause
from syncd.engine.writing import held_back_log
from syncd.engine.writing.held_back_log import HeldBackLog
from syncd.engine.writing.pauses import WritePauses
from syncd.model import Event, Kind, Offer, TrackedEvent, WaitReason
from syncd.model.pauses import pause_of
from syncd.model.platform_facts import PlatformFact, PlatformKind, platform_facts
from syncd.provision.directory import check_calendar_only
from syncd.store import Store
from syncd.store.backup import backup, created_ids_sync
from syncd.store.database import files, layout
from syncd.store.queries.left_behind import left_behind
from syncd.store.queries.state_summary import StateSummary, summarise_state
from syncd.store.retention import compact, forget
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
from syncd.systems.leadconnector.blocks import BlockFinder
from syncd.systems.leadconnector_v1 import checks
from syncd.systems.leadsquared import slots, wire
from syncd.systems.measured import MeasuredFacts
from tests.planted.swap import swap

Patch = pytest.MonkeyPatch


def waits_have_no_cap(patch: Patch) -> None:
    """Waits that a platform asks for have no upper limit."""
    patch.setattr(rate_limiter, "capped_wait", lambda seconds, **_given: seconds)


def files_of_the_state_may_be_links(patch: Patch) -> None:
    """A link that another user put in place of a lock is opened."""

    def open_anything(path: Path, flags: int) -> int:
        return os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)

    swap(patch, files.open_plain, open_anything)


def a_deletion_in_words_is_done(patch: Patch) -> None:
    """An answer whose text says that nothing was deleted counts as queued."""
    swap(patch, wire.WriteResponse.deleted, lambda *_given: None)


def nobody_is_found_where_no_user_is_listed(patch: Patch) -> None:
    """The members of teams do not replace an empty list of users."""

    async def nobody(*_given: Any) -> tuple[()]:
        return ()

    patch.setattr(discover, "members_of", nobody)


def what_calendars_alone_do_not_show_is_not_mentioned(patch: Patch) -> None:
    """`discover` does not warn of calendars that are mapped without their user."""
    swap(patch, check_calendar_only, lambda *_given: ())


def blocks_are_always_listed(patch: Patch) -> None:
    """No block is read by its id."""

    async def unknown(*_given: Any) -> tuple[None, bool]:
        return None, False

    swap(patch, BlockFinder.by_id, unknown)


def any_run_accepts_all(patch: Patch) -> None:
    """`--accept` accepts every stopped change, whatever the run listed."""

    def everything(store: Store, _run: str) -> frozenset[str]:
        return change_keys_of(held.conflict for held in guard_stops.open_stops(store))

    patch.setattr(guard_stops, "listed_changes", everything)


def every_unreadable_row_is_listed(patch: Patch) -> None:
    """A flood of unreadable rows is stored, tracked and loaded one by one."""
    patch.setattr(reported, "MAX_LISTED", 10**9)


def heads_are_parsed_in_one_piece(patch: Patch) -> None:
    """A response head of any length is parsed if it arrives at once."""
    patch.setattr(connections, "READ_SIZE", 10**9)


def a_body_may_grow_without_bound(patch: Patch) -> None:
    """A compressed body may expand without limit."""
    patch.setattr(unpacking, "MAX_RATIO", 10**9)


def lists_may_have_any_number_of_pages(patch: Patch) -> None:
    """A list may have any number of pages."""
    patch.setattr(paging, "MAX_PAGES", 10**9)


def a_read_may_keep_any_amount(patch: Patch) -> None:
    """The answers of one read together have no limit."""
    patch.setattr(sizes, "MAX_HELD", 10**12)
    patch.setattr(sizes.MemoryBudget.__init__, "__defaults__", (10**9, 10**12, 10**12))


def faults_keep_their_frames(patch: Patch) -> None:
    """A stored fault keeps the answer and the rows of its read alive."""
    swap(patch, strip_traceback, lambda error: error)


def large_answers_come_all_at_once(patch: Patch) -> None:
    """Ten large answers are in memory at once."""
    patch.setattr(exchange, "LARGE", 10**9)


def a_name_server_keeps_all_connections(patch: Patch) -> None:
    """A slow name server occupies all threads of the event loop's executor."""

    async def looked_up(host: str, port: int) -> Any:
        loop = asyncio.get_running_loop()
        return await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)

    swap(patch, resolve_host, looked_up)


def polls_wait_for_a_run_that_pauses(patch: Patch) -> None:
    """No other job runs while a run waits for a platform to confirm."""
    swap(patch, RunPause.end, lambda _self: None)


def rows_are_taken_in_one_go(patch: Patch) -> None:
    """A long list is processed in one step of the event loop."""
    patch.setattr(time_slices, "SLICE_SIZE", 10**9)


def nothing_is_left_behind(patch: Patch) -> None:
    """Blocks in calendars that left the configuration are not reported."""
    swap(patch, left_behind, lambda *_given: ())


def a_cleanup_pauses_nothing(patch: Patch) -> None:
    """A cleaned-up calendar is not paused, so its blocks are made again."""
    swap(patch, cleanup.pause_scope, lambda *_given: [])


def a_repeated_tag_is_proposed(patch: Patch) -> None:
    """Without a state, tagged copies are also proposed for removal."""

    def all_of_them(events: Iterable[Event], *_given: object) -> list[TaggedBlock]:
        return [TaggedBlock(e) for e in events if e.key is not None and e.kind is Kind.BLOCK]

    swap(patch, tagged_blocks, all_of_them)


def other_customers_are_not_reported(patch: Patch) -> None:
    """Meetings for which two systems name different customers are not reported."""

    def nothing_found(store: Store, provider: str, _found: object, now: datetime) -> ItemChanges:
        return follow_customers(store, provider, [], now)

    patch.setattr(decide, "follow_customers", nothing_found)


def error_words_are_private(patch: Patch) -> None:
    """Error texts of the platforms are masked as if they were names."""
    patch.setattr(redact, "KEPT_PHRASES", re.compile(r"(?!)"))


def v1_is_in_support(patch: Patch) -> None:
    """`check` does not say that v1 is out of support."""
    patch.setattr(checks, "OUT_OF_SUPPORT", ("the v1 API works", ""))


def what_comes_back_has_no_news(patch: Patch) -> None:
    """A meeting that moved while its owner was unknown counts as carried."""

    def as_decided(
        _owners: OwnerTracker, _before: TrackedEvent | None, after: TrackedEvent
    ) -> TrackedEvent:
        return after

    swap(patch, OwnerTracker.restored_base, as_decided)


def a_pause_waits_for_the_next_decision(patch: Patch) -> None:
    """A pause takes effect only with the next decision."""
    swap(patch, WritePauses.reason_now, WritePauses.reason)


def a_pause_is_answered_at_once(patch: Patch) -> None:
    """`pause` returns before the writes in flight have ended."""

    async def landed(*_given: Any) -> None:
        return None

    swap(patch, WritePauses.wait_for_requests, landed)


def observe_mode_is_not_heeded(patch: Patch) -> None:
    """`mode = "observe"` has no effect; only pauses count."""

    def why(self: WritePauses, *calendar: str) -> WaitReason | None:
        return WaitReason.PAUSED if pause_of(self.current, *calendar) else None

    swap(patch, WritePauses.reason, why)
    swap(patch, WritePauses.reason_now, why)


def each_cycle_logs_its_wishes_anew(patch: Patch) -> None:
    """Every cycle logs held-back writes as if they were new."""
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
    """A request continues after its client has disconnected."""

    async def never(*_given: Any) -> None:
        await asyncio.Event().wait()

    patch.setattr(control_socket, "client_left", never)


def a_further_line_is_leaving(patch: Patch) -> None:
    """A client that sends a further line counts as disconnected."""

    async def anything(reader: asyncio.StreamReader) -> None:
        await reader.read(1)

    patch.setattr(control_socket, "client_left", anything)


def a_state_may_hold_code(patch: Patch) -> None:
    """A state file with triggers, views or unknown tables is accepted."""
    swap(patch, layout.compare_layout, lambda *_given: None)


def any_value_of_a_state_is_taken(patch: Patch) -> None:
    """The values of a state file are not checked."""
    for module in (backup, created_ids_sync):
        patch.setattr(module, "check_values", lambda *_given: None)


def a_copied_state_is_believed(patch: Patch) -> None:
    """A backup that was copied into place by hand counts as the current state."""
    sync = created_ids_sync.sync_created_ids
    swap(patch, sync, lambda engine, created, **_opening: sync(engine, created))


def the_page_may_be_at_any_path(patch: Patch) -> None:
    """The status page may use the path of the state as its socket."""
    patch.setattr(load, "check_listen", lambda _settings: iter(()))


def the_page_removes_what_is_in_its_place(patch: Patch) -> None:
    """The status page replaces any file at the path of its socket."""

    def removed(path: Path) -> None:
        if path.is_dir() and not path.is_symlink():
            path.rmdir()
        else:
            path.unlink(missing_ok=True)

    patch.setattr(http_status, "remove_stale_socket", removed)


def a_pipe_is_a_plain_file(patch: Patch) -> None:
    """Pipes are read as secrets, locks and states."""
    patch.setattr(stat, "S_ISREG", lambda _mode: True)


def any_process_may_hold_a_lock(patch: Patch) -> None:
    """Any process id in a lock is accepted."""
    patch.setattr(lock, "MAX_PROCESS_ID", 10**100)


def any_number_of_open_files_is_enough(patch: Patch) -> None:
    """Syncd starts with too low a limit on open files."""
    patch.setattr(open_files, "OTHER_FILES", -1000)


def slots_with_unknown_names_offer_nothing(patch: Patch) -> None:
    """Free slots with unknown names count as an empty list."""
    offered_slots = slots.offered_slots

    def known(*given: Any) -> list[Offer]:
        try:
            return offered_slots(*given)
        except slots.UnknownSlotFormatError:
            return []

    swap(patch, offered_slots, known)


def a_kept_length_is_the_wanted_one(patch: Patch) -> None:
    """A block that an update did not lengthen counts as lengthened."""
    for module in (blocks, block_planning):
        patch.setattr(module, "has_other_time", lambda _record: False)


def unknown_service_bookings_are_not_mentioned(patch: Patch) -> None:
    """`status` does not warn that lists may hide service bookings."""
    swap(patch, measured_facts.unknown_facts, lambda _statuses: [])


def what_was_measured_never_ages(patch: Patch) -> None:
    """`check` never asks to repeat an old measurement."""
    patch.setattr(measured_facts, "REMEASURE_AFTER", timedelta.max)


def what_was_measured_is_kept_for_ever(patch: Patch) -> None:
    """`probe --forget` deletes nothing."""
    swap(patch, MeasuredFacts.forget, lambda _self: ())


def the_table_is_not_the_page(patch: Patch) -> None:
    """The table of facts changes, and its page does not."""

    def changed(kind: PlatformKind) -> list[PlatformFact]:
        return [replace(row, depends="Nothing.") for row in platform_facts(kind)]

    patch.setattr(facts_page, "platform_facts", changed)


def the_block_of_a_probe_is_a_lost_one(patch: Patch) -> None:
    """A first read searches for the probe's block like for a block of a lost state."""
    hidden_too: Any = unlisted_events.ask_for_created
    found_too: Any = own_blocks.find_created_blocks
    patch.setattr(reading, "ask_for_created", lambda *given: hidden_too(*given[:-1], ()))
    patch.setattr(reading, "find_created_blocks", lambda *given: found_too(*given[:-1], ()))


def the_slowest_pace_is_everybody_s(patch: Patch) -> None:
    """All systems are polled at the pace of the slowest one."""
    swap(patch, poll_rate.PollIntervals.of, lambda paces, _system: paces.longest)


def what_was_not_asked_for_counts_as_seen(patch: Patch) -> None:
    """A system that was left out of a poll counts as just read."""
    patch.setattr(decision_input, "wait_reason", lambda *_given, **_named: None)


def old_rows_go_in_one_step(patch: Patch) -> None:
    """All old rows are deleted in one step."""
    patch.setattr(compact, "ROWS_PER_STEP", 10**6)


def a_restore_asks_before_it_looks(patch: Patch) -> None:
    """`restore` asks before it checks the file."""
    looked = StateSummary("0014", 7, None, 0)
    swap(patch, summarise_state, lambda *_given, **_named: looked)


def a_choice_leaves_nothing(patch: Patch) -> None:
    """`conflicts show` does not name what a choice leaves for a person to do."""
    swap(patch, conflict_view.manual_steps, lambda *_given: iter(()))


def forgotten_hashes_stay(patch: Patch) -> None:
    """`forget-person` keeps the contact's hash in the fingerprints of appointments."""
    patch.setattr(forget, "ERASED_FIELDS", {"person": None})


def formulas_are_exported(patch: Patch) -> None:
    """`export` writes cells that a spreadsheet evaluates."""
    patch.setattr(export, "FORMULA_START", ("\x00",))
