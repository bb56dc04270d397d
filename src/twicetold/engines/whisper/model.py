"""A model, loaded by faster-whisper, and the steps that a window takes through it.

faster-whisper's own loop over windows decides for itself what is decoded again, by lot, and tells
nobody what it threw away; so the loop is ours (``listening``), and its steps are used one by one.
The names with an underscore are those of faster-whisper 1.2; the extra pins it. Each step takes
several windows at once; what CTranslate2 makes of each has been compared with what it makes of it
alone (docs/engines.md).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twicetold.engines.whisper.encoded import Encoded, each_of, side_by_side
from twicetold.engines.whisper.guards import Decoding
from twicetold.engines.whisper.info import check_files
from twicetold.engines.whisper.steps import AddWords, Ask, Decode, Encode, Languages
from twicetold.errors import EngineFailed, MissingExtra, SettingError

Floats = NDArray[np.float32]

WINDOW_FRAMES = 3_000
FRAMES_A_S = 100

_LATEST_FIRST_TIME_S = 1.0
_PRECISION_S = 0.02  # of a timestamp
# Punctuation that belongs to the word behind it, and to the one before: as upstream has it.
_BEFORE, _BEHIND = "\"'“¿([{-", "\"'.。,，!！?？:：”)]}、"


@dataclass(frozen=True, slots=True)
class Device:
    """``device``: cpu, cuda or auto (cuda where there is one). ``compute`` "": int8 on a CPU,
    float16 on a GPU. ``threads`` 0: as many as this process has cores."""

    device: str = "auto"
    compute: str = ""
    threads: int = 0


class Model:
    """What is shared by all streams."""

    def __init__(self, directory: Path, where: Device) -> None:
        """Raises SettingError (no such file or device), MissingExtra, EngineFailed."""
        check_files(directory)
        self._whisper = _loaded(directory, where)
        self.on_gpu: bool = self._whisper.model.device == "cuda"
        self.multilingual: bool = self._whisper.model.is_multilingual
        self.tokenizer = cache(self._tokenizer)  # one for each language
        self._suppressed = cache(self._suppressed_tokens)

    def features(self, sound: Floats) -> Floats:
        """Sound at 16 kHz, -1 to 1 → [mels, frames of 10 ms]."""
        features: Floats = self._whisper.feature_extractor(sound)[:, :-1]
        return features

    def take(self, asks: Sequence[Ask]) -> Sequence[Any]:
        """The answers to asks of one kind (see ``steps``)."""
        steps: dict[type, Any] = {
            Encode: self.encode,
            Languages: self.languages,
            Decode: self.decode,
            AddWords: self.add_words,
        }
        answers: Sequence[Any] = steps[type(asks[0])](asks)
        return answers

    def encode(self, asks: Sequence[Encode]) -> list[Encoded]:
        """Windows [mels, WINDOW_FRAMES at most], padded as upstream does it."""
        windows = np.stack([_padded(ask.features) for ask in asks])
        return each_of(self._whisper.encode(windows))

    def languages(self, asks: Sequence[Languages]) -> list[dict[str, float]]:
        """How likely each language is, by Whisper's names."""
        encoded = side_by_side([ask.encoded for ask in asks])
        told = self._whisper.model.detect_language(encoded)
        return [{token[2:-2]: probability for token, probability in each} for each in told]

    def prompt(self, language: str, hotwords: Sequence[str], text: str) -> list[int]:
        """The tokens before the first that is decoded: ``hotwords``, the most important first, then
        the end of the ``text`` before the window. Both together take half of the decoder's room at
        most, so that the words have the other half; of that half the text has what it needs up to
        a half, so that no list of words, however long, keeps it out. Of the hotwords as many are
        told as fit, each whole.

        Where all fit, they are the tokens of faster-whisper's own ``get_prompt``, with the hotwords
        joined by ", ".
        """
        tokenizer = self.tokenizer(language)
        room = self._whisper.max_length // 2 - 1
        before = tokenizer.encode(f" {text.strip()}") if text.strip() else []
        share = room - min(len(before), room // 2)
        said = fitting(hotwords, lambda some: tokenizer.encode(f" {', '.join(some)}"), share)
        said += before[-(room - len(said)) :]
        return [*([tokenizer.sot_prev] if said else []), *said, *tokenizer.sot_sequence]

    def decode(self, asks: Sequence[Decode]) -> list[Decoding]:
        """The likeliest reading of each window."""
        first, attempt = asks[0], asks[0].attempt
        results = self._whisper.model.generate(
            side_by_side([ask.encoded for ask in asks]),
            [ask.prompt for ask in asks],
            beam_size=attempt.beam or first.beam,
            no_repeat_ngram_size=attempt.never_twice,
            repetition_penalty=attempt.penalty,
            max_length=self._whisper.max_length,
            return_scores=True,
            return_no_speech_prob=True,
            suppress_tokens=self._suppressed(first.language),  # the same in all languages
            max_initial_timestamp_index=round(_LATEST_FIRST_TIME_S / _PRECISION_S),
        )
        return [self._read(result, ask) for result, ask in zip(results, asks, strict=True)]

    def _read(self, result: Any, ask: Decode) -> Decoding:
        tokens = tuple(result.sequences_ids[0])
        # The score is a mean without the end token, which has its share in the sum.
        average = result.scores[0] * len(tokens) / (len(tokens) + 1)
        text = self.tokenizer(ask.language).decode(tokens).strip()
        return Decoding(tokens, text, average, result.no_speech_prob)

    def segments(
        self, tokens: tuple[int, ...], language: str, begin: int, frames: int
    ) -> tuple[list[dict[str, Any]], int, bool]:
        """What the timestamps among the tokens cut a window into, the frame that the next window
        begins with, and whether the last segment was closed. ``begin``, ``frames``: the window."""
        segments, following, closed = self._whisper._split_segments_by_timestamps(
            tokenizer=self.tokenizer(language),
            tokens=list(tokens),
            time_offset=begin / FRAMES_A_S,
            segment_size=frames,
            segment_duration=frames / FRAMES_A_S,
            seek=begin,
        )
        return segments, following, closed

    def add_words(self, asks: Sequence[AddWords]) -> list[list[dict[str, Any]]]:
        """Each window's segments with their words, by the decoder's attention to the sound (its
        alignment heads) and dynamic time warping. That is done for all at once; how upstream
        shapes times by the words before them, for each window by itself."""
        from faster_whisper import WhisperModel

        tokenizer = self.tokenizer(asks[0].language)
        alignments = self._whisper.find_alignment(
            tokenizer,
            [_text_of(ask.segments, tokenizer.eot) for ask in asks],
            side_by_side([ask.encoded for ask in asks]),
            [ask.frames for ask in asks],
        )
        told = [[dict(segment) for segment in ask.segments] for ask in asks]
        for ask, segments, alignment in zip(asks, told, alignments, strict=True):
            WhisperModel.add_word_timestamps(
                _Aligned(self._whisper.frames_per_second, alignment),
                [segments],
                tokenizer,
                None,
                ask.frames,
                _BEFORE,
                _BEHIND,
                last_speech_timestamp=ask.last_end_s,
            )
        return told

    def _tokenizer(self, language: str) -> Any:
        from faster_whisper.tokenizer import Tokenizer

        return Tokenizer(
            self._whisper.hf_tokenizer, self.multilingual, task="transcribe", language=language
        )

    def _suppressed_tokens(self, language: str) -> list[int]:
        """What nobody says: brackets, notes, and the special tokens but for times and the end."""
        from faster_whisper.transcribe import get_suppressed_tokens

        return list(get_suppressed_tokens(self.tokenizer(language), [-1]))


def fitting(
    terms: Sequence[str], encode: Callable[[Sequence[str]], list[int]], most: int
) -> list[int]:
    """The tokens of as many of the first terms as make ``most`` tokens at most; of the first term
    its beginning, where not even that fits. Pure."""
    if not terms or len(tokens := encode(terms)) <= most:
        return tokens if terms else []
    least, beyond, tokens = 1, len(terms), encode(terms[:1])[:most]
    while beyond - least > 1:  # more terms never make fewer tokens
        count = (least + beyond) // 2
        some = encode(terms[:count])
        if len(some) <= most:
            least, tokens = count, some
        else:
            beyond = count
    return tokens


class _Aligned:
    """What upstream's ``add_word_timestamps`` asks of its model, answered for a window that has
    been aligned already."""

    def __init__(self, frames_per_second: int, alignment: list[dict[str, Any]]) -> None:
        self.frames_per_second = frames_per_second
        self._alignment = alignment

    def find_alignment(self, *_: object) -> list[list[dict[str, Any]]]:
        return [self._alignment]


def _padded(features: Floats) -> Floats:
    return np.pad(features, ((0, 0), (0, WINDOW_FRAMES - features.shape[1])))


def _text_of(segments: Sequence[dict[str, Any]], end: int) -> list[int]:
    """Their tokens without times and the end."""
    return [token for segment in segments for token in segment["tokens"] if token < end]


def _loaded(directory: Path, where: Device) -> Any:
    try:
        import ctranslate2
        from faster_whisper import WhisperModel
    except ImportError as error:
        raise MissingExtra(
            "Engine whisper needs the package faster-whisper.",
            "pip install 'twicetold[whisper]'",
        ) from error
    device = where.device
    if device == "auto":
        device = "cuda" if ctranslate2.get_cuda_device_count() else "cpu"
    compute = where.compute or ("float16" if device == "cuda" else "int8")
    try:
        whisper = WhisperModel(
            str(directory),
            device=device,
            compute_type=compute,
            cpu_threads=where.threads or _cores(),
            local_files_only=True,
        )
        _check(whisper, directory, device)
    except (SettingError, EngineFailed):
        raise
    except ValueError as error:  # of a device or a type of numbers that this machine has not
        raise SettingError(
            f"Whisper cannot run as {compute} on {device}: {error}.",
            "Look at its options device and compute, or leave them out.",
        ) from error
    except Exception as error:  # CTranslate2 and tokenizers raise what they like
        raise EngineFailed(
            f"The model in {directory} cannot be loaded: {error}",
            "Its files may be damaged or of another layout than CTranslate2's: get them again. "
            "See docs/engines.md.",
        ) from error
    return whisper


def _check(whisper: Any, directory: Path, device: str) -> None:
    mels = whisper.feature_extractor.mel_filters.shape[0]
    if mels != whisper.model.n_mels:
        raise EngineFailed(
            f"The model in {directory} takes {whisper.model.n_mels} mel bands but its "
            f"preprocessor_config.json says {mels}, or is missing.",
            "Get the model's preprocessor_config.json from where its other files come from.",
        )
    if device == "cuda":  # its libraries are looked for at the first step, not when it is loaded
        whisper.encode(np.zeros((mels, WINDOW_FRAMES), np.float32))


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
