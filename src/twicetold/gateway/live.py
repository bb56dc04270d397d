"""``GET /v1/live``: one WebSocket, audio in, captions out."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Coroutine

import starlette.websockets
import structlog
from fastapi import APIRouter, WebSocket
from starlette.websockets import WebSocketDisconnect, WebSocketState

from twicetold.errors import (
    BadInput,
    CallDeleted,
    CallInUse,
    Conflict,
    Forbidden,
    IdleTimeout,
    NotAllowed,
    Overloaded,
    SessionLost,
    SlowReader,
    SwapLost,
    TooFast,
    TwicetoldError,
    Unauthorized,
)
from twicetold.gateway.auth import tenant_of_socket
from twicetold.gateway.context import Platform
from twicetold.gateway.delivery import Delivery
from twicetold.gateway.hearing import Hearing
from twicetold.gateway.ingest import Ingest
from twicetold.gateway.intake import Intake, open_intake
from twicetold.gateway.lag import Lag
from twicetold.gateway.live_entry import Entry, enter, heard_at
from twicetold.gateway.live_protocol import Command, Inbound, LiveRequest
from twicetold.gateway.locks import CallLocks
from twicetold.gateway.pace import Ahead, Pace
from twicetold.sessions import Record, State
from twicetold.speech.events import Ack, Failed, Gap, Kind, Lagging, Ready
from twicetold.speech.identity import CallKey

log = structlog.get_logger()
router = APIRouter()

_TICK_S = 0.5
_MOST_PUSHED_BACK_S = 60.0
_MOST_UNREAD_S = 30.0  # that a message waits for a client that does not read
_LAST_WORDS_S = 1.0  # to such a client
_STOP_WITHIN_S = 5.0  # of a client that said stop and left: its decoder is still needed
_SERVER_STOPS = 1012
# Starlette says the second where it is sent to after it has gone; older versions do not have it.
_GONE = (
    WebSocketDisconnect,
    getattr(starlette.websockets, "WebSocketDisconnected", WebSocketDisconnect),
    OSError,
)


@router.websocket("/v1/live")
async def live(websocket: WebSocket) -> None:
    """The native live protocol; see docs/architecture.md."""
    platform: Platform = websocket.app.state.platform
    running: set[object] = websocket.app.state.live_calls
    subprotocol: str | None = None
    refusal: TwicetoldError | None = None
    tenant = ""
    try:
        tenant, subprotocol = tenant_of_socket(websocket)
        if len(running) >= platform.settings.max_live_calls:
            raise Overloaded("The server has as many live calls as it may take.")
    except TwicetoldError as error:
        refusal = error
    await websocket.accept(subprotocol)
    connection = Connection(websocket, platform)
    running.add(connection)
    try:
        if refusal is not None:
            raise refusal
        if websocket.app.state.stopping:
            connection.hand_over()
        request = LiveRequest.parse(websocket.query_params, platform.settings.language)
        await connection.serve(CallKey.checked(tenant, request.call_id), request)
        await connection.part_if_handed_over()
    except TwicetoldError as error:
        await connection.refuse(error)
    except _GONE:
        pass  # the client is gone; the call waits for it
    except Exception:
        log.exception("live_connection_failed")
        await connection.refuse(Overloaded("The server failed on this connection.", "Reconnect."))
    finally:
        running.discard(connection)
        await connection.aclose()


class Connection:
    """One client's WebSocket, from its acceptance to its end."""

    def __init__(self, websocket: WebSocket, platform: Platform) -> None:
        self._socket, self._platform = websocket, platform
        self._hearing = Hearing(websocket)
        self._settings = platform.settings
        self._loop = asyncio.get_running_loop()
        self._last_audio = self._loop.time()
        self._tenant, self._stamp = "", platform.tenants.stamp("")
        self._pushed_back_since: float | None = None
        self._told_all = True  # of what was said: nothing is due where no more sound comes
        self._tasks: set[asyncio.Task[None]] = websocket.app.state.live_tasks
        self._ahead: Ahead = websocket.app.state.ahead
        self._ingest: Ingest | None = None
        self._lag: Lag | None = None
        self._heard_more = asyncio.Event()  # the live pass has come further
        self._close_code = 0
        self._handed_over = False
        self._over = self._pushing_back = False
        self._stopping: asyncio.Task[None] | None = None
        self._telling_lag: asyncio.Task[None] | None = None
        self._ack: int | None = None  # waits for the one before it to be sent
        self._failure: asyncio.Future[None] = self._loop.create_future()

    async def aclose(self) -> None:
        await self._hearing.aclose()

    async def serve(self, key: CallKey, request: LiveRequest) -> None:
        """Returns when the call is done or the client gone. Raises what the client must be told."""
        bound = structlog.contextvars.bind_contextvars(tenant=key.tenant, call_id=key.call_id)
        self._tenant, self._stamp = key.tenant, self._platform.tenants.stamp(key.tenant)
        await self._hearing.refuse_the_gone()
        intake = await open_intake(request, self._platform.decoder)
        try:
            claims: CallLocks = self._socket.app.state.call_claims
            entry = await enter(self._platform, claims, key, request, intake)
            delivery = Delivery(
                self._platform,
                self._socket.app.state.captions,
                key,
                request.event,
                alerts=True,
            )
            await delivery.open()
            try:
                await self._converse(key, request, intake, entry, delivery)
            except (SwapLost, SessionLost) as lost:
                raise await self._taken_away(key, lost) from lost
            finally:
                await delivery.aclose()
        finally:
            await intake.aclose()
            structlog.contextvars.reset_contextvars(**bound)

    async def _taken_away(self, key: CallKey, lost: SwapLost | SessionLost) -> TwicetoldError:
        """What to tell a client whose call is no longer this connection's."""
        record = await self._platform.sessions.load(key)
        if record is None and await self._platform.transcripts.buried(key):
            return CallDeleted(f"The call {key.call_id} was deleted.")
        if record is None or record.state is not State.OPEN:
            return lost
        # Not to be tried again: two that do would take the call from each other for ever.
        return CallInUse(
            "Another connection has taken this call over.", "One session serves one client."
        )

    async def _converse(
        self,
        key: CallKey,
        request: LiveRequest,
        intake: Intake,
        entry: Entry,
        delivery: Delivery,
    ) -> None:
        record = entry.record
        self._over = entry.over
        self._told_all = not entry.resumed or entry.over
        ingest = self._ingest = self._ingest_of(key, record, intake)
        self._lag, pace = self._lag_of(entry), self._pace_of(key, record)
        await self._say(Ready(key.call_id, entry.token, record.next_seq).to_json())
        if entry.resumed and not entry.over and not intake.seamless:
            at_s = await ingest.fill_gap(heard_at(record), left=entry.left)
            await self._say(Gap(round(at_s, 3)).to_json())
        inbound = Inbound(request, record.next_seq, over=entry.over)
        tasks = [
            asyncio.ensure_future(step)
            for step in (
                self._deliver(delivery),
                self._receive(inbound, ingest, pace),
                self._watch(ingest, inbound),
                self._failure,
            )
        ]
        try:
            # Delivery ends with `done`; receiving ends when the client is gone.
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                if task.done() and not self._handed_over:
                    task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            now = self._loop.time()
            self._ahead.note(key, pace.ahead_s(now), now)
            await self._let_go_of(ingest, stopped=inbound.stopped)

    async def _let_go_of(self, ingest: Ingest, *, stopped: bool) -> None:
        if self._stopping is not None:
            await asyncio.wait([self._stopping], timeout=_STOP_WITHIN_S)
        if stopped:
            ingest.close()
        else:
            self._spawn(self._leave(ingest))  # outlives the connection by a moment

    def _ingest_of(self, key: CallKey, record: Record, intake: Intake) -> Ingest:
        return Ingest(
            self._platform.broker,
            self._platform.sessions,
            key,
            epoch=record.epoch,
            next_seq=record.next_seq,
            next_sample=record.next_sample,
            channels=record.channels,
            intake=intake,
            lease_s=self._settings.lease_s,
            live_calls=self._live_calls,
            on_ack=self._acknowledge,
            on_lost=self._fail,
        )

    def _lag_of(self, entry: Entry) -> Lag:
        record = entry.record
        return Lag(
            record.rate,
            published=record.next_sample,
            settled=min(record.boundaries, default=0),
            over=entry.over,
            notice_s=self._settings.lag_notice_s,
            now=self._loop.time(),
        )

    def _pace_of(self, key: CallKey, record: Record) -> Pace:
        """A call that was away is behind by the wall clock, and may catch up; that it is ahead is
        known by ours alone, for that of the gateway before us may be another."""
        now = self._loop.time()
        behind_s = min(0.0, record.next_sample / record.rate - (time.time() - record.started_at))
        return Pace(ahead_s=self._ahead.of(key, now) or behind_s, now=now)

    def hand_over(self) -> None:
        """The server stops: the client is to go on elsewhere at once, in the middle of a word."""
        self._handed_over, self._close_code = True, _SERVER_STOPS
        if not self._failure.done():
            self._failure.set_result(None)

    async def part_if_handed_over(self) -> None:
        if self._handed_over:
            await self._close(_SERVER_STOPS)

    # --- from the client --------------------------------------------------------

    async def _receive(self, inbound: Inbound, ingest: Ingest, pace: Pace) -> None:
        """Returns when the client is gone; runs on after ``stop``."""
        while True:
            message = await self._hearing.receive()
            if message["type"] == "websocket.disconnect":
                self._close_code = message.get("code") or 0
                return
            data = message.get("bytes")
            if data is not None:
                before = ingest.sample
                await ingest.feed(inbound.next_seq, inbound.audio(data))
                self._last_audio = self._loop.time()
                self._told_all = False
                pace.take((ingest.sample - before) / ingest.rate, self._last_audio)
                await self._keep_pace(ingest, pace)
            else:
                await self._command(inbound, ingest, message.get("text") or "")

    async def _command(self, inbound: Inbound, ingest: Ingest, text: str) -> None:
        command = inbound.text(text)
        if self._over:
            return  # said again by a client that came back; its call is closing already
        if command is Command.FINALIZE:
            await ingest.finalize()
        else:
            self._told_all = True
            # To its end, also where the client leaves meanwhile: it has said that this was all.
            self._stopping = self._spawn(ingest.stop(inbound.next_seq - 1))
            self._stopping.add_done_callback(_retrieved)
            await asyncio.shield(self._stopping)

    async def _keep_pace(self, ingest: Ingest, pace: Pace) -> None:
        """Read on only when that is due; a client that keeps pushing ahead of real time is told
        to upload instead."""
        if pace.at_ease(self._loop.time()):
            self._pushed_back_since = None
        while (hold_s := pace.hold_s(self._unheard_s(ingest), self._loop.time())) > 0:
            self._pushing_back = True  # it is not the client that is silent
            try:
                await self._hold(pace, hold_s)
            finally:
                self._pushing_back = False
                self._last_audio = self._loop.time()

    async def _hold(self, pace: Pace, seconds: float) -> None:
        now = self._loop.time()
        if pace.too_far(now):
            self._pushed_back_since = self._pushed_back_since or now
            if now - self._pushed_back_since > _MOST_PUSHED_BACK_S:
                raise TooFast(f"For {_MOST_PUSHED_BACK_S:.0f} s audio came faster than real time.")
        self._heard_more.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(min(seconds, 1.0)):
                await self._heard_more.wait()

    def _unheard_s(self, ingest: Ingest) -> float:
        return self._lag.unheard_s(ingest.sample) if self._lag is not None else 0.0

    async def _leave(self, ingest: Ingest) -> None:
        """The client broke off: what was said is told, unless it comes back at once."""
        try:
            await ingest.leave()
            if self._close_code != _SERVER_STOPS and not self._told_all:
                await asyncio.sleep(self._settings.finalize_after_s)
                await ingest.pause_if_ours()
        except TwicetoldError as error:
            log.info("call_left", reason=error.code)
        finally:
            ingest.close()

    # --- to the client ----------------------------------------------------------

    async def _deliver(self, delivery: Delivery) -> None:
        """Returns once ``done`` was sent."""
        try:
            await self._pass_on(delivery)
        except TwicetoldError:
            raise
        except _GONE:
            # The client is gone. What it had sent before, a stop perhaps, is still received:
            # that side ends the conversation.
            await self._loop.create_future()

    async def _pass_on(self, delivery: Delivery) -> None:
        while True:
            for caption in await delivery.receive():
                if caption.kind is Kind.PROGRESS:
                    if self._lag is not None:
                        self._lag.heard(int(caption.body()["sample"]))
                        self._heard_more.set()
                    self._tell_lag()
                elif caption.kind is Kind.STATUS:
                    continue
                elif caption.kind is Kind.FAILED:
                    await self._say(caption.json)
                    await self._close(4409)
                    return
                else:
                    await _within(_MOST_UNREAD_S, self._socket.send_text(caption.json))
                    if caption.kind is Kind.DONE:
                        await self._close(1000)
                        return

    def _live_calls(self) -> int:
        return len(self._socket.app.state.live_calls)

    def _acknowledge(self, seq: int) -> None:
        sending, self._ack = self._ack is not None, seq
        if not sending:
            self._spawn(self._say_acks()).add_done_callback(self._told)

    async def _say_acks(self) -> None:
        """One at a time: to a client that does not read, only the newest is kept waiting."""
        told: int | None = None
        while self._ack != told:
            told = self._ack
            if told is not None:
                await self._say(Ack(told).to_json())
        self._ack = None

    def _spawn(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def lag_s(self) -> float:
        """Seconds of audio that the client has sent and whose words are not here yet."""
        if self._lag is None or self._ingest is None:
            return 0.0
        ingest = self._ingest
        return self._lag.seconds(ingest.sample, self._loop.time(), ingest.feeding_since)

    def _tell_lag(self) -> None:
        """Beside whoever asks: a client that does not read must not hold up the lease."""
        if self._lag is None or not (self._telling_lag is None or self._telling_lag.done()):
            return
        seconds = self._lag.due(self.lag_s(), self._loop.time())
        if seconds is not None:
            self._telling_lag = self._spawn(self._say(Lagging(round(seconds, 1)).to_json()))
            self._telling_lag.add_done_callback(self._told)

    def _told(self, saying: asyncio.Task[None]) -> None:
        if not saying.cancelled() and isinstance(error := saying.exception(), TwicetoldError):
            self._fail(error)

    async def _watch(self, ingest: Ingest, inbound: Inbound) -> None:
        """What is due without a message: the lease, a client that fell silent, the lag."""
        while True:
            await asyncio.sleep(_TICK_S)
            now = self._loop.time()
            if self._platform.tenants.stamp(self._tenant) != self._stamp:
                raise Unauthorized("The key of this connection was replaced or taken back.")
            self._tell_lag()
            if inbound.stopped:
                if self._stopping is not None and not self._stopping.done():
                    ingest.keep_lease()  # its last sound may have to wait for the broker
                continue
            if self._pushing_back or ingest.feeding_since is not None:
                self._last_audio = now
            if now - self._last_audio >= self._settings.finalize_after_s and not self._told_all:
                self._told_all = True
                await ingest.pause()
            if now - self._last_audio >= self._settings.idle_timeout_s:
                raise IdleTimeout(f"No sound came for {round(now - self._last_audio)} s.")
            if now - ingest.renewed_at >= self._settings.lease_s / 3:
                ingest.keep_lease()

    def _fail(self, error: TwicetoldError) -> None:
        if not self._failure.done():
            self._failure.set_exception(error)

    async def refuse(self, error: TwicetoldError) -> None:
        """Tell the client what is wrong, and close."""
        if error.public:  # it is told less than whoever is to mend it must know
            log.warning("live_refused", code=error.code, reason=error.message)
        told = Failed.of(error)
        patience_s = _LAST_WORDS_S if isinstance(error, SlowReader) else _MOST_UNREAD_S
        with contextlib.suppress(SlowReader):
            await _within(patience_s, self._part(told.to_json(), _close_code(error)))

    async def _part(self, text: str, code: int) -> None:
        await self._say(text)
        await self._close(code)

    async def _say(self, text: str) -> None:
        if self._socket.application_state is WebSocketState.CONNECTED:
            await _quietly(_within(_MOST_UNREAD_S, self._socket.send_text(text)))

    async def _close(self, code: int) -> None:
        if self._socket.application_state is WebSocketState.CONNECTED:
            await _quietly(_within(_MOST_UNREAD_S, self._socket.close(code)))


def _retrieved(task: asyncio.Task[None]) -> None:
    """Whoever waited for the task was told, or is gone."""
    if not task.cancelled():
        task.exception()


async def _within(seconds: float, sending: Awaitable[None]) -> None:
    """Raises SlowReader where the client takes nothing for so long."""
    try:
        async with asyncio.timeout(seconds):
            await sending
    except TimeoutError:
        raise SlowReader(f"For {seconds:.0f} s the client read nothing.") from None


async def _quietly(sending: Awaitable[None]) -> None:
    """A client that is gone need not be told anything."""
    with contextlib.suppress(WebSocketDisconnect, OSError, RuntimeError):
        await sending


def _close_code(error: TwicetoldError) -> int:
    if isinstance(error, NotAllowed):
        return 4403 if isinstance(error, Forbidden) else 4401
    if isinstance(error, Conflict):
        return 4409
    return 4400 if isinstance(error, BadInput) else 4503
