"""Hostile platforms: wrong, endless or foreign answers, over real sockets with real TLS."""

from __future__ import annotations

import gzip
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from syncd.systems import exchange, transport
from syncd.systems.client import open_client
from syncd.systems.errors import PlatformError, RejectedError, RetryableError, UnknownOutcomeError
from syncd.systems.rate_limiter import RateLimiter
from syncd.systems.transport import Transport, network
from tests.systems.platforms import WIRES, Line, platform
from tests.systems.test_transport import fault_of
from tests.systems.virtual import VirtualClock

TOKEN = "Bearer pit-0123456789abcdef"


@pytest.fixture(autouse=True, params=WIRES)
def _wire(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each transport in turn."""
    monkeypatch.setattr(transport, "Connections", WIRES[request.param])


@dataclass
class Stranger:
    """A server with one answer to all requests; it records the requests."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b"{}"
    drips: int = 0
    asked: list[str] = field(default_factory=list)
    port: int = 0


@contextmanager
def serving(stranger: Stranger, context: ssl.SSLContext | None = None) -> Iterator[Stranger]:
    """Serve during the block, on a local port."""

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            stranger.asked.append(self.headers.get("Authorization", ""))
            self.send_response(stranger.status)
            for name, value in stranger.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(stranger.body) + stranger.drips))
            self.end_headers()
            try:
                self.wfile.write(stranger.body)
                for _ in range(stranger.drips):
                    time.sleep(0.02)
                    self.wfile.write(b" ")
            except OSError:
                return  # hung up on, as it deserves

        do_GET = do_POST = answer  # noqa: N815 - the library's names

        def log_message(self, *_said: object) -> None:
            return

    class Quiet(ThreadingHTTPServer):
        def handle_error(self, *_of: object) -> None:
            return

    server = Quiet(("127.0.0.1", 0), Handler)
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    stranger.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield stranger
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


async def ask(base_url: str, *, write: bool = False, ca_file: str | None = None) -> bytes:
    """Make one call with a secret in its header, as an adapter does."""
    clock = VirtualClock()
    client = open_client(base_url, {"Authorization": TOKEN}, transport=network(ca_file))
    wire = Transport("clinic", client, clock, RateLimiter(clock, (100, 1.0)), fault_of, attempts=1)
    try:
        if write:
            return (await wire.write("POST", "/blocks")).content
        return await wire.read("GET", "/events")
    finally:
        await wire.aclose()


# --- redirects ------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("write", [False, True])
async def test_a_redirect_to_another_host_is_not_followed(status: int, *, write: bool) -> None:
    with serving(Stranger()) as thief:
        away = {"Location": f"http://localhost:{thief.port}/events"}
        with serving(Stranger(status, away)) as platform, pytest.raises(PlatformError) as caught:
            await ask(f"http://127.0.0.1:{platform.port}", write=write)
    assert isinstance(caught.value, RejectedError)
    assert (platform.asked, thief.asked) == ([TOKEN], [])


# --- answers without end --------------------------------------------------------------------------


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> int:
    """Lower the bound, so that a test reaches it quickly."""
    monkeypatch.setattr(exchange, "MAX_BYTES", 100_000)
    return 100_000


async def test_an_answer_is_read_up_to_the_bound(small: int) -> None:
    with serving(Stranger(body=b"x" * small)) as platform:
        assert len(await ask(f"http://127.0.0.1:{platform.port}")) == small


async def test_a_longer_answer_is_given_up(small: int) -> None:
    with (
        serving(Stranger(body=b"x" * (small + 1))) as platform,
        pytest.raises(RetryableError, match="longer than 100000 bytes"),
    ):
        await ask(f"http://127.0.0.1:{platform.port}")


async def test_a_write_with_an_endless_answer_may_have_taken_effect(small: int) -> None:
    with serving(Stranger(body=b"x" * (small * 2))) as platform, pytest.raises(UnknownOutcomeError):
        await ask(f"http://127.0.0.1:{platform.port}", write=True)


async def test_a_compressed_bomb_is_refused(small: int) -> None:
    bomb = gzip.compress(b"\0" * 50_000_000)
    assert len(bomb) < small
    with (
        serving(Stranger(headers={"Content-Encoding": "gzip"}, body=bomb)) as platform,
        pytest.raises(RetryableError, match="longer than 100000 bytes"),
    ):
        await ask(f"http://127.0.0.1:{platform.port}")


