"""One listener on the captions of all calls that this process follows, shared by its sockets."""

from __future__ import annotations

import asyncio
import struct
from collections import deque

import structlog

from twicetold.broker import Broker, Listener, Topic
from twicetold.speech.events import Caption, Kind
from twicetold.speech.identity import CallKey

log = structlog.get_logger()

_MOST_WAITING = 256
# What may be lost without a reader missing anything that counts.
_FLEETING = (Kind.PARTIAL, Kind.SPEECH_STARTED, Kind.NO_WORDS, Kind.PROGRESS)


class Subscription:
    """One reader's captions of one call, in order, from the moment it subscribed.

    A reader that does not keep up loses partials first; ``take_gap`` tells when more was lost.
    """

    def __init__(self, key: CallKey, hub: CaptionHub) -> None:
        self.key = key
        self._hub = hub
        self._waiting: deque[Caption] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._woken = False
        self._gap = self._closed = False

    async def receive(self) -> list[Caption]:
        """What has come since; waits until there is something. [] once closed, and when woken.
        May be cancelled."""
        if not self._waiting and not self._closed and not self._woken:
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        self._woken = False
        captions = list(self._waiting)
        self._waiting.clear()
        return captions

    def wake(self) -> None:
        """Have the reader look up, with nothing for it."""
        self._woken = True
        self._tell()

    @property
    def closed(self) -> bool:
        return self._closed

    def take_gap(self) -> bool:
        """Whether more than partials was lost since this was last asked."""
        gap, self._gap = self._gap, False
        return gap

    def put(self, caption: Caption) -> None:
        if len(self._waiting) >= _MOST_WAITING:
            self._make_room()
        self._waiting.append(caption)
        self._tell()

    def _tell(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _make_room(self) -> None:
        kept = [caption for caption in self._waiting if caption.kind not in _FLEETING]
        if len(kept) >= _MOST_WAITING:
            # The store has them all: a gap sends the reader there.
            kept = kept[_MOST_WAITING // 2 :]
            self._gap = True
        self._waiting = deque(kept)

    async def close(self) -> None:
        """No more captions. May be called twice."""
        self.end()
        self._hub.remove(self)

    def end(self) -> None:
        """Wake the reader, for nothing more will come."""
        self._closed = True
        self._tell()


class CaptionHub:
    """Passes each caption to those who follow its call. ``start`` first, ``aclose`` at the end."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._listener: Listener | None = None
        self._readers: dict[CallKey, list[Subscription]] = {}
        self._positioning = asyncio.Lock()
        self.unreadable = 0  # captions that say nothing we know
        self._pump_task: asyncio.Task[None] | None = None
        self._closed = False

    def start(self) -> None:
        self._listener = self._broker.listen(Topic.CAPTIONS)
        self._pump_task = asyncio.create_task(self._pump(self._listener), name="captions")

    async def subscribe(self, key: CallKey) -> Subscription:
        """Follow a call: every caption published after this returns is received."""
        assert self._listener is not None, "expected a started hub"
        subscription = Subscription(key, self)
        # One at a time: the last reader of a call may leave while the next one comes.
        async with self._positioning:
            readers = self._readers.get(key)
            if readers is None:
                if not self._closed:
                    await self._listener.add(key)
                readers = self._readers.setdefault(key, [])
            readers.append(subscription)
        if self._closed:
            subscription.end()
        return subscription

    def remove(self, subscription: Subscription) -> None:
        readers = self._readers.get(subscription.key)
        if readers is None or subscription not in readers:
            return
        readers.remove(subscription)
        if not readers:
            del self._readers[subscription.key]
            if self._listener is not None:
                self._listener.remove(subscription.key)

    @property
    def alive(self) -> bool:
        return self._pump_task is not None and not self._closed

    def stop(self) -> None:
        """End all subscriptions, so that streams end and a server can shut down. Any moment."""
        self._closed = True
        for readers in self._readers.values():
            for subscription in readers:
                subscription.end()

    async def aclose(self) -> None:
        self.stop()
        if self._listener is not None:
            await self._listener.aclose()
        if self._pump_task is not None:
            await asyncio.gather(self._pump_task, return_exceptions=True)

    async def _pump(self, listener: Listener) -> None:
        try:
            while batch := await listener.receive():
                for key, value in batch:
                    readers = self._readers.get(key)
                    if readers:
                        self._pass_on(readers, value)
        except Exception:
            log.exception("captions.listener_failed")
            raise
        finally:
            self.stop()

    def _pass_on(self, readers: list[Subscription], value: bytes) -> None:
        try:
            caption = Caption.from_bytes(value)
        except (ValueError, struct.error):  # damaged, or of a newer version of ours
            self.unreadable += 1
            if str(self.unreadable).strip("0") == "1":  # at 1, 10, 100, …
                log.warning("captions.unreadable", size=len(value), so_far=self.unreadable)
            return
        for reader in readers:
            reader.put(caption)
