"""A model as sherpa-onnx runs it: features, states and greedy search are the package's."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from twicetold.engines.inlet import RATE, Floats
from twicetold.engines.sherpa.files import check_contents, files_of, tokens_in
from twicetold.engines.sherpa.wording import Token, shouts, tokens_of
from twicetold.errors import EngineFailed, MissingExtra

FRAME_SAMPLES = RATE // 100  # of one feature frame
_LONGEST_WINDOW_S = 10.0  # more than any model hears at once


class Model:
    """What is shared by all streams. ``window_samples``: what it hears in one step."""

    def __init__(self, directory: Path, *, threads: int, together: int) -> None:
        """``threads`` of each step; ``together``: streams of a step, at most. Raises SettingError,
        MissingExtra, EngineFailed."""
        files = files_of(directory)
        check_contents(files)
        self._recognizer = _loaded(
            directory,
            tokens=str(files.tokens),
            encoder=str(files.encoder),
            decoder=str(files.decoder),
            joiner=str(files.joiner),
            num_threads=threads,
        )
        self._shouts = shouts(tokens_in(files.tokens))
        self.window_samples = self._window()
        # Of 8 bits: the scales are of all that goes through at once, so that a neighbour could
        # change a word. And some exports are for one stream only.
        alone = files.quantized or together == 1 or not self._takes_two()
        self.together = 1 if alone else together

    def start(self) -> Any:
        """The package's state of one utterance."""
        return self._recognizer.create_stream()

    def decode(self, streams: Sequence[Any]) -> None:
        """Go as far with each as what it was given allows, all in one step where they can."""
        while ready := [stream for stream in streams if self._recognizer.is_ready(stream)]:
            for begin in range(0, len(ready), self.together):
                self._recognizer.decode_streams(ready[begin : begin + self.together])

    def is_ready(self, stream: Any) -> bool:
        return bool(self._recognizer.is_ready(stream))

    def tokens(self, stream: Any) -> list[Token]:
        """All that was decoded so far. A model that knows capitals only is written in small
        letters."""
        result = self._recognizer.get_result_all(stream)
        tokens = tokens_of(result.tokens, result.timestamps, result.ys_probs)
        if not self._shouts:
            return tokens
        return [token._replace(text=token.text.lower()) for token in tokens]

    def _window(self) -> int:
        """What a step waits for; no property of the package's tells it."""
        stream, given = self.start(), 0
        frame: Floats = np.zeros(FRAME_SAMPLES, np.float32)
        while not self.is_ready(stream):
            stream.accept_waveform(RATE, frame)
            given += FRAME_SAMPLES
            if given > _LONGEST_WINDOW_S * RATE:
                raise EngineFailed(
                    "The model waits for more than 10 s of sound: it is none that streams."
                )
        self._recognizer.decode_streams([stream])
        return given

    def _takes_two(self) -> bool:
        """Whether its graphs take several streams in a step."""
        streams = [self.start(), self.start()]
        for stream in streams:
            stream.accept_waveform(RATE, np.zeros(self.window_samples, np.float32))
        try:
            self._recognizer.decode_streams(streams)
        except RuntimeError:
            return False
        return True


def _loaded(directory: Path, **options: object) -> Any:
    try:
        import sherpa_onnx
    except ImportError as error:
        raise MissingExtra(
            "Engine sherpa needs the package sherpa-onnx.", "pip install 'twicetold[sherpa]'"
        ) from error
    try:
        return sherpa_onnx.OnlineRecognizer.from_transducer(
            **options,
            sample_rate=RATE,
            enable_endpoint_detection=False,
            decoding_method="greedy_search",
            temperature_scale=1.0,  # of the probabilities alone
        )
    except Exception as error:  # of onnxruntime inside the package, as RuntimeError or whatever
        raise EngineFailed(
            f"The model in {directory} cannot be loaded: {error}",
            "It takes a streaming transducer as sherpa-onnx exports it. See docs/engines.md.",
        ) from error
