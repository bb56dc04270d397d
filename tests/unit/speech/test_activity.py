"""The gate: hysteresis, confirmation, and where a monologue is cut."""

from __future__ import annotations

import copy
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twicetold.speech.activity import (
    Ended,
    GateEvent,
    GateSettings,
    SpeechGate,
    Started,
    quietest,
)

pytestmark = pytest.mark.unit

FRAME_S = 0.032
SPEECH, WAVERING, SILENCE = 0.9, 0.4, 0.1
CONFIRM, WAIT, DOUBT = 3, 16, 31  # frames in the default 96 and 500 ms, and in a second

probabilities = st.lists(st.sampled_from([SPEECH, 0.5, WAVERING, 0.35, 0.3, SILENCE]), max_size=300)


def gate(**settings: float) -> SpeechGate:
    return SpeechGate(GateSettings(**settings), FRAME_S)  # type: ignore[arg-type]


def feed(subject: SpeechGate, *stretches: tuple[float, int]) -> list[GateEvent]:
    return [
        event
        for probability, frames in stretches
        for _ in range(frames)
        for event in subject.accept(probability)
    ]


def test_speech_is_confirmed_after_three_frames_and_dated_back() -> None:
    subject = gate()
    assert feed(subject, (SILENCE, 5), (SPEECH, CONFIRM - 1)) == []
    assert not subject.speaking
    assert feed(subject, (SPEECH, 1)) == [Started(5)]
    assert subject.speaking


def test_speech_that_wavers_at_once_is_confirmed_all_the_same() -> None:
    assert feed(gate(), (SPEECH, 1), (WAVERING, CONFIRM - 1)) == [Started(0)]


def test_what_never_convinces_is_not_speech() -> None:
    subject = gate()
    assert feed(subject, (0.85, 100)) == []
    assert not subject.speaking


def test_one_certain_frame_convinces_and_what_led_up_to_it_counts() -> None:
    subject = gate()
    assert feed(subject, (SILENCE, 5), (0.6, 10), (SPEECH, 1)) == [Started(5)]


def test_doubt_reaches_back_a_second_at_most() -> None:
    subject = gate()
    assert feed(subject, (0.6, 200), (SPEECH, 1)) == [Started(201 - 31)]


def test_doubt_ends_with_silence() -> None:
    subject = gate()
    assert feed(subject, (0.6, 10), (SILENCE, 1), (SPEECH, 3)) == [Started(11)]


def test_a_click_is_not_speech() -> None:
    subject = gate()
    assert feed(subject, (SILENCE, 3), (SPEECH, CONFIRM - 1), (SILENCE, 40)) == []
    assert subject.flush() == []


def test_the_end_is_the_first_frame_of_silence_once_silence_has_passed() -> None:
    subject = gate()
    assert feed(subject, (SPEECH, 10), (SILENCE, WAIT - 1)) == [Started(0)]
    assert subject.silence_frames == WAIT - 1
    assert feed(subject, (SILENCE, 1)) == [Ended(10)]
    assert subject.silence_frames == WAIT


def test_a_wavering_probability_neither_starts_nor_ends_an_utterance() -> None:
    subject = gate()
    assert feed(subject, (WAVERING, 50)) == []
    assert feed(subject, (SPEECH, 4), (WAVERING, 100)) == [Started(50)]
    assert subject.speaking
    assert subject.silence_frames == 0


def test_a_pause_shorter_than_the_silence_does_not_end_the_utterance() -> None:
    subject = gate()
    events = feed(subject, (SPEECH, 5), (SILENCE, WAIT - 1), (SPEECH, 5), (SILENCE, WAIT))
    assert events == [Started(0), Ended(5 + WAIT - 1 + 5)]


def test_flush_ends_at_the_silence_or_where_the_sound_stops() -> None:
    talking = gate()
    feed(talking, (SPEECH, 8))
    assert talking.flush() == [Ended(8)]
    pausing = gate()
    feed(pausing, (SPEECH, 8), (SILENCE, 4))
    assert pausing.flush() == [Ended(8)]
    assert pausing.flush() == []
    assert feed(pausing, (SPEECH, 3)) == [Started(12)], "frames go on counting"


def test_not_a_number_is_silence() -> None:
    subject = gate()
    assert feed(subject, (math.nan, 10), (SPEECH, 3), (math.nan, WAIT)) == [Started(10), Ended(13)]


