"""Webhooks, put to work: what sends them is loaded when there is something to send."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING

from twicetold.config import Settings
from twicetold.webhooks import Outbox, Outcome
from twicetold.webhooks.addresses import Allowed
from twicetold.webhooks.sending import Sender

if TYPE_CHECKING:  # with an HTTP client, and the machine's certificates
    from twicetold.webhooks.posting import Poster


async def tell_endpoints(outbox: Outbox, settings: Settings) -> None:
    """Tell tenants' endpoints what the outbox holds, until cancelled."""
    posting = _Posting(Allowed.parse(settings.webhook_networks or ""))
    try:
        await Sender(outbox, posting.post).run()
    finally:
        await posting.aclose()


class _Posting:
    """A Poster, made in a thread by the first who needs it."""

    def __init__(self, allowed: Allowed) -> None:
        self._allowed = allowed
        self._poster: asyncio.Task[Poster] | None = None

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Outcome:
        if self._poster is None:
            self._poster = asyncio.create_task(asyncio.to_thread(self._make))
        poster = await asyncio.shield(self._poster)
        return await poster.post(url, body, headers)

    def _make(self) -> Poster:
        made: Poster = importlib.import_module("twicetold.webhooks.posting").Poster(self._allowed)
        return made

    async def aclose(self) -> None:
        if self._poster is not None:
            await (await self._poster).aclose()
