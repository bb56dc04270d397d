"""The live worker: consumes audio, runs every call by itself, publishes captions and finals."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from twicetold.broker import Broker, Foreign, Group, Topic
from twicetold.engines import VoiceActivity
from twicetold.errors import Conflict, SessionLost, TwicetoldError
from twicetold.live.call import LiveCall, LiveSettings
from twicetold.live.detection import Detector
from twicetold.live.dispatch import Dispatcher, Fate
from twicetold.live.engines import LiveEngines
from twicetold.live.inbox import Inbox, drain
from twicetold.live.ledger import Ledger, persist_value
from twicetold.live.redacting import LiveRedactor
from twicetold.live.session import SameSound
from twicetold.sessions import Record, Sessions, State
from twicetold.speech.events import Caption, Failed
from twicetold.speech.identity import CallKey

log = structlog.get_logger()

_LEAVE_S = 1.0


class LiveWorker:
    """Runs until cancelled. One call's trouble stays its own."""

    def __init__(
        self,
        broker: Broker,
        sessions: Sessions,
        engines: LiveEngines,
        activity: VoiceActivity,
        settings: LiveSettings,
        *,
        same_sound: SameSound | None = None,
        redactor: Callable[[Record], LiveRedactor | None] = lambda record: None,
    ) -> None:
        """``redactor`` of a call, where its words are to be redacted."""
        self._broker, self._sessions, self._engines = broker, sessions, engines
        self._detector = Detector(activity)
        self._settings, self._same_sound, self._redactor = settings, same_sound, redactor
        self._calls: dict[CallKey, LiveCall] = {}
        self._foreign = Foreign()

    async def run(self) -> None:
        self._consumer = self._broker.consume(Topic.AUDIO, Group.LIVE)
        self._foreign = self._consumer.foreign
        try:
            await Dispatcher(self._consumer, self._run_call).run()
        finally:
            self._detector.close()

    async def lags(self) -> list[float]:
        """Per running call, the seconds of audio that were published and are not heard yet. Raises
        Unavailable where the session store is asked, for calls that are far behind, and away."""
        calls = list(self._calls.items())
        # A full inbox pauses its partition: what others have in it was not read either.
        behind = any(call.inbox.full for _, call in calls)
        return [await self._lag_s(key, call) if behind else call.lag_s() for key, call in calls]

    def foreign(self) -> int:
        """How many messages came that were none of ours."""
        return self._foreign.count

    async def _lag_s(self, key: CallKey, call: LiveCall) -> float:
        record = await self._sessions.load(key)  # the log holds more than was read
        return call.lag_s(record.next_sample if record is not None else 0)

    async def _run_call(self, key: CallKey, inbox: Inbox) -> Fate:
        fate = Fate.OVER
        try:
            await self._hear(key, inbox)
        except* SessionLost:
            log.warning("session_lost")
            self._say_lost(key)
            self._let_go(key)
            if not _stopping():
                await drain(self._consumer, inbox)
        except* Conflict as conflicts:
            log.info("call_taken_over", code=_codes(conflicts))
            fate = Fate.TAKEN
        except* Exception as errors:
            log.exception("live_pass_given_up", exc_info=errors)
            self._let_go(key)
            if not _stopping():
                fate = await self._go_deaf(key, inbox)
        finally:
            self._calls.pop(key, None)
        return fate

    def _let_go(self, key: CallKey) -> None:
        """Of what the call has read and nobody will hear: it would hold up its whole partition."""
        if (call := self._calls.get(key)) is not None:
            call.release_all()

    async def _hear(self, key: CallKey, inbox: Inbox) -> None:
        record = await persist_value(lambda: self._sessions.load(key))
        if record is None:
            raise SessionLost(f"The record of call {key.call_id} is gone.")
        ledger = Ledger(self._broker, self._sessions, record, self._engines.label)
        if record.state is State.CLOSED:
            # The worker before us may have died between closing the call and saying so.
            if await drain(self._consumer, inbox):
                await ledger.say_ended(record.next_sample)
            return
        await self._engines.learn(key.tenant)
        call = self._calls[key] = LiveCall(
            record,
            ledger,
            self._consumer,
            inbox,
            self._engines.of(key.tenant, record.language),
            self._detector,
            self._settings,
            self._same_sound,
            self._redactor(record),
        )
        try:
            await call.run()
        except asyncio.CancelledError:
            await _leave(ledger)
            raise

    def _say_lost(self, key: CallKey) -> None:
        lost = SessionLost("The call's record is gone; its live captions end here.")
        failed = Failed.of(lost)
        self._broker.publish(Topic.CAPTIONS, key, Caption.of(failed).to_bytes())

    async def _go_deaf(self, key: CallKey, inbox: Inbox) -> Fate:
        """Give up the live captions of one call; its recording and canonical text go on."""
        call = self._calls.get(key)
        if call is None or not call.closed:
            await drain(self._consumer, inbox, idle_s=None)
        record = await persist_value(lambda: self._sessions.load(key))
        if record is None:
            return Fate.OVER
        ledger = Ledger(self._broker, self._sessions, record, self._engines.label)
        if call is not None:
            ledger = call.ledger  # as the owner that we were: it may be another's by now
        try:
            await ledger.close(record.next_sample)
        except SessionLost:
            return Fate.OVER
        except Conflict:
            return Fate.TAKEN
        return Fate.OVER


def _stopping() -> bool:
    """Whether this task was cancelled. A group of tasks, one of which fails at that very moment,
    tells of the failure alone: nothing else says that nobody waits for what comes now."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


async def _leave(ledger: Ledger) -> None:
    """The partition goes, or we do. Not to be waited for long: the next one is waiting too."""
    try:
        async with asyncio.timeout(_LEAVE_S):
            await ledger.leave()
    except (TwicetoldError, TimeoutError) as error:
        log.info("call_left_in_a_hurry", reason=type(error).__name__)


def _codes(errors: BaseExceptionGroup[Conflict]) -> list[str]:
    return [error.code for error in errors.exceptions if isinstance(error, Conflict)]
