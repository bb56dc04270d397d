"""The HTTP app on the embedded carriers in a temporary directory, called without sockets."""

from __future__ import annotations

import asyncio
import contextlib
import io
import math
import socket
import struct
import wave
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from fastapi import FastAPI

from twicetold.broker.file.broker import FileBroker
from twicetold.choice.policy import Policy
from twicetold.choice.wishes import Wishes
from twicetold.config import Settings
from twicetold.engines import EngineInfo
from twicetold.gateway.app import create_app
from twicetold.gateway.context import Platform
from twicetold.media.pyav import PyAvDecoder
from twicetold.parts import enrichment_by
from twicetold.queue.sqlite import SqliteQueue
from twicetold.sessions import Record
from twicetold.sessions.sqlite import SqliteSessions
from twicetold.speech.identity import CallKey
from twicetold.speech.transcript import Final, Segment, Word
from twicetold.storage import open_store
from twicetold.tenants import Tenants
from twicetold.transcripts import NewCall, Revision
from twicetold.transcripts.sqlite import SqliteTranscripts
from twicetold.webhooks.sqlite import SqliteOutbox
from twicetold.wiring.rule_files import rubric_by

ENGINE = EngineInfo("counter", "tones", ("*",), live=True, batch=True, word_times=True)
URL = "http://127.0.0.1"


@dataclass
class Api:
    """The app, its platform, and a client of it that shows no key."""

    app: FastAPI
    platform: Platform
    client: httpx.AsyncClient
    keys: dict[str, str]

    def as_tenant(self, name: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.keys[name]}"}


@contextlib.asynccontextmanager
async def running_api(
    directory: Path, tenants: Sequence[str] = (), **settings: Any
) -> AsyncIterator[Api]:
    """Without ``tenants`` the open mode. ``settings`` replace the defaults."""
    async with contextlib.AsyncExitStack() as stack:
        known = Tenants.load(directory / "tenants.toml")
        keys = {name: known.add(name) for name in tenants}
        broker = FileBroker(directory / "log")
        await broker.start()
        stack.push_async_callback(broker.aclose)
        sessions = SqliteSessions(directory / "sessions.sqlite3")
        stack.push_async_callback(sessions.aclose)
        queue = SqliteQueue(directory / "queue.sqlite3")
        stack.push_async_callback(queue.aclose)
        shadow_orders = SqliteQueue(directory / "shadows.sqlite3")
        stack.push_async_callback(shadow_orders.aclose)
        transcripts = SqliteTranscripts(directory / "transcripts.sqlite3")
        stack.push_async_callback(transcripts.aclose)
        outbox = SqliteOutbox(directory / "webhooks.sqlite3")
        stack.push_async_callback(outbox.aclose)
        decoder = PyAvDecoder()
        stack.push_async_callback(decoder.aclose)
        used = replace(Settings(data_dir=directory, batch_niceness=0), **settings)
        platform = Platform(
            settings=used,
            enrichment=enrichment_by(used, known),
            broker=broker,
            sessions=sessions,
            queue=queue,
            transcripts=transcripts,
            store=open_store("file://", directory),
            decoder=decoder,
            tenants=known,
            policy=Policy(
                Wishes(ENGINE.name, None, ENGINE.name), known.wishes, lambda name: ENGINE
            ),
            live_engine=ENGINE,
            batch_engine=ENGINE,
            shadow_orders=shadow_orders,
            outbox=outbox,
            rubric=rubric_by(enrichment_by(used, known)),
        )
        app = create_app(platform)
        await stack.enter_async_context(app.router.lifespan_context(app))
        transport = httpx.ASGITransport(app=app)
        client = httpx.AsyncClient(transport=transport, base_url=URL)
        await stack.enter_async_context(client)
        yield Api(app, platform, client, keys)


