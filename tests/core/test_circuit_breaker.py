"""The health of a system as a state machine: one row for each kind of attempt."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from syncd.core.health.circuit_breaker import (
    Attempt,
    Transition,
    is_open,
    next_state,
    reset,
    transition,
)
from syncd.model import SystemHealth, SystemState

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
EARLIER = NOW - timedelta(hours=3)
OK, SLOW, LIMITED, LOST, DOWN = (
    SystemState.OK,
    SystemState.SLOW,
    SystemState.RATE_LIMITED,
    SystemState.UNAUTHORISED,
    SystemState.DOWN,
)


def health(state: SystemState, failures: int = 0, *, writing: bool = False) -> SystemHealth:
    return SystemHealth("crm", state, EARLIER, failures=failures, writing=writing)


GOOD = Attempt(NOW)
LATE = Attempt(NOW, latency=4.0)
SO_SO = Attempt(NOW, latency=2.0)
FAILED = Attempt(NOW, DOWN, "cannot be reached")
PART = Attempt(NOW, DOWN, "answered only in part", partial=True)
REFUSED = Attempt(NOW, LOST, "does not accept the secret")
NO_WRITE = replace(REFUSED, writing=True)
TOO_MANY = Attempt(NOW, LIMITED, "allows no more calls", wait=90.0)
WROTE = Attempt(NOW, writing=True)


@pytest.mark.parametrize(
    ("before", "attempt", "state", "wait", "news"),
    [
        pytest.param(SystemHealth("crm"), GOOD, OK, 0, Transition.NONE, id="first-answer"),
        pytest.param(health(OK), LATE, SLOW, 0, Transition.LOST, id="slow"),
        pytest.param(health(OK), SO_SO, OK, 0, Transition.NONE, id="not-so-slow"),
        pytest.param(health(SLOW), SO_SO, SLOW, 0, Transition.NONE, id="still-slow"),
        pytest.param(health(SLOW), GOOD, OK, 0, Transition.RECOVERED, id="fast-again"),
        pytest.param(health(OK), FAILED, DOWN, 0, Transition.LOST, id="first-failure"),
        pytest.param(health(DOWN, 1), FAILED, DOWN, 30, Transition.NONE, id="second-failure"),
        pytest.param(health(DOWN, 2), FAILED, DOWN, 60, Transition.NONE, id="third-failure"),
        pytest.param(health(DOWN, 9000), FAILED, DOWN, 300, Transition.NONE, id="down-for-days"),
        pytest.param(health(DOWN, 5), PART, DOWN, 0, Transition.NONE, id="partial-answer"),
        pytest.param(health(DOWN, 5), GOOD, OK, 0, Transition.RECOVERED, id="up-again"),
        pytest.param(health(OK), REFUSED, LOST, 60, Transition.LOST, id="unauthorised"),
        pytest.param(health(LOST, 1), REFUSED, LOST, 120, Transition.NONE, id="still-unauthorised"),
        pytest.param(health(LOST, 99), REFUSED, LOST, 900, Transition.NONE, id="longest-wait"),
        pytest.param(health(LOST, 9), GOOD, OK, 0, Transition.RECOVERED, id="authorised-again"),
        pytest.param(health(OK), TOO_MANY, LIMITED, 90, Transition.LOST, id="rate-limited"),
        pytest.param(
            health(LIMITED, 7), TOO_MANY, LIMITED, 90, Transition.NONE, id="waits-as-asked"
        ),
        pytest.param(health(DOWN, 7), REFUSED, LOST, 60, Transition.LOST, id="another-trouble"),
        pytest.param(health(LOST, 7), FAILED, DOWN, 0, Transition.LOST, id="failures-count-again"),
        pytest.param(health(OK), NO_WRITE, LOST, 60, Transition.LOST, id="may-not-write"),
        pytest.param(
            health(LOST, 3, writing=True),
            GOOD,
            LOST,
            0,
            Transition.NONE,
            id="a-read-proves-no-write",
        ),
        pytest.param(
            health(LOST, 3, writing=True), WROTE, OK, 0, Transition.RECOVERED, id="may-write-again"
        ),
    ],
)
def test_the_health_after_an_attempt(
    before: SystemHealth, attempt: Attempt, state: SystemState, wait: float, news: Transition
) -> None:
    now = next_state(before, attempt)
    assert now.state is state
    assert now.retry_at == (NOW + timedelta(seconds=wait) if wait else None)
    assert transition(before, now) is news


def test_the_start_of_a_state_is_kept_until_it_changes() -> None:
    went = next_state(health(OK), FAILED)
    assert went.since == NOW
    later = next_state(replace(went, since=EARLIER), replace(FAILED, cause="answered 503"))
    assert (later.since, later.cause) == (EARLIER, "answered 503")
    assert next_state(later, GOOD).since == NOW


def test_the_cause_of_a_slow_system_can_follow_its_name() -> None:
    assert next_state(health(OK), LATE).cause.startswith("takes ")


def test_a_good_answer_clears_cause_and_failures() -> None:
    now = next_state(health(DOWN, 5), GOOD)
    assert (now.cause, now.remedy, now.failures, now.retry_at) == ("", "", 0, None)


def test_the_breaker_is_open_until_its_retry_time() -> None:
    resting = next_state(health(LOST, 3), REFUSED)
    assert resting.retry_at is not None
    assert is_open(resting, NOW, writing=False)
    assert is_open(resting, resting.retry_at - timedelta(seconds=1), writing=True)
    assert not is_open(resting, resting.retry_at, writing=False)


def test_a_clock_set_back_by_a_year_closes_the_breaker() -> None:
    resting = next_state(health(LOST, 3), REFUSED)
    assert not is_open(resting, NOW - timedelta(days=365), writing=False)


def test_a_system_without_write_access_is_still_read() -> None:
    resting = next_state(health(OK), NO_WRITE)
    assert not is_open(resting, NOW, writing=False)
    assert is_open(resting, NOW, writing=True)


def test_a_new_secret_or_a_person_closes_the_breaker_and_keeps_the_state() -> None:
    asked = reset(next_state(health(LOST, 3), REFUSED), "f00")
    assert not is_open(asked, NOW, writing=False)
    assert (asked.state, asked.secret, asked.failures) == (LOST, "f00", 0)
