"""The live worker: consumes audio, runs every call by itself, publishes captions and finals."""

from __future__ import annotations

import asyncio

import structlog

from twicetold.broker import Assigned, Broker, Consumer, Delivery, Group, Revoked, Topic
from twicetold.engines import StreamingTranscriber, VoiceActivity
from twicetold.errors import Conflict, SessionLost
from twicetold.live.call import LiveCall, LiveSettings
from twicetold.live.detection import Detector
from twicetold.live.inbox import Inbox
from twicetold.live.ledger import Ledger
from twicetold.live.session import SameSound
from twicetold.sessions import Sessions, State
from twicetold.speech.chunks import Close, parse_log_message
from twicetold.speech.events import Caption, Failed
from twicetold.speech.identity import CallKey

log = structlog.get_logger()

_DRAIN_BYTES = 1024 * 1024


class LiveWorker:
    """Runs until cancelled. One call's trouble stays its own."""

    def __init__(
        self,
        broker: Broker,
        sessions: Sessions,
        engine: StreamingTranscriber,
        activity: VoiceActivity,
        settings: LiveSettings,
        *,
        same_sound: SameSound | None = None,
    ) -> None:
        self._broker, self._sessions, self._engine = broker, sessions, engine
        self._detector = Detector(activity)
        self._settings, self._same_sound = settings, same_sound
        self._inboxes: dict[CallKey, Inbox] = {}
        self._tasks: dict[CallKey, asyncio.Task[None]] = {}

    async def run(self) -> None:
        consumer = self._broker.consume(Topic.AUDIO, Group.LIVE)
        try:
            while batch := await consumer.receive():
                for item in batch:
                    if isinstance(item, Delivery):
                        self._dispatch(consumer, item)
                    elif isinstance(item, Revoked):
                        self._let_go(item.partition)
                    else:
                        assert isinstance(item, Assigned)
        finally:
            for task in self._tasks.values():
                task.cancel()
            await asyncio.gather(*self._tasks.values(), return_exceptions=True)
            await consumer.aclose()
            self._detector.close()

    def _dispatch(self, consumer: Consumer, delivery: Delivery) -> None:
        inbox = self._inboxes.get(delivery.key)
        if inbox is None:
            inbox = self._inboxes[delivery.key] = Inbox(consumer, delivery.partition)
            task = asyncio.create_task(self._run(delivery.key, consumer, inbox))
            self._tasks[delivery.key] = task
        inbox.put(delivery)

    def _let_go(self, partition: str) -> None:
        for key, inbox in list(self._inboxes.items()):
            if inbox.partition == partition:
                self._tasks[key].cancel()

    async def _run(self, key: CallKey, consumer: Consumer, inbox: Inbox) -> None:
        bound = structlog.contextvars.bind_contextvars(tenant=key.tenant, call_id=key.call_id)
        try:
            await self._run_call(key, consumer, inbox)
        except* SessionLost:
            log.warning("session_lost")
            self._say_lost(key)
            await _drain(consumer, inbox)
        except* Conflict as conflicts:
            log.info("call_taken_over", code=_codes(conflicts))
        except* Exception as errors:
            log.exception("live_pass_given_up", exc_info=errors)
            await self._go_deaf(key, consumer, inbox)
        finally:
            structlog.contextvars.reset_contextvars(**bound)
            self._inboxes.pop(key, None)
            self._tasks.pop(key, None)

    async def _run_call(self, key: CallKey, consumer: Consumer, inbox: Inbox) -> None:
        record = await self._sessions.load(key)
        if record is None:
            raise SessionLost(f"The record of call {key.call_id} is gone.")
        ledger = Ledger(self._broker, self._sessions, record, self._engine.info.name)
        if record.state is State.CLOSED:
            # The worker before us died between closing the call and saying so.
            await ledger.say_ended(record.next_sample)
            await _drain(consumer, inbox)
            return
        call = LiveCall(
            record,
            ledger,
            consumer,
            inbox,
            self._engine,
            self._detector,
            self._settings,
            self._same_sound,
        )
        await call.run()

    def _say_lost(self, key: CallKey) -> None:
        lost = SessionLost("The call's record is gone; its live captions end here.")
        failed = Failed(lost.code, lost.message, lost.hint, lost.retryable)
        self._broker.publish(Topic.CAPTIONS, key, Caption.of(failed).to_bytes())

    async def _go_deaf(self, key: CallKey, consumer: Consumer, inbox: Inbox) -> None:
        """Give up the live captions of one call; its recording and canonical text go on."""
        await _drain(consumer, inbox)
        record = await self._sessions.load(key)
        if record is not None:
            ledger = Ledger(self._broker, self._sessions, record, self._engine.info.name)
            await ledger.close(record.next_sample)


async def _drain(consumer: Consumer, inbox: Inbox) -> None:
    """Release the call's messages unheard, up to and with its close."""
    while True:
        for delivery in await inbox.take(_DRAIN_BYTES):
            consumer.release(delivery)
            if isinstance(parse_log_message(delivery.value), Close):
                return


def _codes(errors: BaseExceptionGroup[Conflict]) -> list[str]:
    return [error.code for error in errors.exceptions if isinstance(error, Conflict)]
