"""Under ``CI=true``, fail a test that does not run, unless its reason is listed here.

A skipped or expected failure proves nothing, and nobody notices it among passed tests.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Mapping
from typing import Any

import pytest

ALLOWED: Mapping[str, str] = {}
"""Allowed reasons to skip, with explanations. Empty: `.ci/run` installs what the tests need."""

LEFT_OUT = "left out by an option"
TAKEN_OUT = pytest.StashKey[bool]()


def not_allowed(reason: str) -> bool:
    """Return true if this reason fails the run."""
    return os.environ.get("CI") == "true" and reason not in ALLOWED


def _judge(report: pytest.TestReport | pytest.CollectReport) -> None:
    if report.outcome != "skipped":
        return
    expected = getattr(report, "wasxfail", None)
    told = report.longrepr
    reason = expected if expected is not None else told[2] if isinstance(told, tuple) else str(told)
    reason = reason.removeprefix("Skipped: ").removeprefix("reason: ")
    if not_allowed(reason):
        if expected is not None:
            del report.wasxfail
        report.outcome = "failed"
        report.longrepr = _told(reason)


def _told(reason: str) -> str:
    return f"did not run, which CI=true does not allow: {reason or 'no reason'}"


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    _judge(report)
    return report


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    _judge(report)
    return report


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> Generator[None, Any, Any]:
    """Fail tests that an option deselects. An error in an xdist worker would not be shown."""
    found = [item for item in items if "prove" not in item.keywords]
    yield
    if not_allowed(LEFT_OUT) and not config.option.prove:
        selected = set(items)
        for item in found:
            if item not in selected:
                item.stash[TAKEN_OUT] = True
                items.append(item)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.stash.get(TAKEN_OUT, False):
        pytest.fail(_told(LEFT_OUT), pytrace=False)