@contextlib.asynccontextmanager
async def serving(api: Api) -> AsyncIterator[httpx.AsyncClient]:
    """The same app on a real socket, for what only shows there; yields a client of it."""
    config = uvicorn.Config(api.app, port=0, lifespan="off", log_config=None, access_log=False)
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        running = asyncio.create_task(server.serve(sockets=[listening]))
        try:
            await until(lambda: server.started)
            port = listening.getsockname()[1]
            async with httpx.AsyncClient(base_url=f"{URL}:{port}", timeout=10) as client:
                yield client
        finally:
            api.app.state.captions.stop()
            server.should_exit = True
            await running


async def until(holds: Callable[[], object]) -> None:
    """Wait for what nothing announces."""
    async with asyncio.timeout(10):
        while not holds():
            await asyncio.sleep(0.005)


# --- what calls are made of ---------------------------------------------------------------


def final(event: int, text: str = "", channel: int = 0) -> Final:
    spoken = text or f"number {event}"
    words = tuple(
        Word(event + 0.1 * n, event + 0.1 * n + 0.1, word, 0.9)
        for n, word in enumerate(spoken.split())
    )
    return Final(event, channel, event - 1, float(event), words[-1].end, spoken, words)


def record(key: CallKey, **fields: Any) -> Record:
    values: dict[str, Any] = {
        "rate": 16_000,
        "channels": 1,
        "language": "en",
        "encoding": "pcm_s16le",
        "input_rate": 16_000,
        "token_hash": "0" * 64,
        "started_at": 1_000.0,
    }
    return Record(key=key, **(values | fields))


async def live_call(api: Api, key: CallKey, **fields: Any) -> None:
    """A running call as the gateway and the recorder have made it."""
    await api.platform.sessions.create(record(key, **fields), 30.0)
    await api.platform.transcripts.begin_call(NewCall(key, 1_000.0, 1, "live", "en", 16_000))


async def ended_call(
    api: Api, key: CallKey, finals: int = 3, text: str = "", started_at: float = 1_000.0
) -> None:
    """A call whose draft stands and whose canonical transcript does not."""
    transcripts = api.platform.transcripts
    await transcripts.begin_call(NewCall(key, started_at, 1, "live", "en", 16_000))
    await transcripts.save_draft(key, [final(n, text) for n in range(1, finals + 1)])
    await transcripts.end_call(key, started_at + 60, 60.0, "counter")


async def canonical(api: Api, key: CallKey, name: str, texts: Sequence[str]) -> None:
    async def segments() -> AsyncIterator[Segment]:
        for number, text in enumerate(texts, 1):
            words = (Word(float(number), number + 0.5, text, 0.8),)
            yield Segment(number, 0, float(number), number + 0.5, text, words)

    revision = Revision(name, "counter", "en", 60.0, 1)
    await api.platform.transcripts.save_canonical(key, revision, segments())


def tone(seconds: float = 0.5, rate: int = 8_000, hertz: float = 440.0) -> bytes:
    """A WAV file of a tone."""
    samples = [
        round(8_000 * math.sin(2 * math.pi * hertz * n / rate)) for n in range(int(seconds * rate))
    ]
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(rate)
        sound.writeframes(struct.pack(f"<{len(samples)}h", *samples))
    return file.getvalue()


def error_of(response: httpx.Response) -> Mapping[str, Any]:
    """The error of a response, whose shape is checked."""
    body = response.json()
    assert set(body) == {"error"}, body
    error: Mapping[str, Any] = body["error"]
    assert set(error) == {"code", "message", "hint", "retryable"}
    assert error["message"]
    return error


def events_of(text: str) -> list[tuple[str | None, str, str]]:
    """(id, event, data) of a server-sent stream; comments left out."""
    found = []
    for block in text.split("\n\n"):
        lines = [line for line in block.split("\n") if line and not line.startswith(":")]
        fields = dict(line.split(": ", 1) for line in lines)
        if fields:
            found.append((fields.get("id"), fields["event"], fields["data"]))
    return found
