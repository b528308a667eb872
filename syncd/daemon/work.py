"""The engine at work: one job at a time, whoever asked for it, and none that ends the service."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, Protocol

import structlog

from syncd.core.answer import Answer, Unfit
from syncd.daemon.door import Progress, Refused
from syncd.engine.report import Report
from syncd.engine.resolve import answer_of, resolve
from syncd.model import Window, utc
from syncd.store import Store

log = structlog.get_logger(__name__)


class Worker(Protocol):
    """What the daemon needs of an engine."""

    stopping: asyncio.Event
    mapping: Mapping[str, Sequence[str]]
    store: Store
    answers: dict[str, Answer]

    async def resync(
        self,
        *,
        window: Window | None = None,
        providers: Sequence[str] | None = None,
        accept: str | None = None,
        dry_run: bool = ...,
        progress: Progress = ...,
    ) -> Report:
        """Bring everything into step."""
        ...

    async def watch(self, *, near: bool) -> Report:
        """One cycle."""
        ...


class Work:
    """The jobs. ``told`` hears of each report, ``failed`` the name of each job that raised.

    ``busy_since`` is a loop time, None when idle.
    """

    def __init__(
        self,
        engine: Worker,
        told: Callable[[Report], None] = lambda _report: None,
        failed: Callable[[str], None] = lambda _job: None,
    ) -> None:
        """Nothing is done yet."""
        self._engine = engine
        self._told = told
        self._failed = failed
        self._one = asyncio.Lock()
        self.busy_since: float | None = None

    async def near(self) -> None:
        """Poll the near window; skipped while something else is at work, which reads it anyway."""
        if not self._one.locked():
            await self._job("near", lambda: self._engine.watch(near=True))

    async def far(self) -> None:
        """Poll the whole window."""
        await self._job("far", lambda: self._engine.watch(near=False))

    async def everything(self) -> None:
        """The resync at the start and at night."""
        await self._job("resync", self._engine.resync)

    async def on_request(
        self, arguments: Mapping[str, Any], progress: Progress
    ) -> tuple[Mapping[str, object], int]:
        """A resync that somebody asked for through the door. Raises Refused."""
        _check(arguments)
        window = _window(arguments)
        provider, accept = _text(arguments, "provider"), _text(arguments, "accept")
        if provider is not None and provider not in self._engine.mapping:
            raise Refused(
                f"the running daemon knows no provider {provider!r}",
                "If it is new in the configuration: restart the daemon, which reads that once.",
            )
        self._refuse_if_ending()
        if self._one.locked():
            progress("waiting for the cycle at work")
        async with self._alone():
            self._refuse_if_ending()
            report = await self._engine.resync(
                window=window,
                providers=None if provider is None else [provider],
                accept=accept,
                progress=progress,
            )
        self._hear("request", report)
        return report.to_json(), report.exit.code

    async def on_resolve(
        self, arguments: Mapping[str, Any], progress: Progress
    ) -> tuple[Mapping[str, object], int]:
        """What a person decided of a held conflict, through the door. Raises Refused."""
        conflict = _text(arguments, "conflict")
        try:
            answer = answer_of(arguments)
        except ValueError as error:
            raise Refused(str(error), "Restart the daemon: it may be of another version.") from None
        self._refuse_if_ending()
        if self._one.locked():
            progress("waiting for the cycle at work")
        async with self._alone():
            self._refuse_if_ending()
            try:
                resolved = await resolve(self._engine, conflict or "", answer, progress=progress)
            except Unfit as unfit:
                raise Refused(unfit.reason, unfit.remedy) from None
        self._hear("resolve", resolved.report)
        return resolved.to_json(), resolved.code

    def _refuse_if_ending(self) -> None:
        if self._engine.stopping.is_set():
            raise Refused("the daemon is ending", "Run the command again when it has ended.")

    async def idle(self) -> None:
        """Wait until nothing is at work."""
        async with self._one:
            return

    async def _job(self, name: str, job: Callable[[], Awaitable[Report]]) -> None:
        try:
            async with self._alone():
                if self._engine.stopping.is_set():
                    return  # asked only now: the signal may have come while this job waited
                report = await job()
        except Exception:
            # One bad cycle must not end the service: the next one starts from the state again.
            log.exception("job failed", job=name)
            self._failed(name)
        else:
            self._hear(name, report)

    @asynccontextmanager
    async def _alone(self) -> AsyncIterator[None]:
        async with self._one:
            self.busy_since = asyncio.get_running_loop().time()
            try:
                yield
            finally:
                self.busy_since = None

    def _hear(self, name: str, report: Report) -> None:
        self._told(report)
        systems = {n: str(s.state) for n, s in report.systems.items() if str(s.state) != "ok"}
        facts: dict[str, object] = {"job": name, "run": report.run}
        if report.operations:
            facts["writes"] = {str(a): n for a, n in report.operations.items()}
        if report.conflicts:
            facts["conflicts"] = report.conflicts
        if systems:
            log.warning("cycle incomplete", systems=systems, **facts)
        elif report.guarded:
            log.warning("stopped by the guard", guarded=report.guarded, **facts)
        elif report.news or report.operations or name not in {"near", "far"}:
            log.info("cycle done", news=report.news, **facts)
        else:
            log.debug("cycle quiet", **facts)


_KNOWN = frozenset({"from", "to", "provider", "accept"})


def _check(arguments: Mapping[str, Any]) -> None:
    """Refuse what would be ignored: a `dry_run` that is not understood would write."""
    unknown = sorted(name for name, said in arguments.items() if said and name not in _KNOWN)
    if unknown:
        raise Refused(
            f"a resync by the daemon takes no {', '.join(unknown)}",
            "For a dry run: `syncd plan`, which needs no daemon. Otherwise restart the daemon: "
            "it may be of another version than this program.",
        )


def _text(arguments: Mapping[str, Any], name: str) -> str | None:
    said = arguments.get(name)
    if said is None or isinstance(said, str):
        return said
    raise Refused(f"{name} is no text", "Send a name, or leave it out.")


def _window(arguments: Mapping[str, Any]) -> Window | None:
    start, end = arguments.get("from"), arguments.get("to")
    if start is None and end is None:
        return None
    try:
        return Window(
            utc(datetime.fromisoformat(str(start))), utc(datetime.fromisoformat(str(end)))
        )
    except ValueError:
        raise Refused(
            "from and to are no window", "Send both as ISO 8601 times with an offset."
        ) from None
