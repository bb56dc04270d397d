"""Greedy decoding, held against the plainest loop there is, on a small random network."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twicetold.engines.parakeet.board import Floats, StreamState
from twicetold.engines.parakeet.transducer import Emitted, Greedy

pytestmark = pytest.mark.unit

TOKENS, WIDTH, HEARD = 12, 6, 5
BLANK = TOKENS - 1


class RandomJoint:
    """A prediction network whose state is an echo of its tokens, and a joint network; random, but
    the same for the same seed."""

    layers, width = 1, WIDTH

    def __init__(self, seed: int, durations: int, blank_bias: float = 1.0) -> None:
        random = np.random.default_rng(seed)
        self._embedding = random.normal(0, 2, (TOKENS, WIDTH)).astype(np.float32)
        self._from_frames = random.normal(0, 1, (HEARD, WIDTH)).astype(np.float32)
        self._out = random.normal(0, 1, (WIDTH, TOKENS + durations)).astype(np.float32)
        self._out_bias = np.zeros(TOKENS + durations, np.float32)
        self._out_bias[BLANK] = blank_bias
        self.calls = 0

    def run(self, frames: Floats, last: Any, h: Floats, c: Floats) -> tuple[Floats, Floats, Floats]:
        self.calls += 1
        assert frames.ndim == 3
        assert len(frames) == len(last) == h.shape[1] == c.shape[1]
        behind = np.tanh(0.5 * h[0] + self._embedding[last])
        heard = frames.transpose(0, 2, 1) @ self._from_frames
        logits = np.tanh(heard + behind[:, None]) @ self._out + self._out_bias
        return logits.astype(np.float32), behind[None].astype(np.float32), c + 1


def plainly(joint: RandomJoint, frames: Floats, most: int = 10) -> list[tuple[int, int, int]]:
    """One frame and one token at a time, as papers and onnx-asr have it: token, frame, duration."""
    h = c = np.zeros((1, 1, WIDTH), np.float32)
    last, at, here, found = BLANK, 0, 0, []
    while at < len(frames):
        logits, h_next, c_next = joint.run(frames[at][None, :, None], np.array([last]), h, c)
        token = int(logits[0, 0, :TOKENS].argmax())
        rest = logits[0, 0, TOKENS:]
        step = int(rest.argmax()) if len(rest) else 0
        if token != BLANK:
            found.append((token, at, step))
            last, h, c, here = token, h_next, c_next, here + 1
        if step > 0:
            at, here = at + step, 0
        elif token == BLANK or here == most:
            at, here = at + 1, 0
    return found


def sound(seed: int, frames: int) -> Floats:
    return np.random.default_rng(seed).normal(0, 1, (frames, HEARD)).astype(np.float32)


def places(emitted: list[Emitted]) -> list[tuple[int, int, int]]:
    return [(each.token, each.frame, each.duration) for each in emitted]


def greedy(joint: RandomJoint) -> Greedy:
    return Greedy(joint, tokens=TOKENS, blank=BLANK)


@given(
    st.integers(0, 10_000),
    st.sampled_from([0, 5]),
    st.floats(-1, 3),
    st.lists(st.integers(0, 40), min_size=1, max_size=5),
)
@settings(max_examples=60, deadline=None)
def test_law_many_streams_at_once_are_what_each_is_alone(
    seed: int, durations: int, blank_bias: float, lengths: list[int]
) -> None:
    joint = RandomJoint(seed, durations, blank_bias)
    decoding = greedy(joint)
    sounds = [sound(seed + number, length) for number, length in enumerate(lengths)]
    found = decoding.decode([(each, decoding.start()) for each in sounds])
    for each, (emitted, state) in zip(sounds, found, strict=True):
        assert places(emitted) == plainly(joint, each)
        assert state.frame == len(each)


@given(
    st.integers(0, 10_000),
    st.sampled_from([0, 5]),
    st.floats(-1, 3),
    st.lists(st.integers(0, 20), min_size=1, max_size=8),
)
@settings(max_examples=60, deadline=None)
def test_law_wherever_it_is_split_nothing_is_lost_doubled_or_moved(
    seed: int, durations: int, blank_bias: float, cuts: list[int]
) -> None:
    """A duration may cross the seam, or a whole chunk; tokens may be cut off at one frame."""
    joint = RandomJoint(seed, durations, blank_bias)
    decoding, whole = greedy(joint), sound(seed, sum(cuts))
    state, found, at = decoding.start(), [], 0
    for length in cuts:
        ((emitted, state),) = decoding.decode([(whole[at : at + length], state)])
        found += emitted
        at += length
    assert places(found) == plainly(joint, whole)


def test_no_frame_gives_more_tokens_than_it_may() -> None:
    joint = RandomJoint(1, 0, blank_bias=-100.0)  # an RNN-T that never says blank
    decoding = Greedy(joint, tokens=TOKENS, blank=BLANK, most_per_frame=3)
    ((emitted, _),) = decoding.decode([(sound(1, 4), decoding.start())])
    assert [each.frame for each in emitted] == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]
    assert places(emitted) == plainly(joint, sound(1, 4), most=3)


def test_what_a_token_is_worth_is_its_share_of_all_tokens() -> None:
    joint = RandomJoint(2, 5)
    decoding, heard = greedy(joint), sound(2, 30)
    ((emitted, _),) = decoding.decode([(heard, decoding.start())])
    first = emitted[0]
    zero = np.zeros((1, 1, WIDTH), np.float32)
    logits, _, _ = joint.run(heard[first.frame][None, :, None], np.array([BLANK]), zero, zero)
    shares = np.exp(logits[0, 0, :TOKENS]) / np.exp(logits[0, 0, :TOKENS]).sum()
    assert first.log_probability == pytest.approx(float(np.log(shares[first.token])), abs=1e-5)


def test_silence_is_leapt_over_in_few_calls() -> None:
    joint = RandomJoint(3, 0, blank_bias=100.0)  # it always says blank
    decoding = greedy(joint)
    decoding.decode([(sound(3, 100), decoding.start())])
    assert joint.calls <= 40


def test_nothing_is_decoded_of_nothing() -> None:
    decoding = greedy(RandomJoint(4, 5))
    assert decoding.decode([]) == []
    before = decoding.start()
    ((emitted, after),) = decoding.decode([(sound(4, 0), before)])
    assert emitted == []
    assert isinstance(after, StreamState)
    assert (after.frame, after.jump, after.last) == (0, 0, BLANK)
