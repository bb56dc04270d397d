"""The counter's bursts and its ear: exact, or silent."""

from __future__ import annotations

import functools
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from twicetold.engines import Sound
from twicetold.engines.counter import (
    MAX_INTEGER,
    MIN_BURST_S,
    CounterEngine,
    ToneActivity,
    render,
)
from twicetold.errors import UnsupportedRate

pytestmark = pytest.mark.unit

RATES = st.sampled_from((8_000, 16_000))
INTEGERS = st.integers(0, MAX_INTEGER)


def heard(pcm: bytes, rate: int) -> list[str]:
    return CounterEngine().transcribe(Sound(pcm, rate), "en").text.split()


def mu_law_and_back(pcm: bytes) -> bytes:
    """What G.711 mu-law leaves of the samples (its continuous form, quantised to 8 bits)."""
    sound = np.frombuffer(pcm, "<i2") / 32768
    squeezed = np.sign(sound) * np.log1p(255 * np.abs(sound)) / np.log(256)
    coarse = np.rint(squeezed * 127) / 127
    back = np.sign(coarse) * (256 ** np.abs(coarse) - 1) / 255
    return np.rint(back * 32767).astype("<i2").tobytes()


@given(
    first=st.integers(0, MAX_INTEGER - 12),
    count=st.integers(0, 12),
    rate=RATES,
    burst_s=st.floats(MIN_BURST_S, 0.5),
    gap_s=st.floats(0.012, 0.2),
)
def test_what_was_rendered_is_read_back(
    first: int, count: int, rate: int, burst_s: float, gap_s: float
) -> None:
    pcm = render(first, count, rate, burst_s=burst_s, gap_s=gap_s, group=4, pause_s=0.7)
    assert heard(pcm, rate) == [str(n) for n in range(first, first + count)]


@given(number=INTEGERS, rate=RATES, lead=st.integers(0, 400), mu_law=st.booleans())
def test_alignment_and_mu_law_do_not_matter(
    number: int, rate: int, lead: int, mu_law: bool
) -> None:
    pcm = bytes(2 * lead) + render(number, 2, rate) if number < MAX_INTEGER else render(1, 2, rate)
    expected = [str(number), str(number + 1)] if number < MAX_INTEGER else ["1", "2"]
    assert heard(mu_law_and_back(pcm) if mu_law else pcm, rate) == expected


@given(rate=RATES, sizes=st.lists(st.integers(0, 3000), min_size=1, max_size=20))
def test_pieces_do_not_matter(rate: int, sizes: list[int]) -> None:
    pcm = render(250, 5, rate)
    stream, at, counts = CounterEngine().start(rate, "en", None), 0, [0]
    for size in sizes:
        counts.append(len(stream.accept(pcm[at : at + 2 * size]).words))
        at += 2 * size
    stream.accept(pcm[at:])
    assert stream.finish() == CounterEngine().transcribe(Sound(pcm, rate), "en")
    assert counts == sorted(counts)


def test_words_have_the_times_of_their_bursts() -> None:
    pcm = render(7, 3, 8_000, burst_s=0.1, gap_s=0.05, group=2, pause_s=0.8)
    words = CounterEngine().transcribe(Sound(bytes(16_000) + pcm, 8_000), "en").words
    assert [w.start for w in words] == pytest.approx([1.0, 1.15, 2.05], abs=0.002)
    assert [w.end for w in words] == pytest.approx([1.1, 1.25, 2.15], abs=0.002)


@functools.cache
def one(number: int, rate: int) -> NDArray[np.int16]:
    return np.frombuffer(render(number, 1, rate, burst_s=0.1), "<i2")


@given(
    number=INTEGERS,
    rate=RATES,
    begin=st.floats(0, 0.1),
    length_s=st.floats(0, 0.1),
    kind=st.sampled_from(("tail", "head", "hole", "noise")),
    seed=st.integers(0, 99),
)
def test_a_damaged_burst_is_never_another_integer(
    number: int, rate: int, begin: float, length_s: float, kind: str, seed: int
) -> None:
    sound, at, length = one(number, rate).copy(), int(begin * rate), int(length_s * rate)
    if kind == "tail":
        sound = sound[:at]
    elif kind == "head":
        sound = sound[at:]
    elif kind == "hole":
        sound[at : at + length] = 0
    else:
        damage = np.random.default_rng(seed).integers(-20_000, 20_000, length)
        sound[at : at + length] = damage[: len(sound) - at]
    assert heard(sound.tobytes(), rate) in ([], [str(number)])


def test_half_a_burst_is_no_word_in_either_stream() -> None:
    pcm = render(99, 1, 8_000, burst_s=0.12)
    middle = 2 * 480
    assert heard(pcm[:middle], 8_000) == heard(pcm[middle:], 8_000) == []


def test_noise_is_no_word_and_memory_stays_small() -> None:
    noise = np.random.default_rng(3).integers(-9_000, 9_000, 16_000).astype("<i2").tobytes()
    stream = CounterEngine().start(16_000, "en", None)
    for _ in range(20):
        assert stream.accept(noise).words == ()
        assert len(stream._pending) < 5 * 16_000
    assert stream.accept(bytes(3200) + render(5, 1, 16_000)).text == "5"


def test_the_groups_of_a_render_are_apart_by_the_pause() -> None:
    pcm = render(0, 6, 16_000, burst_s=0.1, gap_s=0.03, group=3, pause_s=0.75)
    words = CounterEngine().transcribe(Sound(pcm, 16_000), "en").words
    gaps = [round(b.start - a.end, 2) for a, b in pairwise(words)]
    assert gaps == [0.03, 0.03, 0.75, 0.03, 0.03]
    assert len(pcm) == 2 * round((6 * 0.1 + 4 * 0.03 + 2 * 0.75) * 16_000)


@pytest.mark.parametrize(
    "change",
    [
        {"first": MAX_INTEGER},
        {"first": -1},
        {"rate": 11_025},
        {"burst_s": 0.05},
        {"gap_s": 0.001},
        {"group": 0},
    ],
)
def test_render_refuses_what_could_not_be_read(change: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="expected"):
        render(**{"first": 1, "count": 2, "rate": 8_000, **change})  # type: ignore[arg-type]


def test_other_rates_are_refused() -> None:
    with pytest.raises(UnsupportedRate):
        CounterEngine().start(44_100, "en", None)
    with pytest.raises(UnsupportedRate):
        ToneActivity().start(44_100)


@pytest.mark.parametrize("rate", [8_000, 16_000])
def test_tone_activity_is_on_where_there_is_sound(rate: int) -> None:
    activity = ToneActivity()
    frame = activity.frame_samples(rate)
    assert frame == rate * activity.frame_s
    quiet = (np.random.default_rng(0).normal(0, 60, 4 * frame)).astype("<i2").tobytes()
    burst = render(1, 1, rate, burst_s=0.128, pause_s=0)
    heard_in, _ = activity.probabilities(activity.start(rate), quiet + burst + quiet)
    assert heard_in == [0.0] * 4 + [1.0] * 4 + [0.0] * 4
    assert activity.probabilities(activity.start(rate), b"")[0] == []
    with pytest.raises(ValueError, match="whole frames"):
        activity.probabilities(activity.start(rate), bytes(10))
