"""The live pass on real sockets: a server in a thread of its own, and clients that may misbehave.

The server has its own event loop, so tests and server wait for each other as two processes do;
constants and carriers can be patched all the same. Audio carries integers (engine ``counter``).
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import random
import struct
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import av
import httpx
import numpy as np
import soxr
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from twicetold.config import Settings
from twicetold.engines import EngineInfo, Stream
from twicetold.engines.counter import CounterEngine, render
from twicetold.engines.inline import Inline
from twicetold.speech.transcript import Hypothesis
from twicetold.wiring.together import serve

RATE = 16_000
PATIENCE_S = 50.0  # of a busy machine
Event = dict[str, Any]


@dataclass
class Served:
    """A running server's address and directory."""

    url: str
    data_dir: Path
    stall: Callable[[float], None] = lambda seconds: None  # all of the server stands still

    @property
    def live_url(self) -> str:
        return "ws" + self.url.removeprefix("http") + "/v1/live"

    def client(self, key: str = "") -> httpx.AsyncClient:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        return httpx.AsyncClient(base_url=self.url, timeout=PATIENCE_S, headers=headers)


@contextlib.contextmanager
def serving(data_dir: Path, **settings: Any) -> Iterator[Served]:
    """``twicetold serve`` with the engine ``counter``, in a thread. Keywords are settings."""
    chosen: dict[str, Any] = {
        "data_dir": data_dir,
        "port": 0,
        "live_engine": "counter",
        "batch_engine": "counter",
        "settle_s": 0.2,
        "batch_niceness": 0,  # other tests keep the cores busy
    }
    server = _Thread(Settings(**(chosen | settings)))
    server.start()
    try:
        yield Served(server.wait_for_url(), data_dir, server.stall)
    finally:
        server.stop()


class _Thread(threading.Thread):
    def __init__(self, settings: Settings) -> None:
        super().__init__(name="served", daemon=True)
        self._settings = settings
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._up = threading.Event()
        self._url = ""
        self._error: BaseException | None = None

    def run(self) -> None:
        try:
            asyncio.run(self._serve())
        except asyncio.CancelledError:
            pass
        except BaseException as error:  # noqa: BLE001 - the test's thread raises it
            self._error = error
        finally:
            self._up.set()

    async def _serve(self) -> None:
        self._loop, self._task = asyncio.get_running_loop(), asyncio.current_task()
        await serve(self._settings, ready=self._ready)

    def _ready(self, url: str) -> None:
        self._url = url
        self._up.set()

    def wait_for_url(self) -> str:
        assert self._up.wait(PATIENCE_S), "the server did not start"
        if self._error is not None:
            raise self._error
        return self._url

    def stall(self, seconds: float) -> None:
        assert self._loop is not None
        self._loop.call_soon_threadsafe(time.sleep, seconds)

    def stop(self) -> None:
        if self._loop is not None and self._task is not None and self.is_alive():
            with contextlib.suppress(RuntimeError):  # its loop has just closed
                self._loop.call_soon_threadsafe(self._task.cancel)
        self.join(PATIENCE_S)
        assert not self.is_alive(), "the server did not stop"
        if self._error is not None:
            raise self._error


# --- a client that keeps to the protocol only as far as it is told to ---------------------


@dataclass
class Wire:
    """One raw connection to ``/v1/live``."""

    socket: ClientConnection
    seen: list[Event] = field(default_factory=list)
    next_seq: int = 0
    session: str = ""

    async def next(self) -> Event:
        """The next event. Raises ConnectionClosed."""
        async with asyncio.timeout(PATIENCE_S):
            event: Event = json.loads(await self.socket.recv())
        self.seen.append(event)
        return event

    async def until(self, kind: str) -> Event:
        """The next event of that type; an error that was not asked for fails the test."""
        while (event := await self.next())["type"] != kind:
            assert event["type"] != "error", event
        return event

    async def acked(self, seq: int) -> None:
        while (await self.until("ack"))["seq"] < seq:
            pass

    async def ready(self) -> Event:
        event = await self.until("ready")
        self.next_seq, self.session = event["next_seq"], event["session"]
        return event

    async def send(self, audio: bytes) -> int:
        """One binary message; returns its sequence number."""
        seq, self.next_seq = self.next_seq, self.next_seq + 1
        await self.socket.send(struct.pack("<I", seq) + audio)
        return seq

    async def say(self, kind: str) -> None:
        await self.socket.send(json.dumps({"type": kind}))

    async def play(self, audio: bytes, message_bytes: int = 6400) -> int:
        """All of it, as fast as the server takes it; returns the last sequence number."""
        for at in range(0, len(audio), message_bytes):
            await self.send(audio[at : at + message_bytes])
        return self.next_seq - 1

    async def finish(self) -> list[Event]:
        """Stop, and hear the call to its end; returns its finals on this connection."""
        await self.say("stop")
        done = await self.until("done")
        assert await self.close_code() == 1000
        if self.finals:
            assert done["event"] == self.finals[-1]["event"]
        return self.finals

    async def refused(self) -> tuple[Event, int]:
        """The error that ends the connection, and the close code; other events go by."""
        while (event := await self.next())["type"] != "error":
            pass
        return event, await self.close_code()

    async def close_code(self) -> int:
        """Of a connection that the server ends; nothing may come before."""
        async with asyncio.timeout(PATIENCE_S):
            try:
                message = await self.socket.recv()
            except ConnectionClosed as closed:
                return closed.rcvd.code if closed.rcvd else 1006
        raise AssertionError(f"expected the end but got {message!r}")

    async def last_code(self) -> int:
        """The close code, whatever comes before it."""
        with contextlib.suppress(ConnectionClosed):
            while True:
                await self.next()
        return self.socket.close_code or 1006

    def cut(self) -> None:
        """The cable is pulled: no closing handshake."""
        self.socket.transport.abort()

    @property
    def finals(self) -> list[Event]:
        return [event for event in self.seen if event["type"] == "final"]


