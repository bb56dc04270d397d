"""LiveClient against a small server that loses connections, acknowledgements and finals."""

from __future__ import annotations

import asyncio
import http
import json
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from websockets.asyncio.server import Request, Response, ServerConnection, serve

from twicetold.client import LiveClient, ServerError
from twicetold.client.buffers import Inbox, Outbox
from twicetold.client.live import live_url
from twicetold.errors import MessageTooLarge

pytestmark = pytest.mark.integration

TOKEN = "token-1"


@dataclass
class Faults:
    """What goes wrong on one connection."""

    lose_after: int | None = None  # messages, then the connection is cut
    lose_acks: bool = False
    repeat_finals: bool = False  # all of them on connect, whatever the client has seen
    skip_final: int | None = None
    error_at_once: dict[str, object] | None = None
    error_after: tuple[int, dict[str, object]] | None = None


@dataclass
class FakeServer:
    """A test's server: every message it takes becomes one final; it survives its connections."""

    faults: list[Faults] = field(default_factory=list)
    first_seq: int = 0
    held: list[bytes] = field(default_factory=list)
    queries: list[dict[str, str]] = field(default_factory=list)
    headers: list[str | None] = field(default_factory=list)
    controls: list[str] = field(default_factory=list)
    refuse: tuple[int, bytes] | None = None
    url: str = ""

    async def handle(self, socket: ServerConnection) -> None:
        assert socket.request is not None
        query = {k: v[0] for k, v in parse_qs(urlsplit(socket.request.path).query).items()}
        self.queries.append(query)
        self.headers.append(socket.request.headers.get("Authorization"))
        faults = self.faults.pop(0) if self.faults else Faults()
        if faults.error_at_once:
            await self._fail(socket, faults.error_at_once)
            return
        next_seq = self.first_seq + len(self.held)
        await _tell(socket, type="ready", call_id="c", session=TOKEN, next_seq=next_seq)
        after = 0 if faults.repeat_finals else int(query.get("event", 0))
        for event in range(after + 1, len(self.held) + 1):
            await self._final(socket, event)
        await self._listen(socket, faults)

    async def _listen(self, socket: ServerConnection, faults: Faults) -> None:
        taken = 0
        async for message in socket:
            if isinstance(message, str):
                self.controls.append(json.loads(message)["type"])
                if self.controls[-1] == "stop":
                    await _tell(socket, type="done", call_id="c", event=len(self.held))
                    await socket.close(1000)
                continue
            (seq,) = struct.unpack_from("<I", message)
            assert seq == self.first_seq + len(self.held), "gap or repeat in sequence numbers"
            self.held.append(message[4:])
            taken += 1
            if not faults.lose_acks:
                await _tell(socket, type="ack", seq=seq)
            if len(self.held) != faults.skip_final:
                await self._final(socket, len(self.held))
            if faults.error_after and faults.error_after[0] == taken:
                await self._fail(socket, faults.error_after[1])
            if taken == faults.lose_after:
                socket.transport.abort()

    async def _final(self, socket: ServerConnection, event: int) -> None:
        text = self.held[event - 1].decode()
        await _tell(socket, type="partial", channel=0, utterance=event, text=text)
        await _tell(socket, type="final", event=event, channel=0, utterance=event, text=text)

    async def _fail(self, socket: ServerConnection, error: dict[str, object]) -> None:
        await _tell(socket, type="error", **error)
        await socket.close(4400)

    def check(self, socket: ServerConnection, request: Request) -> Response | None:
        if self.refuse is None:
            return None
        return socket.respond(http.HTTPStatus(self.refuse[0]), self.refuse[1].decode())


async def _tell(socket: ServerConnection, **message: object) -> None:
    await socket.send(json.dumps(message))


@asynccontextmanager
async def running(server: FakeServer) -> AsyncIterator[FakeServer]:
    async with serve(
        server.handle, "127.0.0.1", 0, process_request=server.check, close_timeout=0.2
    ) as listening:
        port = next(iter(listening.sockets)).getsockname()[1]
        server.url = f"http://127.0.0.1:{port}"
        yield server


def client_of(server: FakeServer, **options: Any) -> LiveClient:
    return LiveClient(server.url, call_id="c", **options)


async def say(client: LiveClient, count: int) -> None:
    for number in range(1, count + 1):
        await client.send(str(number).encode())
    await client.stop()


async def told(client: LiveClient, count: int, **options: Any) -> list[dict[str, Any]]:
    """All events of a call of ``count`` messages."""
    async with asyncio.timeout(20), client, asyncio.TaskGroup() as group:
        group.create_task(say(client, count))
        return [event async for event in client.events(**options)]


