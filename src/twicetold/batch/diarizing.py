"""Who speaks on a channel that several share, found while it is decoded: its sound is not kept."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import structlog

from twicetold.batch.transcript import Transcript
from twicetold.enrich.speakers import FRAME_S, Diarization, Diarizer
from twicetold.errors import TwicetoldError
from twicetold.speech.turns import Turn

log = structlog.get_logger()

STAGE = "speakers"


class ByVoice:
    """Hears the first channel beside the detector. Whatever goes wrong costs the words nothing;
    ``failed`` says what did."""

    def __init__(self, diarizer: Diarizer) -> None:
        self._diarizer = diarizer
        self._diarization: Diarization | None = None
        self._gives_speech = False
        self.failed = ""  # the code of an error

    def start(self, rate: int, frame_s: float) -> None:
        """A recording begins, whose detector judges frames of ``frame_s``."""
        self._gives_speech = abs(frame_s - FRAME_S) < 1e-6
        try:
            self._diarization = self._diarizer.start(rate)
        except Exception as error:  # noqa: BLE001 - noted, and left out
            self._fail(error)

    def hear(self, pcm: bytes, probabilities: Sequence[float]) -> None:
        """More of the channel. It computes."""
        if self._diarization is None:
            return
        try:
            self._diarization.accept(pcm, probabilities if self._gives_speech else ())
        except Exception as error:  # noqa: BLE001 - noted, and left out
            self._fail(error)

    def drop(self) -> None:
        """The channels turn out to be people of their own."""
        self._diarization = None

    def finish(self) -> tuple[Turn, ...]:
        """Who spoke when; nobody where it was dropped or has failed. It computes."""
        diarization, self._diarization = self._diarization, None
        if diarization is None:
            return ()
        try:
            return tuple(diarization.finish())
        except Exception as error:  # noqa: BLE001 - noted, and left out
            self._fail(error)
            return ()

    def _fail(self, error: Exception) -> None:
        self._diarization = None
        self.failed = error.code if isinstance(error, TwicetoldError) else "internal_error"
        log.warning("stage_left_out", stage=STAGE, code=self.failed, error=type(error).__name__)


class Diarize:
    """Asks for the turns, once all sound was heard."""

    name = "diarize"

    def __init__(self, by_voice: ByVoice) -> None:
        self._by_voice = by_voice

    async def run(self, transcript: Transcript) -> None:
        transcript.turns = await asyncio.to_thread(self._by_voice.finish)
        if self._by_voice.failed:
            transcript.failed_stages.append({"stage": STAGE, "code": self._by_voice.failed})
