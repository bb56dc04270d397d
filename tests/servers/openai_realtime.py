"""OpenAI's realtime transcription with turn detection switched off."""

from __future__ import annotations

import itertools
from typing import Any

from tests.servers.speaking import Ear, ReferenceServer, exactly, expect, query_of
from websockets.asyncio.server import ServerConnection

MODEL = "gpt-live-transcribe"

_ITEM = "conversation.item.input_audio_transcription"
_LEAST_BYTES = 4_800  # 100 ms


class OpenAiRealtimeServer(ReferenceServer):
    """``early``: deltas come while sound does, not after the commit only. ``splits``: it commits
    items of its own, each of two words, and completes them in reverse order."""

    path = "/v1/realtime?intent=transcription"
    early = True
    splits = False

    def __init__(self) -> None:
        super().__init__()
        self.languages: list[str | None] = []
        self._numbers = itertools.count(1)

    async def converse(self, connection: ServerConnection) -> None:
        expect(query_of(connection) == {"intent": "transcription"}, "intent", query_of(connection))
        await connection.send('{"type": "session.created", "session": {"id": "sess_1"}}')
        update = await self.hear(connection)
        self._check_update(update)
        if self.moods.refuse_session:
            error = {"code": self.moods.refuse_session.pop(0), "message": "a secret word"}
            await self.say(connection, type="error", error=error)
            await connection.wait_closed()
            return
        await self.say(connection, type="session.updated", session=update["session"])
        ear, items, size = Ear(24_000), [self._item()], 0
        while (message := await self.hear(connection))["type"] == "input_audio_buffer.append":
            exactly(message, type="input_audio_buffer.append", audio=...)
            self.utterances += size == 0
            if self.fails():
                error = {"type": "server_error", "code": "server_error", "message": "a secret word"}
                await self.say(connection, type="error", error=error)
            pcm = self.sound_of(message, connection)
            size += len(pcm)
            for word in ear.hear(pcm):
                await self._heard(connection, items, word)
        exactly(message, type="input_audio_buffer.commit")
        expect(size >= _LEAST_BYTES, "100 ms of sound", f"{size} bytes")
        for word in ear.hear(b"", last=True):
            await self._heard(connection, items, word)
        await self._conclude(connection, items)
        await connection.wait_closed()

    def _item(self) -> dict[str, Any]:
        return {"item_id": f"item_{next(self._numbers)}", "words": []}

    async def _heard(
        self, connection: ServerConnection, items: list[dict[str, Any]], word: str
    ) -> None:
        item = items[-1]
        delta = f" {word}" if item["words"] else word
        item["words"].append(word)
        if self.early:
            await self.say(connection, type=f"{_ITEM}.delta", item_id=item["item_id"], delta=delta)
        if self.splits and len(item["words"]) == 2:
            await self._committed(connection, item)
            items.append(self._item())

    async def _conclude(self, connection: ServerConnection, items: list[dict[str, Any]]) -> None:
        if self.splits and not items[-1]["words"]:
            items.pop()
            code = "input_audio_buffer_commit_empty"
            error = {"type": "invalid_request_error", "code": code, "message": "buffer too small"}
            await self.say(connection, type="error", error=error)
        else:
            await self._committed(connection, items[-1])
        for item in reversed(items):
            text = " ".join(item["words"])
            event = f"{_ITEM}.completed"
            await self.say(connection, type=event, item_id=item["item_id"], transcript=text)

    async def _committed(self, connection: ServerConnection, item: dict[str, Any]) -> None:
        await self.say(connection, type="input_audio_buffer.committed", item_id=item["item_id"])

    def _check_update(self, update: dict[str, Any]) -> None:
        exactly(update, type="session.update", session=...)
        exactly(update["session"], type="transcription", audio=...)
        exactly(update["session"]["audio"], input=...)
        sound = update["session"]["audio"]["input"]
        exactly(sound, format=..., transcription=..., turn_detection=None)
        exactly(sound["format"], type="audio/pcm", rate=24_000)
        transcription = dict(sound["transcription"])
        self.languages.append(transcription.pop("language", None))
        exactly(transcription, model=MODEL)
