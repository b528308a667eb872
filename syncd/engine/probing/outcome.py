"""The result of a probe of one or more systems, as data."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from syncd.engine.probing.plan import MAX_CALLS, iso
from syncd.engine.report.run_report import RunExit
from syncd.model.canary import Canary
from syncd.model.platform_facts import MeasuredBy, platform_facts


@dataclass(slots=True)
class ProbeOutcome:
    """The result of the probe of one system.

    - ``state``, ``cause``, ``remedy``: whether the system responded, and if not, why and what to
      do.
    - ``calls``: the calls that were made; ``allowed``: the most that the plan allows.
    - ``measured``: the value of each measured fact; ``why``: the reason for each other fact.
    - ``failed``: the facts that should have been measured and were not.
    - ``canary``: the event that the probe created, or tried to create.
    """

    system: str
    platform: str = ""
    state: str = "ok"
    cause: str = ""
    remedy: str = ""
    calls: int = 0
    allowed: int = MAX_CALLS
    measured: dict[str, str] = field(default_factory=dict)
    why: dict[str, str] = field(default_factory=dict)
    failed: set[str] = field(default_factory=set)
    canary: Canary | None = None

    def missed(self, names: Iterable[str], why: str, *, failed: bool = True) -> None:
        """Record why these facts were not measured, unless they were measured.

        ``failed``: the facts should have been measured, so the probe counts as incomplete.
        """
        for name in names:
            if name not in self.measured:
                self.why[name] = why
                (self.failed.add if failed else self.failed.discard)(name)

    def to_json(self) -> dict[str, object]:
        """Return the value of this system in ``systems`` of the JSON. The keys are stable."""
        facts = {}
        for row in platform_facts(self.platform):
            if row.measured is MeasuredBy.PROBE:
                facts[row.name] = {
                    "measured": self.measured.get(row.name),
                    "safe": row.safe,
                    "why": self.why.get(row.name),
                }
        canary = self.canary
        made = canary is not None and canary.event is not None
        return {
            "state": self.state,
            "cause": self.cause,
            "remedy": self.remedy,
            "platform": self.platform,
            "calls": self.calls,
            "calls_allowed": self.allowed,
            "facts": facts,
            "canary": {
                "provider": canary.provider,
                "event": canary.event,
                "start": iso(canary.start),
                "end": iso(canary.end),
                "removed": not canary.may_exist,
            }
            if canary is not None and (made or canary.may_exist)
            else None,
        }


@dataclass(slots=True)
class ProbeRun:
    """The results of one `syncd probe`. ``interrupted``: syncd was stopped before the end."""

    outcomes: list[ProbeOutcome] = field(default_factory=list)
    interrupted: bool = False

    @property
    def exit(self) -> RunExit:
        """Return how the command ended: DONE if all facts are measured and no canary is left."""
        done = not self.interrupted and all(
            o.state == "ok" and not o.failed and (o.canary is None or not o.canary.may_exist)
            for o in self.outcomes
        )
        return RunExit.DONE if done else RunExit.UNANSWERED

    def to_json(self) -> dict[str, object]:
        """Return the JSON object of `probe --json`. The keys are stable."""
        return {
            "systems": {o.system: o.to_json() for o in self.outcomes},
            "interrupted": self.interrupted,
            "exit": self.exit.code,
        }
