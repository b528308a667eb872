"""Planted bugs in what proves that a missing event is gone, each with a day that it breaks."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from syncd.core.absence import Evidence, Verdict, judge
from syncd.engine import evidence
from syncd.engine.questions import Questions
from syncd.systems.port import Gone

Patch = pytest.MonkeyPatch

_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


def absence_believed_at_once(patch: Patch) -> None:
    """What is not listed is gone."""

    async def ask(self: Questions, _record: Any) -> Any:
        return Gone(), self.read.clock.now()

    patch.setattr(Questions, "ask", ask)
    patch.setattr(evidence, "judge", lambda _evidence: Verdict.PROVEN)


def one_proof_is_enough(patch: Patch) -> None:
    """What one read does not list, and is not there by id, is gone."""

    def soon(found: Evidence) -> Verdict:
        return judge(replace(found, counted=99, since=_LONG_AGO))

    patch.setattr(evidence, "judge", soon)
