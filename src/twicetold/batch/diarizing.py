"""Who speaks on a channel that several share, found while it is decoded: its sound is not kept."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

import structlog

from twicetold.batch.transcript import Transcript
from twicetold.enrich.apart import Died
from twicetold.enrich.speakers import FRAME_S
from twicetold.errors import EnrichmentFailed, TwicetoldError
from twicetold.speech.turns import Turn

log = structlog.get_logger()

STAGE = "speakers"


class Hearing(Protocol):
    """One channel of one recording on its way to whoever tells its voices apart. That computes
    elsewhere: no verb of it holds up the event loop."""

    @property
    def compute_s(self) -> float:
        """How long was computed so far."""

    def accept(self, pcm: bytes, speech: Sequence[float] = ()) -> None:
        """As ``Diarization.accept``; it only gathers, and may be called in a thread."""

    async def hand_on(self) -> None:
        """Returns when there is room for more. Raises what has gone wrong so far."""

    async def finish(self) -> list[Turn]:
        """As ``Diarization.finish``. Raises what has gone wrong."""

    def close(self) -> None:
        """Let go of it all, whatever is under way."""


class TellsVoicesApart(Protocol):
    @property
    def name(self) -> str: ...

    def start(self, rate: int, sure: bool) -> Hearing:
        """``sure``: whether all that will be heard is wanted."""


class ByVoice:
    """Hears the first channel beside the detector. Whatever goes wrong costs the words nothing:
    ``failed`` says what did, or ``lost`` that what was heard is gone with the process that heard
    it, perhaps for another call's sound: then it may be heard once more."""

    def __init__(self, diarizer: TellsVoicesApart) -> None:
        self._diarizer = diarizer
        self._hearing: Hearing | None = None
        self._gives_speech = self._dropped = False
        self._died = False  # before
        self._spent_s = 0.0  # for what nobody waits for any more
        self.lost = False
        self.failed = ""  # the code of an error

    @property
    def compute_s(self) -> float:
        """How long was computed so far, also of what came to nothing."""
        return self._spent_s + (self._hearing.compute_s if self._hearing is not None else 0.0)

    def start(self, rate: int, frame_s: float, channels: int) -> None:
        """A recording begins, or begins again, whose detector judges frames of ``frame_s``."""
        self.close()
        self.lost = False
        self._gives_speech = abs(frame_s - FRAME_S) < 1e-6
        self._hearing = self._diarizer.start(rate, channels == 1)

    def hear(self, pcm: bytes, probabilities: Sequence[float]) -> None:
        """More of the channel; it may be called in a thread."""
        if self._hearing is not None and not self._dropped:
            self._hearing.accept(pcm, probabilities if self._gives_speech else ())

    def drop(self) -> None:
        """The channels turn out to be people of their own; it may be called in a thread."""
        self._dropped = True

    async def hand_on(self) -> None:
        """Have what was heard told apart; returns when more may be heard."""
        if self._dropped:
            self.close()
        if self._hearing is None:
            return
        try:
            await self._hearing.hand_on()
        except Exception as error:  # noqa: BLE001 - noted, and left out
            self._fail(error)

    async def finish(self) -> tuple[Turn, ...]:
        """Who spoke when; nobody where it was dropped or has failed."""
        if self._hearing is None or self._dropped:
            return ()
        try:
            return tuple(await self._hearing.finish())
        except Exception as error:  # noqa: BLE001 - noted, and left out
            self._fail(error)
            return ()

    def close(self) -> None:
        """Nothing more is heard, and nobody waits for what was."""
        hearing, self._hearing = self._hearing, None
        if hearing is not None:
            self._spent_s += hearing.compute_s
            hearing.close()

    def _fail(self, error: Exception) -> None:
        self.close()
        if isinstance(error, Died) and not self._died:
            self._died = self.lost = True
            log.warning("enrichment_process_died", stage=STAGE, attempt=1)
            return
        self.give_up(EnrichmentFailed("Its process died.") if isinstance(error, Died) else error)

    def give_up(self, error: Exception) -> None:
        """Leave out who speaks."""
        self.lost = False
        self.failed = error.code if isinstance(error, TwicetoldError) else "internal_error"
        log.warning("stage_left_out", stage=STAGE, code=self.failed, error=type(error).__name__)


class Diarize:
    """Asks for the turns, once all sound was heard."""

    name = "diarize"

    def __init__(
        self, by_voice: ByVoice, hear_again: Callable[[Transcript], Awaitable[None]]
    ) -> None:
        """``hear_again`` has ``by_voice`` hear the recording from its beginning."""
        self._by_voice, self._hear_again = by_voice, hear_again

    async def run(self, transcript: Transcript) -> None:
        try:
            await self._run(transcript)
        finally:
            transcript.enriched.add(STAGE, self._by_voice.compute_s)

    async def _run(self, transcript: Transcript) -> None:
        turns = await self._by_voice.finish()
        if self._by_voice.lost:
            try:
                await self._hear_again(transcript)
            except Exception as error:  # noqa: BLE001 - noted, and left out
                self._by_voice.give_up(error)
            turns = await self._by_voice.finish()
        transcript.turns = turns
        if self._by_voice.failed:
            transcript.failed_stages.append({"stage": STAGE, "code": self._by_voice.failed})
