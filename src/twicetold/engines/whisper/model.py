"""A model, loaded by faster-whisper, and the steps that a window takes through it.

faster-whisper's own loop over windows decides for itself what is decoded again, by lot, and tells
nobody what it threw away; so the loop is ours (``listening``), and its steps are used one by one.
The names with an underscore are those of faster-whisper 1.2; the extra pins it. One window is
decoded at a time: no text depends on a neighbour.
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

from twicetold.engines.whisper.guards import Attempt, Decoding
from twicetold.engines.whisper.info import check_files
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
        self.multilingual: bool = self._whisper.model.is_multilingual
        self.tokenizer = cache(self._tokenizer)  # one for each language
        self._suppressed = cache(self._suppressed_tokens)

    def features(self, sound: Floats) -> Floats:
        """Sound at 16 kHz, -1 to 1 → [mels, frames of 10 ms]."""
        features: Floats = self._whisper.feature_extractor(sound)[:, :-1]
        return features

    def encode(self, features: Floats) -> Any:
        """One window [mels, WINDOW_FRAMES at most], padded as upstream does it."""
        short = WINDOW_FRAMES - features.shape[1]
        return self._whisper.encode(np.pad(features, ((0, 0), (0, short))))

    def languages(self, encoded: Any) -> dict[str, float]:
        """How likely each language is, by Whisper's names."""
        (told,) = self._whisper.model.detect_language(encoded)
        return {token[2:-2]: probability for token, probability in told}

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

    def decode(
        self, encoded: Any, prompt: list[int], language: str, beam: int, attempt: Attempt
    ) -> Decoding:
        (result,) = self._whisper.model.generate(
            encoded,
            [prompt],
            beam_size=attempt.beam or beam,
            no_repeat_ngram_size=attempt.never_twice,
            repetition_penalty=attempt.penalty,
            max_length=self._whisper.max_length,
            return_scores=True,
            return_no_speech_prob=True,
            suppress_tokens=self._suppressed(language),
            max_initial_timestamp_index=round(_LATEST_FIRST_TIME_S / _PRECISION_S),
        )
        tokens = tuple(result.sequences_ids[0])
        # The score is a mean without the end token, which has its share in the sum.
        average = result.scores[0] * len(tokens) / (len(tokens) + 1)
        text = self.tokenizer(language).decode(tokens).strip()
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

    def add_words(
        self,
        segments: list[dict[str, Any]],
        language: str,
        encoded: Any,
        frames: int,
        last_end_s: float,
    ) -> None:
        """Give each segment its ``words``, with times from the sound's begin and probabilities, by
        the decoder's attention to the sound (its alignment heads) and dynamic time warping."""
        self._whisper.add_word_timestamps(
            [segments],
            self.tokenizer(language),
            encoded,
            frames,
            _BEFORE,
            _BEHIND,
            last_speech_timestamp=last_end_s,
        )

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
        raise SettingError(f"Whisper cannot run as {compute} on {device}: {error}.", "") from error
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
