"""Following single calls in a Kafka topic: every partition from its end on, without a group."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable

import structlog
from confluent_kafka import Consumer as KafkaClient
from confluent_kafka import KafkaException, TopicPartition

from twicetold.broker.heard import Heard
from twicetold.broker.keys import encode_key
from twicetold.broker.threads import guarded
from twicetold.errors import Unavailable
from twicetold.speech.identity import CallKey

_log = structlog.get_logger()

_POLL_S = 0.1
_MOST_AT_ONCE = 500
_RESOLVE_S = 5.0
_MOST_WAITING = 5_000  # messages that the loop has not come to


class KafkaListener:
    """Ready once it knows where each partition ends; from then on it misses nothing."""

    def __init__(
        self,
        client: KafkaClient,
        topic: str,
        partitions: int,
        *,
        closed: Callable[[KafkaListener], None],
        failed: Callable[[Unavailable], None],
    ) -> None:
        """``failed`` is called, from any thread, when it can do nothing more."""
        self._client, self._topic, self._partitions = client, topic, partitions
        self._on_closed, self._on_failed = closed, failed
        self._loop = asyncio.get_running_loop()
        self._keys: dict[bytes, CallKey] = {}  # read by the thread, changed by the loop
        self._wanted: set[CallKey] = set()  # the same for the loop: some were heard, then removed
        self._heard = Heard()
        self._handed = 0  # to the loop, messages; the thread's
        self._taken = 0  # of these; the loop's
        self._positioned: asyncio.Future[None] = self._loop.create_future()
        self._closed = False
        self._failure: Unavailable | None = None
        self._reason = ""  # what it last waited for
        name = f"kafka {topic} listener"
        self._thread = threading.Thread(
            target=guarded, args=(name, self._main, self._fail), name=name, daemon=True
        )
        self._thread.start()

    async def add(self, key: CallKey) -> None:
        """Raises Unavailable once closed, or once it has failed."""
        await asyncio.shield(self._positioned)
        if self._failure is not None:
            raise Unavailable(self._failure.message, self._failure.hint)
        if self._closed:
            raise Unavailable("The broker is closed.", "The server is stopping.")
        self._keys[encode_key(key)] = key
        self._wanted.add(key)

    def remove(self, key: CallKey) -> None:
        self._keys.pop(encode_key(key), None)
        self._wanted.discard(key)

    async def receive(self) -> list[tuple[CallKey, bytes]]:
        return await self._heard.receive()

    async def aclose(self) -> None:
        self._close()
        await asyncio.to_thread(self._thread.join)

    def _close(self) -> None:
        self._closed = True
        if not self._positioned.done():
            self._positioned.set_result(None)
        self._heard.close()
        self._on_closed(self)

    def _take(self, messages: list[tuple[CallKey, bytes]]) -> None:
        self._taken += len(messages)
        for key, value in messages:
            if key in self._wanted:  # heard before it was removed, it is wanted no more
                self._heard.put(key, value)

    def _end(self, error: Unavailable) -> None:
        self._failure = error
        self._heard.fail(error)
        self._ready()

    def _ready(self) -> None:
        if not self._positioned.done():
            self._positioned.set_result(None)

    # --- in the thread ---------------------------------------------------------------

    def _main(self) -> None:
        while not self._closed and not self._position():
            pass
        self._call(self._ready)
        while not self._closed:
            first = self._client.poll(_POLL_S)
            if first is not None:
                self._sort([first, *self._client.consume(_MOST_AT_ONCE, 0)])
        self._client.close()

    def _fail(self, error: Unavailable) -> None:
        self._on_failed(error)
        self._call(self._end, error)

    def _position(self) -> bool:
        """Read every partition from its present end on; False where that is not known yet."""
        begin = []
        try:
            for number in range(self._partitions):
                place = TopicPartition(self._topic, number)
                _, end = self._client.get_watermark_offsets(place, _RESOLVE_S)
                begin.append(TopicPartition(self._topic, number, end))
        except KafkaException as error:
            if (reason := error.args[0].str()) != self._reason:
                self._reason = reason
                _log.info("kafka_listener_waits", error=reason)
            self._client.poll(_POLL_S)
            return False
        self._client.assign(begin)
        return True

    def _sort(self, messages: list) -> None:  # type: ignore[type-arg]
        heard: list[tuple[CallKey, bytes]] = []
        for message in messages:
            if (error := message.error()) is not None:
                _log.warning("kafka_fetch_failed", topic=self._topic, error=error.str())
                continue
            key = self._keys.get(message.key() or b"")
            if key is not None:
                heard.append((key, message.value() or b""))
        if heard and self._handed - self._taken < _MOST_WAITING:  # else lost, like what Heard drops
            self._handed += len(heard)
            self._call(self._take, heard)

    def _call(self, function: Callable[..., None], *arguments: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is gone
            self._loop.call_soon_threadsafe(function, *arguments)
