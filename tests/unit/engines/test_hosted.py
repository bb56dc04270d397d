"""The messages between a parent and its hosts."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twicetold.engines import Expected, Sound
from twicetold.engines.hosted import (
    MAX_BODY_BYTES,
    Kind,
    Message,
    Reader,
    framed,
    pack_failure,
    pack_hypothesis,
    pack_sound,
    pack_start,
    unpack_failure,
    unpack_hypothesis,
    unpack_sound,
    unpack_start,
)
from twicetold.errors import EngineFailed, UnsupportedRate
from twicetold.speech.transcript import Hypothesis, Word

pytestmark = pytest.mark.unit

TEXT = st.text(max_size=20)
SECONDS = st.floats(0, 1e6)
WORDS = st.builds(Word, SECONDS, SECONDS, TEXT, st.none() | st.floats(0, 1))
HYPOTHESES = st.builds(
    Hypothesis,
    st.lists(WORDS, max_size=5).map(tuple),
    st.none() | TEXT,
    settled=st.integers(0, 5),
    language=TEXT,
)
EXPECTED = st.builds(
    Expected, st.lists(TEXT, max_size=4).map(tuple), st.lists(TEXT, max_size=2).map(tuple)
)
MESSAGES = st.builds(
    Message, st.sampled_from(list(Kind)), st.integers(0, 2**32 - 1), st.binary(max_size=50)
)


@given(HYPOTHESES)
def test_a_hypothesis_arrives_as_it_was(hypothesis: Hypothesis) -> None:
    assert unpack_hypothesis(pack_hypothesis(hypothesis)) == hypothesis
    guarded = replace(hypothesis, guarded=("silence", "loop"))
    assert unpack_hypothesis(pack_hypothesis(guarded)) == guarded


@given(messages=st.lists(MESSAGES, max_size=6), size=st.integers(1, 40))
def test_messages_arrive_in_order_however_they_are_cut(messages: list[Message], size: int) -> None:
    wire = b"".join(message.to_bytes() for message in messages)
    reader, arrived = Reader(), []
    for at in range(0, len(wire), size):
        arrived += reader.feed(wire[at : at + size])
    assert arrived == messages


def test_a_length_nobody_sends_is_refused() -> None:
    head = Message(Kind.ACCEPT, 1).to_bytes()
    with pytest.raises(ValueError, match="expected a body"):
        list(Reader().feed((MAX_BODY_BYTES + 1).to_bytes(4, "little") + head[4:]))


@given(
    rate=st.sampled_from((8_000, 16_000)),
    language=TEXT,
    adaptation=st.none() | TEXT,
    expected=EXPECTED,
)
def test_a_start_arrives_as_it_was(
    rate: int, language: str, adaptation: str | None, expected: Expected
) -> None:
    start = (rate, language, adaptation, expected)
    assert unpack_start(pack_start(*start)) == start


@given(pcm=st.binary(max_size=20), language=TEXT, expected=EXPECTED, adaptation=st.none() | TEXT)
def test_a_sound_arrives_as_it_was(
    pcm: bytes, language: str, expected: Expected, adaptation: str | None
) -> None:
    sound = Sound(pcm, 8_000, expected, adaptation)
    parts = pack_sound(sound, language)
    assert parts[1] is pcm  # a sound is long, and many wait at once
    [message] = Reader().feed(b"".join(framed(Kind.TRANSCRIBE, 3, *parts)))
    assert message[:2] == (Kind.TRANSCRIBE, 3)
    assert unpack_sound(message.body) == (sound, language)


def test_our_errors_keep_their_words_and_strangers_only_their_name() -> None:
    ours = unpack_failure(pack_failure(UnsupportedRate("No such rate.", "Take another.")))
    assert isinstance(ours, EngineFailed)
    assert (ours.message, ours.hint) == ("No such rate.", "Take another.")
    strange = unpack_failure(pack_failure(KeyError("what the caller said")))
    assert "KeyError" in strange.message
    assert "said" not in strange.message
