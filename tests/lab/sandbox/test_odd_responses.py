"""Odd answers of the sandbox: their effect, and what the client receives."""

from __future__ import annotations

import httpx
import pytest

from syncd.lab.sandbox.faults import FaultKind
from syncd.lab.sandbox.odd_responses import ODD_RESPONSES
from tests.lab.sandbox.kit import BLOCKS, Clinic, at


@pytest.mark.parametrize("spelling", ODD_RESPONSES)
async def test_a_request_takes_effect_unless_the_odd_answer_refuses_it(
    clinic: Clinic, spelling: str
) -> None:
    odd = ODD_RESPONSES[spelling]
    clinic.fault(FaultKind.ODD_ANSWER, times=1, spelling=spelling)
    request = clinic.client.build_request("POST", BLOCKS, json=clinic.busy(at(9)))
    answer = await clinic.client.send(request, stream=True)
    await answer.aclose()
    assert answer.status_code == (odd.status or 201)
    assert all(answer.headers[name] == said for name, said in odd.headers.items())
    assert len(clinic.platform.blocks()) == (0 if odd.refuses else 1)
    assert (await clinic.events()).status_code == httpx.codes.OK


def test_an_unknown_odd_answer_is_refused(clinic: Clinic) -> None:
    with pytest.raises(ValueError, match="spelling 'nice' is not one of deep, "):
        clinic.fault(FaultKind.ODD_ANSWER, spelling="nice")


async def test_no_odd_answer_reports_success_for_a_failed_request(clinic: Clinic) -> None:
    # Seed 30107: an odd 200 replaced the 500 with which LeadSquared refuses.
    clinic.fault(FaultKind.ERROR, times=1)
    clinic.fault(FaultKind.ODD_ANSWER, times=1, spelling="empty")
    answer = await clinic.client.post(BLOCKS, json=clinic.busy(at(9)))
    assert answer.status_code >= httpx.codes.INTERNAL_SERVER_ERROR
    assert clinic.platform.blocks() == []
