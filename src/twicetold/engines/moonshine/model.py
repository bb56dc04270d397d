"""A model as moonshine-voice runs it: frontend, encoder, states and greedy search are its own.

Its transcriber keeps the state of one stretch of sound only, whatever number of streams it is asked
for: a second one makes it encode the first again from its beginning, in other windows, so that the
texts of calls could depend on each other. So each line has a transcriber to itself; one that is
free is taken again.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from twicetold.engines.inlet import RATE, Floats
from twicetold.engines.moonshine.files import Files, check_contents
from twicetold.engines.moonshine.wording import Told, agree, evenly, words_of
from twicetold.errors import EngineFailed, MissingExtra
from twicetold.speech.transcript import Word

FRAME_SAMPLES = RATE // 50  # of a frame of the encoder
CHUNK_SAMPLES = 4 * FRAME_SAMPLES  # what the package takes in at once; what is less waits
HOP_SAMPLES = 512  # of its voice detector, which passes sound on by these even where it is off
_LATE_S = 0.2  # so long behind a word its end may be told
_MOST_TOKENS = 256  # of a line, whatever the options say
_ONE_THREAD = "MOONSHINE_ORT_SINGLE_THREAD"  # its library reads this, and no option
_NEVER_S = 1e9
_ALWAYS = 1  # its flag for an update however little is new

T = TypeVar("T")


class Model:
    """``line_s``: the longest stretch of sound that is one line."""

    def __init__(self, files: Files, *, tokens_per_s: float, threads: int) -> None:
        """``tokens_per_s``: more of them are taken for a loop. ``threads``: 1, or else as many as
        there are cores. Raises MissingExtra, EngineFailed."""
        check_contents(files)
        self._files, self._tokens_per_s = files, tokens_per_s
        self.line_s = min(30.0, 0.97 * _MOST_TOKENS / tokens_per_s)
        self.tail_samples = (
            files.lookahead * FRAME_SAMPLES + CHUNK_SAMPLES + HOP_SAMPLES + round(_LATE_S * RATE)
        )
        os.environ[_ONE_THREAD] = "1" if threads == 1 else "0"
        self._free = [self._loaded()]

    def line(self) -> Line:
        """A new one; its transcriber comes back when it is closed."""
        transcriber = self._free.pop() if self._free else self._loaded()
        return Line(self, transcriber)

    def give_back(self, transcriber: Any) -> None:
        self._free.append(transcriber)

    def hear(self, sound: Floats) -> list[Word]:
        """The words of a stretch of up to ``line_s``, given at once."""
        if not len(sound):
            return []
        if not self._free:
            self._free.append(self._loaded())
        transcriber = self._free[-1]
        padded = np.concatenate([sound, np.zeros(self.tail_samples, np.float32)])
        transcript = asked(lambda: transcriber.transcribe_without_streaming(padded.tolist(), RATE))
        return self.words(transcript, len(sound))

    def words(self, transcript: Any, samples: int) -> list[Word]:
        """Those of a transcript of one line, of which ``samples`` are sound."""
        words: list[Word] = []
        for line in transcript.lines:
            told = [Told(w.word, w.start, w.end, w.confidence) for w in line.words or ()]
            stretch = 1.0
            if told and agree(told, line.text):
                stretch = self._stretch(line.duration)
            else:
                told = evenly(line.text, samples / RATE)
            words += words_of(told, stretch, samples / RATE)
        return words

    def _stretch(self, line_s: float) -> float:
        """True seconds to one of the package's: its frames cover less than its line, as no line
        of ours has ended for it."""
        chunks = round(line_s * RATE) // CHUNK_SAMPLES
        frames = chunks * CHUNK_SAMPLES // FRAME_SAMPLES - self._files.lookahead
        return max(0, frames) * FRAME_SAMPLES / RATE / line_s if line_s > 0 else 1.0

    def _loaded(self) -> Any:
        try:
            from moonshine_voice.moonshine_api import ModelArch
            from moonshine_voice.transcriber import Transcriber
        except ImportError as error:
            raise MissingExtra(
                "Engine moonshine needs the package moonshine-voice.",
                "pip install 'twicetold[moonshine]'",
            ) from error
        options = {
            "vad_threshold": "0",  # what is speech, and where it ends, is decided by us
            "vad_hop_size": str(HOP_SAMPLES),
            "vad_max_segment_duration": str(10 * round(self.line_s)),
            "transcription_interval": "0",
            "max_tokens_per_second": str(self._tokens_per_s),
            "return_audio_data": "false",
            "word_timestamps": "true" if self._files.looking else "false",
            # It would look at the words of before all at once, and no longer know when each was.
            "use_speculative_decoding": "false",
        }
        # Of the streaming ones any: what sets them apart stands in the model's configuration.
        kind = ModelArch.TINY_STREAMING
        with self._files.view() as place:
            return asked(
                lambda: Transcriber(str(place), kind, update_interval=_NEVER_S, options=options),
                f"The model in {self._files.directory} cannot be loaded.",
                "It takes a streaming model as moonshine-voice fetches it. See docs/engines.md.",
            )


class Line:
    """Sound that is decoded as it comes in, up to the model's ``line_s``."""

    def __init__(self, model: Model, transcriber: Any) -> None:
        self._model, self._transcriber = model, transcriber
        self._samples = 0
        self._failed = False
        self._stream = asked(lambda: transcriber.create_stream(update_interval=_NEVER_S))
        asked(self._stream.start)

    def hear(self, sound: Floats) -> list[Word]:
        """All words of the line so far, ``sound`` at its end."""
        self._samples += len(sound)
        return self._told(sound)

    def end(self) -> list[Word]:
        """All words of the line. Silence is put behind it, or its last words would stay where the
        package waits for more."""
        return self._told(np.zeros(self._model.tail_samples, np.float32))

    def close(self) -> None:
        """May be called twice."""
        if self._transcriber is not None:
            self._stream.close()
            if not self._failed:  # or whatever it stumbled over would be another's
                self._model.give_back(self._transcriber)
            self._transcriber = None

    def _told(self, sound: Floats) -> list[Word]:
        try:
            asked(lambda: self._stream.add_audio(sound.tolist(), RATE))
            transcript = asked(lambda: self._stream.update_transcription(_ALWAYS))
        except EngineFailed:
            self._failed = True
            raise
        return self._model.words(transcript, self._samples)


def asked(question: Callable[[], T], message: str = "", hint: str = "") -> T:
    """What the package answers. Raises EngineFailed, without the package's words: what it logs is
    on the error stream."""
    try:
        return question()
    except Exception as error:  # its own error, or what its bindings raise
        raise EngineFailed(
            message or f"moonshine-voice failed ({type(error).__name__}).", hint
        ) from error
