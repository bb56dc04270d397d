"""The recording once more, without what was removed from its words."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore

from twicetold.batch.transcript import Transcript
from twicetold.enrich.sound import Cover, spans_to_cover
from twicetold.errors import CallDeleted, Corrupt, DiskFull, Unavailable
from twicetold.media import Decoder, FileDecoding
from twicetold.speech.identity import CallKey
from twicetold.speech.wav import wav_head
from twicetold.storage import local_path, redacted_key, sync_object


class CoverSound:
    """Writes the redacted recording. It fails closed: without it nothing is published."""

    name = "cover"

    def __init__(
        self,
        decoder: Decoder,
        store: LocalStore,
        key: CallKey,
        sound: str,
        allowed: Callable[[], Awaitable[None]],
    ) -> None:
        """``sound`` is heard in place of what was removed: ``beep`` or ``silence``; ``allowed``
        raises CallDeleted where the call's tombstone stands."""
        self._decoder, self._store, self._key, self._sound = decoder, store, key, sound
        self._allowed = allowed

    async def run(self, transcript: Transcript) -> None:
        """Raises Corrupt where the recording comes out at another length than it was heard at."""
        known, facts = transcript.known, transcript.facts
        assert known is not None, "redaction comes first"
        assert facts is not None
        segments = () if facts.word_times else tuple(known.segments())
        spans = spans_to_cover(known.insights["removed"], segments, facts)
        decoding = await self._decoder.open_file(transcript.path)
        try:
            info = decoding.info
            cover = Cover(info.rate, info.channels, spans, self._sound)
            samples = round(transcript.length_s * info.rate)
            await self._allowed()
            await self._write(decoding, cover, samples)
        finally:
            await decoding.aclose()
        await self._seen_deleted()

    async def _seen_deleted(self) -> None:
        """Whoever deleted the call while it was written has cleared up before."""
        try:
            await self._allowed()
        except CallDeleted:
            path = local_path(self._store, redacted_key(self._key))
            await asyncio.to_thread(path.unlink, missing_ok=True)
            raise

    async def _write(self, decoding: FileDecoding, cover: Cover, samples: int) -> None:
        info, target = decoding.info, redacted_key(self._key)
        size = samples * 2 * info.channels
        left = size
        try:
            writer = await asyncio.to_thread(obstore.open_writer, self._store, target)
            # Closed on success alone: what is not closed never appears under its name.
            await asyncio.to_thread(writer.write, wav_head(info.rate, info.channels, size))
            async for pcm in decoding.blocks():
                left -= len(pcm)
                await asyncio.to_thread(_write_covered, writer, cover, pcm)
            if left:
                raise Corrupt(
                    f"The recording of {self._key.call_id} has changed its length.",
                    "It is tried again.",
                )
            await asyncio.to_thread(writer.close)
            await asyncio.to_thread(sync_object, self._store, target)
        except (BaseError, OSError) as error:
            raise _unwritable(error) from error


def _write_covered(writer: obstore.WritableFile, cover: Cover, pcm: bytes) -> None:
    writer.write(cover.cover(pcm))


def _unwritable(error: Exception) -> Exception:
    if isinstance(error, Corrupt | Unavailable):
        return error
    if "No space left" in str(error):
        return DiskFull("The redacted recording could not be written: the disk is full.")
    return Unavailable(
        "The redacted recording could not be written.", "Look at the data directory's permissions."
    )
