"""What an engine learns of a channel goes from chunk to chunk, where it hears them in order."""

from __future__ import annotations

import asyncio

from twicetold.batch.chunking import Chunk


class Learning:
    """All channels of one recording; ``wanted``: the engine is one of those
    (``EngineInfo.in_order``). Where it is not, nobody waits and nothing is handed on."""

    def __init__(self, wanted: bool) -> None:
        self._wanted = wanted
        self._chunks: dict[
            int, asyncio.Future[str | None]
        ] = {}  # by number, while they are at work
        self._last: dict[int, asyncio.Future[str | None]] = {}  # of each channel

    async def before(self, chunk: Chunk) -> str | None:
        """Waits until the chunk before it in its channel is done; the adaptation that it left.

        To be asked in the order of the chunks, once for each; ``after`` must follow.
        """
        if not self._wanted:
            return None
        last = self._last.get(chunk.channel)
        self._last[chunk.channel] = self._of(chunk)
        # Shielded: who is cancelled here must not cancel what another task is to settle.
        return await asyncio.shield(last) if last is not None else None

    def after(self, chunk: Chunk, adaptation: str | None) -> None:
        """It is done."""
        if self._wanted:
            self._of(chunk).set_result(adaptation)
            # Of one that was done before anybody asked, the next still has to hear.
            self._last.setdefault(chunk.channel, self._chunks.pop(chunk.number))

    def kept(self, adaptation: str | None) -> str | None:
        """What of it a checkpoint has to keep."""
        return adaptation if self._wanted else None

    def _of(self, chunk: Chunk) -> asyncio.Future[str | None]:
        if chunk.number not in self._chunks:
            self._chunks[chunk.number] = asyncio.get_running_loop().create_future()
        return self._chunks[chunk.number]
