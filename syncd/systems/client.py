"""Build the requests to one account, with its base URL and keys, and hold the responses."""

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
"""Parsed URLs; most writes of an account go to the same one."""

_WITH_BODY = {"POST", "PUT", "PATCH"}
"""Methods that send ``Content-Length: 0`` when the body is empty."""

_TEXT_BYTES = 64 * 1024
"""Bytes of a body that are decoded as text."""

_CHARSET = re.compile(r"charset\s*=\s*\"?([\w.:-]+)", re.IGNORECASE)
_CHARSETS = {"iso-8859-1": "latin-1", "latin1": "latin-1", "windows-1252": "cp1252"}
"""Python codecs of the charsets that are accepted besides UTF-8. The name in a response is never
looked up: Python has codecs that are no charsets, and some that are extremely slow."""

SENT = "sent"
"""The request extension that says whether any byte was sent; if absent, that is unknown."""

LIMITS = httpx.Limits(max_connections=10, max_keepalive_connections=10, keepalive_expiry=15.0)
_TIMEOUT = httpx.Timeout(connect=5.0, read=20.0, write=10.0, pool=30.0)


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """A whole response, decompressed. Header names are in lower case."""

    status_code: int
    headers: Mapping[str, str]
    content: bytes

    @classmethod
    def from_response(cls, response: httpx.Response, content: bytes) -> Self:
        """Build an `HttpResponse` from a response and its whole body; join repeated headers."""
        headers: dict[str, str] = {}
        for name, value in response.headers.raw:
            key, field = name.decode("latin-1").lower(), value.decode("latin-1")
            headers[key] = f"{headers[key]}, {field}" if key in headers else field
        return cls(response.status_code, headers, content)

    @property
    def text(self) -> str:
        """The first 64 KiB of the body as text, in the charset of its content type."""
        match = _CHARSET.search(self.headers.get("content-type", ""))
        charset = _CHARSETS.get(match[1].lower(), "utf-8") if match is not None else "utf-8"
        return self.content[:_TEXT_BYTES].decode(charset, errors="replace")


class Client:
    """Builds the requests to one account; ``transport`` sends them."""

    def __init__(
        self, base_url: str, headers: Mapping[str, str], transport: httpx.AsyncBaseTransport
    ) -> None:
        """Keep the base URL and the headers of all requests. Raises httpx.InvalidURL."""
        base = httpx.URL(base_url)
        self.transport = transport
        self.timeout = _TIMEOUT
        self.large = asyncio.Lock()
        """Held while a large response is received, so that only one is in memory at a time."""
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
        """Build a request to a path below the base URL. Raises httpx.InvalidURL.

        Parameters that are None are omitted. ``json`` is the body; None means no body. ``headers``
        are added to the headers of all requests and must not repeat one. The result equals that of
        httpx's own client, at a fifth of the CPU time.
        """
        url = self._base + path.lstrip("/")
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
            httpx.URL(f"{url}?{query}") if query else _url(url),
            headers=head,
            stream=httpx.ByteStream(content),
            extensions={"timeout": self.timeout.as_dict()},
        )
        request.read()  # so that a test's transport can read the body
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
    """Create the client of one account; ``transport`` replaces the network.

    Without ``transport``, the proxies of the environment are used. Redirects are never followed,
    and cookies are not kept.
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
    """Sends requests through httpx's own client, which chooses proxies by the environment."""

    def __init__(self) -> None:
        self._client = httpx.AsyncClient(limits=LIMITS, follow_redirects=False)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return await self._client.send(request, stream=True)

    async def aclose(self) -> None:
        await self._client.aclose()


def _pairs(params: Params) -> list[tuple[str, str]]:
    return [
        (name, _parameter(item))
        for name, value in params.items()
        for item in (value if isinstance(value, list | tuple) else (value,))
        if item is not None
    ]


def _parameter(value: Scalar) -> str:
    match value:
        case True:
            return "true"
        case False:
            return "false"
        case _:
            return str(value)


@cache
def _user_agent() -> str:
    """Return a plain user agent: platforms reject unusual ones with an HTML page and 403.

    See docs/platforms/leadconnector-v2.md#errors.
    """
    try:
        return f"syncd/{version('syncd')}"
    except PackageNotFoundError:  # run from a checkout that was not installed
        return "syncd"


def _drop(_record: logging.LogRecord) -> bool:
    return False


def _keep_urls_out_of_logs() -> None:
    """Silence httpx's log: it logs each URL at INFO, and a query may contain LeadSquared's keys."""
    logging.getLogger("httpx").addFilter(_drop)
    logging.getLogger("httpcore").setLevel(logging.WARNING)
