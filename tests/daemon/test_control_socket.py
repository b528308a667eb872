"""The control socket: requests, progress and one reply, also for invalid input."""

from __future__ import annotations

import asyncio
import json
import socket
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from syncd.daemon import control_socket as socket_module
from syncd.daemon.client import DaemonError, RequestError, send_request
from syncd.daemon.control_socket import (
    MAX_REQUEST,
    RequestRejectedError,
    control_socket,
    short_path,
)
from syncd.daemon.lock import StateLock
from tests.daemon.kit import long_folder, until


async def echo(
    arguments: Mapping[str, Any], progress: Callable[[str], None]
) -> tuple[Mapping[str, object], int]:
    progress("one")
    progress("two")
    return {"said": arguments.get("word")}, 3


async def refuses(
    _arguments: Mapping[str, Any], _progress: Callable[[str], None]
) -> tuple[Mapping[str, object], int]:
    raise RequestRejectedError("no", "Ask otherwise.")


async def breaks(
    _arguments: Mapping[str, Any], _progress: Callable[[str], None]
) -> tuple[Mapping[str, object], int]:
    raise ZeroDivisionError


COMMANDS = {"echo": echo, "refuses": refuses, "breaks": breaks}


async def told(state: Path, command: str, **arguments: object) -> tuple[Any, list[str]]:
    heard: list[str] = []
    answer = await asyncio.to_thread(send_request, state, command, arguments, heard.append)
    return answer, heard


@pytest.mark.parametrize("deep", [False, True])
async def test_a_request_brings_progress_and_then_the_result(tmp_path: Path, deep: bool) -> None:
    state = (long_folder(tmp_path) if deep else tmp_path) / "state.db"
    async with control_socket(state, COMMANDS):
        answer, heard = await told(state, "echo", word="x")
    assert (answer.result, answer.exit, heard) == ({"said": "x"}, 3, ["one", "two"])


async def test_the_socket_is_for_its_owner_only_and_goes_away(tmp_path: Path) -> None:
    state = tmp_path / "state.db"
    path = tmp_path / "state.db.sock"
    path.write_text("left behind")
    async with control_socket(state, COMMANDS):
        mode = path.stat().st_mode
        assert stat.S_ISSOCK(mode)
        assert mode & 0o777 == 0o600
    assert not path.exists()


@pytest.mark.parametrize(
    "line",
    [
        b"nonsense\n",
        b"[]\n",
        b"{}\n",
        b'{"command": "frob"}\n',
        b'{"command": []}\n',
        b'{"command": "echo", "arguments": [1]}\n',
        b'"x"\n',
        b"\xff\n",
        b"\n",
        b"[" * 50_000 + b"\n",
        b'{"command": "echo", "arguments": {"word": "\\ud800"}}\n',
        b"x" * (MAX_REQUEST + 1) + b"\n",
    ],
)
async def test_an_invalid_request_is_refused_and_the_next_is_served(
    tmp_path: Path, line: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    state = tmp_path / "state.db"
    async with control_socket(state, COMMANDS):
        with short_path(state) as path:
            reader, writer = await asyncio.open_unix_connection(path)
        writer.write(line)
        said = json.loads(await reader.readline())
        writer.close()
        await writer.wait_closed()
        assert set(said) == {"error", "remedy", "refused"}
        answer, _ = await told(state, "echo", word="y")
    assert answer.result == {"said": "y"}
    assert "request failed" not in capsys.readouterr().out


async def test_a_silent_client_times_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket_module, "READ_TIMEOUT", 0.05)
    state = tmp_path / "state.db"
    async with control_socket(state, COMMANDS):
        with short_path(state) as path:
            reader, writer = await asyncio.open_unix_connection(path)
        said = json.loads(await asyncio.wait_for(reader.readline(), 2))
        writer.close()
        await writer.wait_closed()
    assert said["error"] == "no request arrived"


