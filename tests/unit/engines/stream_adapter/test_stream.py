"""A recogniser as one utterance's stream."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.models.scripted import Faults, ScriptedRecogniser, sound_of
from tests.unit.engines.stream_adapter.test_window import ROUGH, speech, texts

from twicetold.engines.counter import CounterEngine, render
from twicetold.engines.inlet import RATE
from twicetold.engines.stream_adapter.engine import AdaptedEngine
from twicetold.engines.stream_adapter.stream import AdaptedStream
from twicetold.engines.stream_adapter.window import WindowSettings
from twicetold.errors import UnsupportedRate
from twicetold.speech.transcript import Hypothesis

pytestmark = pytest.mark.unit


def pcm_of(seconds: float) -> bytes:
    return np.rint(sound_of(0, round(seconds * RATE)) * 32_768).astype("<i2").tobytes()


def heard(stream: AdaptedStream, pcm: bytes, pieces: Iterable[int]) -> list[Hypothesis]:
    told, at = [], 0
    for size in itertools.cycle(pieces):
        if at >= len(pcm):
            break
        told.append(stream.accept(pcm[at : at + size]))
        at += size
    return [*told, stream.finish()]


@given(seed=st.integers(0, 2**32), size=st.integers(1_000, 40_000), rough=st.booleans())
@settings(max_examples=20)
def test_a_settled_word_is_never_taken_back(seed: int, size: int, rough: bool) -> None:
    recognise = ScriptedRecogniser(speech(seed, 20.0), ROUGH if rough else Faults(), seed)
    told = heard(AdaptedStream(recognise, RATE, "en"), pcm_of(20.4), (2 * size,))
    for before, after in itertools.pairwise(told):
        assert after.words[: before.settled] == before.words[: before.settled]
        assert before.settled <= after.settled <= len(after.words)
        starts = [word.start for word in after.words]
        assert starts == sorted(starts)
    assert told[-1].settled == len(told[-1].words)


def test_pieces_do_not_change_what_is_told() -> None:
    truth, pcm = speech(4, 12.0), pcm_of(12.3)

    def last(pieces: tuple[int, ...]) -> Hypothesis:
        recognise = ScriptedRecogniser(truth, ROUGH, 4)
        return heard(AdaptedStream(recognise, RATE, "en"), pcm, pieces)[-1]

    assert last((6_400,)) == last((len(pcm),)) == last((2, 998, 64_000, 46))


def test_words_that_stand_are_told_before_the_end() -> None:
    truth = speech(9, 20.0)
    told = heard(AdaptedStream(ScriptedRecogniser(truth), RATE, "en"), pcm_of(20.3), (6_400,))
    assert texts(list(told[-1].words)) == texts(truth)
    assert 0 < told[len(told) // 2].settled < len(told[len(told) // 2].words)


def test_less_than_a_word_is_not_recognised() -> None:
    recognise = ScriptedRecogniser([])
    assert heard(AdaptedStream(recognise, RATE, "en"), bytes(2_000), (500,))[-1] == Hypothesis()
    assert recognise.windows_s == []


@pytest.mark.parametrize("rate", [8_000, 16_000])
def test_an_engine_without_a_live_verb_gets_one(rate: int) -> None:
    engine = AdaptedEngine(CounterEngine(), WindowSettings(0.3, 3.0, 6.0))
    assert engine.info.live
    stream = engine.start(rate, "en", None)
    told = heard(stream, render(40, 50, rate, group=50), (rate // 5,))
    expected = [str(number) for number in range(40, 90)]
    assert texts(list(told[-1].words)) == expected
    assert told[-1].words[-1].start == pytest.approx(49 * 0.17, abs=0.02)
    for each in told:
        settled = texts(list(each.words[: each.settled]))
        assert settled == expected[: each.settled]


def test_another_rate_is_refused() -> None:
    with pytest.raises(UnsupportedRate):
        AdaptedEngine(CounterEngine()).start(44_100, "en", None)
