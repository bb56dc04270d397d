"""Has due deliveries made: each in a task of its own, as many at once as the outbox gives out."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Callable

import structlog

from twicetold import __version__
from twicetold.errors import TwicetoldError
from twicetold.webhooks import Due, Endpoint, Event, Outbox, Outcome, Post
from twicetold.webhooks.backoff import DAYS_3_S, next_attempt_at
from twicetold.webhooks.signing import headers

log = structlog.get_logger()

_AT_ONCE = 512  # of all tenants; the outbox gives out a few to each
_GONE = 410
_DAY_S = 86_400.0
_WAIT_S, _PRUNE_EVERY_S = 5.0, 3600.0


class Sender:
    """Several may work on one outbox, in several processes."""

    def __init__(
        self,
        outbox: Outbox,
        post: Post,
        *,
        clock: Callable[[], float] = time.time,
        chance: random.Random | None = None,
    ) -> None:
        """``clock`` gives Unix seconds."""
        self._outbox, self._post, self._clock = outbox, post, clock
        self._chance = chance or random.Random()
        self._free = asyncio.Semaphore(_AT_ONCE)

    async def run(self) -> None:
        """Until cancelled; what is on its way is then given back."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._prune())
            while True:
                await self._free.acquire()
                due = await self._claimed()
                group.create_task(self._deliver(due))

    async def _claimed(self) -> Due:
        while True:
            try:
                return await self._outbox.claim()
            except TwicetoldError as error:
                log.warning("webhook_claim_failed", code=error.code)
                await asyncio.sleep(_WAIT_S)

    async def _deliver(self, due: Due) -> None:
        try:
            await self.deliver(due)
        except asyncio.CancelledError:
            with contextlib.suppress(TwicetoldError):  # else it is free again in a while
                await due.give_back()
            raise
        except TwicetoldError as error:
            log.warning("webhook_not_noted", delivery=due.delivery.id, code=error.code)
        finally:
            self._free.release()

    async def deliver(self, due: Due) -> None:
        """One attempt, and what comes of it. Raises where the outbox cannot be written to."""
        delivery, endpoint = due.delivery, due.endpoint
        outcome = await send(self._post, endpoint, delivery.event, self._clock())
        if not outcome.error and outcome.status is not None:
            return await due.delivered(outcome.status)
        now = self._clock()
        again_at = next_attempt_at(delivery.begun_at, delivery.attempts, now, self._chance)
        disable = ""
        if outcome.status == _GONE:
            again_at, disable = None, "It answered 410: it is gone."
        elif _is_away(due, now):
            again_at, disable = None, "It failed for three days."
        log.info(
            "webhook_failed",
            endpoint=endpoint.id,
            tenant=endpoint.tenant,
            delivery=delivery.id,
            attempts=delivery.attempts,
            error=outcome.error,
            disabled=bool(disable),
        )
        return await due.failed(outcome.error, outcome.status, again_at, disable)

    async def _prune(self) -> None:
        while True:
            try:
                await self._outbox.prune()
            except TwicetoldError as error:
                log.warning("webhooks_not_pruned", code=error.code)
            await asyncio.sleep(_PRUNE_EVERY_S)


def _is_away(due: Due, now: float) -> bool:
    """Nothing has got through for three days, and this event not for one of them: one event that
    is refused, or the first after a quiet week, says little of its endpoint."""
    since = due.endpoint.failing_since
    failing = since is not None and now - since >= DAYS_3_S
    return failing and now - due.delivery.begun_at >= _DAY_S


async def send(post: Post, endpoint: Endpoint, event: Event, now: float) -> Outcome:
    """The event, signed, to the endpoint."""
    body = event.to_bytes()
    former = endpoint.former_secret if now < (endpoint.former_until or 0.0) else ""
    signed = headers(endpoint.secret, event.id, int(now), body, former)
    return await post(endpoint.url, body, {**signed, "User-Agent": f"Twicetold/{__version__}"})
