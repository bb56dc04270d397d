"""Following single calls in a topic's streams in RabbitMQ, each stream from its end on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from aio_pika.abc import AbstractIncomingMessage

from twicetold.broker import Topic
from twicetold.broker.heard import Heard
from twicetold.broker.keys import encode_key, partition_of
from twicetold.broker.rabbitmq.link import RabbitLink
from twicetold.broker.rabbitmq.messages import raw_key
from twicetold.broker.rabbitmq.options import RabbitOptions
from twicetold.broker.rabbitmq.reader import RabbitReader, Start
from twicetold.broker.rabbitmq.streams import find_log
from twicetold.errors import Unavailable
from twicetold.speech.identity import CallKey


class RabbitListener:
    """Reads the streams of those calls that it follows, and no others."""

    def __init__(
        self, options: RabbitOptions, topic: Topic, *, closed: Callable[[RabbitListener], None]
    ) -> None:
        self._streams = options.streams(topic)
        self._on_closed = closed
        self._heard = Heard()
        self._keys: dict[bytes, CallKey] = {}
        self._readers: dict[str, RabbitReader] = {}
        self._link = RabbitLink(options, f"listen {topic}", find_log, self._log_found)
        self._closed = False

    async def add(self, key: CallKey) -> None:
        """Raises Unavailable once closed."""
        if not self._closed:
            raw = encode_key(key)
            self._keys[raw] = key
            stream = self._stream(raw)
            if stream not in self._readers:
                self._read(stream, "next")
            await asyncio.shield(self._readers[stream].positioned)
        if self._closed:
            raise Unavailable("The broker is closed.", "The server is stopping.")

    def remove(self, key: CallKey) -> None:
        raw = encode_key(key)
        self._keys.pop(raw, None)
        stream = self._stream(raw)
        if stream in self._readers and stream not in map(self._stream, self._keys):
            self._readers.pop(stream).stop()

    async def receive(self) -> list[tuple[CallKey, bytes]]:
        while heard := await self._heard.receive():
            if wanted := [each for each in heard if encode_key(each[0]) in self._keys]:
                return wanted
        return []

    async def aclose(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._heard.close()
        for reader in self._readers.values():
            reader.stop()
        await self._link.aclose()
        self._on_closed(self)

    # --- inside --------------------------------------------------------------------

    def _stream(self, raw: bytes) -> str:
        return self._streams[partition_of(raw, len(self._streams))]

    def _read(self, stream: str, start: Start) -> None:
        self._readers[stream] = RabbitReader(self._link, stream, start, self._hear)

    def _log_found(self, before: str) -> None:
        """Offsets of a log that is no more say nothing in the one that has taken its place."""
        for stream, reader in list(self._readers.items()) if before else ():
            reader.stop()
            self._read(stream, "first")

    def _hear(self, _: int, message: AbstractIncomingMessage) -> None:
        if (key := self._keys.get(raw_key(message))) is not None:
            self._heard.put(key, message.body)
