"""The append-only file of the block ids that syncd's creates returned, beside the database.

It proves ownership when the database is lost or older than the blocks that stand
(docs/design.md#ownership). One JSON object a line: ids, a provider's configured name and a time;
nothing of a customer. A line is written and waits for the disk before the transaction that records
the create, so that a crash between the two loses no proof. What cannot be read in the file proves
nothing and is skipped.
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

from syncd.store.errors import StateError
from syncd.store.files import open_plain

CREATED_IDS_SUFFIX = ".created"
"""Added to the database's file name."""

MAX_LINE = 64 * 1024
"""Bytes of a line; a longer one is damage, and is skipped without being loaded."""

TAIL = 256 * 1024
"""Bytes at the end of the file that are looked at first for the latest creates."""

MAX_LATE = 10_000
"""Lines kept in memory while the file cannot be written; the journal has the others."""

_REMEDY = (
    "Make room on the disk, and let the user that runs syncd write to this file. Until then only "
    "the state proves which of these blocks are syncd's; what is missing is added by itself."
)


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One block that a create of this installation made or, its reply being lost, found again.

    ``at`` is when the create was committed to the journal, as the row ``intent``.
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
"""Stands for the system in the index, where a tag is looked for: no system has this name."""

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Line).decode


def created_ids_path(state: Path) -> Path:
    """The file of a state."""
    return state.with_name(state.name + CREATED_IDS_SUFFIX)


def installation_number(intent: str) -> int:
    """The number of an installation, from the id of its first create: 31 bits, never 0."""
    return int.from_bytes(blake2b(intent.encode(), digest_size=4).digest()) % (2**31 - 1) + 1


def read_lines(path: Path, *, last: int | None = None) -> Iterator[Line]:
    """The lines that are whole, of the whole file or its ``last`` bytes.

    A torn, foreign or damaged line is left out; memory is bounded, however long file or line.
    Raises OSError, StateError.
    """
    return (line for _, line in _read_at(path, last=last))


def _read_at(path: Path, *, last: int | None = None) -> Iterator[tuple[int, Line]]:
    """The lines, each with where it begins."""
    try:
        file = _opened(path)
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


def _opened(path: Path) -> BinaryIO:
    return os.fdopen(open_plain(path, os.O_RDONLY), "rb")


_TROUBLE = (OSError, StateError)
"""What is raised where the file cannot be used; the latter if it is a link or no plain file."""

