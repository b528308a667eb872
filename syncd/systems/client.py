"""What is asked of one account, and what it answers: requests with its address and its keys."""

from __future__ import annotations

import asyncio
import logging
import re
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Self
from urllib.parse import urlencode

import httpx
import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Scalar = str | int | float | bool | None
    Params = Mapping[str, Scalar | Sequence[Scalar]]

_url = lru_cache(maxsize=64)(httpx.URL)
"""Most writes of an account go to one address."""

_WITH_BODY = {"POST", "PUT", "PATCH"}
"""What says so if it has none."""

_TEXT = 64 * 1024
"""Bytes of a body in which its words are looked for."""

_CHARSET = re.compile(r"charset\s*=\s*\"?([\w.:-]+)", re.IGNORECASE)
_CHARSETS = {"iso-8859-1": "latin-1", "latin1": "latin-1", "windows-1252": "cp1252"}
"""What is believed besides UTF-8. Python knows codecs that are no charsets, and some that take for
ever, so that none is looked up by the name that an answer gives."""

SENT = "sent"
"""The extension of a request that tells whether bytes of it have left; absent: nobody knows."""

LIMITS = httpx.Limits(max_connections=10, max_keepalive_connections=10, keepalive_expiry=15.0)
_TIMEOUT = httpx.Timeout(connect=5.0, read=20.0, write=10.0, pool=30.0)


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer, unpacked. The names of its headers are in lower case."""

    status_code: int
    headers: Mapping[str, str]
    content: bytes

    @classmethod
    def of(cls, response: httpx.Response, content: bytes) -> Self:
        """Take over what is of use once the body is there."""
        headers: dict[str, str] = {}
        for name, value in response.headers.raw:
            key, said = name.decode("latin-1").lower(), value.decode("latin-1")
            headers[key] = f"{headers[key]}, {said}" if key in headers else said
        return cls(response.status_code, headers, content)

    @property
    def text(self) -> str:
        """The beginning of the body in the letters that its type names, odd ones replaced."""
        named = _CHARSET.search(self.headers.get("content-type", ""))
        charset = _CHARSETS.get(named[1].lower(), "utf-8") if named is not None else "utf-8"
        return self.content[:_TEXT].decode(charset, errors="replace")


class Client:
    """Makes the requests to one account; ``transport`` carries them."""

    def __init__(
        self, base_url: str, headers: Mapping[str, str], transport: httpx.AsyncBaseTransport
    ) -> None:
        """Keep what all requests have in common. Raises httpx.InvalidURL."""
        base = httpx.URL(base_url)
        self.transport = transport
        self.timeout = _TIMEOUT
        self.large = asyncio.Lock()
        """Who has it receives a large answer; the others wait."""
        self.headers = httpx.Headers({"Host": base.netloc.decode("ascii"), **headers})
        self._base = str(base).removesuffix("/") + "/"

    def request(
        self,
        method: str,
        path: str,
        params: Params | None = None,
        json: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Request:
        """Make a request beneath the account's address. Raises httpx.InvalidURL.

        Parameters without a value are left out; a body is JSON, and None is no body. ``headers``
        come on top of those of all requests, and repeat none. It is what httpx's own client makes
        of these, at a fifth of the price.
        """
        where = self._base + path.lstrip("/")
        query = urlencode(_pairs(params)) if params else ""
        head = self.headers.raw
        if headers:
            head += [(name.encode(), value.encode()) for name, value in headers.items()]
        content = b"" if json is None else msgspec.json.encode(json)
        if content or method in _WITH_BODY:
            head.append((b"Content-Length", str(len(content)).encode()))
        if content:
            head.append((b"Content-Type", b"application/json"))
        request = httpx.Request(
            method,
            httpx.URL(f"{where}?{query}") if query else _url(where),
            headers=head,
            stream=httpx.ByteStream(content),
            extensions={"timeout": self.timeout.as_dict()},
        )
        request.read()  # so that a test's transport can look at it
        return request

    async def aclose(self) -> None:
        """Close the connections."""
        await self.transport.aclose()


def open_client(
    base_url: str,
    headers: Mapping[str, str],
    *,
    transport: httpx.AsyncBaseTransport | None = None,
) -> Client:
    """Open the connections to one account; ``transport`` replaces the network.

    Without one, the environment says through which proxy each host is asked. Redirects are never
    followed, and cookies not kept.
    """
    _keep_urls_out_of_logs()
    common = {
        "Accept": "application/json",
        "Accept-Encoding": "gzip, deflate",
        "Connection": "keep-alive",
        "User-Agent": _user_agent(),
        **headers,
    }
    return Client(base_url, common, transport or _Proxies())


class _Proxies(httpx.AsyncBaseTransport):
    """The ways that httpx knows for each host: it reads the environment."""

    def __init__(self) -> None:
        self._client = httpx.AsyncClient(limits=LIMITS, follow_redirects=False)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return await self._client.send(request, stream=True)

    async def aclose(self) -> None:
        await self._client.aclose()


def _pairs(params: Params) -> list[tuple[str, str]]:
    return [
        (name, _said(one))
        for name, value in params.items()
        for one in (value if isinstance(value, list | tuple) else (value,))
        if one is not None
    ]


def _said(value: Scalar) -> str:
    match value:
        case True:
            return "true"
        case False:
            return "false"
        case _:
            return str(value)


@cache
def _user_agent() -> str:
    """Return a plain name: unusual ones meet an HTML 403 at the door.

    See docs/platforms/leadconnector-v2.md#errors.
    """
    try:
        return f"syncd/{version('syncd')}"
    except PackageNotFoundError:  # run from a checkout that was not installed
        return "syncd"


def _drop(_record: logging.LogRecord) -> bool:
    return False


def _keep_urls_out_of_logs() -> None:
    """Httpx logs every URL with its query at INFO, and LeadSquared takes its keys in the query."""
    logging.getLogger("httpx").addFilter(_drop)
    logging.getLogger("httpcore").setLevel(logging.WARNING)
