"""Whom to decide on next: all of a provider, or what its news has to do with."""

from __future__ import annotations

from syncd.engine.agenda import Agenda

NEWS = {"p": [("a", "1")]}


def settled() -> Agenda:
    agenda = Agenda()
    agenda.add(["p", "q"])
    for provider in ("p", "q"):
        agenda.settle(provider, unmatched=False)
    return agenda


def test_after_a_start_everybody_is_decided_on_as_a_whole() -> None:
    agenda = Agenda()
    agenda.add(["p"])
    agenda.touch(NEWS)
    assert agenda.due("p")
    assert agenda.around(["p"]) == {}


def test_news_of_a_settled_provider_is_decided_on_around_its_events() -> None:
    agenda = settled()
    agenda.touch(NEWS)
    agenda.touch({"p": [("b", "2")]})
    assert (agenda.due("p"), agenda.due("q")) == (True, False)
    assert agenda.around(["p", "q"]) == {"p": {("a", "1"), ("b", "2")}}
    assert agenda.around(["q"]) == {}


def test_whoever_is_settled_is_due_no_more() -> None:
    agenda = settled()
    agenda.touch(NEWS)
    agenda.settle("p", unmatched=False)
    assert not agenda.due("p")
    assert agenda.around(["p"]) == {}


def test_a_reason_to_look_at_all_of_it_outweighs_its_news() -> None:
    agenda = settled()
    agenda.touch(NEWS)
    agenda.add(["p"])
    assert agenda.around(["p"]) == {}


def test_what_waits_for_a_match_may_wait_for_any_news() -> None:
    agenda = settled()
    agenda.settle("p", unmatched=True)
    agenda.touch(NEWS)
    assert agenda.due("p")
    assert agenda.around(["p"]) == {}
    agenda.settle("p", unmatched=False)
    agenda.touch(NEWS)
    assert agenda.around(["p"]) == {"p": {("a", "1")}}
