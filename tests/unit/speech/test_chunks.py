"""The log's messages: what is written is what is read."""

from __future__ import annotations

import pytest

from twicetold.speech.chunks import (
    AudioChunk,
    Close,
    Finalize,
    LogMessage,
    Open,
    Pause,
    parse_log_message,
)

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    "message",
    [
        Open(3, 16_000, 2, "en", "live", 1_790_000_000.5),
        AudioChunk(3, 2**40, 8_000, 1, b"\1\2\3\4"),
        Finalize(3, 2**40),
        Pause(3, 2**40),
        Close(3, 0),
    ],
)
def test_messages_are_read_as_they_were_written(message: LogMessage) -> None:
    assert parse_log_message(message.to_bytes()) == message


@pytest.mark.parametrize(
    "message",
    [
        AudioChunk(1, 0, 16_000, 0, b"\0\0"),
        AudioChunk(1, 0, 0, 1, b"\0\0"),
        AudioChunk(1, 0, 16_000, 2, b"\0\0"),
        AudioChunk(1, 0, 16_000, 1, b""),
        AudioChunk(1, 2**63, 16_000, 1, b"\0\0"),
        Open(1, "x", 1, "en", "live", 0.0),  # type: ignore[arg-type]
        Open(1, 16_000, 1, "en", "live", None),  # type: ignore[arg-type]
        Open(1, 16_000, 0, "en", "live", 0.0),
    ],
)
def test_what_cannot_be_of_a_call_is_refused(message: LogMessage) -> None:
    with pytest.raises(ValueError, match="expected"):
        parse_log_message(message.to_bytes())


@pytest.mark.parametrize("value", [b"", b"\0", b"\6" + bytes(12), b"\2\0", b"\1{"])
def test_what_is_no_message_is_refused(value: bytes) -> None:
    with pytest.raises(ValueError, match="log message"):
        parse_log_message(value)
