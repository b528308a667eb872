"""`Client` builds the same requests as httpx's client, and answers keep their headers and text."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from syncd.systems.client import HttpResponse, open_client
from tests.systems.scripted import whole

KEYS = {"Authorization": "Bearer secret", "Accept": "application/json"}
BASES = [
    "https://api.example.com",
    "https://api.example.com/",
    "https://api.example.com:8443/v1",
    "https://api.example.com/v1/",
    "http://127.0.0.1:8080/a b/é",
    "http://[::1]:80/v2",
]
PARTS = st.sampled_from(["a%2Fb", "a b", "é", "~", "@:+,;", "", "."])
PATHS = st.tuples(st.sampled_from(["events", "/events"]), st.lists(PARTS, max_size=4)).map(
    lambda said: "/".join([said[0], *said[1]])
)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
PARAMS = st.dictionaries(
    st.text(min_size=1, max_size=8), SCALARS | st.lists(SCALARS, max_size=3), max_size=4
)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
BODIES = st.recursive(
    st.booleans() | st.integers(-(2**53), 2**53) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
)


def told(request: httpx.Request) -> tuple[object, ...]:
    """Return everything that a platform sees, with the body decoded."""
    return (
        request.method,
        str(request.url),
        request.url.raw_path,
        sorted((k.lower(), v) for k, v in request.headers.raw if k.lower() != b"content-length"),
        json.loads(request.content) if request.content else None,
        dict(request.extensions),
    )


@pytest.mark.prove
@given(
    base=st.sampled_from(BASES),
    method=st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE"]),
    path=PATHS,
    params=st.none() | PARAMS,
    body=st.none() | BODIES,
    version=st.none() | st.just({"Version": "2021-04-15"}),
)
@example(
    "https://api.example.com/v1",
    "GET",
    "/events",
    {"a": [1, None, True], "b": " &=é", "c": False},
    None,
    None,
)
@example("https://api.example.com/v1", "POST", "events", None, None, None)
@example("https://api.example.com/v1", "POST", "events", {}, {"a": '"\\\x7f\u2028é'}, None)
def test_a_request_is_the_one_that_httpx_makes(
    base: str,
    method: str,
    path: str,
    params: dict[str, Any] | None,
    body: Any,
    version: dict[str, str] | None,
) -> None:
    """Build the request with httpx's client, after removing parameters that are None."""
    way = httpx.MockTransport(lambda _: httpx.Response(200))
    ours = open_client(base, KEYS, transport=way)
    theirs = httpx.AsyncClient(
        base_url=base,
        headers={"User-Agent": ours.headers["user-agent"], **KEYS},
        timeout=ours.timeout,
        transport=way,
    )
    given = None if params is None else _with_values(params)
    request = ours.request(method, path, params, body, version)
    twin = theirs.build_request(method, path, params=given or None, json=body, headers=version)
    assert told(request) == told(twin)
    length = request.headers.get("content-length")
    assert length == (
        str(len(request.content)) if request.content or method in {"POST", "PUT", "PATCH"} else None
    )
    assert (length is None) == (twin.headers.get("content-length") is None)


def _with_values(params: dict[str, Any]) -> dict[str, Any]:
    kept = {
        name: [one for one in value if one is not None] if isinstance(value, list) else value
        for name, value in params.items()
    }
    return {name: value for name, value in kept.items() if value is not None and value != []}


def test_a_path_that_no_address_can_hold_is_refused() -> None:
    client = open_client("https://api.example.com", {}, transport=httpx.MockTransport(lambda _: OK))
    for path in ("a\nb", "x" * 70_000):
        with pytest.raises(httpx.InvalidURL):
            client.request("GET", path)


def test_an_invalid_base_url_is_refused_at_once() -> None:
    with pytest.raises(httpx.InvalidURL):
        open_client("https://api.example.com:port", {}, transport=httpx.MockTransport(lambda _: OK))


OK = httpx.Response(200)


def test_repeated_headers_are_joined() -> None:
    answer = whole(httpx.Response(200, headers=[("X-Way", "a"), ("x-way", "b"), ("Date", "d")]))
    assert answer.headers == {"x-way": "a, b", "date": "d"}


def test_a_header_that_is_not_ascii_is_kept() -> None:
    response = httpx.Response(200, headers=[(b"X-Odd", b"\xff\xfe")])
    assert HttpResponse.from_response(response, b"").headers == {"x-odd": "ÿþ"}


@pytest.mark.parametrize("letters", ["utf-8", "iso-8859-1"])
def test_the_text_of_an_answer_is_decoded_in_its_charset(letters: str) -> None:
    kind = {"content-type": f"text/plain; charset={letters}"}
    response = httpx.Response(500, headers=kind, content="zu viele für heute".encode(letters))
    assert whole(response).text == "zu viele für heute" == response.text


def test_a_body_without_a_known_charset_is_decoded_with_replacements() -> None:
    assert whole(httpx.Response(500, content=b"\xff!")).text == "\ufffd!"


async def test_no_cookie_is_sent_back() -> None:
    seen = []

    def platform(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers.get("cookie"))
        return httpx.Response(200, headers={"set-cookie": "who=me"})

    client = open_client("https://api.example.com", {}, transport=httpx.MockTransport(platform))
    for _ in range(2):
        await client.transport.handle_async_request(client.request("GET", "events"))
    assert seen == [None, None]
