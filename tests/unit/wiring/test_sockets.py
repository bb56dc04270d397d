"""Peers that do not read: what waits for them is bounded, and not kept for ever."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from uvicorn.server import ServerState
from websockets.client import ClientProtocol
from websockets.uri import parse_uri

from twicetold.wiring import sockets
from twicetold.wiring.web import uvicorn_config

pytestmark = pytest.mark.unit

HIGH_WATER = 4_096


class FakeTransport:
    """A test double: what is written to it stays until the test lets its peer read."""

    def __init__(self) -> None:
        self.protocol: Any = None
        self.buffer = b""
        self.reading = True
        self.closing = self.aborted = self.paused = False

    def write(self, data: bytes) -> None:
        self.buffer += data
        if len(self.buffer) > HIGH_WATER and not self.paused:
            self.paused = True
            self.protocol.pause_writing()

    def peer_reads(self, size: int) -> bytes:
        read, self.buffer = self.buffer[:size], self.buffer[size:]
        if self.paused and len(self.buffer) < HIGH_WATER // 4:
            self.paused = False
            self.protocol.resume_writing()
        return read

    def get_write_buffer_size(self) -> int:
        return len(self.buffer)

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def is_closing(self) -> bool:
        return self.closing

    def close(self) -> None:
        self.closing = True

    def abort(self) -> None:
        self.closing = self.aborted = True
        self.protocol.connection_lost(None)


class Peer:
    """A WebSocket client at the other end of a protocol of ours."""

    def __init__(self, app: Any) -> None:
        self.transport = FakeTransport()
        config = uvicorn_config(app)
        self.protocol = sockets.WebSockets(config, ServerState(), {})
        self.transport.protocol = self.protocol
        self.protocol.connection_made(self.transport)  # type: ignore[arg-type]
        self.wire = ClientProtocol(parse_uri("ws://localhost/"))

    async def connect(self) -> None:
        self.wire.send_request(self.wire.connect())
        self.say()
        while not self.transport.buffer:
            await asyncio.sleep(0)
        self.wire.receive_data(self.transport.peer_reads(len(self.transport.buffer)))

    async def leave(self) -> None:
        self.transport.abort()
        await asyncio.gather(*self.protocol.tasks)

    def say(self) -> None:
        for data in self.wire.data_to_send():
            self.protocol.data_received(data)

    def ping(self, times: int) -> None:
        for _ in range(times):
            if self.transport.reading:
                self.wire.send_ping(bytes(125))
                self.say()


async def _listening(_scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "websocket.accept"})
    while (await receive())["type"] != "websocket.disconnect":
        pass


async def _parting(_scope: Any, receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.send", "text": "x" * (HIGH_WATER // 2)})


async def test_answers_that_nobody_reads_are_bounded() -> None:
    peer = Peer(_listening)
    await peer.connect()
    peer.ping(1_000)
    assert HIGH_WATER < len(peer.transport.buffer) < 2 * HIGH_WATER
    await asyncio.sleep(0.01)
    assert not peer.transport.reading
    peer.transport.peer_reads(2 * HIGH_WATER)
    assert peer.transport.reading, "expected to be heard again"
    await peer.leave()


async def test_a_message_taken_meanwhile_does_not_make_it_heard_again() -> None:
    peer = Peer(_listening)
    await peer.connect()
    peer.wire.send_text(b"one")
    data = b"".join(peer.wire.data_to_send())
    peer.ping(1_000)
    peer.protocol.data_received(data)
    await asyncio.sleep(0.01)
    assert not peer.transport.reading
    await peer.leave()


async def test_a_closed_connection_is_not_kept_for_a_peer_that_takes_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sockets, "_LOOK_EVERY_S", 0.05)
    peer = Peer(_parting)
    await peer.connect()
    async with asyncio.timeout(5):
        while not peer.transport.aborted:
            await asyncio.sleep(0.01)


async def test_a_closed_connection_waits_for_a_peer_that_takes_its_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sockets, "_LOOK_EVERY_S", 0.05)
    peer = Peer(_parting)
    await peer.connect()
    peer.transport.write(b"x" * 2_000)
    for _ in range(40):
        peer.transport.peer_reads(50)
        await asyncio.sleep(0.01)
        assert not peer.transport.aborted
    await peer.leave()


async def _slow(_scope: Any, receive: Any, send: Any) -> None:
    """Takes a message now and then, as whoever is pushed back is read."""
    await send({"type": "websocket.accept"})
    while (await receive())["type"] != "websocket.disconnect":
        await asyncio.sleep(0.15)


async def test_whoever_may_have_answered_behind_what_waits_is_given_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sockets, "_LOOK_AGAIN_S", 0.02)
    peer = Peer(_slow)
    peer.protocol.ping_interval = peer.protocol.ping_timeout = 0.05
    await peer.connect()
    for _ in range(3):  # each lies in the peer's own buffer until we read on
        peer.wire.send_binary(bytes(100))
    peer.say()
    await asyncio.sleep(0.3)
    assert not peer.transport.closing, "its answer may lie behind what we have not read"
    async with asyncio.timeout(5):
        while not peer.transport.closing:
            await asyncio.sleep(0.01)
    await peer.leave()
