"""Alerts and dashboard: Prometheus' grammar accepts them, and /metrics has all their metrics."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from syncd.model import Action, SystemState
from tests.daemon.watched import make_studio

DEPLOY = Path(__file__).parents[2] / "deploy"
MACROS = {"$__rate_interval": "5m", "$instance": ".*"}
ADDED = {"instance", "job"}
"""Labels that Prometheus adds to everything that it reads."""

Samples = dict[str, list[dict[str, str]]]


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load((DEPLOY / "alerts.yml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def queries() -> dict[str, str]:
    """Each query of the dashboard, by its panel's title and letter."""
    panels = json.loads((DEPLOY / "dashboard.json").read_text())["panels"]
    found = {f"{p['title']} {t['refId']}": t["expr"] for p in panels for t in p["targets"]}
    for name, query in found.items():
        for macro, value in MACROS.items():
            query = query.replace(macro, value)  # noqa: PLW2901 - one after another
        found[name] = query
    return found


EVERY = {rule["alert"]: rule["expr"] for rule in rules()} | queries()


def selectors(query: str) -> Iterator[tuple[str, list[tuple[str, str, str]]]]:
    """Each metric that a query names, with the (label, operator, value) that it asks for."""
    found: list[Any] = []

    def note(node: Any) -> bool:
        if isinstance(node, promql_parser.VectorSelector):
            found.append(node)
        return True

    promql_parser.walk(promql_parser.parse(query), note)
    for node in found:
        yield node.name, [(m.name, str(m.op), m.value) for m in node.matchers.matchers]


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Samples:
    """The labels of every sample that a daemon shows once it has worked for a while."""
    studio = make_studio(tmp_path_factory.mktemp("state"))
    studio.crm.limits = ((100, 10.0), (200_000, 86_400.0))
    studio.crm.left_today = 100

    async def work() -> str:
        studio.monitor.wrote(studio.operation("crm", Action.MOVE_BLOCK), "done")
        studio.crm.become(SystemState.DOWN, "cannot be reached")
        studio.read("crm")
        studio.monitor.record_report(studio.report())
        return studio.monitor.metrics.render().decode()

    text = asyncio.run(work())
    studio.store.close()
    found: Samples = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, []).append(sample.labels)
    return found


@pytest.mark.parametrize("name", sorted(EVERY))
def test_the_grammar_of_prometheus_reads_every_query(name: str) -> None:
    assert promql_parser.parse(EVERY[name])


@pytest.mark.parametrize("name", sorted(EVERY))
def test_every_metric_and_label_that_is_asked_for_is_there(name: str, samples: Samples) -> None:
    for metric, matchers in selectors(EVERY[name]):
        assert metric in samples, f"{name}: there is no metric {metric}"
        for label, operator, value in matchers:
            if label in ADDED:
                continue
            assert operator == "MatchOp.Equal"
            values = {labels.get(label) for labels in samples[metric]}
            assert value in values, f"{name}: {metric} never has {label}={value!r}"


def test_every_metric_is_shown_or_watched(samples: Samples) -> None:
    """What nobody looks at need not be counted."""
    used = {metric for query in EVERY.values() for metric, _ in selectors(query)}
    suffix = re.compile(r"_(bucket|sum|count|created|total)$")
    ours = {suffix.sub("", name) for name in samples if name.startswith("syncd_")}
    assert ours <= {suffix.sub("", name) for name in used}


def test_a_missing_metric_would_be_noticed(samples: Samples) -> None:
    (found,) = selectors('rate(syncd_nonsense_total{state="x"}[5m]) > 1')
    assert found == ("syncd_nonsense_total", [("state", "MatchOp.Equal", "x")])
    assert found[0] not in samples


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_an_alert_says_what_is_wrong_and_what_to_do(rule: dict[str, Any]) -> None:
    assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
    assert re.fullmatch(r"Syncd[A-Za-z]+", rule["alert"])
    assert re.fullmatch(r"[0-9]+[smh]", rule.get("for", "0s"))
    assert rule["labels"] in ({"severity": "page"}, {"severity": "ticket"})
    assert set(rule["annotations"]) == {"summary", "action"}
    assert all(rule["annotations"].values())


def test_every_state_in_which_a_system_does_not_work_has_its_alert() -> None:
    watched = {
        value
        for rule in rules()
        for metric, matchers in selectors(rule["expr"])
        for label, _, value in matchers
        if metric == "syncd_system_state" and label == "state"
    }
    assert watched == set(SystemState) - {SystemState.OK}


def test_panels_lie_beside_each_other_and_have_names_of_their_own() -> None:
    panels = json.loads((DEPLOY / "dashboard.json").read_text())["panels"]
    assert len({p["id"] for p in panels}) == len({p["title"] for p in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        at = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert at["x"] + at["w"] <= 24
        assert not cells & taken
        taken |= cells
