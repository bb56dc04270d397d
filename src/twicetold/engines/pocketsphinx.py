"""Engine ``pocketsphinx``: English with nothing to download (CMUSphinx, BSD, model in the wheel).

A decoder takes 91 MB and 0.35 s to load, so decoders are made as they are needed, kept, and
reset between utterances: without the reset, the order of utterances changes their words.

What decides the word error rate is cepstral mean normalisation (CMN): its mean describes
voice and channel, the library starts from a poor guess and learns slowly. Measured on 48
English clips of many voices (242 s, each cut to its speech, nothing known before it):

    live, from the library's guess                         45.9 %
    live, from the average of many voices                  35.8
    live, measured once, after 0.6 / 1.0 / 1.5 s           33.1 / 30.8 / 28.8
    live, measured after 0.8 and 2.5 s (what is done)      27.2
    live, with the mean of the whole clip (not causal)     28.2
    batch, with the mean of the whole sound (what is done) 25.9
    batch, without ``fwdflat``                             27.7

Within a call each utterance begins with the mean of those before it. Wider beams and
``maxhmmpf=-1`` change nothing, other language weights (``lw``, ``fwdflatlw`` with
``bestpathlw``) cost 2 points, live without ``bestpath`` nearly 4; ``fwdflat`` takes up to
650 ms at an utterance's end. Noise added against digital silence costs up to 5 points.
Probabilities are posteriors of the word lattice: that of a right word exceeds that of a
wrong one in 2 of 3 cases.
"""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from twicetold.engines import EngineInfo, Sound
from twicetold.errors import EngineFailed, UnsupportedRate
from twicetold.speech.language import primary_language
from twicetold.speech.transcript import Hypothesis, Word

if TYPE_CHECKING:
    from pocketsphinx import Decoder

POCKETSPHINX_INFO = EngineInfo(
    name="pocketsphinx",
    model="en-us-5.1",
    languages=("en",),
    live=True,
    batch=True,
    word_times=True,
    # Frames are 10 ms. Of 616 words of synthetic calls that it got right one began 0.21 s before
    # it says, one in a hundred 0.05 s; words beside those that it misheard are off by more.
    time_error_s=0.3,
    rank=1,
    good_for=(
        "Trying the product: English, on any machine, with nothing to download. Expect 10 to 30 "
        "wrong words in 100 of clean read speech, and 50 or more on telephone or accented speech."
    ),
)

_RATE = 16_000
_RATES = (8_000, 16_000)
_FRAME_S = 0.01
_SECOND_BYTES = 2 * _RATE
_PIECE_BYTES = _SECOND_BYTES // 10
_LEAST_BYTES = _SECOND_BYTES // 10  # less is no word
_TAIL = bytes(_PIECE_BYTES)  # silence for a last word that was cut short
_LONGEST_WORD_S = 1.4  # spoken words stay under 1.0 s; one stretched over noise is none
_VARIANT = re.compile(r"\(\d+\)$")
_LIVE = {"fwdflat": False}
_BATCH: Mapping[str, object] = {}


class PocketsphinxEngine:
    """A HostedEngine. ``warm`` live decoders are loaded at once, the others as they are needed."""

    def __init__(self, warm: int = 0) -> None:
        self._ear = _Ear()
        self._live = _Decoders(_LIVE)
        # A decoder that has heard a stream never again takes the mean of a whole sound
        # (the library's feat_cmn switches for good), hence two kinds.
        self._batch = _Decoders(_BATCH)
        for decoder in [self._live.take() for _ in range(warm)]:
            self._live.give(decoder)

    @property
    def info(self) -> EngineInfo:
        return POCKETSPHINX_INFO

    def start(self, rate: int, language: str, adaptation: str | None) -> _LiveStream:
        _check(rate, language)
        return _LiveStream(self._live, self._ear, rate, adaptation)

    def transcribe(self, sound: Sound, language: str) -> Hypothesis:
        _check(sound.rate, language)
        inlet = _Inlet(sound.rate)
        pcm = inlet.take(sound.pcm) + inlet.rest()
        if len(pcm) < _LEAST_BYTES:
            return Hypothesis()
        decoder = self._batch.take()  # not given back if it raises
        _begin(decoder)
        decoder.process_raw(pcm, full_utt=True)
        decoder.end_utt()
        # Digital silence has no mean; what is decoded without one is made of nothing.
        has_mean = _Mean.parse(f"1;{decoder.get_cmn()}") is not None
        words = _words(decoder, len(pcm), settled=True) if has_mean else ()
        self._batch.give(decoder)
        return Hypothesis(words)


