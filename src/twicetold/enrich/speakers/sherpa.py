"""Diarization by sherpa-onnx: a segmentation model, an embedding model, and its clustering.

Both models are ONNX files that whoever runs this has (https://k2-fsa.github.io/sherpa/onnx lists
them): ``segmentation`` is pyannote's, exported; ``embedding`` any of the speaker models. They take
16,000 Hz. Speakers who talk at once have overlapping turns.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from twicetold.enrich.speakers.needs import missing
from twicetold.enrich.speakers.windows import Floats, Heard, WindowedDiarization
from twicetold.errors import EnrichmentFailed, SettingError, UnsupportedRate
from twicetold.speech.turns import Turn

_RATE = 16_000
_ENOUGH_S = 30.0  # of a voice make its embedding
_LEAST_S = 1.0
_SAME_VOICE = 0.5


class SherpaDiarizer:
    """A Diarizer. ``speakers``: how many there are, 0 where that is to be found out;
    ``threshold``: of the clustering, higher means fewer."""

    name = "sherpa"

    def __init__(
        self,
        segmentation: str,
        embedding: str,
        *,
        speakers: int = 0,
        threshold: float = 0.5,
        threads: int = 1,
    ) -> None:
        """Raises MissingExtra, and SettingError for a file that is no such model."""
        try:
            import sherpa_onnx
        except ImportError as error:
            raise missing(self.name) from error
        self._sherpa: Any = sherpa_onnx
        extractor = sherpa_onnx.SpeakerEmbeddingExtractorConfig(embedding, num_threads=threads)
        config = sherpa_onnx.OfflineSpeakerDiarizationConfig(
            segmentation=sherpa_onnx.OfflineSpeakerSegmentationModelConfig(
                sherpa_onnx.OfflineSpeakerSegmentationPyannoteModelConfig(segmentation),
                num_threads=threads,
            ),
            embedding=extractor,
            clustering=sherpa_onnx.FastClusteringConfig(speakers or -1, threshold),
        )
        if not config.validate():
            raise SettingError(f"Diarizer sherpa cannot use {segmentation} with {embedding}.")
        self._diarization = sherpa_onnx.OfflineSpeakerDiarization(config)
        self._extractor = sherpa_onnx.SpeakerEmbeddingExtractor(extractor)

    def start(self, rate: int) -> WindowedDiarization:
        if rate not in (8_000, _RATE):
            raise UnsupportedRate(f"Diarization takes 8000 or 16000 Hz but got {rate} Hz.")

        def hear(sound: Floats) -> Heard:
            return self._heard(sound if rate == _RATE else _wider(sound))

        return WindowedDiarization(hear, rate, _SAME_VOICE)

    def _heard(self, sound: Floats) -> Heard:
        try:
            found = self._diarization.process(sound).sort_by_start_time()
        except RuntimeError as error:
            raise EnrichmentFailed(f"sherpa-onnx failed: {error}") from error
        turns = [Turn(float(each.start), float(each.end), str(each.speaker)) for each in found]
        embeddings = {}
        for speaker in {turn.speaker for turn in turns}:
            embedding = self._embedding(sound, [t for t in turns if t.speaker == speaker])
            if embedding is not None:
                embeddings[speaker] = embedding
        return Heard(turns, embeddings)

    def _embedding(self, sound: Floats, turns: Sequence[Turn]) -> Floats | None:
        """Of the speaker's longest turns; None where they are too short."""
        stream, heard_s = self._extractor.create_stream(), 0.0
        for turn in sorted(turns, key=lambda turn: turn.start - turn.end):
            if heard_s < _ENOUGH_S:
                piece = sound[int(turn.start * _RATE) : int(turn.end * _RATE)]
                stream.accept_waveform(sample_rate=_RATE, waveform=piece)
                heard_s += turn.end - turn.start
        stream.input_finished()
        if heard_s < _LEAST_S or not self._extractor.is_ready(stream):
            return None
        return np.array(self._extractor.compute(stream), np.float32)


def _wider(sound: Floats) -> Floats:
    """8,000 Hz as 16,000 Hz."""
    import soxr

    wide: Floats = soxr.resample(sound, 8_000, _RATE).astype(np.float32)
    return wide
