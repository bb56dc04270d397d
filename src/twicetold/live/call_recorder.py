"""One call's audio, from its log to parts of a minute to its recording and the job for it."""

from __future__ import annotations

import contextlib
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path

import structlog
from obstore.store import LocalStore

from twicetold.broker import Broker, Consumer, Delivery, Topic
from twicetold.errors import CallDeleted, Corrupt, SessionLost
from twicetold.live.inbox import Inbox, Item, drain
from twicetold.live.ledger import persist, persist_value
from twicetold.live.ordering import LONGEST_HOLE_S, Sequencer
from twicetold.live.recording import (
    Recording,
    assemble,
    erase,
    part_bytes,
    remove_parts,
    store_part,
    stored_parts,
)
from twicetold.live.spool import PART_S, Spool
from twicetold.queue import Job, Queue
from twicetold.sessions import Sessions
from twicetold.speech.chunks import LAST_EPOCH, AudioChunk, Close, LogMessage, Open
from twicetold.speech.identity import CallKey
from twicetold.transcripts import NewCall, Status, Transcripts

log = structlog.get_logger()

_TAKE_BYTES = 512 * 1024
_BEHIND_S = 600  # so far a record's position may lie behind the log


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
    """One call's audio, from its log to its recording. Every step may be repeated after a death."""

    def __init__(self, key: CallKey, carriers: Carriers, consumer: Consumer, inbox: Inbox) -> None:
        self._key, self._to, self._consumer, self.inbox = key, carriers, consumer, inbox
        self._sequencer = Sequencer()
        self._spool: Spool | None = None
        self._layout: tuple[int, int] | None = None  # rate, channels
        self._reach: int | None = None  # the first chunk lies before this sample
        self._part = 0
        self._next = 0  # the sample behind the last one gathered
        self._unreleased: list[Delivery] = []
        self._batch: deque[Item] = deque()  # taken from the inbox and not looked at yet

    async def run(self) -> None:
        """Until the recording is complete and its job queued. Raises CallDeleted."""
        if await persist_value(self._stands):
            await self._tidy()
            await drain(self._consumer, self.inbox)
            return
        while not self._sequencer.closed:
            self._batch.extend(await self.inbox.take(_TAKE_BYTES))
            while self._batch:
                await self._take(self._batch.popleft())
        await self._finish()

    async def close_if_lost(self) -> None:
        """A record that vanished takes with it whoever would have closed the call."""
        if not self._sequencer.closed and await self._to.sessions.load(self._key) is None:
            await self._close_for_good()

    async def _stands(self) -> bool:
        """Whether the worker before us got as far as the hand-over. A recording that has been
        named is never written again: its parts may be gone."""
        await self._allowed()
        record = await self._to.sessions.load(self._key)
        if record is not None:
            self._layout = (record.rate, record.channels)
            self._reach = record.next_sample + _BEHIND_S * record.rate
            return record.recorded
        call = await self._to.transcripts.call(self._key)
        if call is not None and (call.recording is not None or call.status is Status.DONE):
            return True
        if not isinstance(self.inbox.first, Close):  # or each close would ask for another
            await self._close_for_good()
        return False

    async def _close_for_good(self) -> None:
        """Nobody can speak into it any more, and no sweep knows it: what there is becomes its
        recording. The highest epoch counts over whatever its gateway still says."""
        close = Close(LAST_EPOCH, 0).to_bytes()
        await persist(lambda: self._to.broker.publish(Topic.AUDIO, self._key, close))

    async def _allowed(self) -> None:
        """Whoever deletes a call clears up for a moment; a recorder may have slept through it."""
        if await self._to.transcripts.buried(self._key):
            raise CallDeleted(f"The call {self._key.call_id} was deleted.")

    async def _tidy(self) -> None:
        """The recording is there: let go of what it was made from."""
        await persist(lambda: remove_parts(self._to.store, self._key))
        self._release(keep_last=False)

    async def _take(self, item: Item) -> None:
        message = item.message
        self._unreleased.append(item.receipt)
        if isinstance(message, Open):
            await persist(lambda: self._begin(message))
        if not self._fits(message):
            self._consumer.foreign.tell(item.receipt.partition, item.receipt.position)
            return
        if isinstance(message, AudioChunk) and self._spool is None:
            self._layout = (message.rate, message.channels)
            await persist(self._resume)
        if isinstance(message, Close) and await persist_value(lambda: self._all_lost(message)):
            await persist(self._resume)
        for due in self._sequencer.accept(message):
            if isinstance(due, AudioChunk):
                await self._fill(due.first_sample)
                await self._record(due.pcm)
                self._next = due.end_sample
            elif isinstance(due, Close):
                await self._fill_to_the_end(due)

    async def _all_lost(self, close: Close) -> bool:
        """Whether the log has lost whatever lay between the stored parts and the close."""
        if self._spool is not None or self._layout is None:
            return False
        rate, channels = self._layout
        sizes = await stored_parts(self._to.store, self._key)
        full = set(sizes.values()) <= {part_bytes(rate, channels)}
        return full and close.sample > len(sizes) * PART_S * rate

    def _fits(self, message: LogMessage) -> bool:
        """Whether it can be of this call: sound of its layout, not further ahead than any log."""
        if not isinstance(message, AudioChunk):
            return True
        if self._layout is not None and (message.rate, message.channels) != self._layout:
            return False
        if self._spool is None:  # as yet nothing is known but what the record says
            return self._reach is None or message.first_sample <= self._reach
        return message.first_sample - self._next <= LONGEST_HOLE_S * message.rate

    async def _fill(self, sample: int) -> None:
        """Silence up to the sample, where the log has lost what was there: times stay true."""
        missing = sample - self._next
        if missing <= 0:
            return
        assert self._layout is not None
        rate, channels = self._layout
        log.error("sound_missing", seconds=round(missing / rate, 3), at_s=self._next / rate)
        for at in range(0, missing, rate):
            await self._record(bytes(min(rate, missing - at) * 2 * channels))

    async def _fill_to_the_end(self, close: Close) -> None:
        if self._spool is None or self._layout is None:
            return
        if 0 < close.sample - self._next <= LONGEST_HOLE_S * self._layout[0]:
            await self._fill(close.sample)
            self._next = close.sample

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

    async def _resume(self) -> None:
        """Go on after the full parts that are stored."""
        assert self._layout is not None
        rate, channels = self._layout
        full = part_bytes(rate, channels)
        sizes = await stored_parts(self._to.store, self._key)
        self._part = sum(1 for size in sizes.values() if size == full)
        path = self._to.spool_dir / self._key.tenant / self._key.call_id
        self._spool = Spool(path, full)
        self._next = self._part * PART_S * rate
        self._sequencer = Sequencer(self._next)

    async def _record(self, pcm: bytes) -> None:
        spool = self._spool
        assert spool is not None
        while pcm:
            room = spool.room
            spool.append(pcm[:room])
            pcm = pcm[room:]
            await persist(spool.settle)
            if spool.room == 0:
                await self._store_part(spool)
                self._release(keep_last=bool(pcm))

    async def _store_part(self, spool: Spool) -> None:
        await persist(self._allowed)
        part = await persist_value(spool.whole)
        await persist(lambda: store_part(self._to.store, self._key, self._part, part))
        await persist(self._allowed)  # it may have slept through a deletion as it wrote
        await spool.aclose()
        self._part += 1

    def _release(self, *, keep_last: bool) -> None:
        """Let go what the stored parts hold; the last message may reach into the next part."""
        kept = self._unreleased[-1:] if keep_last else []
        for delivery in self._unreleased[: len(self._unreleased) - len(kept)]:
            self._consumer.release(delivery)
        self._unreleased = kept

    async def _finish(self) -> None:
        await persist(self._allowed)
        if self._spool is not None and self._spool.size:
            await self._store_part(self._spool)
        recording: Recording | None = None
        if self._layout is not None:
            rate, channels = self._layout
            gathered = self._next if self._spool is not None else None
            try:
                recording = await persist_value(
                    lambda: assemble(self._to.store, self._key, rate, channels, gathered)
                )
            except Corrupt:
                # We slept while another recorder finished, and took the parts away?
                if not await persist_value(self._stands):
                    raise
                await self._tidy()
                return
        await persist(lambda: self._hand_over(recording))
        await persist(lambda: remove_parts(self._to.store, self._key))
        self._release(keep_last=False)

    async def _hand_over(self, recording: Recording | None) -> None:
        """Name the recording, queue its job, and note that it stands."""
        transcripts = self._to.transcripts
        call = await transcripts.call(self._key)
        if recording is None:
            if call is not None and call.recording is None:
                await transcripts.set_status(self._key, Status.DONE)
        else:
            if call is None:  # its Open went with a log that was lost; the sound is there
                await transcripts.begin_call(_found(self._key, self._layout))
            await transcripts.set_recording(self._key, recording.object_key, recording.length_s)
            language = call.language if call else "auto"
            await self._to.queue.submit(
                Job(self._key, recording.content, recording.object_key, language)
            )
        with contextlib.suppress(SessionLost):  # the transcript is made all the same
            await self._to.sessions.swap(self._key, {}, {"recorded": True})

    async def lag_s(self) -> float:
        """Seconds of audio that were published and are not gathered yet. Raises Unavailable where
        the session store is asked, for a call that is far behind, and away."""
        if self._layout is None:
            return 0.0
        rate, channels = self._layout
        unread_s = self.inbox.size_bytes / (2 * rate * channels)
        record = await self._to.sessions.load(self._key) if self.inbox.full else None
        published = record.next_sample if record is not None else 0
        return max(unread_s, (published - self._next) / rate)

    async def erase(self) -> None:
        """Remove what was written, perhaps after all else had been: the call was deleted."""
        await persist(lambda: erase(self._to.store, self._key))

    async def discard(self) -> None:
        """Forget what was gathered, and let go of all that was read; the call was deleted, or
        cannot be recorded."""
        await self.leave()
        self._release(keep_last=False)
        while self._batch:
            self._consumer.release(self._batch.popleft().receipt)

    async def leave(self) -> None:
        """Let the log alone keep what is not stored."""
        if self._spool is not None:
            await self._spool.aclose()


def _found(key: CallKey, layout: tuple[int, int] | None) -> NewCall:
    rate, channels = layout or (0, 0)
    return NewCall(key, time.time(), channels, "live", "auto", rate)