def finals(events: list[dict[str, Any]]) -> list[str]:
    return [event["text"] for event in events if event["type"] == "final"]


NUMBERS = [str(number) for number in range(1, 41)]


async def test_a_call_without_trouble() -> None:
    async with running(FakeServer()) as server:
        events = await told(client_of(server, key="secret", channels=2), 40)
        assert finals(events) == NUMBERS
        assert events[-1] == {"type": "done", "call_id": "c", "event": 40}
        assert {event["type"] for event in events} == {"partial", "final", "done"}
        assert server.headers == ["Bearer secret"]
        assert server.queries == [
            {
                "call_id": "c",
                "language": "en",
                "encoding": "pcm_s16le",
                "sample_rate": "16000",
                "channels": "2",
            }
        ]


async def test_acks_are_shown_when_asked_for() -> None:
    async with running(FakeServer()) as server:
        events = await told(client_of(server), 3, acks=True)
        assert events[0]["type"] == "ready"
        assert any(event == {"type": "ack", "seq": 2} for event in events)


@pytest.mark.parametrize(
    "faults",
    [
        [Faults(lose_after=7)],
        [Faults(lose_after=7, lose_acks=True), Faults(lose_after=1), Faults(lose_after=1)],
        [Faults(lose_after=9), Faults(repeat_finals=True)],
        [Faults(skip_final=5)],
        [Faults(skip_final=40)],  # noticed only by the number that done carries
        [
            Faults(
                error_after=(
                    3,
                    {"code": "slow_reader", "message": "m", "hint": "h", "retryable": True},
                )
            )
        ],
    ],
    ids=["cut", "cut-unacknowledged", "repeated-finals", "gap", "gap-at-end", "retryable-error"],
)
async def test_each_message_arrives_once_and_each_final_once(faults: list[Faults]) -> None:
    connections = len(faults)
    async with running(FakeServer(faults=faults)) as server:
        events = await told(client_of(server), 40)
        assert finals(events) == NUMBERS
        assert server.held == [number.encode() for number in NUMBERS]
        assert events[-1]["type"] == "done"
        assert len(server.queries) >= 2
        assert len(server.queries) >= connections
        assert all(query["session"] == TOKEN for query in server.queries[1:])
        assert int(server.queries[1]["event"]) <= 40


async def test_a_server_that_vanishes_and_comes_back() -> None:
    server = FakeServer()
    async with serve(server.handle, "127.0.0.1", 0) as first:
        port = next(iter(first.sockets)).getsockname()[1]
        client = LiveClient(f"ws://127.0.0.1:{port}", call_id="c")
        await client.__aenter__()
        await client.send(b"1")
    await client.send(b"2")
    async with serve(server.handle, "127.0.0.1", port), asyncio.timeout(20):
        await client.stop()
        events = [event async for event in client.events()]
    await client.aclose()
    assert finals(events) == ["1", "2"]
    assert server.held == [b"1", b"2"]


async def test_numbers_start_where_the_server_says() -> None:
    async with running(FakeServer(first_seq=12)) as server:
        await told(client_of(server, session="from-before", last_event=0), 2)
        assert server.held == [b"1", b"2"]
        assert server.queries[0]["session"] == "from-before"


async def test_finalize_goes_in_order_with_the_audio() -> None:
    async with running(FakeServer()) as server, client_of(server) as client:
        await client.send(b"1")
        await client.finalize()
        await client.finalize()
        await client.stop()
        assert finals([event async for event in client.events()]) == ["1"]
        assert server.controls == ["finalize", "stop"]
        with pytest.raises(RuntimeError, match="after"):
            await client.send(b"2")


async def test_an_error_that_cannot_be_retried_ends_everything() -> None:
    error = {"code": "odd_byte_count", "message": "Odd.", "hint": "Send even.", "retryable": False}
    async with running(FakeServer(faults=[Faults(error_after=(2, error))])) as server:
        async with client_of(server) as client:
            await client.send(b"1")
            await client.send(b"2")
            with pytest.raises(ServerError) as caught:
                async for _ in client.events():
                    pass
            assert caught.value.to_dict() == error
            with pytest.raises(ServerError):
                await client.send(b"3")
        assert len(server.queries) == 1


