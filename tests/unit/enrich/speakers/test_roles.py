"""Who is the agent."""

from __future__ import annotations

import pytest

from twicetold.enrich.speakers import roles
from twicetold.speech.transcript import Segment

pytestmark = pytest.mark.unit


def call(*lines: tuple[str, str]) -> list[Segment]:
    return [
        Segment(number, 0, number * 5.0, number * 5.0 + 4, text, speaker=speaker)
        for number, (speaker, text) in enumerate(lines)
    ]


def test_channels_decide_where_they_are_mapped():
    segments = [
        Segment(1, 0, 0.0, 1.0, "How can I help you?", speaker="1"),
        Segment(2, 1, 2.0, 3.0, "Hello", speaker="2"),
    ]
    assert roles(segments, {0: "customer", 1: "agent"}) == {"1": "customer", "2": "agent"}


def test_who_greets_as_agents_do_is_the_agent():
    segments = call(("1", "Hello?"), ("2", "Good morning, am I speaking to Mr Smith?"))
    assert roles(segments) == {"2": "agent", "1": "customer"}
    french = call(("1", "Allô"), ("2", "Bonjour, comment puis-je vous aider ?"))
    assert roles(french)["2"] == "agent"


def test_else_who_speaks_first():
    assert roles(call(("2", "Hello"), ("1", "Hi there"))) == {"2": "agent", "1": "customer"}


def test_of_more_speakers_who_says_most_is_the_customer():
    segments = call(("1", "Thank you for calling"), ("2", "Hi"), ("3", "I have a long story"))
    assert roles(segments) == {"1": "agent", "3": "customer"}


def test_a_greeting_late_in_the_call_tells_nothing():
    segments = call(("1", "Hello"), *[("2", "well")] * 20, ("2", "How can I help you then?"))
    assert roles(segments)["1"] == "agent"


def test_one_voice_alone_and_nobody():
    assert roles(call(("1", "Leave a message"))) == {}
    assert roles(call(("1", "Thank you for calling, please leave a message"))) == {"1": "agent"}
    assert roles([]) == {}
    assert roles([Segment(1, 0, 0.0, 1.0, "How can I help you?")]) == {}