class _LiveStream:
    """One utterance: fed in pieces of a fixed size, so that the caller's do not change the words.

    Without a mean from an utterance before it, it begins with the average of many voices,
    measures its own at each of ``_MEASURE_AT``, and begins again with that.
    """

    def __init__(self, decoders: _Decoders, ear: _Ear, rate: int, adaptation: str | None) -> None:
        self._decoders = decoders
        self._ear = ear
        self._inlet = _Inlet(rate)
        self._before = _Mean.parse(adaptation)
        self._measure_at = list(_MEASURE_AT) if self._before is None else []
        self._heard = bytearray()
        self._fed = 0
        self._words: tuple[Word, ...] = ()
        self._decoder: Decoder | None = decoders.take()
        _begin(self._decoder, self._before or _AVERAGE)

    def accept(self, pcm: bytes) -> Hypothesis:
        decoder = self._open()
        self._heard += self._inlet.take(pcm)
        before = self._fed
        while len(self._heard) - self._fed >= _PIECE_BYTES:
            self._feed(decoder, _PIECE_BYTES)
        if self._fed > before:
            self._words = _words(decoder, self._fed, settled=False)
        return Hypothesis(self._words)

    def finish(self) -> Hypothesis:
        decoder = self._open()
        self._heard += self._inlet.rest()
        while self._fed < len(self._heard):
            self._feed(decoder, min(_PIECE_BYTES, len(self._heard) - self._fed))
        length = len(self._heard)
        if length < _LEAST_BYTES:
            self.close()
            return Hypothesis((), self._adaptation())
        decoder.process_raw(_TAIL)
        decoder.end_utt()
        words = _words(decoder, length, settled=True)
        if words:
            measured = self._ear.mean(bytes(self._heard))
            self._before = measured and measured.after(self._before or _AVERAGE)
        self._release()
        return Hypothesis(words, self._adaptation())

    def close(self) -> None:
        if self._decoder is not None:
            self._decoder.end_utt()
            self._release()

    def _adaptation(self) -> str | None:
        return None if self._before is None else str(self._before)

    def _open(self) -> Decoder:
        if self._decoder is None:
            raise EngineFailed("The stream is over.")
        return self._decoder

    def _release(self) -> None:
        if self._decoder is not None:
            self._decoders.give(self._decoder)
            self._decoder = None

    def _feed(self, decoder: Decoder, size: int) -> None:
        decoder.process_raw(bytes(self._heard[self._fed : self._fed + size]))
        self._fed += size
        if self._measure_at and self._fed >= self._measure_at[0] * _SECOND_BYTES:
            self._measure_at.pop(0)
            self._begin_again(decoder)

    def _begin_again(self, decoder: Decoder) -> None:
        """Decode what was fed once more, with the mean that it turned out to have."""
        heard = bytes(self._heard[: self._fed])
        measured = self._ear.mean(heard)
        if measured is None:
            return
        decoder.end_utt()
        _begin(decoder, measured.after(_AVERAGE))
        for piece in _pieces(heard):
            decoder.process_raw(piece)


@dataclass(frozen=True, slots=True)
class _Mean:
    """A cepstral mean and how many seconds of sound speak for it."""

    seconds: float
    values: tuple[float, ...]

    def __str__(self) -> str:
        return f"{self.seconds:.2f};{self.cmn}"

    @property
    def cmn(self) -> str:
        """As the library writes it."""
        return ",".join(f"{value:g}" for value in self.values)

    @classmethod
    def parse(cls, text: str | None) -> _Mean | None:
        """What ``str`` wrote; None for anything else, such as another engine's adaptation."""
        seconds, _, cmn = (text or "").partition(";")
        try:
            mean = cls(float(seconds), tuple(float(value) for value in cmn.split(",")))
        except ValueError:
            return None
        finite = all(math.isfinite(value) for value in (mean.seconds, *mean.values))
        return mean if finite and len(mean.values) == len(_AVERAGE.values) else None

    def after(self, before: _Mean) -> _Mean:
        """Both together; what lies further back counts less."""
        weight = min(before.seconds, _MEMORY_S)
        seconds = weight + self.seconds
        values = (
            (old * weight + new * self.seconds) / seconds
            for old, new in zip(before.values, self.values, strict=True)
        )
        return _Mean(seconds, tuple(values))