@contextlib.asynccontextmanager
async def wire(
    server: Served, *, key: str = "", subprotocols: tuple[str, ...] = (), **query: Any
) -> AsyncIterator[Wire]:
    """A connection; ``query`` are its parameters. Nothing is read before the test does."""
    socket = await connect(
        f"{server.live_url}?{urlencode(query)}",
        additional_headers={"Authorization": f"Bearer {key}"} if key else {},
        subprotocols=list(subprotocols) or None,  # type: ignore[arg-type]
        compression=None,
        close_timeout=0.2,
        max_queue=None,
        proxy=None,
    )
    try:
        yield Wire(socket)
    finally:
        await socket.close()


@contextlib.asynccontextmanager
async def call(server: Served, call_id: str, **query: Any) -> AsyncIterator[Wire]:
    """A connection whose ``ready`` has come."""
    async with wire(server, call_id=call_id, **query) as connection:
        await connection.ready()
        yield connection


@contextlib.asynccontextmanager
async def undisturbed(server: Served, call_id: str, key: str = "") -> AsyncIterator[None]:
    """A call that runs beside the body: it must have all its captions, and its recording."""
    sound, numbers = talk(50_000, 6)
    async with call(server, call_id, key=key) as other:
        half = len(sound) // 6400 // 2 * 6400
        await other.play(sound[:half])
        yield
        await other.play(sound[half:])
        finals = await other.finish()
    assert words(finals) == numbers
    assert await recording(server, call_id, key=key) == sound