def test_a_copy_goes_its_own_way() -> None:
    subject = gate()
    feed(subject, (SPEECH, 2))
    twin = copy.copy(subject)
    assert feed(twin, (SPEECH, 1)) == [Started(0)]
    assert not subject.speaking
    assert feed(subject, (SILENCE, 1), (SPEECH, 3)) == [Started(3)]


@pytest.mark.parametrize(
    "wrong", [{"threshold": 0.2}, {"threshold": 1.5}, {"release": -0.1}, {"min_silence_ms": -1}]
)
def test_impossible_settings_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="expected"):
        gate(**wrong)


@given(probabilities)
@settings(deadline=None)
def test_starts_and_ends_alternate_and_keep_their_distances(stream: list[float]) -> None:
    subject = gate()
    said = 0
    events: list[GateEvent] = []
    for frame, probability in enumerate(stream):
        for event in subject.accept(probability):
            events.append(event)
            said = frame
            if isinstance(event, Started):
                reached_back = frame - event.frame
                assert stream[event.frame] >= 0.5 or reached_back == DOUBT - 1
                assert min(stream[event.frame : frame + 1]) >= 0.35
                assert reached_back == CONFIRM - 1 or stream[frame] == SPEECH
                assert CONFIRM - 1 <= reached_back < DOUBT
            else:
                assert stream[event.frame] < 0.35
                assert max(stream[event.frame : frame + 1]) < 0.5
                assert frame - event.frame == WAIT - 1
    events += subject.flush()
    assert [type(event) for event in events] == [Started, Ended] * (len(events) // 2)
    assert [event.frame for event in events] == sorted({event.frame for event in events})
    assert said < max(1, len(stream))


@given(probabilities, st.integers(0, 300))
@settings(deadline=None)
def test_a_copied_gate_says_the_same(stream: list[float], at: int) -> None:
    subject, events = gate(), []
    for probability in stream[:at]:
        events += subject.accept(probability)
    twin = copy.copy(subject)
    rest = [event for probability in stream[at:] for event in subject.accept(probability)]
    assert rest == [event for probability in stream[at:] for event in twin.accept(probability)]


def test_quietest_is_the_middle_of_the_longest_dip() -> None:
    stream = [0.9] * 10 + [0.1] * 2 + [0.9] * 10 + [0.1] * 7 + [0.9] * 10
    assert quietest(stream, 0, len(stream)) == 22 + 3
    assert quietest(stream, 0, 20) == 10


def test_quietest_prefers_the_lower_of_two_equal_dips_then_the_later() -> None:
    assert quietest([0.9, 0.1, 0.9, 0.05, 0.9], 0, 5) == 3
    assert quietest([0.9, 0.05, 0.9, 0.1, 0.9], 0, 5) == 1
    assert quietest([0.9, 0.1, 0.9, 0.1, 0.9], 0, 5) == 3


def test_quietest_works_on_loudness_too() -> None:
    loudness = [3000.0, 2500.0, 80.0, 60.0, 75.0, 2800.0, 900.0, 3100.0]
    assert quietest(loudness, 0, len(loudness)) == 3


def test_quietest_without_a_dip_is_the_middle() -> None:
    assert quietest([0.9] * 11, 0, 11) == 5


@pytest.mark.parametrize(("low", "high"), [(0, 0), (3, 2), (-1, 2), (0, 6)])
def test_quietest_refuses_a_range_that_is_none(low: int, high: int) -> None:
    with pytest.raises(ValueError, match="expected"):
        quietest([0.5] * 5, low, high)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=80), st.data())
@settings(deadline=None)
def test_quietest_stays_in_its_range_and_below_the_mean(
    stream: list[float], data: st.DataObject
) -> None:
    low = data.draw(st.integers(0, len(stream) - 1))
    high = data.draw(st.integers(low + 1, len(stream)))
    frame = quietest(stream, low, high)
    assert low <= frame < high
    assert stream[frame] <= sum(stream[low:high]) / (high - low) + 1e-12


def test_a_gate_that_begins_in_speech_is_open_and_ends_as_any() -> None:
    subject = SpeechGate(GateSettings(), FRAME_S, speaking=True)
    assert subject.speaking
    assert subject.silence_frames == 0
    assert feed(subject, (SILENCE, WAIT - 1), (SPEECH, 1), (SILENCE, WAIT)) == [Ended(WAIT)]
    subject = SpeechGate(GateSettings(), FRAME_S, speaking=True)
    assert feed(subject, (SILENCE, WAIT)) == [Ended(0)]
