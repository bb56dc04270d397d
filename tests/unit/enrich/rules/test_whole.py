"""Rules over a whole transcript: who, when, near, not; what was said, and what was not."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.unit.enrich.talking import segment

from twicetold.enrich.rules import RuleReport, evaluate, parse_rules
from twicetold.speech.transcript import Segment

pytestmark = pytest.mark.unit

ROLES = ("agent", "customer")


def times(rule: str, segments: list[Segment], length_s: float = 600.0) -> list[float]:
    """When a rule of these keys finds something."""
    return [match.start for match in report(rule, segments, length_s).matches]


def report(rule: str, segments: list[Segment], length_s: float = 600.0) -> RuleReport:
    file = f"categories: [{{name: c, rules: [{{name: r, {rule}}}]}}]"
    return evaluate(parse_rules(file), segments, length_s, ROLES)


def agent(start: float, text: str) -> Segment:
    return segment(int(start * 10) + 1, 0, start, text)


def customer(start: float, text: str) -> Segment:
    return segment(int(start * 10) + 2, 1, start, text)


def test_who_says_it_matters() -> None:
    call = [agent(0, "cancel it"), customer(5, "cancel it")]
    assert times("say: cancel", call) == [0, 5]
    assert times("say: cancel, who: customer", call) == [5]
    assert times("say: cancel, who: channel 0", call) == [0]
    assert times("say: cancel, who: supervisor", call) == []


def test_a_speaker_counts_before_the_role_of_its_channel() -> None:
    call = [segment(1, 0, 0, "cancel", speaker="customer"), segment(2, 0, 5, "cancel")]
    assert times("say: cancel, who: customer", call) == [0]
    assert times("say: cancel, who: agent", call) == [5]


def test_a_match_tells_its_words_and_not_what_they_are() -> None:
    (match,) = report("say: my contract", [customer(5, "end my contract now")]).matches
    assert (match.segment, match.channel, match.words) == (52, 1, (1, 2))
    assert (match.start, match.end) == pytest.approx((5.3, 5.85))
    assert "contract" not in str(match.to_dict())


def test_a_phrase_goes_on_over_a_pause_of_its_speaker() -> None:
    call = [customer(0, "I want to cancel"), agent(1.5, "yes"), customer(3, "my contract")]
    (match,) = report("say: cancel my contract", call).matches
    assert (match.start, match.segment, match.words) == (pytest.approx(0.9), 32, (0, 1))
    late = [customer(0, "I want to cancel"), customer(9, "my contract")]
    assert times("say: cancel my contract", late) == []


def test_what_overlaps_is_found_once() -> None:
    assert times("say: no no", [customer(0, "no no no no no")]) == pytest.approx([0, 0.6])


def test_near_counts_words_of_the_same_speaker_on_either_side() -> None:
    rule = "say: cancel, near: {say: contract, within: 2 words}"
    assert times(rule, [customer(0, "cancel all my contract")]) == [0]
    assert times(rule, [customer(0, "contract all my cancel")]) == [pytest.approx(0.9)]
    assert times(rule, [customer(0, "cancel each of my contract")]) == []
    assert times(rule, [customer(0, "cancel"), agent(1, "contract")]) == []


def test_near_in_seconds_may_be_another_speaker() -> None:
    rule = "say: cancel, near: {say: contract, within: 5 s, who: agent}"
    assert times(rule, [agent(0, "contract"), customer(3, "cancel")]) == [3]
    assert times(rule, [customer(3, "cancel"), agent(6, "contract")]) == [3]
    assert times(rule, [customer(3, "cancel"), agent(9, "contract")]) == []
    assert times(rule, [customer(3, "cancel contract")]) == []


def test_not_takes_a_match_away() -> None:
    rule = "say: cancel, not: {say: appointment, within: 3 words}"
    assert times(rule, [customer(0, "cancel my appointment")]) == []
    assert times(rule, [customer(0, "appointment first then I cancel")]) == []
    assert times(rule, [customer(0, "appointment x x x x cancel")]) == [1.5]
    assert times(rule, [customer(0, "cancel"), agent(1, "appointment")]) == [0]


def test_not_covers_the_phrase_that_it_contains() -> None:
    rule = "say: cancel, not: never cancel"
    assert times(rule, [customer(0, "I never cancel")]) == []
    assert times(rule, [customer(0, "I will cancel")]) == [0.6]


def test_first_and_last_are_of_the_call() -> None:
    call = [customer(at, "cancel") for at in (5.0, 50.0, 95.0)]
    assert times("say: cancel, when: {first: 30 s}", call, 100) == [5]
    assert times("say: cancel, when: {last: 10 s}", call, 100) == [95]


def test_after_and_before_another_phrase() -> None:
    call = [agent(0, "price"), customer(10, "cancel"), agent(30, "price"), customer(100, "cancel")]
    assert times("say: cancel, when: {after: price}", call) == [10, 100]
    assert times("say: cancel, when: {after: {say: price, within: 20 s}}", call) == [10]
    assert times("say: cancel, when: {before: {say: price, within: 30 s}}", call) == [10]
    assert times("say: cancel, when: {after: {say: price, who: customer}}", call) == []


def test_after_a_phrase_of_the_same_speaker() -> None:
    call = [agent(0, "price"), customer(10, "price"), customer(20, "cancel"), agent(30, "cancel")]
    rule = "say: cancel, when: {after: {say: price, who: same}}"
    assert times(rule, call) == [20, 30]
    assert times(rule, call[0:1] + call[2:3]) == []


def test_a_condition_may_arrive_after_what_it_is_said_before() -> None:
    long = replace(agent(0, "price"), end=20.0)  # goes on until 20 s, and so comes last
    call = [long, customer(5, "cancel")]
    assert times("say: cancel, when: {after: price}", call) == [5]


def test_what_must_be_said_is_missed_when_its_time_is_over() -> None:
    hello = "who: agent, must_say: recorded"
    said = [agent(5, "recorded"), customer(30, "yes")]
    assert times(f"{hello}", said) == []
    assert times(f"{hello}, when: {{first: 10 s}}", said) == []
    assert times(f"{hello}, when: {{first: 4 s}}", said) == [4]
    assert times(f"{hello}, when: {{last: 60 s}}", said, 100) == [100]
    assert times(f"{hello}", [agent(5, "hello")], 100) == [100]
    assert times(f"{hello}", [agent(5, "hello"), customer(6, "recorded")], 100) == [100]


def test_what_must_be_said_after_something_else() -> None:
    rule = "who: agent, must_say: sorry, when: {after: {say: complaint, within: 20 s}}"
    assert times(rule, [agent(0, "hello")]) == []
    assert times(rule, [customer(5, "complaint"), agent(20, "sorry")]) == []
    assert times(rule, [agent(2, "sorry"), customer(5, "complaint"), agent(40, "sorry")]) == [
        pytest.approx(25.25)
    ]


def test_what_must_be_said_before_something_else() -> None:
    rule = "who: agent, must_say: terms, when: {before: card number}"
    assert times(rule, [agent(0, "terms"), agent(50, "card number")]) == []
    assert times(rule, [agent(0, "hello"), agent(50, "card number"), agent(60, "terms")]) == [50]
    near = "who: agent, must_say: terms, when: {before: {say: card number, within: 20 s}}"
    assert times(near, [agent(0, "terms"), agent(50, "card number")]) == [50]


def test_who_is_not_known_is_not_accused() -> None:
    file = "categories: [{name: c, rules: [{name: r, who: agent, must_say: recorded}]}]"
    call = [segment(1, 0, 0, "hello there")]
    found = evaluate(parse_rules(file), call, 60.0)
    assert found.matches == ()
    assert found.unjudged == (("c", "r"),)
    silent = evaluate(parse_rules(file), call, 60.0, ("customer", "agent"))
    assert [match.start for match in silent.matches] == [60.0]


def test_an_empty_transcript_breaks_no_rule() -> None:
    found = report("who: agent, must_say: recorded", [])
    assert (found.matches, found.categories) == ((), ())
    assert found.unjudged == (("c", "r"),)


@pytest.mark.parametrize(
    ("phrase", "text"),
    [
        ("إلغاء العقد", "أريد إِلْغَاء العقد اليوم"),
        ("לבטל את החוזה", "אני רוצה לבטל את החוזה"),
        ("रद्द करना", "मुझे अनुबंध रद्द करना है।"),
        ("ரத்து செய்*", "நான் ரத்து செய்கிறேன்"),
        ("解約したい", "すぐに解約したいです"),
    ],
)
def test_any_script_is_matched(phrase: str, text: str) -> None:
    assert len(times(f'say: "{phrase}"', [customer(0, text)])) == 1
    without_times = Segment(1, 1, 4.0, 9.0, text)
    (match,) = report(f'say: "{phrase}"', [without_times]).matches
    assert (match.start, match.end, match.words) == (4.0, 9.0, None)


def test_a_redacted_word_is_not_what_its_stand_in_says() -> None:
    heard = segment(1, 1, 0, "call me on [PHONE]")
    words = (*heard.words[:3], replace(heard.words[3], redacted="phone"))
    assert times("say: phone", [replace(heard, words=words)]) == []
