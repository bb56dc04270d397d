"""Sarvam's realtime speech-to-text with manual endpointing."""

from __future__ import annotations

from tests.servers.speaking import KEY, Ear, ReferenceServer, exactly, expect, query_of
from websockets.asyncio.server import ServerConnection

_QUERY = {
    "model": "saaras:v3-realtime",
    "mode": "transcribe",
    "stream_type": "fast",
    "endpointing": "manual",
    "encoding": "linear16",
}


class SarvamRealtimeServer(ReferenceServer):
    """``finals_of_nothing``: also an utterance without words gets a final."""

    credential = ("api-subscription-key", KEY)
    path = ""
    finals_of_nothing = True

    def __init__(self) -> None:
        super().__init__()
        self.languages: list[str] = []
        self.pings = 0

    async def converse(self, connection: ServerConnection) -> None:
        query = query_of(connection)
        self.languages.append(query.pop("language_code"))
        rate = int(query.pop("sample_rate"))
        expect(query == _QUERY and rate in (8_000, 16_000), _QUERY, query)
        await connection.send('{"event": "session.begin", "request_id": "req-1", "config": {}}')
        message = await self.hear(connection)
        while message == {"event": "ping"}:
            self.pings += 1
            await self.say(connection, event="pong")
            message = await self.hear(connection)
        exactly(message, event="speech_start")
        self.utterances += 1
        words = await self._listen(connection, rate)
        exactly(await self.hear(connection), event="flush")
        if words or self.finals_of_nothing:
            await self._transcript(connection, "final", words)
        exactly(await self.hear(connection), event="end")
        await self.say(connection, event="session.end", reason="client")
        await connection.wait_closed()

    async def _listen(self, connection: ServerConnection, rate: int) -> list[str]:
        ear, words = Ear(rate), list[str]()
        while (message := await self.hear(connection))["event"] == "audio_input":
            exactly(message, event="audio_input", audio=...)
            if self.fails():
                await self.say(
                    connection, event="error", code="internal_error", is_fatal=True,
                    message="a secret word",
                )  # fmt: skip
            pcm = self.sound_of(message, connection)
            expect(len(pcm) <= rate, "half a second at most", f"{len(pcm)} bytes")
            if new := ear.hear(pcm):
                words += new
                await self._transcript(connection, "partial", words)
        exactly(message, event="speech_end")
        return words + ear.hear(b"", last=True)

    async def _transcript(self, connection: ServerConnection, kind: str, words: list[str]) -> None:
        await self.say(
            connection, event=f"transcript.{kind}", utterance_idx=0, text=" ".join(words),
            language="hi-IN",
        )  # fmt: skip