_MEMORY_S = 5.0
_MEASURE_AT = (0.8, 2.5)  # seconds
# The mean of 47 readers and recordings, as strong as half a second of the channel's own sound.
_AVERAGE = _Mean(
    0.5,
    (52.7, 5.83, 0.83, 7.17, -9.78, -1.47, -11.3, -0.96, -3.11, -1.15, -0.19, -1.85, 3.56),
)


class _Ear:
    """Measures cepstral means: a decoder with a search that costs nothing (4 MB, 6 ms to load)."""

    def __init__(self) -> None:
        self._decoder = _decoder({"lm": None, "dict": None, "ds": 1000, "topn": 1})
        self._decoder.add_word("oh", "OW", True)
        self._decoder.add_keyphrase("ear", "oh")
        self._decoder.activate_search("ear")

    def mean(self, pcm: bytes) -> _Mean | None:
        """The mean of all of ``pcm`` (16,000 Hz); None for digital silence."""
        _begin(self._decoder)
        self._decoder.process_raw(pcm, no_search=True, full_utt=True)
        self._decoder.end_utt()
        return _Mean.parse(f"{len(pcm) / _SECOND_BYTES};{self._decoder.get_cmn()}")


class _Decoders:
    """Decoders of one kind that are free; makes another when there is none."""

    def __init__(self, options: Mapping[str, object]) -> None:
        self._options = options
        self._free: list[Decoder] = []

    def take(self) -> Decoder:
        return self._free.pop() if self._free else _decoder(self._options)

    def give(self, decoder: Decoder) -> None:
        self._free.append(decoder)


class _Inlet:
    """Sound at 8,000 or 16,000 Hz in, sound for a decoder out."""

    def __init__(self, rate: int) -> None:
        self._resampler: Any = None
        if rate != _RATE:
            import soxr

            # Floats: for integers soxr adds random dither, which changes words from run to run.
            self._resampler = soxr.ResampleStream(rate, _RATE, 1, dtype="float32")

    def take(self, pcm: bytes, *, last: bool = False) -> bytes:
        if self._resampler is None:
            return pcm
        samples = np.frombuffer(pcm, "<i2").astype(np.float32)
        resampled: NDArray[np.float32] = self._resampler.resample_chunk(samples, last=last)
        return np.clip(np.rint(resampled), -32768, 32767).astype("<i2").tobytes()

    def rest(self) -> bytes:
        """What the resampler still holds; nothing may follow."""
        return b"" if self._resampler is None else self.take(b"", last=True)


def _check(rate: int, language: str) -> None:
    if primary_language(language) not in POCKETSPHINX_INFO.languages:
        raise EngineFailed(
            f"Engine pocketsphinx knows English only but got language {language[:20]!r}.",
            "Use language=en, or another engine.",
        )
    if rate not in _RATES:
        raise UnsupportedRate(f"Engine pocketsphinx takes 8000 or 16000 Hz but got {rate} Hz.")


def _decoder(options: Mapping[str, object]) -> Decoder:
    from pocketsphinx import Decoder

    return Decoder(samprate=_RATE, loglevel="FATAL", **options)


def _begin(decoder: Decoder, mean: _Mean | None = None) -> None:
    """Start an utterance that nothing before it has touched."""
    with warnings.catch_warnings():
        # Deprecated, yet the only way to forget the noise of the utterance before.
        warnings.simplefilter("ignore", DeprecationWarning)
        decoder.start_stream()
    if mean is not None:
        decoder.set_cmn(mean.cmn)
    decoder.start_utt()


def _pieces(pcm: bytes) -> Iterator[bytes]:
    for begin in range(0, len(pcm), _PIECE_BYTES):
        yield pcm[begin : begin + _PIECE_BYTES]


def _words(decoder: Decoder, heard_bytes: int, *, settled: bool) -> tuple[Word, ...]:
    """The words of the decoder's hypothesis, without silences, noises and variants' numbers,
    and without those that only noise can last for.

    ``heard_bytes`` bounds the times. Only a settled hypothesis has probabilities.
    """
    if decoder.hyp() is None:
        return ()
    end_s = heard_bytes / _SECOND_BYTES
    return tuple(
        Word(
            min(segment.start_frame * _FRAME_S, end_s),
            min((segment.end_frame + 1) * _FRAME_S, end_s),
            _VARIANT.sub("", segment.word),
            min(max(segment.prob, 0.0), 1.0) if settled else None,
        )
        for segment in decoder.seg()
        if not segment.word.startswith(("<", "[", "+"))
        and (segment.end_frame - segment.start_frame) * _FRAME_S <= _LONGEST_WORD_S
    )
