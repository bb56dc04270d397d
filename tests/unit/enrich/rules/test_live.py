"""Rules during a call: each alert once, whatever is restarted; little is kept."""

from __future__ import annotations

import pickle
import time
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.enrich.talking import final

from twicetold.enrich.rules import (
    LiveRules,
    RuleAlert,
    RuleSet,
    default_rules,
    evaluate,
    parse_rules,
)
from twicetold.speech.transcript import Final, Segment

pytestmark = pytest.mark.unit

ROLES = ("agent", "customer")
RULES = parse_rules(
    """
categories:
  - name: c
    rules:
      - {name: cancels, who: customer, say: "cancel*", not: never, alert: Ask why.}
      - {name: again, say: price, again_after: 20 s, alert: Explain.}
      - {name: offer, say: stay, alert: x, near: {say: offer, within: 10 s, who: agent}}
      - {name: later, say: pay, alert: x, when: {before: {say: cancel, within: 15 s}}}
      - {name: follows, say: thanks, alert: x, when: {after: offer}}
      - {name: announced, who: agent, must_say: recorded, when: {first: 10 s}, alert: Say it.}
      - name: sorry
        who: agent
        must_say: sorry
        when: {after: {say: never, within: 5 s}}
        alert: Say sorry.
      - {name: quiet, say: hello}
"""
)


def alerts(finals: list[Final]) -> list[RuleAlert]:
    live = LiveRules(RULES, ROLES)
    return [alert for each in finals for alert in live.accept(each)]


def test_an_alert_comes_with_the_final_that_has_the_words() -> None:
    found = alerts([final(1, 0, 0, "recorded"), final(2, 1, 2, "please cancel it")])
    assert found == [RuleAlert("cancels", "c", "Ask why.", 2, 1, 2.3, (1, 1))]


def test_an_alert_comes_once_or_again_after_its_time() -> None:
    said = [final(n, 1, 5.0 * n, "price cancel") for n in range(1, 12)]
    found = [(each.rule, each.event) for each in alerts(said) if each.rule != "announced"]
    assert found == [("cancels", 1), ("again", 1), ("again", 5), ("again", 9)]


def test_a_final_that_comes_again_brings_nothing() -> None:
    live = LiveRules(RULES, ROLES)
    one = final(1, 1, 0, "cancel")
    assert len(live.accept(one)) == 1
    assert live.accept(one) == []


def test_a_condition_that_comes_later_brings_the_alert_then() -> None:
    live = LiveRules(RULES, ROLES)
    live.accept(final(1, 0, 0, "recorded"))
    assert live.accept(final(2, 1, 5, "I stay")) == []
    assert [a.rule for a in live.accept(final(3, 0, 8, "an offer"))] == ["offer"]


def test_what_is_missing_is_told_when_who_says_it_had_the_time_to() -> None:
    live = LiveRules(RULES, ROLES)
    assert live.accept(final(1, 0, 0, "good morning")) == []
    assert live.accept(final(2, 1, 11, "hi")) == []  # the agent may be saying it just now
    (alert,) = live.accept(final(3, 1, 21, "yes"))
    assert (alert.rule, alert.event, alert.at, alert.words) == ("announced", 3, 10.0, None)
    assert live.accept(final(4, 1, 31, "yes")) == []


def test_what_was_asked_for_and_not_said_is_told() -> None:
    live = LiveRules(RULES, ROLES)
    live.accept(final(1, 0, 0, "recorded"))
    live.accept(final(2, 1, 2, "never"))
    assert live.accept(final(3, 0, 15, "so")) == []
    assert [a.rule for a in live.accept(final(4, 0, 18, "so"))] == ["sorry"]


words = st.sampled_from(
    [
        "cancel",
        "never",
        "price",
        "stay",
        "offer",
        "pay",
        "thanks",
        "recorded",
        "sorry",
        "hello",
        "um",
    ]
)
utterances = st.lists(
    st.tuples(st.integers(0, 1), st.floats(0, 25), st.lists(words, min_size=1, max_size=4)),
    max_size=14,
)


def finals_of(said: list[tuple[int, float, list[str]]]) -> list[Final]:
    at, finals = 0.0, []
    for event, (channel, pause, text) in enumerate(said, 1):
        finals.append(final(event, channel, at + pause, " ".join(text)))
        at = finals[-1].end
    return finals


@given(utterances)
def test_live_and_afterwards_a_rule_means_the_same(
    said: list[tuple[int, float, list[str]]],
) -> None:
    finals = finals_of(said)
    after = evaluate(RULES, map(Segment.from_final, finals), 600.0, ROLES)
    first: dict[str, tuple[int | None, float]] = {}
    for match in after.matches:
        if match.rule not in ("quiet", "announced", "sorry"):
            first.setdefault(match.rule, (match.segment, match.start))
    told: dict[str, set[tuple[int, float]]] = {}
    for alert in alerts(finals):
        told.setdefault(alert.rule, set()).add((alert.event, alert.at))
    told = {rule: at for rule, at in told.items() if rule not in ("announced", "sorry")}
    assert told.keys() == first.keys()


