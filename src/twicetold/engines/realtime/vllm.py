"""vLLM's /v1/realtime: text frames, one utterance a connection.

``session.created`` → ``session.update {model}``, which is not answered; a first ``commit`` starts
the transcription, ``append`` carries PCM s16le at 16 kHz in base64, ``commit {final: true}`` ends
it, ``transcription.delta`` and ``transcription.done`` come back. An utterance without sound is
never begun: a commit of nothing has ended that server's engine.
"""

from __future__ import annotations

import base64

from twicetold.engines.remote.dialogue import Event, Session, Step, message
from twicetold.engines.remote.sounds import check_rate
from twicetold.engines.remote.telling import code_of
from twicetold.errors import EngineFailed

_RATE = 16_000


class VllmRealtime:
    """A Service. It hears by itself which language it is."""

    def __init__(self, url: str, key: str | None, model: str) -> None:
        self._session = Session(
            url,
            (("Authorization", f"Bearer {key}"),) if key else (),
            _RATE,
            (Step("session.created", message(type="session.update", model=model)),),
        )

    def session(self, rate: int, language: str) -> Session:
        check_rate("realtime", rate)
        return self._session

    def dialogue(self, session: Session) -> VllmDialogue:
        return VllmDialogue()


class VllmDialogue:
    """One utterance."""

    def __init__(self) -> None:
        self.text, self.done, self._ended = "", False, False

    def begin(self) -> list[str]:
        return [message(type="input_audio_buffer.commit", final=False)]

    def hear(self, pcm: bytes) -> list[str]:
        return [message(type="input_audio_buffer.append", audio=base64.b64encode(pcm).decode())]

    def finish(self) -> list[str]:
        self._ended = True
        return [message(type="input_audio_buffer.commit", final=True)]

    def insist(self) -> list[str]:
        return []

    def receive(self, event: Event) -> None:
        kind = event.get("type")
        if kind == "transcription.delta":
            self.text += str(event.get("delta", ""))
        elif kind == "transcription.done" and not self._ended:
            raise EngineFailed("The server of engine realtime stopped before the sound was over.")
        elif kind == "transcription.done":
            self.text, self.done = str(event.get("text", self.text)), True
        elif kind == "error":
            raise EngineFailed(
                f"The server of engine realtime failed: {code_of(event.get('code'))}."
            )
