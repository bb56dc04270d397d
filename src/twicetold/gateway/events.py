"""Server-sent events: follow a call, running or over, until its canonical transcript stands.

The format is that of the HTML standard's EventSource; ``id`` is the event number of a final,
so that a browser that reconnects by itself goes on after the last final it has seen.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Annotated

import structlog
from fastapi import APIRouter, Depends, Header, Query, Request
from fastapi.responses import StreamingResponse
from starlette.types import Message, Receive, Scope, Send

from twicetold.errors import BadParameter, TwicetoldError, Unavailable
from twicetold.gateway.auth import platform_of
from twicetold.gateway.delivery import OVER, Delivery
from twicetold.gateway.parameters import whole_number
from twicetold.gateway.problems import shown
from twicetold.gateway.schemas import ERRORS, TicketScope
from twicetold.gateway.tickets import scope_of, tenant_or_ticket
from twicetold.speech.events import Caption, Failed, Kind
from twicetold.speech.identity import CallKey

log = structlog.get_logger()
router = APIRouter(tags=["calls"])

_KEEP_ALIVE_S = 5.0
_KEEP_ALIVE = 'event: alive\ndata: {"type":"alive"}\n\n'  # a comment would be hidden from a browser
_RECHECK_S = 1.0
_MOST_UNREAD_S = 30.0  # that an event waits for a follower that does not read
_NAMES = {
    Kind.SPEECH_STARTED: "speech_started",
    Kind.PARTIAL: "partial",
    Kind.FINAL: "final",
    Kind.NO_WORDS: "no_words",
    Kind.DONE: "done",
    Kind.STATUS: "status",
    Kind.FAILED: "error",
    Kind.ALERT: "alert",
}
_LARGEST_EVENT = 2**31

_EXAMPLE = (
    'id: 1\nevent: final\ndata: {"type":"final","event":1,"channel":0,"utterance":0,"start":0.42,'
    '"end":1.9,"text":"good morning","words":[]}\n\n'
    'event: done\ndata: {"type":"done","call_id":"call-7f3a","event":1}\n\n'
    'event: status\ndata: {"type":"status","call_id":"call-7f3a","status":"done",'
    '"done_s":131.4,"total_s":131.4}\n\n'
)
_RESPONSES = {
    **ERRORS,
    200: {
        "description": "Events until the canonical transcript is done or has failed.",
        "content": {"text/event-stream": {"example": _EXAMPLE}},
    },
}


_tenant = tenant_or_ticket(*TicketScope)
Welcome = Callable[[], Awaitable[object]]


@router.get("/v1/calls/{call_id}/events", responses=_RESPONSES, response_class=StreamingResponse)
async def follow(
    call_id: str,
    request: Request,
    tenant: Annotated[str, Depends(_tenant)],
    after: Annotated[int, Query(ge=0, le=_LARGEST_EVENT, description="The last final seen.")] = 0,
    last_event_id: Annotated[str | None, Header(description="The same; browsers send it.")] = None,
    ticket: Annotated[str | None, Query(description="Instead of a key.")] = None,
) -> StreamingResponse:
    """Follow a call: its finals so far, captions as they come, `done`, and then `status` until
    the canonical transcript stands or has failed."""
    key = CallKey.checked(tenant, call_id)
    seen = after if last_event_id is None else _event_number(last_event_id)
    delivery = Delivery(
        platform_of(request),
        request.app.state.captions,
        key,
        seen,
        alerts=ticket is None or scope_of(ticket) == TicketScope.MEDIA,
    )
    return _Following(delivery, lambda: _tenant(request))


class _Following(StreamingResponse):
    """Follows while it is sent, and no longer: its client may leave before the first byte."""

    def __init__(self, delivery: Delivery, welcome: Welcome) -> None:
        """``welcome`` raises Unauthorized once the key or the ticket is good no more."""
        self._delivery, self._events = delivery, _stream(delivery, welcome)
        super().__init__(
            self._events,
            media_type="text/event-stream",
            headers={"X-Accel-Buffering": "no"},  # a proxy that buffers would hold captions back
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Raises CallNotFound or CallDeleted while another response can still be given."""

        async def patient(message: Message) -> None:
            async with asyncio.timeout(_MOST_UNREAD_S):
                await send(message)

        await self._delivery.open()
        try:
            await super().__call__(scope, receive, patient)
        except TimeoutError:
            log.info("follower_let_go", unread_s=_MOST_UNREAD_S)
        finally:
            await self._events.aclose()
            await self._delivery.aclose()


def _event_number(text: str) -> int:
    if not text.strip():
        return 0
    number = whole_number(text, 0, _LARGEST_EVENT)
    if number is None:
        raise BadParameter(
            f"Last-Event-ID got {shown(text)}.", "It takes the event number of a final."
        )
    return number


async def _stream(delivery: Delivery, welcome: Welcome) -> AsyncGenerator[str, None]:
    loop = asyncio.get_running_loop()
    welcome_at = loop.time()
    # The receiving task outlives a keep-alive: what it was about to give is not lost.
    receiving: asyncio.Task[list[Caption]] | None = None
    try:
        while True:
            receiving = receiving or asyncio.create_task(delivery.receive())
            await asyncio.wait([receiving], timeout=_KEEP_ALIVE_S)
            if loop.time() - welcome_at >= _RECHECK_S:
                await welcome()
                welcome_at = loop.time()
            if not receiving.done():
                yield _KEEP_ALIVE
                continue
            captions, receiving = receiving.result(), None
            text, over = _as_events(captions)
            if text:
                yield text
            if over:
                return
    except Unavailable:
        return  # the server stops, and the client connects again by itself
    except TwicetoldError as error:
        told = Failed.of(error)
        yield _as_events([Caption.of(told)])[0]
    finally:
        # Where the client has left, every wait in here is cancelled at once: so none.
        if receiving is not None:
            receiving.add_done_callback(_forget)
            receiving.cancel()


def _forget(receiving: asyncio.Task[list[Caption]]) -> None:
    """Nobody is left to be told how it ended."""
    if not receiving.cancelled():
        receiving.exception()


def _as_events(captions: list[Caption]) -> tuple[str, bool]:
    """The events' text, and whether they end the stream."""
    lines: list[str] = []
    for caption in captions:
        name = _NAMES.get(caption.kind)
        if name is None:
            continue
        if caption.kind is Kind.FINAL:
            lines.append(f"id: {caption.event}\n")
        # The JSON is one line: its newlines are escaped.
        lines.append(f"event: {name}\ndata: {caption.json}\n\n")
        if _is_last(caption):
            return "".join(lines), True
    return "".join(lines), False


def _is_last(caption: Caption) -> bool:
    if caption.kind is Kind.STATUS:
        return caption.body()["status"] in OVER
    return caption.kind is Kind.FAILED
