"""What a live client asks for and sends, checked before anything is done with it."""

from __future__ import annotations

import json
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twicetold.errors import (
    BadInput,
    BadParameter,
    MessageTooLarge,
    OddByteCount,
    SequenceGap,
    SequenceRepeat,
    SessionLost,
    UnexpectedAudio,
    UnexpectedText,
    UnsupportedEncoding,
    UnsupportedRate,
)
from twicetold.gateway.live_protocol import Command, Encoding, Inbound, LiveRequest
from twicetold.media.resampling import USUAL_RATES

pytestmark = pytest.mark.unit


def request(**query: str) -> LiveRequest:
    return LiveRequest.parse({"call_id": "call-1", **query}, "en")


def message(seq: int, audio: bytes) -> bytes:
    return struct.pack("<I", seq) + audio


def test_what_is_not_said_has_defaults() -> None:
    asked = LiveRequest.parse({}, "en")
    assert asked.call_id
    assert (asked.encoding, asked.sample_rate, asked.channels) == (Encoding.PCM, 16_000, 1)
    assert request(encoding="mulaw").sample_rate == 8_000
    assert asked.age_s == 0


@pytest.mark.parametrize("value", ["-1", "3601", "1.5", "", "now", "9" * 5000])
def test_a_new_call_is_not_older_than_an_hour(value: str) -> None:
    assert request(age_s="3600").age_s == 3600
    with pytest.raises(BadParameter):
        request(age_s=value)


@pytest.mark.parametrize(
    "value",
    [
        "0",
        "44101",
        "-8000",
        "8e3",
        "",
        "٨٠٠٠",
        "00001600099999999999",
        "0" * 12 + "16000",
        "9" * 5000,
    ],
)
def test_rates_that_are_not_usual_are_refused(value: str) -> None:
    with pytest.raises(UnsupportedRate):
        request(sample_rate=value)


@pytest.mark.parametrize("value", ["0", "3", "", "-1", "1.0", "0000000000013000000", "9" * 5000])
def test_channels_are_one_or_two(value: str) -> None:
    with pytest.raises(BadParameter):
        request(channels=value)


@pytest.mark.parametrize("value", ["-1", "x", "0" * 12 + "9" * 30, "9" * 5000])
def test_events_are_whole_numbers(value: str) -> None:
    with pytest.raises(BadParameter):
        request(event=value)


@given(
    st.dictionaries(
        st.sampled_from(
            ["call_id", "language", "encoding", "sample_rate", "channels", "event", "session"]
        ),
        st.text(max_size=40) | st.integers().map(str),
    )
)
def test_whatever_is_asked_is_usable_or_refused_in_words(query: dict[str, str]) -> None:
    asked, refusal = None, None
    try:
        asked = LiveRequest.parse(query, "en")
    except BadInput as error:
        refusal = error
    if asked is None:
        assert refusal is not None
        assert refusal.message
        assert refusal.hint
    else:
        assert asked.sample_rate in USUAL_RATES
        assert asked.channels in (1, 2)
        assert 0 <= asked.event <= 2**31


def test_an_unknown_encoding_and_an_unknown_parameter_are_named() -> None:
    with pytest.raises(UnsupportedEncoding, match="flac"):
        request(encoding="flac")
    for name in ("colour", "ticket"):  # tickets are for addresses that take no headers at all
        with pytest.raises(BadParameter, match=name):
            request(**{name: "blue"})


def test_messages_count_up_by_one() -> None:
    inbound = Inbound(request(), 5)
    assert inbound.audio(message(5, b"ab")) == b"ab"
    with pytest.raises(SequenceRepeat):
        inbound.audio(message(5, b"ab"))
    with pytest.raises(SequenceGap):
        inbound.audio(message(7, b"ab"))
    assert inbound.audio(message(6, b"")) == b""


def test_audio_comes_in_whole_frames() -> None:
    inbound = Inbound(request(channels="2"), 0)
    with pytest.raises(OddByteCount):
        inbound.audio(message(0, b"abc"))
    assert Inbound(request(encoding="mulaw"), 0).audio(message(0, b"abc")) == b"abc"


def test_messages_have_a_largest_and_a_smallest_size() -> None:
    inbound = Inbound(request(), 0)
    with pytest.raises(MessageTooLarge):
        inbound.audio(message(0, bytes(1024 * 1024)))
    with pytest.raises(UnexpectedAudio):
        inbound.audio(b"abc")


@given(st.text(max_size=200))
def test_text_is_a_command_or_refused(text: str) -> None:
    try:
        found = Inbound(request(), 0).text(text)
    except UnexpectedText:
        return
    assert json.loads(text)["type"] == found  # Hypothesis knows the strings of our sources


def test_after_stop_nothing_more_is_taken() -> None:
    inbound = Inbound(request(), 0)
    assert inbound.text('{"type": "finalize"}') is Command.FINALIZE
    assert inbound.text('{"type": "stop"}') is Command.STOP
    with pytest.raises(UnexpectedAudio):
        inbound.audio(message(0, b"ab"))


def test_a_call_that_was_closed_meanwhile_takes_no_more_sound() -> None:
    with pytest.raises(SessionLost):
        Inbound(request(), 3, over=True).audio(message(3, b"ab"))
