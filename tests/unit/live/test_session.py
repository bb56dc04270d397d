"""The call session: channels by themselves, dual mono once, and the same words after a takeover."""

from __future__ import annotations

import numpy as np
import pytest

from twicetold.live.endpointing import Action, Begin, End, EndpointSettings, Hear
from twicetold.live.session import CallSession, SessionState
from twicetold.speech.chunks import AudioChunk, Close, Finalize, LogMessage, Open, Pause

pytestmark = pytest.mark.unit

RATE = 8_000
FRAME = 256


def session(channels: int = 1, **changes: object) -> CallSession:
    return CallSession(RATE, channels, EndpointSettings(), FRAME, **changes)  # type: ignore[arg-type]


def level(pcm: bytes) -> list[float]:
    """A detector for tests: loud is speech."""
    frames = np.frombuffer(pcm, "<i2").astype(float).reshape(-1, FRAME)
    return [0.9 if np.abs(frame).mean() > 500 else 0.0 for frame in frames]


def feed(target: CallSession, messages: list[LogMessage]) -> list[Action]:
    actions: list[Action] = []
    for message in messages:
        actions += target.receive(message)
        while any(unjudged := target.unjudged()):
            for channel, frames in enumerate(unjudged):
                actions += target.judge(channel, level(frames))
    return actions


def loud(seconds: float) -> np.ndarray:
    return np.full(int(seconds * RATE), 8_000, dtype="<i2")


def quiet(seconds: float) -> np.ndarray:
    return np.zeros(int(seconds * RATE), dtype="<i2")


def chunks(sound: np.ndarray, channels: int = 1) -> list[LogMessage]:
    """200 ms pieces."""
    step = RATE // 5
    frames = len(sound) // channels
    return [
        AudioChunk(1, at, RATE, channels, sound[at * channels : (at + step) * channels].tobytes())
        for at in range(0, frames, step)
    ]


def stereo(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    return np.stack([left, right], axis=1).reshape(-1)


def test_states_are_explicit_and_closed_is_the_end() -> None:
    target = session()
    assert target.state is SessionState.WAITING
    feed(target, [Open(1, RATE, 1, "en", "live", 0.0), *chunks(quiet(0.4))])
    assert target.state is SessionState.RUNNING
    feed(target, [Close(1, 3_200)])
    assert target.state is SessionState.CLOSED
    with pytest.raises(RuntimeError, match="expected no message once closed but got AudioChunk"):
        target.receive(chunks(quiet(0.2))[0])


def test_a_call_without_sound_closes() -> None:
    target = session()
    assert feed(target, [Open(1, RATE, 1, "en", "live", 0.0), Close(1, 0)]) == []
    assert target.state is SessionState.CLOSED


def test_channels_are_endpointed_by_themselves() -> None:
    left = np.concatenate([loud(1), quiet(2)])
    right = np.concatenate([quiet(1.5), loud(1), quiet(0.5)])
    actions = feed(session(2), [*chunks(stereo(left, right), 2), Close(1, 3 * RATE)])
    begins = {action.channel: action for action in actions if isinstance(action, Begin)}
    assert begins[0].start_sample == 0
    assert abs(begins[1].speech_sample - 1.5 * RATE) <= FRAME
    assert sorted(action.channel for action in actions if isinstance(action, End)) == [0, 1]


def test_two_channels_of_the_same_sound_are_heard_once() -> None:
    sound = np.concatenate([loud(1), quiet(1)])
    target = session(2, same_sound=lambda _pcm: True)
    actions = feed(target, [*chunks(stereo(sound, sound), 2), Close(1, 2 * RATE)])
    assert {action.channel for action in actions} == {0}


def test_finalize_ends_what_is_being_said() -> None:
    target = session()
    actions = feed(target, [*chunks(loud(1)), Finalize(1, RATE)])
    ends = [action for action in actions if isinstance(action, End)]
    assert len(ends) == 1
    assert ends[0].boundary == target.judged


def test_a_pause_ends_one_channel_and_leaves_the_other_in_its_word() -> None:
    left = np.concatenate([loud(0.7), quiet(0.3), loud(1)])
    right = np.concatenate([quiet(0.5), loud(1.5)])
    log = chunks(stereo(left, right), 2)
    actions = feed(session(2), [*log[:5], Pause(1, RATE), *log[5:]])
    ends = [action for action in actions if isinstance(action, End)]
    assert [end.channel for end in ends] == [0]
    begins = [action.channel for action in actions if isinstance(action, Begin)]
    assert begins == [0, 1, 0]


@pytest.mark.parametrize("said", [0.1, 0.5, 1.7])
def test_a_successor_hears_whole_what_a_pause_left_open(said: float) -> None:
    """It begins at a boundary in the middle of speech, and meets the pause again."""
    log = chunks(loud(said + 1))
    paused = [*chunks(loud(said)), Pause(1, int(said * RATE)), *log]
    for floor in (0, int(0.05 * RATE)):
        actions = feed(session(1, boundaries=(floor,), utterances=(1,)), paused)
        (begin,) = [action for action in actions if isinstance(action, Begin)]
        assert begin.start_sample <= max(floor, FRAME)
        assert not [action for action in actions if isinstance(action, End)]


def test_a_successor_goes_on_at_each_channels_boundary() -> None:
    left = np.concatenate([loud(1), quiet(1), loud(1), quiet(1)])
    right = np.concatenate([quiet(2), loud(1), quiet(1)])
    log = chunks(stereo(left, right), 2)
    first = feed(session(2), [*log, Close(1, 4 * RATE)])
    ends = [action for action in first if isinstance(action, End)]
    boundary = next(end.boundary for end in ends if end.channel == 0)
    again = session(2, boundaries=(boundary, 0), utterances=(1, 0))
    second = feed(again, [*log, Close(1, 4 * RATE)])
    begins = [action for action in second if isinstance(action, Begin)]
    assert [(begin.channel, begin.utterance) for begin in begins] == [(0, 2), (1, 1)]
    assert all(begin.start_sample >= boundary for begin in begins if begin.channel == 0)


def test_a_hole_in_the_log_ends_what_was_said_and_begins_behind_it() -> None:
    target = session()
    sound = np.concatenate([quiet(1), loud(2), quiet(1), loud(2), quiet(1)])
    pieces = chunks(sound)
    actions = feed(target, [*pieces[:13], *pieces[22:], Close(1, len(sound))])
    begun = [action.start_sample for action in actions if isinstance(action, Begin)]
    ended = [action.end_sample for action in actions if isinstance(action, End)]
    assert [action.utterance for action in actions if isinstance(action, Begin)] == [1, 2]
    assert begun[0] < RATE
    assert ended[0] == 13 * RATE // 5
    assert begun[1] == 22 * RATE // 5
    assert abs(ended[1] - 6 * RATE) <= FRAME
    assert target.state is SessionState.CLOSED


def test_sound_of_another_layout_is_refused() -> None:
    target = session()
    with pytest.raises(RuntimeError, match="expected 1 channels at 8000 Hz but got 2 at 8000"):
        target.receive(AudioChunk(1, 0, RATE, 2, bytes(8)))


def test_heard_sound_is_the_channels_own() -> None:
    left, right = loud(1), np.negative(loud(1))
    actions = feed(session(2), [*chunks(stereo(left, right), 2), Close(1, RATE)])
    for channel, sign in ((0, 1), (1, -1)):
        pcm = b"".join(
            action.pcm
            for action in actions
            if isinstance(action, Hear) and action.channel == channel
        )
        assert set(np.frombuffer(pcm, "<i2").tolist()) == {sign * 8_000}
