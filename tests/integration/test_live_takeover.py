"""Calls that go on elsewhere: clients that have long gone when a server finds their handshakes,
and what the next worker must know of words that it never heard."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import sqlite3
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import pytest
from tests.integration import live_harness as harness
from tests.integration.live_harness import Served, call, serving, talk, wire, words

from twicetold.client.error import ServerError
from twicetold.client.live import LiveClient
from twicetold.engines import opening

pytestmark = pytest.mark.integration


async def handshake_and_gone(server: Served, **query: str) -> None:
    """A client asks for the call, gives up waiting, and closes its connection."""
    where = urlsplit(server.url)
    _, writer = await asyncio.open_connection(where.hostname, where.port)
    key = base64.b64encode(os.urandom(16)).decode()
    writer.write(
        f"GET /v1/live?{urlencode(query)} HTTP/1.1\r\nHost: {where.netloc}\r\n"
        f"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        f"Sec-WebSocket-Key: {key}\r\n\r\n".encode()
    )
    await writer.drain()
    writer.close()
    await writer.wait_closed()


@pytest.mark.slow
async def test_who_has_given_up_takes_the_call_from_nobody(tmp_path: Path) -> None:
    sound, numbers = talk(1, 40)
    half = len(sound) // 6400 // 2 * 6400
    with serving(tmp_path) as server:
        async with call(server, "call-1") as client:
            await client.acked(await client.play(sound[:half]))
            for _ in range(5):
                server.stall(0.3)
                await handshake_and_gone(
                    server, call_id="call-1", session=client.session, event="0"
                )
                await asyncio.sleep(0.4)
            await client.play(sound[half:])
            assert words(await client.finish()) == numbers


async def test_who_has_given_up_begins_no_call(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        server.stall(0.3)
        await handshake_and_gone(server, call_id="call-1")
        await asyncio.sleep(0.5)
        sound, numbers = talk(1, 8)
        async with call(server, "call-1") as client:
            await client.play(sound)
            assert words(await client.finish()) == numbers


async def test_what_a_client_says_before_it_is_asked_is_heard(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        async with wire(server, call_id="call-1") as client:
            await client.say("stop")
            await client.ready()
            assert (await client.until("done"))["event"] == 0


@pytest.mark.slow
async def test_our_client_takes_its_call_back(tmp_path: Path) -> None:
    sound, numbers = talk(1, 8)
    with serving(tmp_path, lease_s=0.6) as server:  # so soon it is noticed
        async with LiveClient(server.url, call_id="call-1") as client:
            hearing = asyncio.create_task(_words(client))
            await _take(server, client)
            for at in range(0, len(sound), 6400):
                await client.send(sound[at : at + 6400])
            await client.stop()
            assert await hearing == numbers


@pytest.mark.slow
async def test_but_not_for_ever(tmp_path: Path) -> None:
    with serving(tmp_path, lease_s=0.6) as server:  # so soon it is noticed
        async with LiveClient(server.url, call_id="call-1") as client:
            hearing = asyncio.create_task(_words(client))
            for _ in range(3):
                await _take(server, client)
            async with wire(server, call_id="call-1", session=client.session) as thief:
                await thief.ready()
                with pytest.raises(ServerError, match="Another connection"):
                    await hearing


ASKED, ANSWERED = "what is the password on the account", "mango tree"


@pytest.mark.slow
async def test_a_successor_redacts_the_answer_to_what_it_never_heard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The question is in the draft by then, and no longer in the call's record."""
    monkeypatch.setattr(opening, "open_live", harness.scripted_engine(f"{ASKED} {ANSWERED}"))
    asked, count = ASKED.split(), len(ASKED.split())
    question, _ = talk(1, count, group=count)
    answer, _ = talk(count + 1, len(ANSWERED.split()))
    with serving(tmp_path, redact="all") as server:
        async with call(server, "call-1") as client:
            await client.play(question + bytes(2 * harness.RATE))
            final = await client.until("final")
            assert [word["text"] for word in final["words"]] == asked
            session, told = client.session, final["event"]
            async with asyncio.timeout(harness.PATIENCE_S):
                while not await harness.transcript(server, "call-1", "draft"):
                    await asyncio.sleep(0.05)
                while await _finals_in_record(tmp_path):
                    await asyncio.sleep(0.05)
    with serving(tmp_path, redact="all") as server:
        async with call(server, "call-1", session=session, event=told) as client:
            await client.play(answer)
            await client.finish()
            shown = [event for event in client.seen if event["type"] in ("partial", "final")]
        assert client.finals[-1]["text"] == "[PASSWORD]"
        assert not {"mango", "tree"} & {word for each in shown for word in each["text"].split()}
        assert await harness.transcript(server, "call-1", "draft") == [*asked, "[PASSWORD]"]


async def _finals_in_record(data_dir: Path) -> int:
    with contextlib.closing(sqlite3.connect(data_dir / "sessions.sqlite3")) as database:
        [(count,)] = database.execute("SELECT count(*) FROM finals")
    return int(count)


async def _take(server: Served, client: LiveClient) -> None:
    """Take a client's call, until it takes it back."""
    async with wire(server, call_id="call-1", session=client.session) as thief:
        await thief.ready()
        assert (await thief.refused())[0]["code"] == "call_id_in_use"


async def _words(client: LiveClient) -> list[str]:
    return [
        word["text"]
        async for event in client.events()
        if event["type"] == "final"
        for word in event["words"]
    ]
