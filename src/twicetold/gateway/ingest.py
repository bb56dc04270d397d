"""Steps of "Ingest": publish, then write the position, then acknowledge up to it.

Owns one connection's hold on a call: its epoch and its lease. A gateway that was taken over
loses the comparison and stops. While the broker or the session store is away the call waits, and
with it its client; a gateway whose lease is half gone publishes nothing until it is renewed.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

import structlog

from twicetold.broker import Broker, Topic
from twicetold.errors import Conflict, TwicetoldError
from twicetold.gateway.intake import Intake
from twicetold.sessions import Changes, Sessions, State
from twicetold.speech.chunks import AudioChunk, Close, Finalize, Pause
from twicetold.speech.identity import CallKey

log = structlog.get_logger()

# A position is a row's change and an ack a message: nearly as dear as the audio between two
# of them. With many calls they come less often (about 200 a second in a process, each call
# once a second at least), and on common ticks, so that many positions share a transaction.
_ACK_INTERVAL_S = 0.25
_LONGEST_ACK_INTERVAL_S = 1.0
_ACK_INTERVAL_PER_CALL_S = 0.005
_TICK_S = 0.05
_MOST_IN_FLIGHT_BYTES = 1024 * 1024
_MOST_OF_ALL_CALLS_BYTES = 48 * 1024 * 1024  # less than any broker takes before it says no
_FIRST_DELAY_S, _LONGEST_DELAY_S = 0.1, 2.0
_LEAVE_S = 3.0
_LARGEST_CHUNK_S = 0.25
_TAKEN_OVER_S = 0.75  # more than two chunks, and than a position waits to be written
GAP_S = 5.0

OnAck = Callable[[int], None]
OnLost = Callable[[TwicetoldError], None]


def ack_interval_s(live_calls: int) -> float:
    """How long a call's position waits to be written, in a process with so many calls."""
    wanted_s = _ACK_INTERVAL_PER_CALL_S * live_calls
    return min(max(_ACK_INTERVAL_S, wanted_s), _LONGEST_ACK_INTERVAL_S)


class _Sent(NamedTuple):
    """A message on its way to the broker."""

    done: asyncio.Future[None]
    end_sample: int
    size_bytes: int
    taken_at: float  # Unix seconds


