"""Bugs in the handling of odd answers, each with a day on which it breaks a promise."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import msgspec
import pytest

from syncd.engine.tasks import supervise
from syncd.lab.simulate.scenario import EventKind, Scenario
from syncd.systems import decoding, transport
from syncd.systems.errors import UnknownOutcomeError
from syncd.systems.transport import Transport
from tests.lab.simulate.days import at, day
from tests.planted.swap import swap

Patch = pytest.MonkeyPatch


def an_odd_answer_ends_the_cycle(patch: Patch) -> None:
    """Let every error of an answer end the cycle."""

    def open_(*_given: Any, **_named: Any) -> nullcontext[None]:
        return nullcontext()

    patch.setattr(transport, "contained", open_)
    patch.setattr(supervise, "contained", open_)
    patch.setattr(decoding, "UNREADABLE", (msgspec.MsgspecError, UnicodeError))


def an_odd_answer_to_a_write_means_that_nothing_happened(patch: Patch) -> None:
    """Repeat a write with an unknown outcome at once, without looking it up."""
    write = Transport.write

    async def impatient(self: Transport, *args: Any, **kwargs: Any) -> Any:
        try:
            return await write(self, *args, **kwargs)
        except UnknownOutcomeError:
            return await write(self, *args, **kwargs)

    swap(patch, Transport.write, impatient)


_BOOKED = at(1, EventKind.BOOK, "clinic", slot=70)
_ODD_LIST = at(0.9, EventKind.FAULT, "clinic", fault="odd-answer", times=30, spelling="deep")
_ODD_WRITE = at(
    0.99, EventKind.FAULT, "legacy", 1, fault="odd-answer", times=1, spelling="deep-error"
)

ABOUT_ANSWERS: tuple[tuple[Callable[[Patch], None], Scenario], ...] = (
    (an_odd_answer_ends_the_cycle, day(_ODD_LIST, _BOOKED)),
    (
        an_odd_answer_to_a_write_means_that_nothing_happened,
        day(_ODD_WRITE, _BOOKED, at(6, EventKind.CANCEL, "clinic")),
    ),
)