DAMAGED_LINE_ERRORS = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What a line raises that is no line: a power cut may leave half of one, or a run of zero bytes."""


def _split(file: BinaryIO, offset: int) -> Iterator[tuple[int, bytes]]:
    """Lines of at most `MAX_LINE` bytes that have an end; the others are skipped."""
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
    """Those of these creates, (system, event), for which a file of created ids has no line.

    The end of the file is looked at first. Raises OSError or StateError when it cannot
    be read.
    """
    missing = set(wanted)
    for last in (TAIL, None):
        if missing:
            for line in read_lines(file, last=last):
                if line.installation == installation:
                    missing.discard((line.system, line.event))
    return missing


def _log() -> Any:
    import structlog  # noqa: PLC0415 - `status` reads the file, and has nothing to log

    return structlog.get_logger(__name__)


class _Index:
    """Where lines with a given name may be, in 8 bytes for each: a short digest and an offset.

    What a digest points to has to be looked at: two names may have the same.
    """

    def __init__(self) -> None:
        """Nothing is in it."""
        self._buckets = [array("Q") for _ in range(256)]

    def add(self, name: tuple[str, str], offset: int) -> None:
        """Note a name of the line at this offset; names are found after `sort`."""
        digest = hash(name) & 0xFFFFFFFF
        self._buckets[digest >> 24].append((digest & 0xFFFFFF) << 40 | offset)

    def sort(self) -> None:
        """Bucket by bucket: few numbers at a time are objects."""
        self._buckets = [array("Q", sorted(bucket)) for bucket in self._buckets]

    def offsets(self, name: tuple[str, str]) -> Sequence[int]:
        """Where lines with this name may be; every such line is among them."""
        digest = hash(name) & 0xFFFFFFFF
        bucket, low = self._buckets[digest >> 24], (digest & 0xFFFFFF) << 40
        first, end = bisect_left(bucket, low), bisect_left(bucket, low + (1 << 40))
        return [packed - low for packed in bucket[first:end]]


class CreatedIds:
    """The file of one state.

    The end of it is read at once, all of it only when somebody asks for what may not be there.
    Never raises because of the file: what cannot be written is kept, logged once, and written when
    that is possible again; `fault` says why until then.
    """

    def __init__(self, path: Path, *, append: bool) -> None:
        """Nothing is read yet. Without ``append``, nothing is ever written."""
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
        """Read the end of the file, for this installation or (0) for that of the newest line."""
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
        except _TROUBLE as error:
            self._fail(error)

    def _size_now(self) -> int:
        try:
            return self.path.stat(follow_symlinks=False).st_size
        except FileNotFoundError:
            return 0

    def _end(self) -> Iterable[Line]:
        """Lines at the end; more of the file where the end holds none of this installation."""
        found = list(read_lines(self.path, last=TAIL))
        ours = [x for x in found if self.installation in {0, x.installation}]
        return ours or (
            x for x in read_lines(self.path) if self.installation in {0, x.installation}
        )

    def newest_lines(
        self, system: str, providers: Collection[str], most: int, *, but: Collection[str] = ()
    ) -> list[Line]:
        """The newest lines at the file's end of these providers in a system, the newest first.

        Events in ``but`` are left out.
        """
        try:
            lines = list(self._end()) if self._size else []
        except _TROUBLE as error:
            self._fail(error)
            return []
        mine = [
            line
            for line in lines
            if line.system == system and line.provider in providers and line.event not in but
        ]
        return mine[: -most - 1 : -1]

    def in_tail(self, system: str, event: str) -> bool:
        """Whether the end of the file has a line for this event, or one was just appended."""
        return hash((system, event)) in self._recent

    def proven(self, system: str, events: Collection[str]) -> set[str]:
        """Those of these events of a system for which this installation has a line."""
        return {event for event in events if (system, event) in self._ids((system, event))}

    def with_tag(self, tag: str) -> set[tuple[str, str]]:
        """The blocks, (system, event), that were made with this tag."""
        return {(line.system, line.event) for line in self._lines((_TAG, tag)) if line.tag == tag}

    def missing(self, wanted: Collection[tuple[str, str]]) -> set[tuple[str, str]]:
        """Those of these blocks for which this installation has no line."""
        try:
            return missing_creates(self.path, self.installation, wanted)
        except _TROUBLE as error:
            self._fail(error)
            return set(wanted)

    def _ids(self, name: tuple[str, str]) -> set[tuple[str, str]]:
        return {(line.system, line.event) for line in self._lines(name)}

    def _lines(self, name: tuple[str, str]) -> list[Line]:
        """Lines of this installation that may have the name, as they are in the file now."""
        if self._index is None:
            self._index = self._indexed()
        offsets = self._index.offsets(name)
        if not offsets:
            return []
        found: list[Line] = []
        try:
            with _opened(self.path) as file:
                for offset in offsets:
                    file.seek(offset)
                    with suppress(*DAMAGED_LINE_ERRORS):
                        found.append(_decode(file.readline(MAX_LINE)))
        except _TROUBLE as error:
            self._fail(error)
        return [line for line in found if line.installation == self.installation]

    def _indexed(self) -> _Index:
        """An index of all lines there are. What is appended later is in the journal, too."""
        found = _Index()
        try:
            for offset, line in _read_at(self.path):
                if line.installation == self.installation:
                    found.add((line.system, line.event), offset)
                    if line.tag is not None:
                        found.add((_TAG, line.tag), offset)
        except _TROUBLE as error:
            self._fail(error)
        found.sort()
        return found

    def intact(self) -> bool:
        """Whether the file has all that was read of it or should have been written to it."""
        try:
            return self._size_now() >= self._size and not self._dropped
        except OSError:
            return True  # writing to it will tell

    def append_lines(self, lines: Sequence[Line]) -> None:
        """Append the lines that are not at the end of the file yet, and wait once for the disk."""
        if not self.append:
            return
        fresh = [*self._late, *(x for x in lines if not self.in_tail(x.system, x.event))]
        if not fresh:
            return
        try:
            self._write(b"".join(_encode(line) + b"\n" for line in fresh))
        except _TROUBLE as error:
            self._late, self._dropped = fresh[:MAX_LATE], len(fresh) > MAX_LATE
            self._fail(error)
            return
        self._late, self._dropped = [], False
        self._recent.update(hash((line.system, line.event)) for line in fresh)
        self.newest = fresh[-1]
        if self.fault:
            self.fault = ""
            _log().info("created ids are written again", file=str(self.path))

    @property
    def unwritten_count(self) -> int:
        """How many lines wait until the file can be written."""
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
    """Lines of journal rows: intent, system, event, provider, tag, time, as stored there."""
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
