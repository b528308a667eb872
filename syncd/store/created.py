"""The append-only file of the block ids that syncd's creates returned, beside the database.

It proves ownership when the database is lost or older than the blocks that stand (DESIGN section
6). One JSON object a line: ids, a provider's configured name and a time; nothing of a customer.
A line is written and waits for the disk before the transaction that records the create, so that a
crash between the two loses no proof. What cannot be read in the file proves nothing and is skipped.
"""

from __future__ import annotations

import errno
import os
import stat
from array import array
from bisect import bisect_left
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import BinaryIO, Literal

import msgspec
import structlog

log = structlog.get_logger(__name__)

SUFFIX = ".created"
"""Added to the database's file name."""

LONGEST = 64 * 1024
"""Bytes of a line; a longer one is damage, and is skipped without being loaded."""

TAIL = 256 * 1024
"""Bytes at the end of the file that are looked at first for the latest creates."""

MOST_LATE = 10_000
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


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Line).decode


def beside(state: Path) -> Path:
    """The file of a state."""
    return state.with_name(state.name + SUFFIX)


def installation_named(intent: str) -> int:
    """The number of an installation, from the id of its first create: 31 bits, never 0."""
    return int.from_bytes(blake2b(intent.encode(), digest_size=4).digest()) % (2**31 - 1) + 1


def read(path: Path, *, last: int | None = None) -> Iterator[Line]:
    """The lines that are whole, of the whole file or its ``last`` bytes. Raises OSError.

    A torn, foreign or damaged line is left out; memory is bounded, however long file or line.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        return
    with os.fdopen(descriptor, "rb") as file:
        _expect_regular(descriptor)
        if last is not None:
            size = os.fstat(descriptor).st_size
            file.seek(max(0, size - last))
        for raw in _split(file):
            try:
                line = _decode(raw)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                continue  # a power cut may leave a line without its end, or a run of zero bytes
            yield line


def _split(file: BinaryIO) -> Iterator[bytes]:
    """Lines of at most `LONGEST` bytes that have an end; the others are skipped."""
    skipping = False
    while raw := file.readline(LONGEST):
        ends = raw.endswith(b"\n")
        if ends and not skipping:
            yield raw
        skipping = not ends


def lacking(state: Path, installation: int, wanted: Collection[tuple[str, str]]) -> int:
    """How many of these creates, (system, event), the file of a state does not hold.

    Raises OSError when it cannot be read.
    """
    missing = set(wanted)
    for last in (TAIL, None):
        if missing:
            for line in read(beside(state), last=last):
                if line.installation == installation:
                    missing.discard((line.system, line.event))
    return len(missing)


class CreatedIds:
    """The file of one state.

    The end of it is read at once, all of it only when somebody asks for ids that are not there; a
    filter in memory then says which are certainly not in the file. Never raises because of the
    file: what cannot be written is kept, logged once, and written when that is possible again;
    `fault` says why until then.
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
        self._listed: array[int] | None = None
        self._recent: set[int] = set()
        self._confirmed: set[tuple[str, str]] = set()
        self._late: list[Line] = []
        self._dropped = False

    def load(self, installation: int) -> None:
        """Read the end of the file, for this installation or (0) for that of the newest line."""
        self.installation = installation
        self._listed, self.newest = None, None
        self._recent, self._confirmed = set(), set()
        try:
            self._size = self._size_now()
            for line in self._end() if self._size else ():
                if not installation and line.installation != self.installation:
                    self.installation = line.installation
                    self._recent.clear()
                if line.installation == self.installation:
                    self._recent.add(hash((line.system, line.event)))
                    self.newest = line
        except OSError as error:
            self._fail(error)

    def _size_now(self) -> int:
        try:
            return self.path.stat(follow_symlinks=False).st_size
        except FileNotFoundError:
            return 0

    def _end(self) -> Iterable[Line]:
        """Lines at the end; more of the file where the end holds none of this installation."""
        found = list(read(self.path, last=TAIL))
        ours = [x for x in found if self.installation in {0, x.installation}]
        return ours or (x for x in read(self.path) if self.installation in {0, x.installation})

    def lately(self, system: str, event: str) -> bool:
        """Whether the end of the file has a line for this event, or one was just appended."""
        return hash((system, event)) in self._recent

    def may_hold(self, system: str, event: str) -> bool:
        """Whether the file may have a line for this event; False is certain."""
        if self.lately(system, event):
            return True
        if self._listed is None:
            self._listed = self._digests()
        digest = hash((system, event))
        place = bisect_left(self._listed, digest)
        return place < len(self._listed) and self._listed[place] == digest

    def _digests(self) -> array[int]:
        found = array("q")
        try:
            for line in read(self.path):
                if line.installation == self.installation:
                    found.append(hash((line.system, line.event)))
        except OSError as error:
            self._fail(error)
        return array("q", sorted(found))

    def proven(self, system: str, events: Collection[str]) -> set[str]:
        """Those of these events of a system for which this installation has a line."""
        asked = {(system, event) for event in events if self.may_hold(system, event)}
        if not asked <= self._confirmed:
            try:
                for line in read(self.path):
                    one = (line.system, line.event)
                    if line.installation == self.installation and one in asked:
                        self._confirmed.add(one)
            except OSError as error:
                self._fail(error)
        return {event for _, event in asked & self._confirmed}

    def intact(self) -> bool:
        """Whether the file has all that was read of it or should have been written to it."""
        try:
            return self._size_now() >= self._size and not self._dropped
        except OSError:
            return True  # writing to it will tell

    def note(self, lines: Sequence[Line]) -> None:
        """Append the lines that are not at the end of the file yet, and wait once for the disk."""
        if not self.append:
            return
        fresh = [*self._late, *(x for x in lines if not self.lately(x.system, x.event))]
        if not fresh:
            return
        try:
            self._write(b"".join(_encode(line) + b"\n" for line in fresh))
        except OSError as error:
            self._late, self._dropped = fresh[:MOST_LATE], len(fresh) > MOST_LATE
            self._fail(error)
            return
        self._late, self._dropped = [], False
        self._recent.update(hash((line.system, line.event)) for line in fresh)
        self.newest = fresh[-1]
        if self.fault:
            self.fault = ""
            log.info("created ids are written again", file=str(self.path))

    @property
    def late(self) -> int:
        """How many lines wait until the file can be written."""
        return len(self._late)

    def _fail(self, error: OSError) -> None:
        reason = error.strerror or str(error)
        if not self.fault:
            log.error(
                "file of created ids cannot be used",
                file=str(self.path),
                reason=reason,
                remedy=_REMEDY,
            )
        self.fault = reason

    def _write(self, data: bytes) -> None:
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT
        flags |= os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
        descriptor = os.open(self.path, flags, 0o600)
        try:
            info = _expect_regular(descriptor)
            if info.st_size == 0 and os.geteuid() == 0:
                folder = self.path.parent.stat()
                os.fchown(descriptor, folder.st_uid, folder.st_gid)
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


def _expect_regular(descriptor: int) -> os.stat_result:
    info = os.fstat(descriptor)
    if not stat.S_ISREG(info.st_mode):
        raise OSError(errno.EINVAL, "it is not a regular file")
    return info


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
