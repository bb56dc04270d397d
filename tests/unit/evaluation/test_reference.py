"""What was said, and how a transcript is laid against it."""

from __future__ import annotations

import pytest

from twicetold.evaluation.reference import Reference, Said, Scored, of_sample, of_transcript
from twicetold.speech.scoring import Errors
from twicetold.speech.transcript import Segment

pytestmark = pytest.mark.unit

CALL = Reference((Said(0.0, 0, "Hello there."), Said(1.0, 1, "Good morning!")))


def heard(start: float, channel: int, text: str) -> Segment:
    return Segment(1, channel, start, start + 1.0, text)


def test_channels_are_scored_apart_where_both_sides_have_them() -> None:
    told = [heard(0.0, 0, "good morning"), heard(1.0, 1, "hello there")]  # the wrong way round
    errors, how = CALL.errors(told, 2, "en")
    assert (errors.total, errors.reference_words, how) == (4, 4, Scored.BY_CHANNEL)


@pytest.mark.parametrize("channels", [1, 2])
def test_plain_text_is_laid_against_all_channels_by_time(channels: int) -> None:
    reference = Reference.of_text("Hello there. Good morning!")
    told = [heard(1.0, 1, "good morning"), heard(0.0, 0, "hello there")]
    errors, how = reference.errors(told, channels, "en")
    assert errors == Errors(0, 0, 0, 4)
    assert how is (Scored.JOINED if channels == 2 else Scored.WHOLE)


def test_a_mono_recording_of_two_speakers_is_joined() -> None:
    told = [heard(0.0, 0, "hello there good morning")]
    assert CALL.errors(told, 1, "en") == (Errors(0, 0, 0, 4), Scored.JOINED)


def test_silence_on_one_channel_is_no_reason_to_join_them() -> None:
    errors, how = CALL.errors([heard(0.0, 0, "hello there")], 2, "en")
    assert (errors, how) == (Errors(0, 0, 2, 4), Scored.BY_CHANNEL)


def test_the_language_chooses_the_normaliser() -> None:
    reference = Reference.of_text("colour")
    assert reference.errors([heard(0.0, 0, "color")], 1, "en")[0].total == 0
    assert reference.errors([heard(0.0, 0, "color")], 1, "de")[0].total == 1


def test_our_own_transcripts_are_references() -> None:
    body = {"segments": [heard(1.0, 1, "good morning").to_dict(), heard(0, 0, "hello").to_dict()]}
    assert [said.text for said in of_transcript(body).said] == ["hello", "good morning"]
    assert of_transcript(body | {"language": "de"}).language == "de"


@pytest.mark.parametrize("body", [{}, {"segments": 3}, {"segments": [{"text": "hello"}]}])
def test_what_is_no_transcript_is_refused(body: dict[str, object]) -> None:
    with pytest.raises((KeyError, TypeError)):
        of_transcript(body)
    with pytest.raises((KeyError, TypeError)):
        of_sample(body, "a.wav")
