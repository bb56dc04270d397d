"""Endpointing: no sound is lost between utterances, none heard twice, cuts obey the limits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from twicetold.live.endpointing import (
    Action,
    Begin,
    End,
    Endpointer,
    EndpointSettings,
    Hear,
    Rest,
    first_cut_s,
)

pytestmark = pytest.mark.unit

RATE = 1_000
FRAME = 32


def endpointer(**changes: float) -> Endpointer:
    return Endpointer(0, RATE, FRAME, EndpointSettings(**changes))  # type: ignore[arg-type]


def sound(samples: int, start: int = 0) -> bytes:
    """Every sample says where it stands."""
    return np.arange(start, start + samples, dtype="<i2").tobytes()


def run(target: Endpointer, speech: list[bool], loudness: list[int] | None = None) -> list[Action]:
    """One frame of sound for each flag."""
    actions: list[Action] = []
    for number in range(len(speech)):
        level = loudness[number] if loudness else None
        pcm = sound(FRAME, number * FRAME)
        if level is not None:
            pcm = np.full(FRAME, level, dtype="<i2").tobytes()
        target.append(pcm)
        assert len(target.unjudged()) == 2 * FRAME
        actions += judge(target, speech)
    return actions


def judge(target: Endpointer, speech: list[bool]) -> list[Action]:
    """By a detector whose answer depends on the frame alone; behind an utterance frames are
    judged again."""
    actions: list[Action] = []
    while frames := len(target.unjudged()) // (2 * FRAME):
        first = target.judged // FRAME
        actions += target.judge([0.9 if flag else 0.0 for flag in speech[first : first + frames]])
    return actions


def heard(actions: list[Action]) -> list[tuple[int, bytes]]:
    """(first sample, sound) of each utterance."""
    utterances: list[tuple[int, bytes]] = []
    for action in actions:
        if isinstance(action, Begin):
            utterances.append((action.start_sample, b""))
        elif isinstance(action, Hear):
            start, pcm = utterances[-1]
            utterances[-1] = (start, pcm + action.pcm)
    return utterances


def test_silence_begins_nothing() -> None:
    assert run(endpointer(), [False] * 200) == []


def test_speech_begins_with_its_pre_roll_and_ends_after_the_silence() -> None:
    actions = run(endpointer(), [False] * 30 + [True] * 30 + [False] * 30)
    begin = next(action for action in actions if isinstance(action, Begin))
    end = next(action for action in actions if isinstance(action, End))
    assert begin.speech_sample == 30 * FRAME
    assert begin.start_sample == begin.speech_sample - 300
    assert end.end_sample == 60 * FRAME
    assert end.end_sample <= end.boundary <= 90 * FRAME


def test_first_sounds_of_a_call_are_kept() -> None:
    actions = run(endpointer(), [True] * 30 + [False] * 30)
    begin = next(action for action in actions if isinstance(action, Begin))
    assert begin.start_sample == 0


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.booleans(), st.integers(1, 40)), max_size=12))
def test_each_utterance_is_one_stretch_and_none_overlap(runs: list[tuple[bool, int]]) -> None:
    flags = [flag for flag, length in runs for _ in range(length)]
    target = endpointer(max_utterance_s=2.0)
    actions = run(target, flags) + target.flush(all_of_it=True)
    ends = [action for action in actions if isinstance(action, End)]
    utterances = heard(actions)
    assert len(ends) == len(utterances)
    floor = 0
    for (start, pcm), end in zip(utterances, ends, strict=True):
        assert start >= floor  # nothing is heard again, but for the tail behind a cut
        assert pcm == sound(len(pcm) // 2, start)
        assert start <= end.end_sample <= start + len(pcm) // 2
        assert end.boundary >= end.end_sample
        floor = end.boundary


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.booleans(), st.integers(1, 40)), max_size=12))
def test_all_speech_lies_in_an_utterance(runs: list[tuple[bool, int]]) -> None:
    flags = [flag for flag, length in runs for _ in range(length)]
    target = endpointer(max_utterance_s=2.0)
    actions = run(target, flags) + target.flush(all_of_it=True)
    covered = np.zeros(len(flags) * FRAME, dtype=bool)
    for start, pcm in heard(actions):
        covered[start : start + len(pcm) // 2] = True
    at = 0
    for flag, length in runs:
        # A click of one or two frames is not speech.
        if flag and length >= 4:
            assert covered[at * FRAME : (at + length) * FRAME].all()
        at += length


def test_a_monologue_is_cut_at_its_quietest_place_and_the_tail_is_heard_again() -> None:
    loudness = [1_000] * 100
    loudness[50] = 10  # the dip, in the second half of the first 64 frames
    actions = run(endpointer(max_utterance_s=64 * FRAME / RATE), [True] * 100, loudness)
    cut = next(action for action in actions if isinstance(action, End))
    assert cut.cut
    assert 50 * FRAME <= cut.end_sample <= 51 * FRAME
    second = [action for action in actions if isinstance(action, Begin)][1]
    assert second.start_sample == cut.end_sample
    tail = heard(actions)[1][1]
    assert len(tail) // 2 == 100 * FRAME - cut.end_sample


def test_utterances_never_grow_beyond_the_limit() -> None:
    actions = run(endpointer(max_utterance_s=2.0), [True] * 500)
    assert all(len(pcm) // 2 <= 2 * RATE + FRAME for _, pcm in heard(actions))


def test_flush_takes_the_rest_of_a_frame_along_at_the_close() -> None:
    target = endpointer()
    actions = run(target, [True] * 10)
    target.append(sound(7, 10 * FRAME))
    actions += target.flush(all_of_it=True)
    assert heard(actions) == [(0, sound(10 * FRAME + 7))]


def test_what_breaks_off_goes_on_after_the_last_breath() -> None:
    loudness = [1_000] * 200
    loudness[150:152] = [10, 10]  # a breath, 1.6 s before the sound breaks off
    target = endpointer()
    actions = run(target, [True] * 200, loudness) + target.pause()
    (end,) = [action for action in actions if isinstance(action, End)]
    assert end.cut
    assert 150 * FRAME <= end.end_sample <= 152 * FRAME
    target.append(sound(10 * FRAME))
    actions += judge(target, [True] * 210) + target.flush()
    _, second = heard(actions)
    assert second[0] == end.end_sample == end.boundary
    assert second[0] + len(second[1]) // 2 == 210 * FRAME


WORDS = st.lists(st.tuples(st.integers(4, 40), st.integers(1, 40)), min_size=1, max_size=12)


@pytest.mark.slow
@settings(deadline=None, max_examples=200)
@given(WORDS, st.sets(st.integers(0, 960), max_size=5))
def test_pauses_cut_no_word(words: list[tuple[int, int]], pauses: set[int]) -> None:
    """Wherever sound breaks off, each word lies whole in one utterance once sound went on."""
    flags = [flag for word, gap in words for flag in [True] * word + [False] * gap]
    target = endpointer()
    actions: list[Action] = []
    for number, flag in enumerate(flags):
        target.append(np.full(FRAME, 1_000 if flag else 0, dtype="<i2").tobytes())
        actions += judge(target, flags)
        if number in pauses:
            actions += target.pause()
            actions += judge(target, flags)
            assert not [action for action in target.pause() if not isinstance(action, Rest)]
    actions += target.flush(all_of_it=True)
    spans = [(start, start + len(pcm) // 2) for start, pcm in heard(actions)]
    at = 0
    for word, gap in words:
        assert any(start <= at and at + word * FRAME <= end for start, end in spans)
        at += (word + gap) * FRAME
    begins = [action for action in actions if isinstance(action, Begin)]
    ends = [action for action in actions if isinstance(action, End)]
    for begin, end in zip(begins, ends, strict=True):
        assert begin.start_sample <= end.end_sample <= end.boundary
    for end, begin in zip(ends, begins[1:], strict=False):
        assert begin.start_sample >= end.boundary


def test_what_breaks_off_in_silence_opens_nothing_for_it() -> None:
    """The longest dip is the silence at the end: it is not where something new begins."""
    flags = [True] * 100 + [False] * 1 + [True] * 30 + [False] * 6
    target = endpointer()
    actions = run(target, flags, [1_000 if flag else 0 for flag in flags]) + target.pause()
    end, begin = (next(a for a in actions if isinstance(a, kind)) for kind in (End, Begin))
    assert end.cut
    assert end.end_sample // FRAME == 100
    assert [a.start_sample for a in actions if isinstance(a, Begin)] == [
        begin.start_sample,
        end.end_sample,
    ]


def test_a_soft_beginning_before_a_break_is_the_next_utterances() -> None:
    """After a pause as after any end, the pre-roll reaches back into the silence."""
    target = endpointer()
    flags = [True] * 20 + [False] * 9
    actions = run(target, flags) + target.pause()
    target.append(sound(20 * FRAME))
    actions += judge(target, flags + [True] * 20)
    first, second = (action for action in actions if isinstance(action, Begin))
    assert first.start_sample == 0
    assert second.start_sample < 29 * FRAME


def test_a_pause_ends_what_is_followed_by_silence() -> None:
    target = endpointer()
    actions = run(target, [True] * 20 + [False] * 7) + target.pause()
    (end,) = [action for action in actions if isinstance(action, End)]
    assert not end.cut
    assert not target.speaking


class Inertia:
    """A test double of a detector that remembers: what it says of a frame depends on all before,
    and on how long it has listened, up to three seconds."""

    def __init__(self) -> None:
        self._level, self._frames = 0.0, 0

    def probabilities(self, flags: list[bool]) -> list[float]:
        heard = []
        for flag in flags:
            self._frames += 1
            self._level = 0.8 * self._level + 0.2 * flag
            heard.append(min(1.0, 1.5 * self._level * min(1.0, 0.5 + self._frames / 200)))
        return heard


def remembered(
    flags: list[bool], position: int = 0, *, deaths: list[tuple[int, int]] | None = None
) -> list[Action]:
    """What an endpointer makes of the sound from there on, with a detector that remembers.
    ``deaths``: filled with what a successor would need at every moment, and how many utterances
    had ended by then."""
    target, actions = Endpointer(0, RATE, FRAME, EndpointSettings(), position=position), []
    detector = Inertia()
    for at in range(position, len(flags) * FRAME, 50):
        target.append(bytes(2 * min(50, len(flags) * FRAME - at)))
        while frames := len(target.unjudged()) // (2 * FRAME):
            detector = Inertia() if target.anew else detector
            first = target.judged // FRAME
            actions += target.judge(detector.probabilities(flags[first : first + frames]))
        if deaths is not None:
            ended = sum(isinstance(action, End) for action in actions)
            deaths.append((target.needed, ended))
    return actions + target.flush(all_of_it=True)


def bounds(actions: list[Action]) -> list[tuple[int, int]]:
    """Where utterances begin and end."""
    return [
        (each.start_sample, each.speech_sample)
        if isinstance(each, Begin)
        else (each.end_sample, each.boundary)
        for each in actions
        if isinstance(each, Begin | End)
    ]


@pytest.mark.slow
@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(st.integers(4, 40), st.integers(1, 400)), min_size=1, max_size=8))
def test_a_successor_cuts_what_one_that_heard_all_of_it_cuts(words: list[tuple[int, int]]) -> None:
    flags = [flag for word, gap in words for flag in [True] * word + [False] * gap]
    deaths: list[tuple[int, int]] = []
    undisturbed = bounds(remembered(flags, deaths=deaths))
    for needed, ended in set(deaths[:: len(deaths) // 6 + 1]):
        successor = bounds(remembered(flags, needed))
        assert successor == undisturbed[2 * ended :], f"from {needed} behind {ended} utterances"


def test_a_long_silence_keeps_little_in_memory() -> None:
    target = endpointer()
    run(target, [False] * 1_000)
    held = target._sound
    assert held.end - held.start < 2 * RATE


def test_needed_stays_at_the_running_utterance() -> None:
    target = endpointer()
    (begin,) = [
        each for each in run(target, [False] * 400 + [True] * 60) if isinstance(each, Begin)
    ]
    assert begin.start_sample == 400 * FRAME - 300
    assert target.needed == begin.needed
    assert 9 * RATE < 400 * FRAME - begin.needed < 10 * RATE, "expected the silence before it too"


@pytest.mark.parametrize("silence", [130, 530])
def test_a_silence_is_needed_back_to_the_utterance_before_or_for_ten_seconds(silence: int) -> None:
    target = endpointer()
    actions = run(target, [True] * 30 + [False] * silence)
    (end,) = [action for action in actions if isinstance(action, End)]
    assert target.needed == max(end.boundary, target.judged - 10 * RATE)


@given(
    speech=st.lists(st.integers(1, 120), min_size=1, max_size=12),
    levels=st.lists(st.integers(1, 9_000), min_size=1, max_size=40),
    pauses=st.sets(st.integers(0, 600)),
    longest_s=st.floats(2.0, 8.0),
)
@example(speech=[400], levels=[9_000] * 128 + [1] + [9_000] * 271, pauses=set(), longest_s=8.0)
@settings(max_examples=60)
def test_no_cut_falls_before_what_its_utterance_was_said_to_be_safe_of(
    speech: list[int], levels: list[int], pauses: set[int], longest_s: float
) -> None:
    """Whatever is told as settled before ``first_cut_s`` stays in its utterance."""
    chosen = EndpointSettings(max_utterance_s=longest_s)
    target = Endpointer(0, RATE, FRAME, chosen)
    flags = [at % 2 == 0 for at, frames in enumerate(speech) for _ in range(frames)]
    begun = heard_samples = 0
    for number in range(len(flags)):
        target.append(np.full(FRAME, levels[number % len(levels)], dtype="<i2").tobytes())
        actions = judge(target, flags) + (target.pause() if number in pauses else [])
        for action in actions:
            if isinstance(action, Begin):
                begun, heard_samples = action.start_sample, 0
            elif isinstance(action, Hear):
                heard_samples += len(action.pcm) // 2
            elif isinstance(action, End) and action.cut:
                safe_s = first_cut_s(chosen, heard_samples / RATE)
                assert (action.end_sample - begun) / RATE >= safe_s - 1e-9
