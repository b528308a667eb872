"""How often the windows are read, given the limits of the accounts."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.core.polling.rate import CallDemand, fit_to_limits, per_minute

NEAR, FAR = timedelta(seconds=60), timedelta(minutes=15)
RATE = (100, 10.0)  # 600 a minute, of which 300 may be planned
DAY = (200_000, 86_400.0)


def minutes(span: timedelta) -> float:
    return span / timedelta(minutes=1)


@pytest.mark.parametrize(
    ("need", "near", "far", "fits"),
    [
        pytest.param(CallDemand("a", 7, 7), 1, 15, True, id="nothing-is-known"),
        pytest.param(CallDemand("a", 7, 7, [RATE]), 1, 15, True, id="plenty"),
        pytest.param(CallDemand("a", 290, 290, [RATE]), 1, 30, True, id="far-first"),
        pytest.param(CallDemand("a", 299, 299, [RATE]), 1, 360, True, id="far-longest"),
        pytest.param(CallDemand("a", 400, 400, [RATE]), 1.5, 360, True, id="then-near"),
        pytest.param(
            CallDemand("a", 9000, 9000, [RATE]), 24, 360, False, id="too-much-for-any-plan"
        ),
        pytest.param(
            CallDemand("a", 7, 7, [RATE, DAY], 100_000, 43_200), 1, 15, True, id="half-a-day"
        ),
        pytest.param(
            CallDemand("a", 7, 7, [RATE, DAY], 5_000, 43_200), 1.5, 360, True, id="day-ends"
        ),
        pytest.param(
            CallDemand("a", 7, 7, [RATE, DAY], 3_000, 43_200), 2, 360, True, id="nearly-spent"
        ),
        pytest.param(CallDemand("a", 7, 7, [RATE, DAY], 0, 43_200), 24, 360, False, id="spent"),
        pytest.param(
            CallDemand("a", 7, 7, [RATE, DAY], 3_000, 600), 1, 15, True, id="renewed-soon"
        ),
    ],
)
def test_the_far_interval_is_stretched_first(
    need: CallDemand, near: float, far: float, fits: bool
) -> None:
    pace = fit_to_limits(NEAR, FAR, [need]).of("a")
    assert (minutes(pace.near), minutes(pace.far), pace.fits) == (near, far, fits)
    assert pace.tight is ((near, far) != (1, 15))
    if fits and need.bearable is not None:
        assert per_minute(need, pace.near, pace.far) <= need.bearable


def test_a_tight_account_slows_down_its_own_system_and_no_other() -> None:
    needs = [
        CallDemand("a", 7, 7, [RATE]),
        CallDemand("b", 290, 290, [RATE]),
        CallDemand("c", 7, 7, [(1, 60.0)]),
    ]
    paces = fit_to_limits(NEAR, FAR, needs)
    assert paces.limited == ("b", "c")
    assert (paces.of("a").near, paces.of("a").far) == (NEAR, FAR)
    assert (paces.of("b").near, minutes(paces.of("b").far)) == (NEAR, 30)
    assert minutes(paces.of("c").near) == 16
    assert (paces.near, paces.far) == (NEAR, FAR)  # polls follow the one that is read most often
    assert (paces.longest.near, paces.longest.far) == (paces.of("c").near, paces.of("c").far)


@given(st.lists(st.tuples(st.integers(1, 400), st.integers(1, 600)), min_size=2, max_size=4))
def test_no_accounts_intervals_depend_on_anothers(accounts: list[tuple[int, int]]) -> None:
    needs = [
        CallDemand(str(number), calls, calls, [(limit, 60.0)])
        for number, (calls, limit) in enumerate(accounts)
    ]
    together = fit_to_limits(NEAR, FAR, needs)
    assert together.systems == {n.system: fit_to_limits(NEAR, FAR, [n]).of(n.system) for n in needs}


def test_polls_are_fewer_if_all_accounts_are_tight() -> None:
    paces = fit_to_limits(
        NEAR, FAR, [CallDemand("a", 400, 400, [RATE]), CallDemand("b", 9000, 9000, [RATE])]
    )
    assert (minutes(paces.near), minutes(paces.far)) == (1.5, 360)
    assert fit_to_limits(NEAR, FAR, []).of("whoever").near == NEAR


def test_systems_within_their_limits_are_read_as_configured() -> None:
    paces = fit_to_limits(NEAR, FAR, [CallDemand("a", 1, 1, [(8, 5.0)])])
    assert (paces.near, paces.far, paces.limited) == (NEAR, FAR, ())


def test_reads_slow_down_gradually_before_a_daily_limit_is_used_up() -> None:
    remaining = [20_000, 10_000, 5_000, 2_500, 1_000, 500]
    rates = [
        per_minute(
            need, fit_to_limits(NEAR, FAR, [need]).near, fit_to_limits(NEAR, FAR, [need]).far
        )
        for need in (CallDemand("a", 7, 7, [RATE, DAY], n, 43_200.0) for n in remaining)
    ]
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] < rates[0] / 5


def test_the_allowed_rate_is_the_narrowest_limit() -> None:
    assert CallDemand("a", 1, 1, [RATE, DAY]).allowed == pytest.approx(138.9, abs=0.1)
    assert CallDemand("a", 1, 1, [RATE, DAY]).day == 200_000
    assert CallDemand("a", 1, 1, [RATE]).day is None
    assert CallDemand("a", 1, 1).allowed is None
