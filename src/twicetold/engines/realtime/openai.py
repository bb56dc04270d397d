"""OpenAI's realtime transcription, and what speaks like it.

The server's turn detection is switched off: an utterance is ours to end. Should it commit parts of
its own all the same, each is an item, and items may be completed in any order: their texts stand in
the order in which the items were first heard of.
"""

from __future__ import annotations

import base64
from typing import Any

from twicetold.engines.remote import primary
from twicetold.engines.remote.dialogue import Event, Session, Step, message
from twicetold.engines.remote.sounds import check_rate
from twicetold.engines.remote.telling import code_of
from twicetold.errors import EngineFailed

_RATE = 24_000
_TRANSCRIPTION = "conversation.item.input_audio_transcription."
_NOTHING_LEFT = "input_audio_buffer_commit_empty"


class OpenAiRealtime:
    """A Service."""

    def __init__(self, url: str, key: str | None, model: str) -> None:
        self._url, self._model = url, model
        self._headers = (("Authorization", f"Bearer {key}"),) if key else ()

    def session(self, rate: int, language: str) -> Session:
        check_rate("realtime", rate)
        transcription = {"model": self._model}
        if spoken := primary(language):
            transcription["language"] = spoken
        sound: dict[str, Any] = {
            "format": {"type": "audio/pcm", "rate": _RATE},
            "transcription": transcription,
            "turn_detection": None,
        }
        update = message(
            type="session.update", session={"type": "transcription", "audio": {"input": sound}}
        )
        greeting = (Step("session.created", update), Step("session.updated"))
        return Session(self._url, self._headers, _RATE, greeting)

    def dialogue(self, session: Session) -> OpenAiDialogue:
        return OpenAiDialogue()


class OpenAiDialogue:
    """One utterance: an item, or several."""

    def __init__(self) -> None:
        self._items: dict[str, str] = {}  # texts, in the order of the items
        self._open: set[str] = set()
        self._ended = self._committed = False

    @property
    def text(self) -> str:
        return " ".join(text.strip() for text in self._items.values())

    @property
    def done(self) -> bool:
        return self._committed and not self._open

    def begin(self) -> list[str]:
        return []

    def hear(self, pcm: bytes) -> list[str]:
        return [message(type="input_audio_buffer.append", audio=base64.b64encode(pcm).decode())]

    def finish(self) -> list[str]:
        self._ended = True
        return [message(type="input_audio_buffer.commit")]

    def insist(self) -> list[str]:
        return []

    def receive(self, event: Event) -> None:
        kind, item = str(event.get("type")), str(event.get("item_id"))
        if kind == "input_audio_buffer.committed":
            self._know(item)
            self._committed = self._ended
        elif kind == _TRANSCRIPTION + "delta":
            self._know(item)
            if item in self._open:
                self._items[item] += str(event.get("delta", ""))
        elif kind == _TRANSCRIPTION + "completed":
            self._know(item)
            self._items[item] = str(event.get("transcript", ""))
            self._open.discard(item)
        elif kind in (_TRANSCRIPTION + "failed", "error"):
            self._fail(event.get("error"))

    def _know(self, item: str) -> None:
        if item not in self._items:
            self._items[item] = ""
            self._open.add(item)

    def _fail(self, error: Any) -> None:
        code = code_of(error.get("code") if isinstance(error, dict) else None)
        if code == _NOTHING_LEFT and self._ended:
            self._committed = True  # all of it had been committed before
            return
        raise EngineFailed(f"The server of engine realtime failed: {code}.")
