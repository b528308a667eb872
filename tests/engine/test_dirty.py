"""Whom to decide on next: all of a provider, or what its news has to do with."""

from __future__ import annotations

from syncd.engine.dirty import DirtyProviders

NEWS = {"p": [("a", "1")]}


def settled() -> DirtyProviders:
    agenda = DirtyProviders()
    agenda.mark_whole(["p", "q"])
    for provider in ("p", "q"):
        agenda.clear(provider, unmatched=False)
    return agenda


def test_after_a_start_everybody_is_decided_on_as_a_whole() -> None:
    agenda = DirtyProviders()
    agenda.mark_whole(["p"])
    agenda.mark(NEWS)
    assert agenda.due("p")
    assert agenda.partial(["p"]) == {}


def test_news_of_a_settled_provider_is_decided_on_around_its_events() -> None:
    agenda = settled()
    agenda.mark(NEWS)
    agenda.mark({"p": [("b", "2")]})
    assert (agenda.due("p"), agenda.due("q")) == (True, False)
    assert agenda.partial(["p", "q"]) == {"p": {("a", "1"), ("b", "2")}}
    assert agenda.partial(["q"]) == {}


def test_whoever_is_settled_is_due_no_more() -> None:
    agenda = settled()
    agenda.mark(NEWS)
    agenda.clear("p", unmatched=False)
    assert not agenda.due("p")
    assert agenda.partial(["p"]) == {}


def test_a_reason_to_look_at_all_of_it_outweighs_its_news() -> None:
    agenda = settled()
    agenda.mark(NEWS)
    agenda.mark_whole(["p"])
    assert agenda.partial(["p"]) == {}


def test_what_waits_for_a_match_may_wait_for_any_news() -> None:
    agenda = settled()
    agenda.clear("p", unmatched=True)
    agenda.mark(NEWS)
    assert agenda.due("p")
    assert agenda.partial(["p"]) == {}
    agenda.clear("p", unmatched=False)
    agenda.mark(NEWS)
    assert agenda.partial(["p"]) == {"p": {("a", "1")}}
