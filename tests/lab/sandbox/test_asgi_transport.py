"""The in-process transport behaves as httpx's, and the fast JSON as starlette's."""

from __future__ import annotations

import httpx
import pytest
from starlette import responses

from syncd.lab.sandbox.asgi_transport import AsgiTransport
from syncd.lab.sandbox.faults import FaultKind
from syncd.lab.sandbox.platform import LostResponse
from syncd.lab.sandbox.replies import JSONResponse
from tests.lab.sandbox.kit import APPOINTMENTS, BLOCKS, Clinic, at


async def test_the_transport_gives_the_same_answers_as_httpx(clinic: Clinic) -> None:
    event = clinic.book(at(9))
    asked = [
        ("GET", "/calendars/?locationId=x", None),
        ("GET", f"{APPOINTMENTS}/{event}?ä=%2F&b=", None),
        ("GET", "/nothing/here", None),
        ("POST", BLOCKS, clinic.busy(at(11))),
        ("PUT", f"{APPOINTMENTS}/{event}", {"title": "Müller ✓"}),
        ("DELETE", f"{APPOINTMENTS}/{event}", None),
    ]
    ours, theirs = AsgiTransport(clinic.platform), httpx.ASGITransport(clinic.platform)
    for method, path, body in asked:
        found = []
        for way in (ours, theirs):
            async with httpx.AsyncClient(
                transport=way, base_url="http://clinic:81", headers=clinic.client.headers
            ) as client:
                answer = await client.request(method, path, json=body)
            # Compare keys only: ids, trace ids and remaining calls differ between answers.
            names = [name for name, _ in answer.headers.raw]
            found.append((answer.status_code, sorted(names), answer.json().keys()))
        assert found[0] == found[1]
    mine, other = clinic.platform.calls[::2], clinic.platform.calls[1::2]
    assert [(c.method, c.path, c.query) for c in mine] == [
        (c.method, c.path, c.query) for c in other
    ]


async def test_a_lost_reply_raises_the_error_of_a_broken_socket(clinic: Clinic) -> None:
    clinic.fault(FaultKind.RESET_BODY)
    async with httpx.AsyncClient(
        transport=AsgiTransport(clinic.platform), base_url="http://clinic"
    ) as client:
        with pytest.raises(LostResponse):
            await client.get("/calendars/")


@pytest.mark.parametrize(
    "content", [{"a": [1, 2.5, None, True], "ü": '✓ "quoted"\n/\u2028'}, [], {}, "text", None]
)
def test_the_fast_json_encoder_writes_the_same_bytes_as_starlette(content: object) -> None:
    assert JSONResponse(content).body == responses.JSONResponse(content).body
