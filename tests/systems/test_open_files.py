"""A low limit of open files is raised, or refused at the start."""

from __future__ import annotations

import errno
import resource

import pytest

from syncd.systems.open_files import expect_open_files


class Limit:
    """A process limit, soft and hard."""

    def __init__(self, soft: int, hard: int) -> None:
        self.both = (soft, hard)

    def get(self, _which: int) -> tuple[int, int]:
        return self.both

    def set(self, _which: int, both: tuple[int, int]) -> None:
        self.both = both


@pytest.fixture
def limit(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Limit:
    found = Limit(*request.param)
    monkeypatch.setattr(resource, "getrlimit", found.get)
    monkeypatch.setattr(resource, "setrlimit", found.set)
    return found


@pytest.mark.parametrize(
    ("limit", "accounts"), [((16, 16), 1), ((64, 64), 3), ((8, 49), 1)], indirect=["limit"]
)
def test_a_limit_that_cannot_be_raised_far_enough_is_refused(limit: Limit, accounts: int) -> None:
    with pytest.raises(OSError, match="Too many open files") as caught:
        expect_open_files(accounts)
    assert caught.value.errno == errno.EMFILE
    assert limit.both[1] < 100


@pytest.mark.parametrize(
    ("limit", "after"),
    [
        ((16, 4096), 1024),
        ((16, 256), 256),
        ((1024, 1024), 1024),
        ((16, resource.RLIM_INFINITY), 1024),
        ((70, 70), 70),
        ((resource.RLIM_INFINITY, resource.RLIM_INFINITY), resource.RLIM_INFINITY),
    ],
    indirect=["limit"],
)
def test_a_low_limit_is_raised_as_far_as_that_is_allowed(limit: Limit, after: int) -> None:
    hard = limit.both[1]
    expect_open_files(3)
    assert limit.both == (after, hard)
