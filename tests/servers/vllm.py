"""vLLM's /v1/realtime, as its connection.py speaks it."""

from __future__ import annotations

from tests.servers.speaking import Ear, ReferenceServer, exactly, expect
from websockets.asyncio.server import ServerConnection

MODEL = "mistralai/Voxtral-Mini-4B-Realtime-2602"


class VllmServer(ReferenceServer):
    path = "/v1/realtime"

    async def converse(self, connection: ServerConnection) -> None:
        await connection.send('{"type": "session.created", "id": "sess-1", "created": 1}')
        exactly(await self.hear(connection), type="session.update", model=MODEL)
        exactly(await self.hear(connection), type="input_audio_buffer.commit", final=False)
        self.utterances += 1
        if self.fails():
            await self.say(connection, type="error", error="a secret word", code="processing_error")
            await connection.wait_closed()
            return
        ear, text, sounds = Ear(16_000), "", 0
        while True:
            message = await self.hear(connection)
            last = message["type"] == "input_audio_buffer.commit"
            if last:
                exactly(message, type="input_audio_buffer.commit", final=True)
                expect(sounds > 0, "sound before the end", "none")
                new = ear.hear(b"", last=True)
            else:
                exactly(message, type="input_audio_buffer.append", audio=...)
                sounds += 1
                new = ear.hear(self.sound_of(message, connection))
            for word in new:
                for delta in (f" {word[:1]}", word[1:]):  # a word may come in parts
                    text += delta
                    await self.say(connection, type="transcription.delta", delta=delta)
            if last:
                usage = {
                    "prompt_tokens": sounds,
                    "completion_tokens": 1,
                    "total_tokens": sounds + 1,
                }
                await self.say(connection, type="transcription.done", text=text, usage=usage)
                break
        await connection.wait_closed()