@given(utterances, st.integers(0, 14))
def test_who_begins_anew_with_the_finals_before_goes_on_alike(
    said: list[tuple[int, float, list[str]]], cut: int
) -> None:
    finals = finals_of([(channel, 4 * pause, text) for channel, pause, text in said])
    straight, anew = LiveRules(RULES, (), 2), LiveRules(RULES, (), 2)
    for each in finals[:cut]:
        straight.accept(each)
    for each in finals[:cut]:  # each comes twice, and then all of them
        anew.accept(each)
        anew.accept(each)
    assert [alert for each in finals[:cut] for alert in anew.accept(each)] == []
    left = finals[cut:]
    assert [straight.accept(each) for each in left] == [anew.accept(each) for each in left]


# --- who is the agent, where no setting says so -----------------------------------------------


def told(*said: tuple[int, float, str], channels: int = 2) -> list[tuple[int, str, int]]:
    """At which final which alert came, and of which: of calls without configured roles."""
    live = LiveRules(RULES, (), channels)
    finals = [final(event, *each) for event, each in enumerate(said, 1)]
    return [(each.event, alert.rule, alert.event) for each in finals for alert in live.accept(each)]


def test_the_default_rules_alert_in_a_call_of_two_channels() -> None:
    live = LiveRules(default_rules(), (), 2)
    live.accept(final(1, 0, 0, "thank you for calling how can I help you"))
    found = live.accept(final(2, 1, 5, "I want to cancel my contract and speak to a manager"))
    assert [(each.rule, each.event, each.channel) for each in found] == [
        ("wants to cancel", 2, 1),
        ("asks for a supervisor", 2, 1),
    ]


def test_who_greets_is_the_agent_whoever_spoke_first() -> None:
    greeting = (0, 4, "how can I help recorded")
    assert told((1, 0, "hello"), greeting, (1, 8, "cancel it")) == [(3, "cancels", 3)]
    assert told((1, 0, "hello"), greeting, (0, 8, "cancel it")) == []


def test_what_was_said_before_the_greeting_is_alerted_with_it() -> None:
    said = ((1, 0, "please cancel it"), (0, 4, "how can I help recorded"))
    assert told(*said) == [(2, "cancels", 1)]
    assert told(*said, (1, 8, "cancel it now")) == [(2, "cancels", 1)]


def test_who_speaks_first_is_the_agent_where_nobody_greets() -> None:
    assert told((0, 0, "recorded"), (1, 4, "cancel it")) == [(2, "cancels", 2)]


def test_roles_stand_after_the_first_minute() -> None:
    said = ((0, 0, "recorded"), (1, 4, "yes"), (1, 70, "yes"), (1, 75, "how can I help"))
    assert told(*said, (1, 80, "cancel it")) == [(5, "cancels", 5)]


def test_a_side_that_speaks_late_is_known_then() -> None:
    alone = [(0, 5.0 * n, "please wait recorded") for n in range(40)]
    assert told(*alone, (1, 210, "cancel it")) == [(41, "cancels", 41)]


@pytest.mark.parametrize("channels", [1, 2])
def test_where_one_channel_has_it_all_nobody_is_the_agent_or_the_customer(channels: int) -> None:
    said = ((0, 0, "how can I help"), (0, 5, "cancel it"), (0, 80, "price"))
    assert told(*said, channels=channels) == [(3, "again", 3)]


def test_what_is_missing_is_not_what_was_said_before_the_roles_were_known() -> None:
    alone = [(0, 5.0 * n, "please wait") for n in range(1, 20)]
    assert told((0, 0, "the call is recorded"), *alone, (1, 110, "yes")) == []
    assert told((0, 0, "good morning"), *alone, (1, 110, "yes")) == [(21, "announced", 21)]


@pytest.mark.parametrize("channels", [(0,), (0, 1)])
def test_what_is_kept_does_not_grow_with_the_call(channels: tuple[int, ...]) -> None:
    live, sizes = LiveRules(RULES, (), 2), []
    for event in range(1, 2001):
        text = "cancel price stay offer pay thanks never hello um so"
        live.accept(final(event, channels[event % len(channels)], event * 4.0, text))
        if event in (500, 2000):
            sizes.append(len(pickle.dumps(live)))
    assert sizes[1] < 1.1 * sizes[0]
    assert sizes[1] < 512_000


def test_a_final_takes_200_rules_less_than_a_millisecond() -> None:
    live = LiveRules(many_rules(200), ROLES)
    said = "I would like to know why my last bill is so high and what else I can do about it"
    took = []
    for event in range(1, 400):
        one = final(event, event % 2, event * 6.0, said)
        started = time.process_time()
        live.accept(one)
        took.append(time.process_time() - started)
    assert sorted(took)[len(took) // 2] < 0.001


def many_rules(number: int) -> RuleSet:
    rules = default_rules().rules
    made = [
        replace(rules[n % len(rules)], name=f"rule {n}", category=f"c{n}") for n in range(number)
    ]
    return replace(default_rules(), rules=tuple(made))