@contextlib.asynccontextmanager
async def frayed_cable(server: Served, chance: random.Random, cuts: int) -> AsyncIterator[str]:
    """A TCP proxy before the server that cuts its first ``cuts`` connections after a random
    number of bytes; yields its URL."""
    port = int(server.url.rsplit(":", 1)[1])
    left = [cuts]

    async def pass_on(
        source: asyncio.StreamReader, target: asyncio.StreamWriter, budget: list[int]
    ) -> None:
        while budget[0] > 0 and (data := await source.read(4096)):
            target.write(data[: budget[0]])
            budget[0] -= len(data)
            await target.drain()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        budget = [chance.randint(2_000, 80_000) if left[0] > 0 else 1 << 60]
        left[0] -= 1
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
        directions = [
            asyncio.create_task(pass_on(reader, far_writer, budget)),
            asyncio.create_task(pass_on(far_reader, writer, budget)),
        ]
        try:
            await asyncio.wait(directions, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for direction in directions:
                direction.cancel()
            await asyncio.gather(*directions, return_exceptions=True)
            for end in (writer, far_writer):
                end.transport.abort()

    proxy = await asyncio.start_server(connected, "127.0.0.1", 0)
    async with proxy:
        yield f"http://127.0.0.1:{proxy.sockets[0].getsockname()[1]}"
    assert left[0] <= 0, "expected more connections to cut"


# --- an engine -----------------------------------------------------------------------------


def slow_engine(seconds: float) -> Any:
    """In place of ``opening.open_live``: takes so long over everything it is asked."""

    async def late(heard: Awaitable[Hypothesis]) -> Hypothesis:
        await asyncio.sleep(seconds)
        return await heard

    return _counting(late)


def scripted_engine(script: str) -> Any:
    """In place of ``opening.open_live``: hears the words of a script in its integers, from 1."""
    said = script.split()

    async def spoken(heard: Awaitable[Hypothesis]) -> Hypothesis:
        found = await heard
        words = (replace(word, text=said[int(word.text) - 1]) for word in found.words)
        return replace(found, words=tuple(words))

    return _counting(spoken)


def _counting(change: Callable[[Awaitable[Hypothesis]], Awaitable[Hypothesis]]) -> Any:
    """``counter``, whose answers come through ``change``."""

    class ChangedStream:
        def __init__(self, inner: Stream) -> None:
            self._inner = inner

        async def accept(self, pcm: bytes) -> Hypothesis:
            return await change(self._inner.accept(pcm))

        async def finish(self) -> Hypothesis:
            return await change(self._inner.finish())

        async def aclose(self) -> None:
            await self._inner.aclose()

    class ChangedEngine:
        def __init__(self) -> None:
            self._inner = Inline(CounterEngine())

        @property
        def info(self) -> EngineInfo:
            return self._inner.info

        async def start_stream(
            self, rate: int, language: str, adaptation: str | None = None, *_: Any
        ) -> ChangedStream:
            return ChangedStream(await self._inner.start_stream(rate, language, adaptation))

        async def aclose(self) -> None:
            await self._inner.aclose()

    async def opened(*_args: Any, **_options: Any) -> ChangedEngine:
        return ChangedEngine()

    return opened


# --- sound ---------------------------------------------------------------------------------


def talk(
    first: int, count: int, rate: int = RATE, group: int = 3, pause_s: float = 0.9
) -> tuple[bytes, list[str]]:
    """Integers as sound, each group an utterance; and the words that should come back."""
    sound = render(first, count, rate, group=group, pause_s=pause_s)
    return sound, [str(number) for number in range(first, first + count)]


def stereo(left: bytes, right: bytes) -> bytes:
    length = max(len(left), len(right))
    channels = [np.frombuffer(pcm.ljust(length, b"\0"), "<i2") for pcm in (left, right)]
    return np.stack(channels, axis=1).tobytes()


def resampled(pcm: bytes, rate: int) -> bytes:
    """Sound of 16,000 Hz at another rate."""
    samples = np.frombuffer(pcm, "<i2").astype(np.float32)
    converted: np.ndarray[Any, np.dtype[np.float32]] = soxr.resample(samples, RATE, rate)
    return np.clip(np.rint(converted), -32768, 32767).astype("<i2").tobytes()


def to_mulaw(pcm: bytes) -> bytes:
    """G.711 by way of the nearest of its 256 values."""
    from twicetold.media.resampling import mulaw_to_pcm

    values = np.frombuffer(mulaw_to_pcm(bytes(range(256))), "<i2").astype(np.int32)
    order = np.argsort(values, kind="stable")
    samples = np.frombuffer(pcm, "<i2").astype(np.int32)
    above = np.clip(np.searchsorted(values[order], samples), 1, 255)
    lower, upper = values[order][above - 1], values[order][above]
    nearest = np.where(samples - lower <= upper - samples, above - 1, above)
    return order[nearest].astype(np.uint8).tobytes()


def opus(pcm: bytes, container: str, bit_rate: int = 256_000) -> bytes:
    """Mono sound of 16,000 Hz as a webm or ogg stream of Opus, as a browser makes it."""
    file = io.BytesIO()
    options = {"live": "1", "cluster_time_limit": "200"} if container == "webm" else {}
    if container == "ogg":
        options = {"page_duration": "100000"}
    with av.open(file, "w", format=container, options=options) as output:
        stream = output.add_stream("libopus", rate=48_000, layout="mono")
        stream.bit_rate = bit_rate
        samples = np.frombuffer(resampled(pcm, 48_000), "<i2").reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
        frame.sample_rate = 48_000
        for packet in (*stream.encode(frame), *stream.encode(None)):
            output.mux(packet)
    return file.getvalue()


def words(finals: list[Event]) -> list[str]:
    return [word["text"] for final in finals for word in final["words"]]


# --- what is kept ---------------------------------------------------------------------------


async def settled(server: Served, call_id: str, key: str = "") -> Event:
    """The call once its canonical transcript stands."""
    async with server.client(key) as client:
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            answer: Event = (await client.get(f"/v1/calls/{call_id}")).json()
            if answer.get("status") in ("done", "failed"):
                return answer
            await asyncio.sleep(0.02)
    raise AssertionError(f"the call did not settle: {answer}")


async def recording(server: Served, call_id: str, key: str = "") -> bytes:
    """The PCM of a call's recording, once it is over."""
    found = await settled(server, call_id, key)
    assert found["status"] == "done", found
    async with server.client(key) as client:
        answer = await client.get(f"/v1/calls/{call_id}/audio")
    assert answer.status_code == 200, answer.text
    return answer.content[44:]


async def transcript(server: Served, call_id: str, version: str) -> list[str]:
    """The words of a stored transcript."""
    return [
        word["text"]
        for segment in await segments(server, call_id, version)
        for word in segment["words"]
    ]


async def segments(server: Served, call_id: str, version: str) -> list[Event]:
    """The segments of a stored transcript."""
    async with server.client() as client:
        answer = await client.get(f"/v1/calls/{call_id}/transcript", params={"version": version})
    assert answer.status_code == 200, answer.text
    found: list[Event] = answer.json()["segments"]
    return found
