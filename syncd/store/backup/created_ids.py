"""The file of created ids: an append-only list of our blocks, beside the database.

It proves ownership when the database is lost or older than the existing blocks
(docs/design.md#ownership). Each line is a JSON object with ids, a provider's configured name and a
time, and no customer data. A line is flushed to the disk before the transaction that records the
create, so a crash in between loses no proof. Unreadable lines are skipped and prove nothing.
"""

from __future__ import annotations

import errno
import os
import stat
from array import array
from bisect import bisect_left
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from typing import Any, BinaryIO, Literal

import msgspec

from syncd.store.database.files import open_plain
from syncd.store.errors import StateError

CREATED_IDS_SUFFIX = ".created"
"""The suffix that is added to the database's file name."""

MAX_LINE = 64 * 1024
"""The maximum length of a line in bytes. A longer line is damage, and is skipped unread."""

TAIL = 256 * 1024
"""The number of bytes at the end of the file that are searched first for recent creates."""

MAX_LATE = 10_000
"""The maximum number of lines in memory while the file cannot be written. The journal has all."""

_REMEDY = (
    "Free disk space, and give the user that runs syncd write access to this file. Until then only "
    "the database proves that these blocks belong to syncd. Missing lines are added automatically."
)


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the file: a block of ours.

    The create returned the block's id, or the block was found after a lost response. ``intent`` is
    the id of the journal row of the create, ``at`` the time when that row was committed.
    """

    syncd: Literal["block"] = "block"
    v: Literal[1] = 1
    installation: int
    system: str
    event: str
    provider: str
    tag: str | None
    intent: str
    at: str


_TAG = ""
"""The system part of an index key for a tag. No system has this name."""

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Line).decode


def created_ids_path(state: Path) -> Path:
    """Return the path of the file of created ids of a state."""
    return state.with_name(state.name + CREATED_IDS_SUFFIX)


def installation_number(intent: str) -> int:
    """Derive an installation number (31 bits, never 0) from the id of its first create."""
    return int.from_bytes(blake2b(intent.encode(), digest_size=4).digest()) % (2**31 - 1) + 1


def read_lines(path: Path, *, last: int | None = None) -> Iterator[Line]:
    """Yield the complete lines of the file, or of its ``last`` bytes.

    Truncated, foreign and damaged lines are skipped. Memory is bounded for any file. Raises OSError
    or StateError.
    """
    return (line for _, line in _read_at(path, last=last))


def _read_at(path: Path, *, last: int | None = None) -> Iterator[tuple[int, Line]]:
    """Yield the lines with their offsets in the file."""
    try:
        file = _open(path)
    except FileNotFoundError:
        return
    with file:
        start = 0
        if last is not None:
            start = max(0, os.fstat(file.fileno()).st_size - last)
            file.seek(start)
        for offset, raw in _split(file, start):
            try:
                line = _decode(raw)
            except DAMAGED_LINE_ERRORS:
                continue
            yield offset, line


def _open(path: Path) -> BinaryIO:
    return os.fdopen(open_plain(path, os.O_RDONLY), "rb")


_FILE_ERRORS = (OSError, StateError)
"""The errors of an unusable file; StateError is for a link or a file that is not regular."""

DAMAGED_LINE_ERRORS = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""The errors of a damaged line: a power cut may leave half a line, or zero bytes."""


def _split(file: BinaryIO, offset: int) -> Iterator[tuple[int, bytes]]:
    """Yield the lines of at most `MAX_LINE` bytes that end with a newline, with their offsets."""
    skipping = False
    while raw := file.readline(MAX_LINE):
        ends = raw.endswith(b"\n")
        if ends and not skipping:
            yield offset, raw
        skipping = not ends
        offset += len(raw)


def missing_creates(
    file: Path, installation: int, wanted: Collection[tuple[str, str]]
) -> set[tuple[str, str]]:
    """Return those of the ``wanted`` creates, as (system, event id), that have no line.

    Only lines of this ``installation`` count. The end of the file is searched first. Raises OSError
    or StateError if the file cannot be read.
    """
    missing = set(wanted)
    for last in (TAIL, None):
        if missing:
            for line in read_lines(file, last=last):
                if line.installation == installation:
                    missing.discard((line.system, line.event))
    return missing


def _log() -> Any:
    import structlog  # noqa: PLC0415 - `status` reads the file but logs nothing

    return structlog.get_logger(__name__)


