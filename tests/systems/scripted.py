"""A clock that only sleeping moves, and a scripted platform behind httpx.MockTransport."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from syncd.systems.client import HttpResponse as Whole

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)

Answer = httpx.Response | Callable[[httpx.Request], httpx.Response]


class FakeClock:
    """Virtual time."""

    def __init__(self) -> None:
        self.passed = 0.0

    def now(self) -> datetime:
        return NOW + timedelta(seconds=self.passed)

    def monotonic(self) -> float:
        return self.passed

    async def sleep(self, seconds: float) -> None:
        self.passed += seconds


class Script:
    """Scripted answers per call, in order, the last one repeated; records every request."""

    def __init__(self, base: str) -> None:
        self.base = base
        self.answers: dict[str, list[Answer]] = {}
        self.requests: list[httpx.Request] = []

    def reply(self, call: str, *answers: Answer | dict[str, Any] | list[Any]) -> None:
        """Set the answers of a call; plain data is a 200."""
        self.answers[call] = [
            httpx.Response(200, json=a) if isinstance(a, dict | list) else a for a in answers
        ]

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        call = f"{request.method} {request.url.path.removeprefix(self.base)}"
        queue = self.answers[call]
        answer = queue.pop(0) if len(queue) > 1 else queue[0]
        if isinstance(answer, httpx.Response):
            return httpx.Response(
                answer.status_code, headers=answer.headers, content=answer.content
            )
        return answer(request)

    @property
    def sent(self) -> list[Any]:
        """The JSON bodies sent so far."""
        return [json.loads(r.content) for r in self.requests if r.content]


def whole(response: httpx.Response) -> Whole:
    """Return the answer that a platform's `fault_of` receives."""
    return Whole.from_response(response, response.content)