async def test_a_refusal_and_a_failure_reach_the_client_with_their_remedy(tmp_path: Path) -> None:
    state = tmp_path / "state.db"
    async with control_socket(state, COMMANDS):
        with pytest.raises(RequestError, match="Ask otherwise"):
            await told(state, "refuses")
        with pytest.raises(DaemonError, match="See the daemon") as broken:
            await told(state, "breaks")
    assert not isinstance(broken.value, RequestError)


async def test_a_client_that_leaves_ends_its_request_and_the_next_is_served(
    tmp_path: Path,
) -> None:
    state = tmp_path / "state.db"
    happened: list[str] = []
    begun = asyncio.Event()

    async def slow(
        _arguments: Mapping[str, Any], progress: Callable[[str], None]
    ) -> tuple[Mapping[str, object], int]:
        begun.set()
        try:
            for _ in range(500):
                await asyncio.sleep(0.02)
                progress("still at it")
        except asyncio.CancelledError:
            happened.append("ended")
            raise
        return {}, 0

    async with control_socket(state, {**COMMANDS, "slow": slow}):
        with short_path(state) as path:
            _, writer = await asyncio.open_unix_connection(path)
        writer.write(b'{"command": "slow"}\n')
        await begun.wait()
        writer.close()
        await writer.wait_closed()
        await until(lambda: happened)
        answer, _ = await told(state, "echo", word="y")
    assert answer.result == {"said": "y"}


async def test_a_daemon_that_dies_during_a_request_is_reported(tmp_path: Path) -> None:
    state = tmp_path / "state.db"

    async def dies(
        _arguments: Mapping[str, Any], _progress: Callable[[str], None]
    ) -> tuple[Mapping[str, object], int]:
        raise ConnectionResetError

    async with control_socket(state, {"dies": dies}):
        with pytest.raises(DaemonError, match="stopped before the command was done"):
            await told(state, "dies")


async def test_a_daemon_that_stops_before_reading_is_reported(tmp_path: Path) -> None:
    state = tmp_path / "state.db"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as deaf, short_path(state) as path:
        deaf.bind(path)
        deaf.listen(1)
        # Longer than the kernel buffers: the daemon goes while this is being sent.
        asking = asyncio.create_task(told(state, "echo", word="x" * 5_000_000))
        await asyncio.sleep(0.1)
        deaf.close()
        with pytest.raises(DaemonError, match="stopped before the command was done"):
            await asking


async def test_a_missing_daemon_is_reported_at_once(tmp_path: Path) -> None:
    with pytest.raises(DaemonError, match="does not respond"):
        await told(tmp_path / "state.db", "echo")


async def test_a_daemon_that_is_just_starting_is_waited_for(tmp_path: Path) -> None:
    state = tmp_path / "state.db"
    with StateLock(state, role="daemon"):
        asking = asyncio.create_task(told(state, "echo", word="z"))
        await asyncio.sleep(0.15)
        async with control_socket(state, COMMANDS):
            answer, _ = await asking
    assert answer.result == {"said": "z"}


async def test_two_clients_are_served_concurrently(tmp_path: Path) -> None:
    state = tmp_path / "state.db"
    async with control_socket(state, COMMANDS):
        answers = await asyncio.gather(*(told(state, "echo", word=n) for n in range(5)))
    assert [a.result["said"] for a, _ in answers] == [0, 1, 2, 3, 4]


async def test_a_probe_ends_when_its_client_leaves(tmp_path: Path) -> None:
    state, happened = tmp_path / "state.db", []
    begun = asyncio.Event()

    async def probe(
        _arguments: Mapping[str, Any], _progress: Callable[[str], None]
    ) -> tuple[Mapping[str, object], int]:
        begun.set()
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0)
            happened.append("removed")
        return {}, 0

    async with control_socket(state, {"probe": probe}):
        with short_path(state) as path:
            _, writer = await asyncio.open_unix_connection(path)
        writer.write(b'{"command": "probe"}\n')
        await begun.wait()
        writer.close()
        await until(lambda: bool(happened))
    assert happened == ["removed"]
