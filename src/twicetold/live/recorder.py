"""The recorder: audio to one recording, finals to the draft, and the sweep of abandoned calls."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import replace

import structlog

from twicetold.broker import Consumer, Delivery, Foreign, Group, Topic
from twicetold.errors import (
    CallDeleted,
    CallNotFound,
    Conflict,
    SessionLost,
    TwicetoldError,
    hint_of,
)
from twicetold.live.call_recorder import CallRecorder, Carriers
from twicetold.live.dispatch import Dispatcher, Fate
from twicetold.live.drafted import Drafted
from twicetold.live.inbox import Inbox, drain
from twicetold.live.ledger import persist, persist_value
from twicetold.live.redacting import REDACTION
from twicetold.sessions import Changes, Record, State
from twicetold.speech.chunks import Close, Ended, parse_finals_message
from twicetold.speech.identity import CallKey
from twicetold.speech.transcript import Final
from twicetold.transcripts import NewCall, Status
from twicetold.transcripts.agreement import settle_draft_wer
from twicetold.transcripts.usage import Usage
from twicetold.webhooks import NOBODY, Announcer

log = structlog.get_logger()

_SWEEP_INTERVAL_S = 5.0
_MOST_ATTEMPTS = 3
_NOT_RECORDED = "It was not recorded."


class Recorder:
    """Runs until cancelled. One call's trouble stays its own."""

    def __init__(
        self,
        carriers: Carriers,
        *,
        abandon_after_s: float,
        device_of: Callable[[str], str] = lambda label: "",
        drafted: Callable[[CallKey, Sequence[Final]], Awaitable[None]] | None = None,
        announcer: Announcer = NOBODY,
    ) -> None:
        """``device_of`` gives what the live engine of a label runs on; "" where nobody knows.
        ``drafted`` is told of finals once they are in the draft, in order, perhaps twice, and
        again where it raises what may pass;
        ``announcer`` of calls that cannot be recorded."""
        self._told, self._announcer = drafted, announcer
        self._to, self._device_of = carriers, device_of
        self._abandon_after_s = abandon_after_s
        self._consumers: list[Consumer] = []
        self._calls: dict[CallKey, CallRecorder] = {}
        self._mistakes: dict[CallKey, int] = {}
        self._beside: set[asyncio.Task[None]] = set()
        self._drafted = Drafted()
        self._closed_before: set[CallKey] = set()
        self._closed_again: set[CallKey] = set()

    async def run(self) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._record())
                group.create_task(self._draft())
                group.create_task(self._sweep())
        finally:
            for task in self._beside:
                task.cancel()
            await asyncio.gather(*self._beside, return_exceptions=True)

    # --- audio ------------------------------------------------------------------

    async def _record(self) -> None:
        self._audio = self._to.broker.consume(Topic.AUDIO, Group.RECORD)
        self._consumers.append(self._audio)
        await Dispatcher(self._audio, self._run_call).run()

    async def _run_call(self, key: CallKey, inbox: Inbox) -> Fate:
        call = self._calls[key] = CallRecorder(key, self._to, self._audio, inbox)
        try:
            await call.run()
            await self._forget_log_when_over(key)
        except CallDeleted:
            await call.discard()
            await call.erase()
            await drain(self._audio, inbox)
        except asyncio.CancelledError:
            # The partition has gone (to another recorder, or with its call), or the server stops:
            # whoever gets it reads again; what was gathered on the way is not left lying about.
            await call.leave()
            raise
        except Exception as error:
            log.exception("recording_stopped")
            return await self._after_mistake(call, key, inbox, error)
        finally:
            if self._calls.get(key) is call:
                del self._calls[key]
        return Fate.OVER

    async def _after_mistake(
        self, call: CallRecorder, key: CallKey, inbox: Inbox, error: Exception
    ) -> Fate:
        """Read it again a few times; then give the call up, and say so, for what is not released
        would hold up all calls of its partition."""
        self._mistakes[key] = self._mistakes.get(key, 0) + 1
        if self._mistakes[key] < _MOST_ATTEMPTS:
            await call.leave()
            return Fate.TAKEN
        del self._mistakes[key]
        await call.discard()
        code = error.code if isinstance(error, TwicetoldError) else "recording_failed"
        with contextlib.suppress(TwicetoldError):
            await self._to.transcripts.set_status(key, Status.FAILED, code, _NOT_RECORDED)
            await self._announcer.failed(key, "recording", code, _NOT_RECORDED, hint_of(code))
        await drain(self._audio, inbox)
        return Fate.OVER

    async def lags(self) -> list[float]:
        """Per running call, as ``CallRecorder.lag_s``."""
        return [await call.lag_s() for call in list(self._calls.values())]

    def foreign(self) -> int:
        """How many messages came that were none of ours."""
        return sum(consumer.foreign.count for consumer in self._consumers)

    # --- finals -----------------------------------------------------------------

    async def _draft(self) -> None:
        consumer = self._to.broker.consume(Topic.FINALS, Group.RECORD)
        self._consumers.append(consumer)
        try:
            while batch := await consumer.receive():
                by_call: dict[CallKey, list[Delivery]] = {}
                for item in batch:
                    if isinstance(item, Delivery):
                        by_call.setdefault(item.key, []).append(item)
                for key, deliveries in by_call.items():
                    await self._save(key, deliveries, consumer)
        finally:
            await consumer.aclose()

    async def _save(self, key: CallKey, deliveries: list[Delivery], consumer: Consumer) -> None:
        """Finals go to the draft, then from the record, then are let go; all may be repeated."""
        try:
            await self._save_messages(key, _ours(deliveries, consumer.foreign))
        except (SessionLost, CallDeleted, CallNotFound) as error:
            log.info("finals_of_no_call", call=str(key), code=error.code)
        except Exception:
            # A mistake of ours: kept, it would hold up all calls of its partition. The canonical
            # pass has the words all the same.
            log.exception("draft_not_saved", call=str(key))
        for delivery in deliveries:
            consumer.release(delivery)

    async def _save_messages(self, key: CallKey, messages: list[Final | Ended]) -> None:
        try:
            await self._save_all(key, messages)
        except CallNotFound:
            await self._begin_unopened(key)
            await self._save_all(key, messages)

    async def _save_all(self, key: CallKey, messages: list[Final | Ended]) -> None:
        found = {message.event: message for message in messages if isinstance(message, Final)}
        until = max((message.event for message in messages), default=0)
        if self._drafted.lacks(key, found, until):
            found = await self._kept(key, until) | found
        finals = [found[event] for event in sorted(found)]
        if finals:
            await persist(lambda: self._to.transcripts.save_draft(key, finals))
            await self._tell(key, finals)
            last = max(final.event for final in finals)
            with contextlib.suppress(SessionLost):  # the draft has them, that is what counts
                await persist(lambda: self._to.sessions.swap(key, {}, {"trim_finals": last}))
        self._drafted.note(key, until)
        for message in messages:
            if isinstance(message, Ended):
                await self._end(key, message)

    async def _tell(self, key: CallKey, finals: Sequence[Final]) -> None:
        """Before the record lets go of them; the draft does not notice what cannot be mended."""
        told = self._told
        if told is None:
            return
        try:
            await persist(lambda: told(key, finals))
        except TwicetoldError as error:
            log.warning("finals_not_told", call=str(key), code=error.code)

    async def _kept(self, key: CallKey, until: int) -> dict[int, Final]:
        """Finals that the record still holds: they were stored before they were published."""
        record = await persist_value(lambda: self._to.sessions.load(key))
        held = record.finals if record is not None else ()
        return {final.event: final for final in held if final.event <= until}

    async def _begin_unopened(self, key: CallKey) -> None:
        """Audio and finals are read by themselves, perhaps by two recorders: finals may come while
        the call's opening still waits for one. Raises CallNotFound where no such call runs."""
        record = await persist_value(lambda: self._to.sessions.load(key))
        if record is None:
            raise CallNotFound(f"There is no call {key.call_id}.")
        call = NewCall(
            key=key,
            started_at=record.started_at,
            channels=record.channels,
            source="live",
            language=record.language,
            rate=record.rate,
        )
        await persist(lambda: self._to.transcripts.begin_call(call))

    async def _end(self, key: CallKey, ended: Ended) -> None:
        length_s = ended.sample / ended.rate
        await persist(
            lambda: self._to.transcripts.end_call(key, time.time(), length_s, ended.engine)
        )
        await persist(lambda: self._count(key, ended, length_s))
        with contextlib.suppress(
            SessionLost
        ):  # it has served; a record is kept for good, and small
            served: Changes = {"computed": "", "trim_finals": ended.event}
            await persist(lambda: self._to.sessions.swap(key, {}, served))
        self._drafted.forget(key)
        self._aside(self._settle_wer(key))
        await self._forget_log_when_over(key)

    async def _count(self, key: CallKey, ended: Ended, length_s: float) -> None:
        """What the live pass used: the call's audio, and what each engine computed for it. All the
        workers that heard it are one attempt, whose sum the last one tells."""
        call = await self._to.transcripts.call(key)
        if call is None:
            return
        main = (call.draft_engine or ended.engine).split(",")[0].strip()
        computed = dict(ended.computed)
        used = Usage(key, "live", "", length_s, computed.pop(main, 0.0), at=call.started_at)
        rows = [used.by(main, self._device(main))]
        for label, compute_s in computed.items():
            part = replace(used.part(label), compute_s=compute_s)
            rows.append(part.by(label, self._device(label)))
        await self._to.transcripts.record_usage(*rows)

    def _device(self, label: str) -> str:
        return "cpu" if label == REDACTION else self._device_of(label)

    async def _settle_wer(self, key: CallKey) -> None:
        """Beside the drafts: comparing two long texts takes a while."""
        try:
            await settle_draft_wer(self._to.transcripts, key)
        except TwicetoldError as error:
            log.warning("draft_wer_not_settled", call=str(key), code=error.code)

    def _aside(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._beside.add(task)
        task.add_done_callback(self._beside.discard)

    async def _forget_log_when_over(self, key: CallKey) -> None:
        """Once recorded and closed, with every final in the draft, the log has served."""
        record = await persist_value(lambda: self._to.sessions.load(key))
        if record is not None:
            if not record.recorded or record.state is not State.CLOSED or record.finals:
                return
            call = await persist_value(lambda: self._to.transcripts.call(key))
            if call is not None and call.ended_at is None:
                return
        await self._to.broker.forget(key)

    # --- abandoned calls --------------------------------------------------------

    async def _sweep(self) -> None:
        """Close calls whose client did not come back, and closes that were never published.

        After a start, after the machine has slept, and once a store that was away is back, clients
        and gateways get as long as ever to return.
        """
        patient_until = time.time() + self._abandon_after_s
        await self._round(self._close_what_is_closing)
        look_again_at = patient_until
        while True:
            before = time.time()
            await asyncio.sleep(_SWEEP_INTERVAL_S)
            now = time.time()
            if now - before > 2 * _SWEEP_INTERVAL_S:
                patient_until = now + self._abandon_after_s
            await self._round(self._close_what_is_lost)
            if now >= patient_until and not await self._round(self._abandon_all):
                patient_until = time.time() + self._abandon_after_s
            if now >= look_again_at:
                look_again_at = now + self._abandon_after_s
                await self._round(self._close_what_nobody_records)

    async def _round(self, work: Callable[[], Awaitable[None]]) -> bool:
        """Whether it could be done."""
        try:
            await work()
        except TwicetoldError as error:
            if not error.retryable:
                raise
            log.warning("sweep_put_off", code=error.code)
            return False
        return True

    async def _close_what_is_closing(self) -> None:
        for record in await self._to.sessions.unfinished():
            if record.state is State.CLOSING:
                await self._publish_close(record)

    async def _close_what_is_lost(self) -> None:
        for call in list(self._calls.values()):
            await call.close_if_lost()

    async def _abandon_all(self) -> None:
        for record in await self._to.sessions.sweep(self._abandon_after_s):
            await self._abandon(record)

    async def _abandon(self, record: Record) -> None:
        """Close for a client that did not come back, or for a gateway that could not say close.
        The lease keeps other sweeps off while the close is worked through."""
        try:
            await self._to.sessions.swap(
                record.key,
                {"state": record.state, "epoch": record.epoch},
                {
                    "state": State.CLOSING,
                    "epoch": record.epoch + 1,
                    "lease_s": self._abandon_after_s,
                },
            )
        except Conflict:
            return  # its client came back, or another recorder was quicker
        log.info("call_abandoned", call=str(record.key))
        await self._publish_close(record)

    async def _close_what_nobody_records(self) -> None:
        """Close calls again that are closed and nobody records: the log has lost their close."""
        closed = {
            record.key: record
            for record in await self._to.sessions.unfinished()
            if record.state is State.CLOSED and record.key not in self._calls
        }
        self._closed_again &= closed.keys()
        for key in (self._closed_before & closed.keys()) - self._closed_again:
            self._closed_again.add(key)
            call = await self._to.transcripts.call(key)
            if call is None or call.status is not Status.FAILED:  # or given up for good
                log.warning("close_missing", call=str(key))
                await self._publish_close(closed[key])
        self._closed_before = set(closed)

    async def _publish_close(self, record: Record) -> None:
        close = Close(record.epoch + 1, record.next_sample)
        await persist(lambda: self._to.broker.publish(Topic.AUDIO, record.key, close.to_bytes()))


def _ours(deliveries: list[Delivery], foreign: Foreign) -> list[Final | Ended]:
    """What they say; what is not ours, or of a newer version, is told and passed over."""
    messages: list[Final | Ended] = []
    for delivery in deliveries:
        try:
            messages.append(parse_finals_message(delivery.value))
        except ValueError:
            foreign.tell(delivery.partition, delivery.position)
    return messages
