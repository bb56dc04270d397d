"""One call's audio, from its log to parts of a minute to its recording and the job for it."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from obstore.store import LocalStore

from twicetold.broker import Broker, Consumer, Delivery
from twicetold.errors import SessionLost
from twicetold.live.inbox import Inbox
from twicetold.live.ledger import persist
from twicetold.live.ordering import Sequencer
from twicetold.live.recording import (
    Recording,
    assemble,
    part_bytes,
    remove_parts,
    store_part,
    stored_parts,
)
from twicetold.live.spool import PART_S, Spool
from twicetold.queue import Job, Queue
from twicetold.sessions import Sessions
from twicetold.speech.chunks import AudioChunk, Close, Open, parse_log_message
from twicetold.speech.identity import CallKey
from twicetold.transcripts import NewCall, Status, Transcripts

_TAKE_BYTES = 512 * 1024


@dataclass(frozen=True, slots=True)
class Carriers:
    """Where a recorder reads and writes."""

    broker: Broker
    sessions: Sessions
    transcripts: Transcripts
    queue: Queue
    store: LocalStore
    spool_dir: Path


class CallRecorder:
    """One call's audio, from its log to its recording."""

    def __init__(self, key: CallKey, carriers: Carriers, consumer: Consumer, inbox: Inbox) -> None:
        self._key, self._to, self._consumer, self.inbox = key, carriers, consumer, inbox
        self._spool: Spool | None = None
        self._layout = (0, 0)  # rate, channels
        self._part = 0
        self._unreleased: list[Delivery] = []

    async def run(self) -> None:
        """Until the recording is complete and its job queued."""
        sequencer: Sequencer | None = None
        while sequencer is None or not sequencer.closed:
            for delivery in await self.inbox.take(_TAKE_BYTES):
                message = parse_log_message(delivery.value)
                self._unreleased.append(
                    Delivery(delivery.partition, delivery.position, delivery.key, b"")
                )
                if isinstance(message, Open):
                    await persist(partial(self._begin, message))
                if isinstance(message, AudioChunk) and self._spool is None:
                    floor = await self._resume(message.rate, message.channels)
                    sequencer = Sequencer(floor)
                sequencer = sequencer or Sequencer()
                for due in sequencer.accept(message):
                    if isinstance(due, AudioChunk):
                        await self._record(due.pcm)
                if isinstance(message, Close):
                    break
        await self._finish()

    async def _begin(self, message: Open) -> None:
        await self._to.transcripts.begin_call(
            NewCall(
                key=self._key,
                started_at=message.started_at,
                channels=message.channels,
                source=message.source,
                language=message.language,
                rate=message.rate,
            )
        )

    async def _resume(self, rate: int, channels: int) -> int:
        """Go on after the full parts that are stored; returns the sample where they end."""
        self._layout = (rate, channels)
        full = part_bytes(rate, channels)
        sizes = await stored_parts(self._to.store, self._key)
        self._part = sum(1 for size in sizes.values() if size == full)
        path = self._to.spool_dir / self._key.tenant / self._key.call_id
        self._spool = Spool(path, full)
        return self._part * PART_S * rate

    async def _record(self, pcm: bytes) -> None:
        spool = self._spool
        assert spool is not None
        while pcm:
            room = spool.room
            spool.append(pcm[:room])
            pcm = pcm[room:]
            await persist(spool.settle)
            if spool.room == 0:
                await self._store_part()
                self._release(keep_last=bool(pcm))

    async def _store_part(self) -> None:
        assert self._spool is not None
        part = await self._spool.take()
        await persist(lambda: store_part(self._to.store, self._key, self._part, part))
        self._part += 1

    def _release(self, *, keep_last: bool) -> None:
        """Let go what the stored parts hold; the last message may reach into the next part."""
        kept = self._unreleased[-1:] if keep_last else []
        for delivery in self._unreleased[: len(self._unreleased) - len(kept)]:
            self._consumer.release(delivery)
        self._unreleased = kept

    async def _finish(self) -> None:
        if self._spool is not None and self._spool.size:
            await self._store_part()
        rate, _ = self._layout
        recording: Recording | None = None
        if rate:
            made: list[Recording | None] = []
            await persist(lambda: self._assemble(made))
            recording = made[0]
        await persist(lambda: self._hand_over(recording))
        self._release(keep_last=False)

    async def _assemble(self, made: list[Recording | None]) -> None:
        made[:] = [await assemble(self._to.store, self._key, *self._layout)]

    async def _hand_over(self, recording: Recording | None) -> None:
        """Name the recording, queue its job, then let the parts go. Safe to repeat."""
        transcripts = self._to.transcripts
        call = await transcripts.call(self._key)
        if recording is None:
            if call is not None and call.recording is None:
                await transcripts.set_status(self._key, Status.DONE)
        else:
            await transcripts.set_recording(self._key, recording.object_key, recording.length_s)
            language = call.language if call else "auto"
            await self._to.queue.submit(
                Job(self._key, recording.content, recording.object_key, language)
            )
        with contextlib.suppress(SessionLost):  # the transcript is made all the same
            await self._to.sessions.swap(self._key, {}, {"recorded": True})
        await remove_parts(self._to.store, self._key)

    async def discard(self) -> None:
        """Forget what was gathered; the call was deleted."""
        await self.leave()
        self._release(keep_last=False)

    async def leave(self) -> None:
        """Let the log alone keep what is not stored."""
        if self._spool is not None:
            await self._spool.aclose()
