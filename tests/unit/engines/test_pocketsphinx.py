"""What stands around the decoder: means, cleaning, resampling. The contracts run the decoder."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twicetold.engines.pocketsphinx import _AVERAGE, _Ear, _Inlet, _Mean, _words

pytestmark = pytest.mark.unit


@dataclass
class Segment:
    word: str
    start_frame: int
    end_frame: int
    prob: float = 0.5


class FakeDecoder:
    def __init__(self, *segments: Segment) -> None:
        self._segments = segments

    def hyp(self) -> object:
        return self._segments or None

    def seg(self) -> tuple[Segment, ...]:
        return self._segments


def test_words_are_clean_of_silences_noises_and_variants() -> None:
    decoder = FakeDecoder(
        Segment("<s>", 0, 9),
        Segment("read(2)", 10, 29),
        Segment("<sil>", 30, 39),
        Segment("[NOISE]", 40, 44),
        Segment("++BREATH++", 45, 49),
        Segment("o'clock", 50, 99, 1.0000001),
        Segment("up", 100, 300),
        Segment("</s>", 301, 310),
    )
    words = _words(decoder, 320_000, settled=True)
    assert [(w.text, w.start, w.end, w.probability) for w in words] == [
        ("read", 0.1, 0.3, 0.5),
        ("o'clock", 0.5, 1.0, 1.0),
    ]
    unsettled = _words(decoder, 31_000, settled=False)
    assert [w.probability for w in unsettled] == [None, None]
    assert unsettled[-1].end == 31_000 / 32_000, "no word ends after what was heard"
    assert _words(FakeDecoder(), 31_000, settled=True) == ()


@given(st.floats(0.01, 1000), st.lists(st.floats(-100, 100), min_size=13, max_size=13))
def test_a_mean_survives_its_text(seconds: float, values: list[float]) -> None:
    mean = _Mean(seconds, tuple(values))
    again = _Mean.parse(str(mean))
    assert again is not None
    assert again.values == pytest.approx(mean.values, rel=1e-4, abs=1e-4)
    assert str(_Mean.parse(str(again))) == str(again)


@pytest.mark.parametrize(
    "text", [None, "", ";", "1;2,3", "x;" + "1," * 12 + "1", "1;nan" + ",1" * 12]
)
def test_what_is_no_mean_is_none(text: str | None) -> None:
    assert _Mean.parse(text) is None


def test_the_newer_sound_counts_for_more_the_longer_it_is() -> None:
    new = _Mean(4.5, tuple(value + 10 for value in _AVERAGE.values))
    joined = new.after(_AVERAGE)
    assert joined.seconds == 5.0
    assert joined.values[0] == pytest.approx(_AVERAGE.values[0] + 9)
    settled = _Mean(500.0, _AVERAGE.values)
    assert new.after(settled).values[0] > _AVERAGE.values[0] + 4  # old sound fades


def test_the_ear_measures_sound_and_nothing_of_what_it_heard_before() -> None:
    ear = _Ear()
    noise = np.random.default_rng(0).normal(0, 900, 24_000).astype("<i2").tobytes()
    loud = np.random.default_rng(1).normal(0, 9_000, 24_000).astype("<i2").tobytes()
    first = ear.mean(noise)
    assert first is not None
    assert first.seconds == 1.5
    louder = ear.mean(loud)
    assert louder is not None
    assert louder.values[0] > first.values[0] + 5
    assert ear.mean(noise) == first
    assert ear.mean(bytes(48_000)) is None


def test_the_inlet_doubles_the_rate_whatever_the_pieces() -> None:
    at = np.arange(8_000) / 8_000
    pcm = (9_000 * np.sin(2 * np.pi * 300 * at)).astype("<i2").tobytes()
    whole = _Inlet(8_000)
    expected = whole.take(pcm) + whole.rest()
    pieces, out = _Inlet(8_000), b""
    for begin in range(0, len(pcm), 1_234):
        out += pieces.take(pcm[begin : begin + 1_234])
    out += pieces.rest()
    assert out == expected
    assert len(out) == 2 * len(pcm)
    middle = np.frombuffer(out, "<i2")[4_000:12_000:2].astype(float)
    assert np.corrcoef(middle, np.frombuffer(pcm, "<i2")[2_000:6_000])[0, 1] > 0.999
    assert _Inlet(16_000).take(pcm) == pcm
