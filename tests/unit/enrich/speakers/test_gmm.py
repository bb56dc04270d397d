"""The embedded diarizer: its features, its speech, and two made-up voices told apart."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.enrich.speakers.voices import HIGH, LOW, RATE, hum

from twicetold.enrich.speakers import FRAME_S, open_diarizer
from twicetold.enrich.speakers.gmm.activity import loud_stretches, stretches
from twicetold.enrich.speakers.gmm.alignment import _best_path
from twicetold.enrich.speakers.gmm.features import Listening, joined
from twicetold.enrich.speakers.gmm.gaussians import Moments, difference, fitted
from twicetold.enrich.speakers.gmm.stitching import Voices
from twicetold.errors import UnsupportedRate
from twicetold.speech.diarization_error import diarization_errors
from twicetold.speech.turns import Turn

pytestmark = pytest.mark.unit

TALK = [(0.5, 4.0, LOW), (5.0, 3.0, HIGH), (8.5, 5.0, LOW), (14.0, 6.0, HIGH), (21.0, 4.0, LOW)]


def talk(times: int, seed: int = 1) -> tuple[bytes, list[float], list[Turn]]:
    """PCM, the detector's answers and who speaks, of the same scheme again and again."""
    sound = np.random.default_rng(seed).normal(0, 30, int(26 * times * RATE)).astype("<i2")
    turns = []
    for number in range(times):
        for index, (start, length, voice) in enumerate(TALK):
            at = 26 * number + start
            piece = hum(length, *voice, seed=1_000 * seed + 10 * number + index)
            sound[int(at * RATE) : int(at * RATE) + len(piece)] += piece
            turns.append(Turn(at, at + length, "low" if voice is LOW else "high"))
    frames = np.arange(0, 26 * times, FRAME_S) + FRAME_S / 2
    speech = [float(any(turn.start <= at < turn.end for turn in turns)) for at in frames]
    return sound.tobytes(), speech, turns


def diarized(pcm: bytes, speech: list[float], piece: int = 1 << 20, **options: float) -> list[Turn]:
    session = open_diarizer("gmm", **options).start(RATE)
    for begin in range(0, len(pcm), piece):
        first, after = (int(at / 2 / RATE / FRAME_S) for at in (begin, begin + piece))
        last = begin + piece >= len(pcm)
        session.accept(pcm[begin : begin + piece], speech[first : None if last else after])
    return session.finish()


def test_two_voices_are_told_apart():
    pcm, speech, said = talk(2)
    heard = diarized(pcm, speech)
    assert {turn.speaker for turn in heard} == {"1", "2"}
    assert heard[0].speaker == "1"
    assert diarization_errors(said, heard).rate < 0.06


def test_one_voice_is_one_speaker():
    pcm = np.concatenate([hum(6, *LOW, seed=seed) for seed in range(8)]).tobytes()
    heard = diarized(pcm, [1.0] * int(48 / FRAME_S))
    assert {turn.speaker for turn in heard} == {"1"}


@pytest.mark.slow
def test_voices_are_found_again_in_the_next_stretch():
    """Stretches of 40 s: the speakers of each are those of the one before."""
    pcm, speech, said = talk(6)
    heard = diarized(pcm, speech, stretch_s=40.0)
    assert {turn.speaker for turn in heard} == {"1", "2"}
    assert diarization_errors(said, heard).rate < 0.06
    assert all(one.start <= other.start for one, other in pairwise(heard))


@pytest.mark.slow
def test_the_pieces_do_not_matter():
    pcm, speech, _ = talk(2)
    assert diarized(pcm, speech, piece=10_001 * 2) == diarized(pcm, speech)
    assert diarized(pcm, speech, piece=999) == diarized(pcm, speech)


def test_without_a_detector_loudness_says_where_speech_is():
    pcm, _, said = talk(2)
    heard = diarized(pcm, [])
    assert diarization_errors(said, heard).rate < 0.1


@pytest.mark.parametrize(("pcm", "speech"), [
    (b"", []),
    (bytes(10), []),
    (bytes(2 * RATE), []),
    (bytes(2 * RATE), [0.0] * 32),
])  # fmt: skip
def test_nobody_speaks(pcm: bytes, speech: list[float]):
    assert diarized(pcm, speech) == []


def test_speech_of_silence_and_speech_too_short_to_describe():
    """A detector may say anything: what comes back are turns of one speaker."""
    assert {t.speaker for t in diarized(bytes(2 * RATE * 5), [1.0] * 157)} == {"1"}
    assert len(diarized(hum(0.3, *LOW, seed=1).tobytes(), [1.0] * 10)) == 1


