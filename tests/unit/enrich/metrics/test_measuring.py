"""Call metrics of calls whose answers can be counted by hand."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twicetold.enrich.metrics import CallMetrics, measure
from twicetold.enrich.metrics.measuring import quantile
from twicetold.speech.transcript import Segment, Word

pytestmark = pytest.mark.unit

ROLES = ("agent", "customer")
SAMPLES = Path(__file__).resolve().parents[4] / "samples" / "calls"


def said(channel: int, start: float, end: float, text: str = "") -> Segment:
    """Words spread evenly over the time, without pauses; "" is one word."""
    parts = (text or "word").split()
    step = (end - start) / len(parts)
    words = tuple(
        Word(start + n * step, start + (n + 1) * step, part) for n, part in enumerate(parts)
    )
    return Segment(1, channel, start, end, text or "word", words)


def measured(*segments: Segment, length_s: float = 100.0) -> CallMetrics:
    return measure(segments, length_s, roles=ROLES)


def test_talk_silence_and_shares_add_up() -> None:
    found = measured(said(0, 10, 40), said(1, 40, 50), said(0, 60, 70))
    assert (found.talk_s, found.silence_s, found.silence_share) == (50, 50, 0.5)
    assert found.longest_silence_s == 30
    assert [(each.speaker, each.talk_s, each.talk_share) for each in found.speakers] == [
        ("agent", 40, 0.8),
        ("customer", 10, 0.2),
    ]


def test_a_pause_inside_a_segment_is_silence() -> None:
    words = (Word(0, 1, "well"), Word(5, 6, "yes"), Word(6.2, 7, "sir"))
    found = measure([Segment(1, 0, 0, 7, "well yes sir", words)], 7.0)
    assert (found.talk_s, found.silence_s) == (3, 4)


def test_a_segment_without_words_is_speech_throughout() -> None:
    found = measured(Segment(1, 0, 0, 30, "three words here"), Segment(2, 1, 35, 40, "yes"))
    assert (found.talk_s, found.words) == (35, 4)
    assert found.speakers[0].words_per_minute == 6
    assert found.speakers[1].response_median_s == 5


def test_words_per_minute_are_of_talk_time() -> None:
    found = measured(said(0, 0, 30, " ".join(["word"] * 90)))
    assert found.speakers[0].words_per_minute == 180


def test_who_starts_in_the_middle_and_has_the_floor_then_interrupts() -> None:
    found = measured(said(0, 0, 10, "so what I meant was"), said(1, 8, 20, "no listen to me now"))
    assert found.interruptions == 1
    assert found.talk_over_s == 2
    assert (found.speakers[0].interruptions, found.speakers[1].interruptions) == (0, 1)
    assert found.turns == 2


def test_who_starts_and_gives_up_does_not_interrupt() -> None:
    found = measured(said(0, 0, 20), said(1, 5, 7, "but wait a moment"), said(0, 20.1, 30))
    assert (found.interruptions, found.talk_over_s, found.turns) == (0, 2, 1)


def test_a_moment_together_at_the_end_of_a_turn_is_how_turns_are_taken() -> None:
    found = measured(said(0, 0, 10), said(1, 9.7, 15))
    assert (found.interruptions, found.turns) == (0, 2)
    assert found.talk_over_s == pytest.approx(0.3)
    assert found.speakers[1].response_median_s == 0


def test_two_who_begin_together_interrupt_nobody() -> None:
    assert measured(said(0, 0, 3), said(1, 0.2, 9)).interruptions == 0


@pytest.mark.parametrize("text", ["mhm", "uh huh", "Yeah, right.", "हाँ जी", "ja genau"])
def test_a_backchannel_is_no_turn_no_interruption_and_no_talk_over(text: str) -> None:
    found = measured(said(0, 0, 10), said(1, 4, 4.8, text), said(0, 10.2, 20))
    assert (found.interruptions, found.talk_over_s, found.turns) == (0, 0, 1)
    assert found.longest_monologue_s == 20
    assert found.speakers[1].talk_s == pytest.approx(0.8)


def test_yes_is_an_answer_where_nobody_else_speaks() -> None:
    found = measured(said(0, 0, 10, "do you want it"), said(1, 11, 11.5, "yes"), said(0, 12, 20))
    assert found.turns == 3
    assert found.speakers[1].response_median_s == 1
    hums = measured(said(0, 0, 10), said(1, 11, 11.5, "mhm"), said(0, 12, 20))
    assert hums.turns == 1


def test_responses_are_gaps_between_turns_of_different_speakers() -> None:
    turns = [said(n % 2, 10 * n, 10 * n + 10 - n) for n in range(1, 6)]
    found = measured(*turns)  # gaps of 1, 2, 3, 4 s
    assert found.response_median_s == 2.5
    assert found.response_p90_s == pytest.approx(3.7)
    assert found.of("agent") is not None
    assert found.value("agent.response_median_s") == 2
    assert found.value("customer.response_median_s") == 3


def test_a_monologue_ends_with_another_turn_or_a_long_pause() -> None:
    own = measured(said(0, 0, 10), said(0, 14, 20), said(0, 30, 45))
    assert own.longest_monologue_s == 20
    other = measured(said(0, 0, 10), said(1, 11, 13, "I do not think so"), said(0, 14, 20))
    assert other.longest_monologue_s == 10


def test_a_long_silence_is_a_hold_and_a_shorter_one_if_it_was_announced() -> None:
    long = measured(said(0, 0, 10), said(0, 32, 40))
    assert (long.holds, long.hold_s) == (1, 22)
    short = measured(said(0, 0, 10), said(0, 18, 40))
    assert (short.holds, short.hold_s) == (0, 0)
    told = measured(said(0, 0, 10, "can you hold for me please"), said(0, 18, 40))
    assert (told.holds, told.hold_s) == (1, 8)
    edges = measured(said(0, 40, 50, "please hold"))
    assert edges.holds == 0


def test_an_answer_after_a_hold_is_not_timed() -> None:
    found = measured(said(0, 0, 10, "please hold the line"), said(1, 40, 41, "hello there"))
    assert found.response_median_s is None


def test_the_same_speaker_twice_at_once_is_counted_as_time_once() -> None:
    found = measured(said(0, 0, 10), said(0, 5, 12))
    assert (found.talk_s, found.talk_over_s, found.speakers[0].talk_s) == (12, 0, 12)


def test_speakers_are_named_by_label_role_or_channel() -> None:
    labelled = replace(said(0, 0, 5), speaker="speaker 2")
    found = measured(labelled, said(0, 6, 7), said(5, 8, 9))
    assert [each.speaker for each in found.speakers] == ["speaker 2", "agent", "channel 5"]


def test_nothing_said_is_measured_as_silence() -> None:
    found = measure([], 60.0)
    assert (found.silence_s, found.silence_share, found.turns, found.speakers) == (60, 1, 0, ())
    assert found.response_median_s is found.words_per_minute is None
    assert measure([], 0.0).silence_share == 0


def test_metrics_are_looked_up_by_name() -> None:
    found = measured(said(0, 0, 10))
    assert found.value("silence_share") == 0.9
    assert found.value("agent.talk_s") == 10
    assert found.value("customer.talk_s") is None
    with pytest.raises(AttributeError):
        found.value("agent.mood")


def test_ten_hours_take_little_time() -> None:
    import time

    call = [
        said(n % 2, 4.0 * n, 4.0 * n + 3.5, "what do you think of it then") for n in range(9000)
    ]
    started = time.process_time()
    assert measure(call, 36_000.0, roles=ROLES).turns == 9000
    assert time.process_time() - started < 10


def test_the_samples_are_measured_as_they_were_made() -> None:
    """Each sample has one place where both talk; its length is in its reference."""
    for name in ("billing", "delivery", "internet"):
        body = json.loads((SAMPLES / f"{name}.json").read_text(encoding="utf-8"))
        segments = [
            Segment(
                one["number"],
                one["channel"],
                one["start"],
                one["end"],
                one["text"],
                tuple(Word(w["start"], w["end"], w["text"]) for w in one["words"]),
            )
            for one in body["utterances"]
        ]
        found = measure(segments, body["length_s"])
        (overlap,) = body["overlaps"]
        assert found.talk_over_s == pytest.approx(overlap["end"] - overlap["start"], abs=0.01)
        assert found.talk_s + found.silence_s == pytest.approx(body["length_s"], abs=0.01)
        assert found.questions == sum(one["text"].count("?") for one in body["utterances"])


segments = st.lists(
    st.builds(
        lambda channel, start, length, text: said(channel, start, start + length, text),
        st.integers(0, 2),
        st.floats(0, 200).map(lambda at: round(at, 2)),
        st.floats(0.1, 30).map(lambda s: round(s, 2)),
        st.sampled_from(["mhm", "yes", "what is it", "please hold on", "one two three four"]),
    ),
    max_size=12,
)


@given(segments)
def test_what_holds_of_every_call(given_: list[Segment]) -> None:
    found = measured(*given_)
    assert found.talk_s + found.silence_s == pytest.approx(found.length_s, abs=1e-6)
    assert sum(each.talk_share for each in found.speakers) == pytest.approx(float(bool(given_)))
    assert found.hold_s <= found.silence_s + 1e-6
    assert found.talk_over_s <= found.talk_s + 1e-6
    assert found.longest_monologue_s <= found.length_s + 1e-6
    assert found.interruptions <= max(0, found.turns - 1)
    assert sum(each.turns for each in found.speakers) == found.turns
    assert measured(*reversed(given_)) == found
    again = CallMetrics.from_dict(json.loads(json.dumps(found.to_dict())))
    assert again.to_dict() == found.to_dict()


@given(segments)
def test_more_silence_at_the_end_changes_nothing_else(given_: list[Segment]) -> None:
    one, other = measured(*given_, length_s=300), measured(*given_, length_s=400)
    assert other.silence_s - one.silence_s == pytest.approx(100)
    assert other.speakers == one.speakers
    assert other.holds == one.holds


def test_quantiles_lie_between_the_values() -> None:
    assert quantile([], 0.9) is None
    assert quantile([3.0], 0.9) == 3
    assert quantile([0.0, 10.0], 0.9) == 9