class Ingest:
    """Publishes a connection's audio. ``on_ack`` gets the last sequence number that is safe;
    ``on_lost`` the error after which nothing more is taken."""

    def __init__(
        self,
        broker: Broker,
        sessions: Sessions,
        key: CallKey,
        *,
        epoch: int,
        next_seq: int,
        next_sample: int,
        channels: int,
        intake: Intake,
        lease_s: float,
        live_calls: Callable[[], int],
        on_ack: OnAck,
        on_lost: OnLost,
    ) -> None:
        self._broker, self._sessions, self._key = broker, sessions, key
        self._epoch, self._channels, self._intake = epoch, channels, intake
        self._lease_s, self._live_calls = lease_s, live_calls
        self._on_ack, self._on_lost = on_ack, on_lost
        self._base_sample = next_sample
        self.sample = next_sample  # handed to the broker
        self._published = next_sample  # in the broker
        self._published_at = time.time()  # when the last sound of that was taken
        self._position = self._written = (next_seq, next_sample)
        self._heard_at = self._written_heard_at = self._published_at  # of the position's sound
        self._in_flight = 0
        self._marked: Finalize | Pause | None = None
        self._sent: deque[_Sent] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._writing: asyncio.Task[None] | None = None
        self._loop = asyncio.get_running_loop()
        self.renewed_at = self._loop.time()  # every position that is written renews the lease
        self._lost: TwicetoldError | None = None
        self._stopping = False
        self.feeding_since: float | None = None  # while the client waits for us

    @property
    def rate(self) -> int:
        return self._intake.rate

    @property
    def published(self) -> int:
        """The sample up to which the broker has the audio."""
        self._collect()
        return self._published

    async def feed(self, seq: int, audio: bytes) -> None:
        """Take one message's audio. Returns once it is on its way; waits while too much is."""
        if self._lost is not None:
            raise self._lost
        self.feeding_since = self._loop.time()
        try:
            pcm = await self._intake.feed(seq, audio)
            if self._loop.time() - self.renewed_at > self._lease_s / 2:
                await self.renew()
            await self._send(pcm)
        finally:
            self.feeding_since = None

    async def fill_gap(self, heard_at: float, *, left: bool) -> float:
        """Where a container starts afresh: lay silence over what was lost, which is no more than
        the time since the position's sound was taken (``heard_at``, Unix seconds).

        ``left``: the connection before has said how far it came. One that has not may have
        published a little more than that time beyond its position, and does not know yet that it
        was taken over: it is waited for, so that new sound is not taken for a repetition (what is
        there already wins). Returns the second at which sound is missing."""
        if not left:
            await asyncio.sleep(min(_TAKEN_OVER_S, self._lease_s / 2))
        self._written_heard_at = heard_at
        lost_s = min(max(0.0, time.time() - heard_at), GAP_S)
        silence_frames = int(self._intake.rate * lost_s)
        at = self.sample / self._intake.rate
        self._base_sample += silence_frames
        await self._send(bytes(silence_frames * 2 * self._channels))
        await self._note_at_once()
        return at

    async def finalize(self) -> None:
        """Whoever is speaking is taken to have finished."""
        self._mark(Finalize(self._epoch, self.sample))

    async def pause(self) -> None:
        """No sound comes for now; the next may go on in the middle of a word."""
        self._mark(Pause(self._epoch, self.sample))

    def _mark(self, mark: Finalize | Pause) -> None:
        """Said once for a place: whoever says it a thousand times fills no log with it."""
        if self._lost is None and mark != self._marked:
            self._marked = mark
            self._hand_over(mark.to_bytes(), 0)
            self._schedule()

    async def pause_if_ours(self) -> None:
        """After a disconnect: only if nobody has resumed the call meanwhile."""
        record = await self._sessions.load(self._key)
        if record is not None and record.epoch == self._epoch and record.state is State.OPEN:
            await self.pause()
            await self._settled()

    async def stop(self, last_seq: int) -> None:
        """The client has sent all: publish the rest and the close."""
        await self._send(await self._intake.finish())
        await self._settled()
        await self._end_writing()
        self._position = (last_seq + 1, self._published)
        await self._until_written({"state": State.CLOSING})
        close = Close(self._epoch, self.sample)
        await self._broker.publish(Topic.AUDIO, self._key, close.to_bytes())

    async def renew(self) -> None:
        """Extend the lease and write the position with it; waits while the store is away."""
        if self._writing is not None:
            await asyncio.wait([self._writing])
        self.keep_lease()
        if self._writing is not None:
            await asyncio.wait([self._writing])
        if self._lost is not None:
            raise self._lost

    def keep_lease(self) -> None:
        """Have the position and the lease written, beside whoever asks."""
        self._collect()
        idle = self._writing is None or self._writing.done()
        if idle and self._lost is None and not self._stopping:
            self._writing = self._loop.create_task(self._write_quietly())

    async def leave(self) -> None:
        """The client is gone: note how far it came and let the lease end, so that it may
        resume anywhere, or be given up after a while."""
        self._cancel_timer()
        if self._lost is None:
            last: Changes = {"lease_s": 0.0}
            with contextlib.suppress(TimeoutError):  # a broker that hangs: what it has counts
                async with asyncio.timeout(_LEAVE_S):
                    await self._settled()
                    if not self._intake.seamless:
                        self._note_published()
                    last["gateway"] = ""
            await self._write(last)

    def close(self) -> None:
        self._cancel_timer()
        if self._writing is not None:
            self._writing.cancel()

    async def _end_writing(self) -> None:
        """A closing call takes no more positions: one that is due would look like a lost lease."""
        self._stopping = True
        self._cancel_timer()
        if self._writing is not None:
            await asyncio.wait([self._writing])

    async def _send(self, pcm: bytes) -> None:
        largest = int(self._intake.rate * _LARGEST_CHUNK_S) * 2 * self._channels
        for at in range(0, len(pcm), largest):
            self._publish(pcm[at : at + largest] if len(pcm) > largest else pcm)
            if not self._intake.seamless and self._is_ahead():
                await self._note_at_once()
        self._collect()
        self._schedule()
        share = _MOST_OF_ALL_CALLS_BYTES // max(1, self._live_calls())
        if self._in_flight > min(_MOST_IN_FLIGHT_BYTES, share):
            await self._settled()

    def _publish(self, pcm: bytes) -> None:
        chunk = AudioChunk(self._epoch, self.sample, self._intake.rate, self._channels, pcm)
        self.sample = chunk.end_sample
        self._hand_over(chunk.to_bytes(), len(pcm))

    def _hand_over(self, message: bytes, size: int) -> None:
        handed = self._broker.publish(Topic.AUDIO, self._key, message)
        self._in_flight += size
        self._sent.append(_Sent(asyncio.ensure_future(handed), self.sample, size, time.time()))

    def _collect(self) -> None:
        """See what the broker has by now, and move the position to what that covers.

        Asked when it matters, for a callback of each message would cost more than this."""
        sent = self._sent
        while sent and sent[0].done.done():
            first = sent.popleft()
            self._in_flight -= first.size_bytes
            try:
                first.done.result()
            except TwicetoldError as error:
                self._lose(error)
            if self._lost is None:  # nothing counts behind a hole
                if first.end_sample > self._published:  # a mark is no sound
                    self._published_at = first.taken_at
                self._published = first.end_sample
        reached = self._intake.covered(self._published - self._base_sample)
        if reached is not None and self._lost is None:
            self._position = (reached[0], self._base_sample + reached[1])
            self._heard_at = self._published_at

    def _is_ahead(self) -> bool:
        """Whether more lies beyond the position that is written than whoever goes on from there
        would lay silence over: the time since its sound was taken, ``GAP_S`` at most. A chunk more
        is let pass, or a client whose messages come unevenly would have every one of them noted."""
        since_s = max(0.0, time.time() - self._written_heard_at)
        beyond_s = (self.sample - self._written[1]) / self._intake.rate
        return beyond_s > min(since_s + _LARGEST_CHUNK_S, GAP_S - 1)

    def _note_published(self) -> None:
        """A container starts afresh after whatever is published, so its samples may be noted
        ahead of its messages."""
        self._position = (self._position[0], self._published)
        self._heard_at = self._published_at

    async def _note_at_once(self) -> None:
        await self._settled()
        self._note_published()
        await self.renew()

    def _schedule(self) -> None:
        waits = self._sent or self._position != self._written
        if waits and self._timer is None and self._lost is None and not self._stopping:
            due = self._loop.time() + ack_interval_s(self._live_calls())
            self._timer = self._loop.call_at(math.ceil(due / _TICK_S) * _TICK_S, self._due)

    def _due(self) -> None:
        self._timer = None
        self._collect()
        idle = self._writing is None or self._writing.done()
        if idle and self._lost is None and self._position != self._written:
            self._writing = self._loop.create_task(self._write_quietly())
        else:
            self._schedule()  # the carriers are slow: once they answer is soon enough

    async def _write_quietly(self) -> None:
        try:
            await self._until_written({})
        except TwicetoldError as error:
            self._lose(error)
        else:
            self._schedule()

    async def _until_written(self, changes: Changes) -> None:
        """While the store is away the call waits. Raises Conflict once it is another's."""
        delay_s = _FIRST_DELAY_S
        unsure = False  # whether an answer that was lost may have been a yes
        while True:
            try:
                return await self._write(changes)
            except Conflict:
                if not (unsure and await self._is_written(changes)):
                    raise
                return None
            except TwicetoldError as error:
                if not error.retryable:
                    raise
                unsure = True
                log.warning("position_waits", code=error.code, delay_s=delay_s)
            await asyncio.sleep(delay_s)
            delay_s = min(2 * delay_s, _LONGEST_DELAY_S)

    async def _is_written(self, changes: Changes) -> bool:
        """Whether the record has come to what we wanted, by us."""
        record = await self._sessions.load(self._key)
        state = changes.get("state")
        return record is not None and record.epoch == self._epoch and record.state is state

    async def _write(self, changes: Changes) -> None:
        started, (next_seq, next_sample) = self._loop.time(), self._position
        heard_at = self._heard_at
        complete: Changes = {
            "next_seq": next_seq,
            "next_sample": next_sample,
            "heard_ms": round(heard_at * 1000),
            "lease_s": self._lease_s,
            **changes,
        }
        await self._sessions.swap(self._key, {"epoch": self._epoch, "state": State.OPEN}, complete)
        self.renewed_at = started
        if next_seq > self._written[0]:
            self._on_ack(next_seq - 1)
        self._written, self._written_heard_at = (next_seq, next_sample), heard_at

    async def _settled(self) -> None:
        while self._sent:  # not the last alone: one before it may be refused after it
            await asyncio.wait([self._sent[0].done])
            self._collect()
        self._collect()
        if self._lost is not None:
            raise self._lost

    def _lose(self, error: TwicetoldError) -> None:
        if self._lost is None:
            self._lost = error
            self._on_lost(error)

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
