"""Diarization by pyannote.audio 4, with the pipeline community-1 or another in a local folder.

Torch and pyannote.audio are not among our dependencies: they are large, and which torch is right
depends on the machine. The folder is a copy of the pipeline from its hub, whose terms its user has
accepted there; nothing is downloaded here. Speakers who talk at once have overlapping turns.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from twicetold.enrich.speakers.needs import missing
from twicetold.enrich.speakers.windows import Floats, Heard, WindowedDiarization
from twicetold.errors import EnrichmentFailed, SettingError, UnsupportedRate
from twicetold.speech.turns import Turn

_SAME_VOICE = 0.5


class PyannoteDiarizer:
    """A Diarizer. ``device``: what torch calls it (``cpu``, ``cuda``)."""

    name = "pyannote"

    def __init__(self, pipeline: str, *, device: str = "cpu") -> None:
        """``pipeline``: the folder. Raises MissingExtra, SettingError."""
        try:
            import torch
            from pyannote.audio import Pipeline
        except ImportError as error:
            raise missing(self.name) from error
        self._torch: Any = torch
        self._pipeline: Any = Pipeline.from_pretrained(pipeline)
        if self._pipeline is None:
            raise SettingError(f"Diarizer pyannote: {pipeline} holds no pipeline.")
        self._pipeline.to(torch.device(device))

    def start(self, rate: int) -> WindowedDiarization:
        if rate not in (8_000, 16_000):
            raise UnsupportedRate(f"Diarization takes 8000 or 16000 Hz but got {rate} Hz.")
        return WindowedDiarization(lambda sound: self._heard(sound, rate), rate, _SAME_VOICE)

    def _heard(self, sound: Floats, rate: int) -> Heard:
        """The pipeline resamples what it is given."""
        waveform = self._torch.from_numpy(sound[np.newaxis])
        try:
            output = self._pipeline({"waveform": waveform, "sample_rate": rate})
        except RuntimeError as error:
            raise EnrichmentFailed(f"pyannote.audio failed: {error}") from error
        annotation = output.speaker_diarization
        turns = [
            Turn(float(segment.start), float(segment.end), str(label))
            for segment, _, label in annotation.itertracks(yield_label=True)
        ]
        return Heard(turns, _embeddings(annotation.labels(), output.speaker_embeddings))


def _embeddings(labels: Iterable[object], vectors: Any) -> dict[str, Floats]:
    """A row for each label, in their order; a voice too short for one has no numbers in it."""
    if vectors is None:
        return {}
    rows = np.asarray(vectors, np.float32)
    pairs = zip(labels, rows, strict=False)
    return {str(label): row for label, row in pairs if np.isfinite(row).all() and row.any()}
