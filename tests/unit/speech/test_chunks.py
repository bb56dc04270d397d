"""The log's messages: what is written is what is read."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from twicetold.speech.chunks import (
    AudioChunk,
    Close,
    Ended,
    Finalize,
    LogMessage,
    Open,
    Pause,
    finals_message,
    parse_finals_message,
    parse_log_message,
)
from twicetold.speech.transcript import Final, Word

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


def test_json_that_is_too_deep_is_refused() -> None:
    deep = b"[" * 200_000
    opening = Open(1, 16_000, 1, "en", "live", 0.0).to_bytes()[: len(Close(1, 0).to_bytes())]
    with pytest.raises(ValueError, match="log message"):
        parse_log_message(opening + deep)
    with pytest.raises(ValueError, match="finals topic"):
        parse_finals_message(deep)


FINAL = Final(1, 0, 2, 0.5, 0.9, "one", (Word(0.5, 0.9, "one", 0.9),))


def test_finals_are_read_as_they_were_written() -> None:
    assert parse_finals_message(finals_message(FINAL)) == FINAL
    ended = Ended(3, 48_000, 16_000, "counter", {"counter": 1.5})
    assert parse_finals_message(finals_message(ended)) == ended


def test_an_end_is_understood_by_versions_that_know_of_no_computing_and_theirs_by_us() -> None:
    known = {"event": 3, "sample": 48_000, "rate": 16_000, "engine": "counter"}
    told = json.loads(finals_message(Ended(**known, computed={"counter": 1.5})))
    assert told["ended"] == known
    assert parse_finals_message(json.dumps({"ended": known}).encode()) == Ended(**known)


@pytest.mark.parametrize(
    "message",
    [
        replace(FINAL, event="x"),  # type: ignore[arg-type]
        replace(FINAL, event=2**70),
        replace(FINAL, event=True),
        replace(FINAL, channel=-1),
        replace(FINAL, start=float("nan")),
        replace(FINAL, text=None),  # type: ignore[arg-type]
        replace(FINAL, words=(Word(0.5, float("inf"), "one", 0.9),)),
        Ended(1, 1, 0, "counter"),
        Ended(1, 2**60, 16_000, "counter"),
        Ended(-1, 1, 16_000, "counter"),
        Ended(1, 1, 16_000, "counter", {"counter": float("nan")}),
        Ended(1, 1, 16_000, "counter", {"counter": "1"}),  # type: ignore[dict-item]
    ],
)
def test_what_cannot_be_a_final_is_refused(message: Final | Ended) -> None:
    with pytest.raises(ValueError, match="finals topic"):
        parse_finals_message(finals_message(message))