class _Index:
    """An index of lines by name, with 8 bytes per line: a short digest and an offset.

    Two names may have the same digest, so the caller must check the line at the offset.
    """

    def __init__(self) -> None:
        """Create an empty index."""
        self._buckets = [array("Q") for _ in range(256)]

    def add(self, name: tuple[str, str], offset: int) -> None:
        """Add the line at this offset under a name. Call `sort` before `offsets`."""
        digest = hash(name) & 0xFFFFFFFF
        self._buckets[digest >> 24].append((digest & 0xFFFFFF) << 40 | offset)

    def sort(self) -> None:
        """Sort the index, one bucket at a time to save memory."""
        self._buckets = [array("Q", sorted(bucket)) for bucket in self._buckets]

    def offsets(self, name: tuple[str, str]) -> Sequence[int]:
        """Return the offsets of all lines with this name, and perhaps of some others."""
        digest = hash(name) & 0xFFFFFFFF
        bucket, low = self._buckets[digest >> 24], (digest & 0xFFFFFF) << 40
        first, end = bisect_left(bucket, low), bisect_left(bucket, low + (1 << 40))
        return [packed - low for packed in bucket[first:end]]


class CreatedIds:
    """The file of created ids of one state.

    `load` reads only the end of the file. The whole file is read when an older line may be needed.
    No method raises an error because of the file: lines that cannot be written are kept in memory,
    the fault is logged once, and they are written as soon as possible. Until then `fault` gives the
    reason why they cannot be written.
    """

    def __init__(self, path: Path, *, append: bool) -> None:
        """Use this path without reading it yet. Without ``append``, never write to the file."""
        self.path = path
        self.append = append
        self.installation = 0
        self.newest: Line | None = None
        self.fault = ""
        self.wait: Callable[[int], None] = os.fdatasync
        self._size = 0
        self._index: _Index | None = None
        self._recent: set[int] = set()
        self._late: list[Line] = []
        self._dropped = False

    def load(self, installation: int) -> None:
        """Read the end of the file for an installation.

        ``installation`` 0 means the installation of the newest line.
        """
        self.installation = installation
        self._index, self.newest, self._recent = None, None, set()
        try:
            self._size = self._size_now()
            for line in self._end() if self._size else ():
                if not installation and line.installation != self.installation:
                    self.installation = line.installation
                    self._recent.clear()
                if line.installation == self.installation:
                    self._recent.add(hash((line.system, line.event)))
                    self.newest = line
        except _FILE_ERRORS as error:
            self._fail(error)

    def _size_now(self) -> int:
        try:
            return self.path.stat(follow_symlinks=False).st_size
        except FileNotFoundError:
            return 0

    def _end(self) -> Iterable[Line]:
        """Return this installation's lines at the end, or in the whole file if there are none."""
        last = list(read_lines(self.path, last=TAIL))
        ours = [x for x in last if self.installation in {0, x.installation}]
        return ours or (
            x for x in read_lines(self.path) if self.installation in {0, x.installation}
        )

    def newest_lines(
        self, system: str, providers: Collection[str], most: int, *, but: Collection[str] = ()
    ) -> list[Line]:
        """Return the newest lines of these providers in a system, newest first.

        Only the end of the file is searched. Returns at most ``most`` lines, without lines for the
        event ids in ``but``.
        """
        try:
            lines = list(self._end()) if self._size else []
        except _FILE_ERRORS as error:
            self._fail(error)
            return []
        matching = [
            line
            for line in lines
            if line.system == system and line.provider in providers and line.event not in but
        ]
        return matching[: -most - 1 : -1]

    def in_tail(self, system: str, event: str) -> bool:
        """Return true if the end of the file has a line for this event, or one was just added."""
        return hash((system, event)) in self._recent

    def proven(self, system: str, events: Collection[str]) -> set[str]:
        """Return those of the given event ids of a system that have a line of this installation."""
        return {event for event in events if (system, event) in self._ids((system, event))}

    def providers_of(self, system: str, event: str) -> set[str]:
        """Return the providers for whom a block was created."""
        lines = self._lines((system, event))
        return {each.provider for each in lines if (each.system, each.event) == (system, event)}

    def with_tag(self, tag: str) -> set[tuple[str, str]]:
        """Return the blocks, as (system, event id), whose creates used this tag.

        Used to find blocks again by their tag. Only lines of this installation count. The whole
        file is searched.
        """
        return {(line.system, line.event) for line in self._lines((_TAG, tag)) if line.tag == tag}

    def missing(self, wanted: Collection[tuple[str, str]]) -> set[tuple[str, str]]:
        """Return those of the ``wanted`` blocks, as (system, event id), that have no line.

        Only lines of this installation count. If the file cannot be read, all ``wanted`` blocks are
        returned, and `fault` gives the reason.
        """
        try:
            return missing_creates(self.path, self.installation, wanted)
        except _FILE_ERRORS as error:
            self._fail(error)
            return set(wanted)

    def _ids(self, name: tuple[str, str]) -> set[tuple[str, str]]:
        return {(line.system, line.event) for line in self._lines(name)}

    def _lines(self, name: tuple[str, str]) -> list[Line]:
        """Read the lines of this installation that may have the name."""
        if self._index is None:
            self._index = self._build_index()
        offsets = self._index.offsets(name)
        if not offsets:
            return []
        lines: list[Line] = []
        try:
            with _open(self.path) as file:
                for offset in offsets:
                    file.seek(offset)
                    with suppress(*DAMAGED_LINE_ERRORS):
                        lines.append(_decode(file.readline(MAX_LINE)))
        except _FILE_ERRORS as error:
            self._fail(error)
        return [line for line in lines if line.installation == self.installation]

    def _build_index(self) -> _Index:
        """Index all lines of the file. Lines that are added later are in the journal, too."""
        index = _Index()
        try:
            for offset, line in _read_at(self.path):
                if line.installation == self.installation:
                    index.add((line.system, line.event), offset)
                    if line.tag is not None:
                        index.add((_TAG, line.tag), offset)
        except _FILE_ERRORS as error:
            self._fail(error)
        index.sort()
        return index

    def intact(self) -> bool:
        """Return false if the file lost lines that were read from it or written to it."""
        try:
            return self._size_now() >= self._size and not self._dropped
        except OSError:
            return True  # the next write reports the error

    def append_lines(self, lines: Sequence[Line]) -> None:
        """Append the lines that are not at the end of the file yet, with one wait for the disk."""
        if not self.append:
            return
        new = [*self._late, *(x for x in lines if not self.in_tail(x.system, x.event))]
        if not new:
            return
        try:
            self._write(b"".join(_encode(line) + b"\n" for line in new))
        except _FILE_ERRORS as error:
            self._late, self._dropped = new[:MAX_LATE], len(new) > MAX_LATE
            self._fail(error)
            return
        self._late, self._dropped = [], False
        self._recent.update(hash((line.system, line.event)) for line in new)
        self.newest = new[-1]
        if self.fault:
            self.fault = ""
            _log().info("created ids are written again", file=str(self.path))

    @property
    def unwritten_count(self) -> int:
        """Return the number of lines that wait until the file can be written."""
        return len(self._late)

    def _fail(self, error: OSError | StateError) -> None:
        reason = error.reason if isinstance(error, StateError) else error.strerror or str(error)
        if not self.fault:
            _log().error(
                "file of created ids cannot be used",
                file=str(self.path),
                reason=reason,
                remedy=_REMEDY,
            )
        self.fault = reason

    def _write(self, data: bytes) -> None:
        descriptor = open_plain(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT)
        try:
            info = os.fstat(descriptor)
            if stat.S_IMODE(info.st_mode) & 0o077:
                os.fchmod(descriptor, 0o600)
            if info.st_size and os.pread(descriptor, 1, info.st_size - 1) != b"\n":
                data = b"\n" + data  # a torn line must not swallow this one
            if os.write(descriptor, data) < len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            self.wait(descriptor)
            if info.st_size == 0:
                _sync_folder(self.path.parent)
            self._size = os.fstat(descriptor).st_size
        finally:
            os.close(descriptor)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def lines_of(installation: int, rows: Iterable[Sequence[str | None]]) -> list[Line]:
    """Convert stored journal rows (intent, system, event, provider, tag, time) to lines."""
    return [
        Line(
            installation=installation,
            intent=str(intent),
            system=str(system),
            event=str(event),
            provider=str(provider),
            tag=tag,
            at=str(at),
        )
        for intent, system, event, provider, tag, at in rows
    ]
