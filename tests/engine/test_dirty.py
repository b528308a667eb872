"""Test which providers need a decision: as a whole, or around their changes."""

from __future__ import annotations

from syncd.engine.deciding.dirty import DirtyProviders

NEWS = {"p": [("a", "1")]}


def settled() -> DirtyProviders:
    agenda = DirtyProviders()
    agenda.mark_whole(["p", "q"])
    for provider in ("p", "q"):
        agenda.clear(provider, unmatched=False)
    return agenda


def test_after_a_start_every_provider_gets_a_whole_decision() -> None:
    agenda = DirtyProviders()
    agenda.mark_whole(["p"])
    agenda.mark(NEWS)
    assert agenda.due("p")
    assert agenda.partial(["p"]) == {}


def test_a_change_of_a_settled_provider_is_decided_on_in_part() -> None:
    agenda = settled()
    agenda.mark(NEWS)
    agenda.mark({"p": [("b", "2")]})
    assert (agenda.due("p"), agenda.due("q")) == (True, False)
    assert agenda.partial(["p", "q"]) == {"p": {("a", "1"), ("b", "2")}}
    assert agenda.partial(["q"]) == {}


def test_a_settled_provider_is_not_due() -> None:
    agenda = settled()
    agenda.mark(NEWS)
    agenda.clear("p", unmatched=False)
    assert not agenda.due("p")
    assert agenda.partial(["p"]) == {}


def test_a_mark_for_a_whole_decision_outweighs_changes() -> None:
    agenda = settled()
    agenda.mark(NEWS)
    agenda.mark_whole(["p"])
    assert agenda.partial(["p"]) == {}


def test_unmatched_events_require_a_whole_decision() -> None:
    agenda = settled()
    agenda.clear("p", unmatched=True)
    agenda.mark(NEWS)
    assert agenda.due("p")
    assert agenda.partial(["p"]) == {}
    agenda.clear("p", unmatched=False)
    agenda.mark(NEWS)
    assert agenda.partial(["p"]) == {"p": {("a", "1")}}
