"""Following a call: what is stored and what is coming, as one ordered stream.

On connect, on reconnect and at a gap the same thing happens ("Delivery" in
docs/architecture.md): listen first, then read the record's finals, then the draft, and merge
by event. The recorder saves a final in the draft before it trims the record, so read in this
order no final can hide between the two.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable

from twicetold.errors import CallDeleted, CallNotFound, SessionLost, TwicetoldError, Unavailable
from twicetold.gateway.alerts import Alerts
from twicetold.gateway.captions import CaptionHub, Subscription
from twicetold.gateway.context import Platform
from twicetold.gateway.withholding import redacts, shown_caption
from twicetold.sessions import State
from twicetold.speech.events import Caption, Done, Failed, Kind
from twicetold.speech.events import Status as StatusEvent
from twicetold.speech.identity import CallKey
from twicetold.speech.transcript import Final
from twicetold.transcripts import Call, Status

# A running call says something every second (progress): after so long, look what was missed.
_QUIET_S = 15.0
_MOST_FRUITLESS_LOOKS = 3
_UTTERANCE = re.compile(
    r'\{"type":"[a-z_]+",(?:"event":\d+,)?"channel":(\d+),"utterance":(\d+)[,}]'
)
OVER = (Status.DONE, Status.FAILED)


class Delivery:
    """One follower's view of one call.

    Finals come exactly once and in order, from ``after_event`` on; ``done`` once, after the
    last of them; then the state of the canonical transcript as it changes. Partials of an
    utterance whose final was given are left out. An error (the call was deleted) ends it.
    """

    def __init__(
        self,
        platform: Platform,
        hub: CaptionHub,
        key: CallKey,
        after_event: int = 0,
        *,
        quiet_s: float = _QUIET_S,
        alerts: bool = False,
    ) -> None:
        """``alerts``: with those of the tenant's phrase rules, each behind its final."""
        self._rules = platform.rules(key.tenant) if alerts else None
        self._alerts: Alerts | None = None
        self._sessions, self._transcripts = platform.sessions, platform.transcripts
        self._hub, self._key, self._quiet_s = hub, key, quiet_s
        self._platform = platform
        self._subscription: Subscription | None = None
        self._given = after_event  # the last final that was given
        self._seen = after_event  # the last final that is known to exist
        self._last: int | None = None  # the call's last final, once it is over
        self._settled: dict[int, int] = {}  # channel → utterance of its last final
        self._done_given = False
        self._status: str | None = None
        self._ready: list[Caption] = []
        self._fruitless = 0
        self._loop = asyncio.get_running_loop()
        self._heard_at = self._loop.time()
        self._timer: asyncio.TimerHandle | None = None

    @property
    def last_event(self) -> int:
        """The last final that was given."""
        return self._given

    async def open(self) -> None:
        """Take up position. Raises CallNotFound or CallDeleted."""
        self._subscription = await self._hub.subscribe(self._key)
        try:
            await self._listen_for_alerts()
            await self._look()
        except BaseException:
            await self.aclose()
            raise
        self._watch_for_silence()

    async def _listen_for_alerts(self) -> None:
        if self._rules is None:
            return
        record = await self._sessions.load(self._key)
        call = await self._transcripts.call(self._key) if record is None else None
        told = record or call
        if told is None:
            return  # looking for the call says what became of it
        self._alerts = Alerts(*self._rules, told.channels)
        if self._given:
            await self._catch_up(self._alerts, record.finals if record is not None else ())

    async def _catch_up(self, alerts: Alerts, finals: Iterable[Final]) -> None:
        """With the finals that the follower has seen; the record holds the last ones."""
        said = {final.event: final for final in finals}
        for drafted in await self._transcripts.draft_finals(self._key):
            said.setdefault(drafted.event, drafted)
        alerts.catch_up(final for event, final in said.items() if event <= self._given)

    async def receive(self) -> list[Caption]:
        """What has come since, in order; waits until there is something, which may be nothing
        that is shown. Not to be cancelled if more is to be received.

        Raises Unavailable once the server stops, and SessionLost where finals are known to
        exist but nobody holds them any more.
        """
        subscription = self._subscription
        assert subscription is not None, "expected an open delivery"
        while not self._ready:
            captions = await subscription.receive()
            self._heard_at = self._loop.time()
            if not captions:
                await self._look_after_silence(subscription)
            for caption in captions:
                await self._take(caption)
            if subscription.take_gap():
                await self._look()
        ready, self._ready = self._ready, []
        if redacts(self._platform, self._key.tenant):
            return [shown for each in ready if (shown := shown_caption(each)) is not None]
        return ready

    async def aclose(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._subscription is not None:
            await self._subscription.close()

    # --- what comes -------------------------------------------------------------

    async def _take(self, caption: Caption) -> None:
        kind = caption.kind
        if kind is Kind.FINAL:
            await self._take_final(caption)
        elif kind is Kind.DONE:
            await self._end_at(caption.event)
        elif kind in (Kind.PARTIAL, Kind.SPEECH_STARTED, Kind.NO_WORDS):
            channel, utterance = _utterance_of(caption)
            if utterance > self._settled.get(channel, -1) and not self._done_given:
                self._ready.append(caption)
        elif kind is Kind.STATUS:
            if self._done_given:  # before, a follower is still told the live pass
                self._status = str(caption.body()["status"])
                self._ready.append(caption)
        elif kind is Kind.FAILED:
            self._ready.append(await self._why_failed(caption))
        else:
            if kind is Kind.PROGRESS and caption.event > self._given:
                await self._merge()
            self._ready.append(caption)

    async def _why_failed(self, caption: Caption) -> Caption:
        """The live worker says first that a record is gone, where a deletion removed it."""
        if caption.body()["code"] != SessionLost.code:
            return caption
        if not await self._transcripts.buried(self._key):
            return caption
        return _told(CallDeleted(f"The call {self._key.call_id} was deleted."))

    async def _take_final(self, caption: Caption) -> None:
        self._seen = max(self._seen, caption.event)
        if caption.event == self._given + 1:
            self._give(caption, *_utterance_of(caption))
        elif caption.event > self._given:
            await self._merge()
        if self._last is not None:
            await self._end_at(self._last)

    async def _end_at(self, event: int) -> None:
        """The live pass has ended with that final: give ``done``, once all before it is given."""
        self._last = event
        self._seen = max(self._seen, event)
        if self._given < event:
            await self._merge()
        if self._given >= event and not self._done_given:
            self._done_given = True
            self._ready.append(Caption.of(Done(self._key.call_id, event)))
            call = await self._transcripts.call(self._key)
            if call is not None:
                self._tell_status(call)

    # --- what is stored ---------------------------------------------------------

    async def _look(self) -> None:
        """Where does the call stand, whatever was heard of it?"""
        record = await self._sessions.load(self._key)
        call = await self._transcripts.call(self._key)
        if record is None and call is None:
            if await self._transcripts.buried(self._key):
                raise CallDeleted(f"The call {self._key.call_id} was deleted.")
            raise CallNotFound(f"There is no call {self._key.call_id}.")
        await self._merge()
        if record is not None and record.state is State.CLOSED:
            await self._end_at(record.event)
        elif record is None and call is not None:
            await self._end_without_record(call)
        if call is not None and self._done_given:
            self._tell_status(call)

    async def _end_without_record(self, call: Call) -> None:
        if call.status is Status.LIVE and call.ended_at is None:
            raise SessionLost(f"The session of call {self._key.call_id} is gone.")
        await self._end_at(self._seen)

    def _watch_for_silence(self) -> None:
        """One timer for all of a call's captions: it looks whether any came since it was set."""
        silent_s = self._loop.time() - self._heard_at
        if silent_s >= self._quiet_s and self._subscription is not None:
            silent_s = 0.0
            self._subscription.wake()
        self._timer = self._loop.call_later(self._quiet_s - silent_s, self._watch_for_silence)

    async def _look_after_silence(self, subscription: Subscription) -> None:
        if subscription.closed:
            raise Unavailable("The server is stopping.", "Connect again in a moment.")
        behind = self._given
        try:
            await self._look()
        except (CallDeleted, CallNotFound) as error:
            self._ready.append(_told(error))
            return
        self._fruitless = self._fruitless + 1 if self._given == behind < self._seen else 0
        if self._fruitless >= _MOST_FRUITLESS_LOOKS:
            raise SessionLost(f"Final {behind + 1} of call {self._key.call_id} is gone.")

    async def _merge(self) -> None:
        """Give what is stored and was not given yet, as far as it goes without a gap."""
        record = await self._sessions.load(self._key)
        held: dict[int, Final] = {}
        if record is not None:
            held = {final.event: final for final in record.finals}
            self._seen = max(self._seen, record.event)
        if self._given + 1 not in held:
            for drafted in await self._transcripts.draft_finals(self._key, self._given):
                held.setdefault(drafted.event, drafted)
        self._seen = max(self._seen, max(held, default=0))
        while (final := held.get(self._given + 1)) is not None:
            self._give(Caption.of_final(final), final.channel, final.utterance)

    def _give(self, caption: Caption, channel: int, utterance: int) -> None:
        self._given = caption.event
        self._settled[channel] = utterance
        self._ready.append(caption)
        if self._alerts is not None:
            self._ready += self._alerts.of(caption)

    def _tell_status(self, call: Call) -> None:
        """How the canonical transcript stands, unless that was told already."""
        if call.status != self._status and call.status is not Status.LIVE:
            self._status = call.status
            told = StatusEvent(self._key.call_id, call.status, 0.0, call.length_s or 0.0)
            self._ready.append(Caption.of(told))


def _told(error: TwicetoldError) -> Caption:
    return Caption.of(Failed.of(error))


def _utterance_of(caption: Caption) -> tuple[int, int]:
    """(channel, utterance), without parsing the whole caption where it is written as we do."""
    found = _UTTERANCE.match(caption.json)
    if found:
        return int(found[1]), int(found[2])
    body = caption.body()
    return int(body["channel"]), int(body["utterance"])
