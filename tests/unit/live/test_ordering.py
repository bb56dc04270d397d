"""The sequencer: whatever a resumed gateway sends twice, each sample is used once and in order."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twicetold.live import ordering
from twicetold.live.ordering import Sequencer
from twicetold.speech.chunks import AudioChunk, Close, Finalize, LogMessage, Open, Pause

pytestmark = pytest.mark.unit

SOUND = bytes(range(256)) * 8  # 1,024 samples


def chunk(start: int, end: int, epoch: int = 1) -> AudioChunk:
    return AudioChunk(epoch, start, 16_000, 1, SOUND[2 * start : 2 * end])


def heard(sequencer: Sequencer, messages: list[LogMessage]) -> bytes:
    due = [piece for message in messages for piece in sequencer.accept(message)]
    return b"".join(piece.pcm for piece in due if isinstance(piece, AudioChunk))


@given(st.data())
def test_every_sample_once_in_order_however_often_gateways_resume(data: st.DataObject) -> None:
    messages: list[LogMessage] = []
    position = 0
    for epoch in range(1, data.draw(st.integers(1, 5)) + 1):
        # The next gateway starts at or before what the last one published.
        start = data.draw(st.integers(0, position))
        for size in data.draw(st.lists(st.integers(1, 100), max_size=5)):
            end = min(start + size, 1_024)
            if end > start:
                messages.append(chunk(start, end, epoch))
            start = end
        position = max(position, start)
    assert heard(Sequencer(), messages) == SOUND[: 2 * position]


def test_what_is_ahead_waits_for_what_is_missing() -> None:
    sequencer = Sequencer()
    messages: list[LogMessage] = [chunk(0, 10), chunk(30, 40), chunk(20, 30)]
    assert heard(sequencer, messages) == SOUND[:20]
    assert heard(sequencer, [chunk(10, 20)]) == SOUND[20:80]


def test_a_gateway_that_was_taken_over_is_not_heard() -> None:
    sequencer = Sequencer()
    assert heard(sequencer, [chunk(0, 10, epoch=2), chunk(10, 20, epoch=1)]) == SOUND[:20]


def test_finalize_counts_only_where_it_was_meant() -> None:
    sequencer = Sequencer()
    sequencer.accept(chunk(0, 10))
    assert sequencer.accept(Pause(1, 10)) == [Pause(1, 10)]
    assert sequencer.accept(Finalize(1, 10)) == [Finalize(1, 10)]
    sequencer.accept(chunk(10, 20))
    assert sequencer.accept(Finalize(1, 10)) == []


def test_finalize_waits_for_its_audio() -> None:
    sequencer = Sequencer()
    sequencer.accept(chunk(0, 10))
    assert sequencer.accept(Finalize(1, 20)) == []
    assert sequencer.accept(chunk(10, 20)) == [chunk(10, 20), Finalize(1, 20)]


def test_close_throws_away_what_is_held_and_ends_it() -> None:
    sequencer = Sequencer()
    sequencer.accept(chunk(0, 10))
    sequencer.accept(chunk(20, 30))
    assert sequencer.accept(Close(2, 10)) == [Close(2, 10)]
    assert sequencer.closed
    assert sequencer.accept(chunk(10, 20, epoch=2)) == []


def test_a_hole_before_the_close_is_leapt_over() -> None:
    sequencer = Sequencer()
    assert heard(sequencer, [chunk(0, 10), chunk(40, 50), chunk(20, 30)]) == SOUND[:20]
    due = sequencer.accept(Close(1, 50))
    assert due == [chunk(20, 30), chunk(40, 50), Close(1, 50)]


def test_only_what_the_close_counts_is_leapt_to() -> None:
    sequencer = Sequencer()
    heard(sequencer, [chunk(0, 10), chunk(20, 30), chunk(40, 50)])
    assert sequencer.accept(Close(1, 30)) == [chunk(20, 30), Close(1, 30)]


def test_a_hole_that_stays_does_not_hold_the_call_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ordering, "_MOST_HELD_BYTES", 60)
    sequencer = Sequencer()
    ahead: list[LogMessage] = [chunk(20, 30), chunk(30, 40), chunk(40, 50)]
    assert heard(sequencer, [chunk(0, 10), *ahead[:2]]) == SOUND[:20]
    assert sequencer.accept(ahead[2]) == ahead
    assert heard(sequencer, [chunk(50, 60), chunk(10, 20)]) == SOUND[100:120]


def test_a_log_that_begins_later_is_taken_up_where_it_begins() -> None:
    assert heard(Sequencer(floor=5), [chunk(10, 20)]) == SOUND[20:40]


def test_sound_before_the_floor_is_not_wanted() -> None:
    assert heard(Sequencer(floor=15), [chunk(10, 20), chunk(20, 25)]) == SOUND[30:50]


def test_open_is_passed_on() -> None:
    opening = Open(1, 16_000, 1, "en", "live", 0.0)
    assert Sequencer().accept(opening) == [opening]
