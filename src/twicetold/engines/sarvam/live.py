"""Sarvam's realtime protocol, its endpointing left to us (``manual``).

``session.begin`` → ``speech_start``, ``audio_input`` with PCM s16le in base64, half a second at
most, ``speech_end`` and ``flush`` → ``transcript.partial`` under way, each all that is heard of an
utterance, and ``transcript.final``. Should no final come, for there was no word, the session is
ended: ``session.end`` is then the last word.
"""

from __future__ import annotations

import base64
from urllib.parse import urlencode

from twicetold.engines.remote import SARVAM_URL, Order, as_websocket, key_for
from twicetold.engines.remote.dialogue import Event, Session, Step, message
from twicetold.engines.remote.live import RemoteEngine
from twicetold.engines.remote.sounds import check_rate
from twicetold.engines.remote.telling import code_of
from twicetold.engines.sarvam.info import LIVE_MODEL, info_of, tag_of
from twicetold.errors import EngineFailed

NAMES = ("sarvam_url", "sarvam_key")

_LONGEST_S = 0.5
_PING = message(event="ping")


def open_live(order: Order) -> RemoteEngine:
    """Raises SettingError where the key is missing."""
    remotes, model = order.remotes, order.model or LIVE_MODEL
    url = as_websocket(remotes.sarvam_url).rstrip("/")
    key = key_for("sarvam", "sarvam_key", remotes.sarvam_key, url, SARVAM_URL)
    return RemoteEngine(
        info_of(order.model, LIVE_MODEL),
        SarvamRealtime(f"{url}/speech-to-text-realtime/ws", key, model),
        NAMES,
        most=remotes.live_streams,
        timeout_s=order.timeout_s,
    )


class SarvamRealtime:
    """A Service."""

    def __init__(self, url: str, key: str | None, model: str) -> None:
        self._url, self._model = url, model
        self._headers = (("api-subscription-key", key),) if key else ()

    def session(self, rate: int, language: str) -> Session:
        check_rate("sarvam", rate)
        query = urlencode(
            {
                "model": self._model,
                "language_code": tag_of(language, unknown="auto", odia="or-IN"),
                "mode": "transcribe",
                "stream_type": "fast",
                "endpointing": "manual",
                "encoding": "linear16",
                "sample_rate": rate,
            }
        )
        greeting = (Step("session.begin"),)
        return Session(
            f"{self._url}?{query}", self._headers, rate, greeting, kind="event", alive=_PING
        )

    def dialogue(self, session: Session) -> SarvamDialogue:
        return SarvamDialogue(session.rate)


class SarvamDialogue:
    """One utterance; of several that the server makes of it, the texts stand in their order."""

    def __init__(self, rate: int) -> None:
        self._most_bytes = 2 * int(_LONGEST_S * rate)
        self._texts: dict[int, str] = {}
        self._ended = self._insisted = False
        self.done = False

    @property
    def text(self) -> str:
        return " ".join(text.strip() for _, text in sorted(self._texts.items()))

    def begin(self) -> list[str]:
        return [message(event="speech_start")]

    def hear(self, pcm: bytes) -> list[str]:
        pieces = (pcm[at : at + self._most_bytes] for at in range(0, len(pcm), self._most_bytes))
        return [
            message(event="audio_input", audio=base64.b64encode(each).decode()) for each in pieces
        ]

    def finish(self) -> list[str]:
        self._ended = True
        return [message(event="speech_end"), message(event="flush")]

    def insist(self) -> list[str]:
        if self._insisted:
            return []
        self._insisted = True
        return [message(event="end")]

    def receive(self, event: Event) -> None:
        kind = event.get("event")
        if kind in ("transcript.partial", "transcript.final"):
            number = event.get("utterance_idx", 0)
            self._texts[number if isinstance(number, int) else 0] = str(event.get("text", ""))
            self.done = self._ended and kind == "transcript.final"
        elif kind == "session.end":
            if not self._ended:
                raise EngineFailed("The server of engine sarvam ended the session too early.")
            self.done = True
        elif kind == "error":
            raise EngineFailed(f"The server of engine sarvam failed: {code_of(event.get('code'))}.")