@pytest.mark.parametrize("code", ["call_id_in_use", "unauthorized"])
async def test_a_refusal_is_raised_at_the_start(code: str) -> None:
    error = {"code": code, "message": "No.", "hint": "Do.", "retryable": False}
    async with running(FakeServer(faults=[Faults(error_at_once=error)])) as server:
        with pytest.raises(ServerError) as caught:
            await client_of(server).__aenter__()
        assert caught.value.code == code
        assert caught.value.hint == "Do."
    async with running(FakeServer(refuse=(401, json.dumps(error).encode()))) as server:
        with pytest.raises(ServerError) as caught:
            await client_of(server).__aenter__()
        assert caught.value.code == code


async def test_nobody_there_says_how_to_start_one() -> None:
    with pytest.raises(ServerError, match="never there") as caught:
        await LiveClient("http://127.0.0.1:9", call_id="c").__aenter__()
    assert caught.value.retryable
    assert "twicetold serve" in caught.value.hint


async def test_a_server_that_stays_away_is_given_up() -> None:
    async with running(FakeServer()) as server:
        client = client_of(server, retry_for_s=0.3)
        await client.__aenter__()
    with pytest.raises(ServerError) as caught:
        async for _ in client.events():
            pass
    assert caught.value.code == "connection_lost"
    await client.aclose()


async def test_a_container_is_not_taken_up_in_its_middle() -> None:
    async with running(FakeServer(faults=[Faults(lose_after=1)])) as server:
        async with client_of(server, encoding="webm") as client:
            await client.send(b"1")
            with pytest.raises(ServerError) as caught:
                async for _ in client.events():
                    pass
        assert "fresh container" in caught.value.hint
        assert len(server.queries) == 1


async def test_a_server_that_lost_acknowledged_audio_is_not_believed() -> None:
    faults = [Faults(lose_after=3)]
    async with running(FakeServer(faults=faults)) as server, client_of(server) as client:
        for number in (b"1", b"2", b"3"):
            await client.send(number)
        seen = [client._outbox._first_seq]
        async for event in client.events(acks=True):
            if event["type"] == "ack" and event["seq"] >= 1:
                server.held.clear()
                break
        with pytest.raises(ServerError) as caught:
            async for _ in client.events():
                pass
        assert caught.value.code == "session_lost"
        assert seen == [0]


async def test_sending_waits_while_too_much_is_unacknowledged() -> None:
    async with running(FakeServer(faults=[Faults(lose_acks=True)])) as server:
        async with client_of(server, buffer_bytes=100) as client:
            await client.send(b"1" * 60)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.1):
                    await client.send(b"2" * 60)
        assert len(server.held) == 1


async def test_a_message_that_is_too_large_never_leaves() -> None:
    async with running(FakeServer()) as server, client_of(server) as client:
        with pytest.raises(MessageTooLarge):
            await client.send(bytes(1024 * 1024))
        assert server.held == []


async def test_leaving_early_raises_nothing_and_ends_events() -> None:
    async with running(FakeServer()) as server:
        async with client_of(server) as client:
            await client.send(b"1")
        assert [e["type"] async for e in client.events() if e["type"] == "done"] == []
        with pytest.raises(RuntimeError, match="over"):
            await client.send(b"2")


async def test_partials_that_nobody_reads_are_replaced_and_finals_wait() -> None:
    inbox = Inbox(limit=2)
    for number in range(50):
        await inbox.put({"type": "partial", "channel": 0, "utterance": 1, "text": str(number)})
    await inbox.put({"type": "final", "event": 1})
    waiting = asyncio.create_task(inbox.put({"type": "final", "event": 2}))
    await asyncio.sleep(0)
    assert not waiting.done()
    first = await inbox.get()
    assert first is not None
    assert first["text"] == "49"
    await waiting
    assert await inbox.get() == {"type": "final", "event": 1}
    assert await inbox.get() == {"type": "final", "event": 2}
    inbox.close()
    assert await inbox.get() is None


async def test_the_outbox_begins_again_where_it_is_told() -> None:
    outbox = Outbox(1000)
    outbox.start_at(5)
    for audio in (b"a", b"b", b"c"):
        outbox.put_audio(audio)
    sent = [await outbox.next() for _ in range(3)]
    outbox.acknowledge(5)
    assert not outbox.resume_at(5)
    assert not outbox.resume_at(9)
    assert outbox.resume_at(7)
    assert await outbox.next() == sent[2]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("http://h:1", "ws://h:1/v1/live"),
        ("https://h/x/", "wss://h/x/v1/live"),
        ("ws://h:1/v1/live", "ws://h:1/v1/live"),
    ],
)
def test_the_address_of_the_live_pass(given: str, expected: str) -> None:
    assert live_url(given) == expected
