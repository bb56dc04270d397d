"""What remote engines share: guessed times, what is told of refusals, pieces, dialogues."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twicetold.engines import Sound
from twicetold.engines.openai.batch import words_of
from twicetold.engines.realtime.openai import OpenAiDialogue
from twicetold.engines.realtime.vllm import VllmDialogue
from twicetold.engines.remote import Remotes, host_of
from twicetold.engines.remote.dialogue import event_of
from twicetold.engines.remote.sounds import pieces_of
from twicetold.engines.remote.spreading import Loudness, spread, within
from twicetold.engines.remote.telling import code_of, refusal, told
from twicetold.engines.sarvam.info import tag_of
from twicetold.engines.sarvam.live import SarvamDialogue
from twicetold.errors import EngineFailed, EngineRefused
from twicetold.speech.transcript import Word

pytestmark = pytest.mark.unit

RATE = 8_000
ITEM = "conversation.item.input_audio_transcription"


def sounding(*stretches: tuple[bool, float]) -> bytes:
    """Noise and silence, each so many seconds long."""
    draw = np.random.default_rng(1)
    parts = [
        draw.integers(-8_000, 8_000, round(s * RATE)) if loud else np.zeros(round(s * RATE))
        for loud, s in stretches
    ]
    return np.concatenate(parts).astype("<i2").tobytes()


def heard(pcm: bytes, size: int = 1 << 30) -> Loudness:
    loudness = Loudness(RATE)
    for at in range(0, len(pcm), size):
        loudness.hear(pcm[at : at + size])
    return loudness


# --- times --------------------------------------------------------------------------------


def test_words_lie_where_it_sounds() -> None:
    pcm = sounding((False, 0.3), (True, 0.4), (False, 0.6), (True, 0.4), (False, 0.5))
    words = spread("five nine", heard(pcm))
    assert [word.text for word in words] == ["five", "nine"]
    assert [word.start for word in words] == pytest.approx([0.3, 1.3], abs=0.021)
    assert [word.end for word in words] == pytest.approx([0.7, 1.7], abs=0.021)
    assert heard(pcm).quiet_tail_s == pytest.approx(0.5, abs=0.021)


@given(
    st.lists(st.text("abc é", max_size=12), max_size=30).map(" ".join),
    st.lists(st.tuples(st.booleans(), st.floats(0, 1.5)), max_size=6),
    st.integers(1, 5_000),
)
def test_spread_words_are_in_order_inside_and_the_same_for_any_pieces(
    text: str, stretches: list[tuple[bool, float]], samples: int
) -> None:
    pcm = sounding((False, 0.0), *stretches)
    loudness = heard(pcm)
    words = spread(text, loudness)
    assert [word.text for word in words] == text.split()
    moments = [moment for word in words for moment in (word.start, word.end)]
    assert moments == sorted(moments)
    assert all(0 <= moment <= loudness.seconds for moment in moments)
    assert spread(text, heard(pcm, 2 * samples)) == words


@given(
    st.lists(st.text("abc ", max_size=9), max_size=9).map(" ".join),
    st.floats(-5, 50),
    st.floats(-5, 50),
)
def test_words_of_a_stretch_stay_in_it(text: str, start: float, end: float) -> None:
    words = within(text, start, end, 20.0)
    assert [word.text for word in words] == text.split()
    moments = [moment for word in words for moment in (word.start, word.end)]
    assert moments == sorted(moments)
    assert all(0 <= moment <= 20.0 for moment in moments)


def test_a_servers_times_are_kept_and_held_inside() -> None:
    sound = Sound(bytes(2 * RATE), RATE)
    body: dict[str, Any] = {
        "text": "a b",
        "words": [
            {"word": " b", "start": 0.5, "end": 9.0, "probability": 0.5},
            {"word": "a", "start": -0.1, "end": 0.2},
            {"word": " ", "start": 0.2, "end": 0.3},
        ],
    }
    assert words_of(body, sound) == (Word(0.0, 0.2, "a"), Word(0.5, 1.0, "b", 0.5))
    for wrong in ({}, {"text": 5}, {"text": "a", "words": [{"word": "a"}]}, {"words": "abc"}):
        with pytest.raises(EngineFailed, match="no transcript"):
            words_of(wrong, sound)


def test_long_sound_goes_in_pieces_cut_where_it_is_quiet() -> None:
    pcm = sounding((True, 4.0), (False, 0.5), (True, 4.0), (False, 0.4), (True, 3.0))
    pieces = list(pieces_of(Sound(pcm, RATE), 5.0))
    assert b"".join(piece.pcm for _, piece in pieces) == pcm
    assert [begin for begin, _ in pieces] == pytest.approx([0.0, 4.25, 8.7], abs=0.06)
    assert all(piece.seconds <= 5.0 for _, piece in pieces)
    assert [s.pcm for _, s in pieces_of(Sound(b"", RATE), 5.0)] == [b""]


# --- what is told -------------------------------------------------------------------------


def test_no_key_is_told() -> None:
    key = "short-but-ours"
    said = told(
        f"Bad key {key}; or sk-abc123; Authorization: Bearer xyz.abc\n{'A1' * 30}", secret=key
    )
    for secret in (key, "abc123", "xyz.abc", "A1A1"):
        assert secret not in said
    assert "Authorization" in said
    assert len(told("word " * 200)) <= 201
    assert told({"not": "text"}) == ""


def test_nothing_private_is_told_in_whatever_writing() -> None:
    assert told("no prompt MÖLLER, please", private=["Möller"]) == "no prompt ***, please"
    for quoted in (r"got \nMöller", r"got M\u00f6ller", "got M&ouml;ller", "got M%C3%B6ller"):
        assert told(quoted, private=["Möller"]) == ""
        assert told(quoted) == quoted


def test_a_code_is_a_word_and_no_sentence() -> None:
    assert code_of("server_error") == "server_error"
    assert code_of(429) == "429"
    for other in ("the caller said yes", "x" * 60, None, {"a": 1}):
        assert code_of(other) == "unnamed"


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 413, 415, 422])
def test_a_request_that_cannot_succeed_is_not_repeated(status: int) -> None:
    error = refusal("openai", status, "No.", url="openai_url", key="openai_key")
    assert isinstance(error, EngineRefused)
    assert not error.retryable
    assert str(status) in error.message


@pytest.mark.parametrize("status", [408, 409, 425, 429, 500, 502, 503, 504, 529])
def test_one_that_may_is(status: int) -> None:
    assert refusal("openai", status, "", url="u", key="k").retryable


def test_keys_are_not_shown_with_what_holds_them() -> None:
    assert "hunter2" not in repr(Remotes(openai_key="hunter2", sarvam_key="hunter2"))
    assert host_of("https://u:p@api.openai.com/v1?x=1") == "api.openai.com"


def test_sarvam_has_two_names_for_odia_and_for_not_knowing() -> None:
    assert tag_of("or-IN", unknown="auto", odia="od-IN") == "od-IN"
    assert tag_of("en-GB", unknown="auto", odia="od-IN") == "en-IN"
    assert tag_of("auto", unknown="unknown", odia="od-IN") == "unknown"


# --- dialogues ----------------------------------------------------------------------------


def test_items_stand_in_their_order_whichever_is_completed_first() -> None:
    dialogue = OpenAiDialogue()
    dialogue.receive({"type": "input_audio_buffer.committed", "item_id": "a"})
    dialogue.receive({"type": f"{ITEM}.delta", "item_id": "b", "delta": "wor"})
    assert dialogue.text.split() == ["wor"]
    dialogue.finish()
    dialogue.receive({"type": "input_audio_buffer.committed", "item_id": "b"})
    dialogue.receive({"type": f"{ITEM}.completed", "item_id": "b", "transcript": "world"})
    dialogue.receive({"type": f"{ITEM}.delta", "item_id": "b", "delta": "late"})
    assert not dialogue.done
    dialogue.receive({"type": f"{ITEM}.completed", "item_id": "a", "transcript": "hello"})
    assert dialogue.done
    assert dialogue.text == "hello world"


def test_an_item_that_failed_fails_the_utterance_without_its_words() -> None:
    error = {"code": "audio_unintelligible", "message": "he said yes"}
    with pytest.raises(EngineFailed, match="audio_unintelligible") as caught:
        OpenAiDialogue().receive({"type": f"{ITEM}.failed", "item_id": "a", "error": error})
    assert "yes" not in caught.value.message


def test_a_server_that_stops_too_early_has_failed() -> None:
    dialogue = VllmDialogue()
    dialogue.receive({"type": "transcription.delta", "delta": " half"})
    with pytest.raises(EngineFailed, match="before the sound was over"):
        dialogue.receive({"type": "transcription.done", "text": " half"})
    with pytest.raises(EngineFailed, match="too early"):
        SarvamDialogue(RATE).receive({"event": "session.end"})


def test_sarvam_takes_half_a_second_at_a_time() -> None:
    messages = [json.loads(each) for each in SarvamDialogue(RATE).hear(bytes(2 * RATE + 2))]
    assert [each["event"] for each in messages] == ["audio_input"] * 3


@pytest.mark.parametrize("said", ["[]", "no", b"\xff", "3"])
def test_what_is_no_object_is_no_event(said: str | bytes) -> None:
    with pytest.raises(EngineFailed, match="no JSON object"):
        event_of(said)
