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


@pytest.mark.parametrize("value", [b"", b"\0", b"\6" + bytes(12), b"\2\0", b"\1{"])
def test_what_is_no_message_is_refused(value: bytes) -> None:
    with pytest.raises(ValueError, match="log message"):
        parse_log_message(value)
