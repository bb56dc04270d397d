"""Labels of a server count in one answer; ours are told apart and last for a channel."""

from __future__ import annotations

import base64
import io
import wave
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twicetold.engines import Sound
from twicetold.engines.openai.batch import spoken_of
from twicetold.engines.openai.speakers import Speakers, turns_of
from twicetold.errors import EngineFailed

pytestmark = pytest.mark.unit

RATE = 8_000


def segment(start: float, end: float, speaker: str, text: str = "one two") -> dict[str, Any]:
    return {"start": start, "end": end, "speaker": speaker, "text": text}


def sound_of(seconds: float) -> Sound:
    """Each sample says which second it lies in."""
    samples = (int(at / RATE) for at in range(int(seconds * RATE)))
    return Sound(b"".join(second.to_bytes(2, "little") for second in samples), RATE)


def seconds_in(voice: str) -> list[int]:
    with wave.open(io.BytesIO(base64.b64decode(voice))) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (RATE, 1, 2)
        pcm = file.readframes(file.getnframes())
    assert len(pcm) % (2 * RATE) == 0
    return [int.from_bytes(pcm[at : at + 2], "little") for at in range(0, len(pcm), 2 * RATE)]


def spoken(body: dict[str, Any], sound: Sound, known: Speakers) -> tuple[list[str], Speakers]:
    words, speakers = spoken_of(body, sound, known, known)
    return [word.speaker for word in words], speakers


def test_words_have_speakers_and_times_within_their_segment() -> None:
    body = {"text": "A: no", "segments": [segment(0, 2, "A"), segment(2, 9, "B", "three")]}
    words, speakers = spoken_of(body, sound_of(8), Speakers(), Speakers())
    assert [(word.text, word.speaker) for word in words] == [
        ("one", "S1"), ("two", "S1"), ("three", "S2"),
    ]  # fmt: skip
    assert [(word.start, word.end) for word in words] == [(0.0, 1.0), (1.0, 2.0), (2.0, 8.0)]
    assert speakers.met == 2


def test_a_clip_is_the_longest_turns_without_another_voice() -> None:
    told = [
        segment(0, 1, "A"), segment(1, 5, "B"), segment(4, 6, "A"), segment(6, 9, "A"),
        segment(9, 10, "B"), segment(10, 12, "C"), segment(12, 19, "B"), segment(19, 20, "D"),
    ]  # fmt: skip
    _, speakers = spoken({"segments": told}, sound_of(20), Speakers())
    assert list(speakers.voices) == ["S1", "S2", "S3"]  # nobody could know the fourth by a second
    assert seconds_in(speakers.voices["S1"]) == [6, 7, 8, 0]
    assert seconds_in(speakers.voices["S2"]) == [12, 13, 14, 15, 16]
    assert seconds_in(speakers.voices["S3"]) == [10, 11]
    assert speakers.met == 4


def test_who_is_known_keeps_the_label_and_who_is_not_gets_a_new_one() -> None:
    sound = sound_of(8)
    _, first = spoken({"segments": [segment(0, 4, "A"), segment(4, 8, "B")]}, sound, Speakers())
    carried = Speakers.from_adaptation(first.to_adaptation())
    assert carried == first
    assert carried.form()["known_speaker_names[]"] == ["S1", "S2"]
    later = {"segments": [segment(0, 4, "S2"), segment(4, 8, "A")]}
    labels, speakers = spoken(later, sound, carried)
    assert labels == ["S2", "S2", "S3", "S3"]
    assert (list(speakers.voices), speakers.met) == (["S1", "S2", "S3"], 3)


def test_a_label_of_ours_that_the_server_was_not_told_of_is_another_one() -> None:
    known = Speakers(2, {"S1": "UklGRg=="})
    body = {"segments": [segment(0, 2, "S1"), segment(2, 4, "S2")]}
    words, speakers = spoken_of(body, sound_of(4), known, known.unheard())
    assert {word.speaker for word in words} == {"S3", "S4"}
    assert list(speakers.voices) == ["S1", "S3", "S4"]


def test_four_voices_go_along_at_most() -> None:
    told = [segment(2 * at, 2 * at + 2, "ABCDEF"[at]) for at in range(6)]
    _, speakers = spoken({"segments": told}, sound_of(12), Speakers())
    assert (len(speakers.voices), speakers.met) == (4, 6)


LABEL = st.sampled_from(["A", "B", "C", "S1", "S2", "S9", ""])


@given(st.lists(st.lists(st.tuples(st.floats(-1, 30), st.floats(-1, 30), LABEL), max_size=9)))
def test_labels_that_differ_stay_apart_and_a_new_one_is_nobodys_before(
    answers: list[list[tuple[float, float, str]]],
) -> None:
    sound, known, seen = Sound(bytes(2 * RATE * 25), RATE), Speakers(), set()
    for answer in answers:
        turns = turns_of((segment(*each) for each in answer), 25.0)
        named, met = known.named(turns)
        pairs = {(theirs.speaker, ours.speaker) for theirs, ours in zip(turns, named, strict=True)}
        assert len({theirs for theirs, _ in pairs}) == len(pairs)
        assert len({ours for _, ours in pairs}) == len(pairs)
        assert all((theirs == "") == (ours == "") for theirs, ours in pairs)
        for theirs, ours in pairs:
            assert ours not in seen or ours == theirs in known.voices or not ours
        seen |= {ours for _, ours in pairs if ours}
        known = known.after(named, met, sound)
        assert len(known.voices) <= 4
        assert set(known.voices) <= seen


def test_of_a_strangers_adaptation_nothing_is_taken() -> None:
    for stranger in (None, "", "[]", "{}", '{"met": "x", "voices": {}}', '{"met": 1, "voices": 2}'):
        assert Speakers.from_adaptation(stranger) == Speakers()


@pytest.mark.parametrize(
    "wrong",
    [
        {"segments": [{"start": 0, "end": 1, "speaker": "A"}]},
        {"segments": [segment(0, 10**400, "A")]},
        {"segments": [{**segment(0, 1, "A"), "speaker": 5}]},
        {"segments": [{**segment(0, 1, "A"), "text": 5}]},
        {"segments": "abc"},
        {"text": "one two"},
        {"segments": None, "text": "one two"},
    ],
)
def test_what_is_no_answer_fails(wrong: dict[str, Any]) -> None:
    with pytest.raises(EngineFailed, match="no transcript"):
        spoken(wrong, sound_of(4), Speakers())


def test_where_nobody_speaks_nobody_is_met() -> None:
    assert spoken_of({"segments": []}, sound_of(4), Speakers(), Speakers()) == ((), Speakers())