def test_other_rates_are_refused():
    with pytest.raises(UnsupportedRate):
        open_diarizer("gmm").start(44_100)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(1, 1_500), max_size=12), st.sampled_from([8_000, 16_000]))
def test_features_do_not_depend_on_the_pieces(sizes: list[int], rate: int):
    pcm = np.random.default_rng(3).integers(-3_000, 3_000, rate).astype("<i2").tobytes()
    whole, pieces = Listening(rate), Listening(rate)
    expected = joined([whole.accept(pcm), whole.finish()])
    parts, at = [], 0
    for size in [*sizes, rate]:
        parts.append(pieces.accept(pcm[2 * at : 2 * (at + size)]))
        at += size
    found = joined([*parts, pieces.finish()])
    assert 97 <= len(found) == len(expected) <= 104
    np.testing.assert_allclose(found.cepstra, expected.cepstra, atol=1e-2)
    np.testing.assert_allclose(found.voicing, expected.voicing, atol=1e-3)


@pytest.mark.parametrize("rate", [8_000, 16_000])
def test_pitch_of_a_buzz(rate: int):
    at = np.arange(rate) / rate
    buzz = sum(np.sin(2 * np.pi * 125 * k * at) / k for k in range(1, 20))
    found = Listening(rate).accept((np.asarray(buzz) * 4_000).astype("<i2").tobytes())
    np.testing.assert_allclose(np.exp(found.pitch), 125, rtol=0.02)
    assert float(found.voicing.min()) > 0.9


def test_short_pauses_are_speech_and_clicks_are_not():
    likely = [0.0] * 10 + [0.9] * 20 + [0.1] * 3 + [0.9] * 20 + [0.0] * 40 + [0.9] * 2 + [0.0] * 20
    (span,) = stretches(likely, 0.0, FRAME_S, 400)
    assert span == (pytest.approx(32, abs=1), pytest.approx(170, abs=2))
    assert stretches([], 0.0, FRAME_S, 50) == []
    assert loud_stretches(np.full(500, 8.0, np.float32)) == []


def test_speech_goes_on_between_the_two_thresholds():
    likely = [0.4] * 10 + [0.6] * 10 + [0.4] * 20 + [0.3] * 20
    assert stretches(likely, 0.0, 0.01, 60) == [(10, 40)]


def test_moments_add_up_and_tell_voices_apart():
    random = np.random.default_rng(5)
    same = [random.normal(0, 1, (1_000, 4)).astype(np.float32) for _ in range(2)]
    other = random.normal(1, 2, (1_000, 4)).astype(np.float32)
    joint = Moments.of(same[0]) + Moments.of(same[1])
    np.testing.assert_allclose(joint.covariance, Moments.of(np.concatenate(same)).covariance)
    prior = np.eye(4)
    assert difference(Moments.of(same[0]), Moments.of(same[1]), prior) < 0.5
    assert difference(joint, Moments.of(other), prior) > 5
    assert joint.of_weight(500).count == 500
    np.testing.assert_allclose(joint.of_weight(500).covariance, joint.covariance)


def test_a_mixture_explains_two_lumps_better_than_one_gaussian():
    random = np.random.default_rng(6)
    lumps = [random.normal(at, 0.5, (400, 2)) for at in (-3, 3)]
    frames = np.concatenate(lumps).astype(np.float32)
    one, two = (fitted(frames, count, 10).log_likelihoods(frames).mean() for count in (1, 2))
    assert two > one + 0.5


def test_a_change_of_speakers_must_bring_enough():
    scores = np.zeros((30, 2), np.float32)
    scores[:10, 0], scores[10:13, 1], scores[13:20, 0], scores[20:, 1] = 1, 1, 1, 1
    assert _best_path(scores, 0.5).tolist() == [0] * 10 + [1] * 3 + [0] * 7 + [1] * 10
    assert _best_path(scores, 4.0).tolist() == [0] * 20 + [1] * 10
    assert len(set(_best_path(scores, 50.0).tolist())) == 1


def test_more_than_eight_voices_become_eight():
    random, voices, prior = np.random.default_rng(7), Voices(), np.eye(3)
    placed = {}
    for at in range(12):
        frames = random.normal(6 * at, 1, (2_000, 3)).astype(np.float32)
        placed[at] = voices.place({0: Moments.of(frames)}, prior)[0]
    assert len({voices.number(number) for number in placed.values()}) == 8


def test_a_detector_that_falls_silent_does_not_make_it_hold_the_call():
    session = open_diarizer("gmm", stretch_s=5.0).start(RATE)
    session.accept(b"", [0.0] * 10)
    for _ in range(60):
        session.accept(bytes(2 * RATE))
    assert session._held <= 1_300  # type: ignore[attr-defined]
    assert session.finish() == []
