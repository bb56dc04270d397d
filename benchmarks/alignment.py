"""Where each word of a recording lies, by forced alignment of its reference (pocketsphinx)."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache

from pocketsphinx import Decoder

from benchmarks import clips
from benchmarks.clips import Clip

_RATE = 16_000
_FRAME_S = 0.01
# Letters as sounds, for names that the dictionary lacks: near enough to find their place.
_PHONES = {
    "a": "AE", "b": "B", "c": "K", "d": "D", "e": "EH", "f": "F", "g": "G", "h": "HH", "i": "IH",
    "j": "JH", "k": "K", "l": "L", "m": "M", "n": "N", "o": "AA", "p": "P", "q": "K", "r": "R",
    "s": "S", "t": "T", "u": "AH", "v": "V", "w": "W", "x": "K", "y": "IY", "z": "Z",
}  # fmt: skip


def aligned(clip: Clip) -> Clip:
    """The clip with the spans of its words; as it was where it has them, or cannot be aligned."""
    if clip.words:
        return clip
    words = re.findall(r"[a-z']+", clip.text.lower().replace("-", " "))
    decoder = _decoder()
    for word in words:
        if decoder.lookup_word(word) is None:
            phones = " ".join(_PHONES[letter] for letter in word if letter in _PHONES)
            decoder.add_word(word, phones or "AH", True)
    loud = clips.at_speech_level(clips.at_rate(clip, _RATE), _RATE, -23.0)
    decoder.set_align_text(" ".join(words))
    decoder.start_utt()
    decoder.process_raw(loud.astype("<i2").tobytes(), full_utt=True)
    decoder.end_utt()
    if decoder.hyp() is None:
        return clip
    spans = tuple(
        (segment.start_frame * _FRAME_S, (segment.end_frame + 1) * _FRAME_S)
        for segment in decoder.seg()
        if not segment.word.startswith(("<", "[", "+", "("))
    )
    return replace(clip, words=spans) if len(spans) == len(words) else clip


@cache
def _decoder() -> Decoder:
    return Decoder(samprate=_RATE, lm=None, loglevel="FATAL", beam=1e-80, wbeam=1e-60)
