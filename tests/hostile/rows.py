"""The table of odd answers, each as the bytes that a socket sends."""

from __future__ import annotations

from dataclasses import dataclass

from syncd.lab.sandbox.odd_responses import ODD_RESPONSES, OddResponse


@dataclass(frozen=True)
class Row:
    """One odd answer: ``odd`` as data, or ``raw`` bytes where no HTTP library would send it."""

    name: str
    odd: OddResponse | None = None
    raw: bytes = b""

    def spelled(self, status: int = 200, body: bytes = b"{}") -> bytes:
        """Return the bytes to send, given the platform's true answer."""
        if self.odd is None:
            return self.raw
        status = self.odd.status or status
        body = body if self.odd.body is None else self.odd.body
        lines = [f"HTTP/1.1 {status:03} Odd", f"Content-Length: {len(body)}", "Connection: close"]
        lines += [f"{name}: {answer}" for name, answer in self.odd.headers.items()]
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + body

    @property
    def readable(self) -> bool:
        """Return true if the answer contains the true answer."""
        return self.odd is not None and self.odd.readable

    @property
    def refuses(self) -> bool:
        """Return true if the answer says that nothing was done."""
        return self.odd is not None and self.odd.refuses


_OK = b"HTTP/1.1 200 OK\r\nConnection: close\r\n"

RAW = (
    Row("nothing", raw=b""),
    Row("http-0.9", raw=b'{"events": []}'),
    Row("other-protocol", raw=b"SSH-2.0-OpenSSH_9.6\r\n"),
    Row("status-000", raw=b"HTTP/1.1 000 None\r\nContent-Length: 2\r\n\r\n{}"),
    Row("status-600", raw=b"HTTP/1.1 600 Odd\r\nContent-Length: 2\r\n\r\n{}"),
    Row("status-999", raw=b"HTTP/1.1 999 Request denied\r\nContent-Length: 2\r\n\r\n{}"),
    Row("status-words", raw=b"HTTP/1.1 OK fine\r\nContent-Length: 2\r\n\r\n{}"),
    Row("status-5000-digits", raw=b"HTTP/1.1 " + b"2" * 5_000 + b" OK\r\n\r\n{}"),
    Row("switching", raw=b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"),
    Row("only-interim", raw=b"HTTP/1.1 102 Processing\r\n\r\n" * 5_000),
    Row("length-5000-digits", raw=_OK + b"Content-Length: " + b"9" * 5_000 + b"\r\n\r\n{}"),
    Row("length-negative", raw=_OK + b"Content-Length: -2\r\n\r\n{}"),
    Row("length-twice", raw=_OK + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{} "),
    Row("length-too-long", raw=_OK + b"Content-Length: 99\r\n\r\n{}"),
    Row("chunks-of-words", raw=_OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n"),
    Row("chunks-that-end", raw=_OK + b"Transfer-Encoding: chunked\r\n\r\n9\r\n{}"),
    Row("coding-unknown", raw=_OK + b"Transfer-Encoding: rot13\r\n\r\n{}"),
    Row("header-without-end", raw=_OK + b"X-Odd: " + b"x" * 200_000),
    Row("header-without-name", raw=_OK + b": x\r\nContent-Length: 2\r\n\r\n{}"),
    Row("header-with-zero", raw=_OK + b"X-Odd: a\x00b\r\nContent-Length: 2\r\n\r\n{}"),
    Row("20000-headers", raw=_OK + b"X: y\r\n" * 20_000 + b"Content-Length: 2\r\n\r\n{}"),
)

ROWS = (*(Row(name, odd) for name, odd in ODD_RESPONSES.items()), *RAW)