async def test_a_packed_answer_is_unpacked_once(small: int) -> None:
    packed = gzip.compress(b'{"events": []}')
    assert len(packed) < small
    with serving(Stranger(headers={"Content-Encoding": "gzip"}, body=packed)) as platform:
        assert await ask(f"http://127.0.0.1:{platform.port}") == b'{"events": []}'


async def test_an_invalid_compressed_answer_is_a_failed_read() -> None:
    with (
        serving(Stranger(headers={"Content-Encoding": "gzip"}, body=b"plain")) as platform,
        pytest.raises(RetryableError, match="DecodingError"),
    ):
        await ask(f"http://127.0.0.1:{platform.port}")


async def test_an_answer_that_trickles_for_ever_is_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(exchange, "MAX_DURATION", 0.1)
    with (
        serving(Stranger(drips=50)) as platform,
        pytest.raises(RetryableError, match="no complete response within 0 s"),
    ):
        await ask(f"http://127.0.0.1:{platform.port}")


# --- TLS ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Create a private authority and a certificate for 127.0.0.1: ca.pem, host.pem, host.key."""
    folder = tmp_path_factory.mktemp("authority")

    def openssl(*arguments: str, also: Sequence[str]) -> None:
        new = ["req", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-x509", *arguments]
        for said in also:
            new += ["-addext", said]
        subprocess.run(["openssl", *new], cwd=folder, check=True, capture_output=True)

    ca = ["-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=Private authority"]
    openssl(*ca, also=["keyUsage=critical,keyCertSign"])
    signed = ["-CA", "ca.pem", "-CAkey", "ca.key", "-subj", "/CN=host"]
    strict = ["authorityKeyIdentifier=keyid", "basicConstraints=CA:FALSE"]  # for Python 3.13
    for name, host in (("host", "IP:127.0.0.1"), ("other", "DNS:other.example.com")):
        files = ["-keyout", f"{name}.key", "-out", f"{name}.pem"]
        openssl(*files, *signed, also=[f"subjectAltName={host}", *strict])
    return folder


def tls(authority: Path, name: str) -> ssl.SSLContext:
    """Return the server's TLS context with that certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority / f"{name}.pem", authority / f"{name}.key")
    return context


async def test_nothing_is_sent_to_a_host_with_an_untrusted_certificate(authority: Path) -> None:
    with (
        serving(Stranger(), tls(authority, "host")) as platform,
        pytest.raises(RetryableError, match="CERTIFICATE_VERIFY_FAILED"),
    ):
        await ask(f"https://127.0.0.1:{platform.port}")
    assert platform.asked == []


async def test_a_private_authority_can_be_added(authority: Path) -> None:
    with serving(Stranger(), tls(authority, "host")) as platform:
        said = await ask(f"https://127.0.0.1:{platform.port}", ca_file=str(authority / "ca.pem"))
    assert (said, platform.asked) == (b"{}", [TOKEN])


async def test_a_private_authority_does_not_vouch_for_another_host(authority: Path) -> None:
    with (
        serving(Stranger(), tls(authority, "other")) as platform,
        pytest.raises(RetryableError, match="CERTIFICATE_VERIFY_FAILED"),
    ):
        await ask(f"https://127.0.0.1:{platform.port}", ca_file=str(authority / "ca.pem"))
    assert platform.asked == []


async def test_large_answers_arrive_whole_over_one_encrypted_connection(authority: Path) -> None:
    async def much(line: Line) -> None:
        for size in (3_000_000, 2, 3_000_000):
            await line.asked()
            await line.answer(b"x" * size)
        await line.asked()
        line.reset()

    clock = VirtualClock()
    async with platform(much, tls(authority, "host")) as there:
        way = network(str(authority / "ca.pem"))
        client = open_client(f"https://127.0.0.1:{there.port}", {}, transport=way)
        wire = Transport(
            "clinic", client, clock, RateLimiter(clock, (100, 1.0)), fault_of, attempts=1
        )
        sizes = [len(await wire.read("GET", "/events")) for _ in range(3)]
        with pytest.raises(UnknownOutcomeError, match=r"ReadError|RemoteProtocolError"):
            await wire.write("PUT", "/blocks/7")
        await wire.aclose()
    assert (sizes, there.lines, len(there.seen)) == ([3_000_000, 2, 3_000_000], 1, 4)
