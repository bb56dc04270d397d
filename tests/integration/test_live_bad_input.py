"""What goes wrong on ``/v1/live`` gets a clear error, and nothing is lost.

Every error has its code, close code, message and hint; a call beside it is not disturbed, and
the call itself goes on when its client comes back.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import socket
import sqlite3
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from tests.integration import live_harness as harness
from tests.integration.live_harness import (
    RATE,
    Event,
    Served,
    Wire,
    call,
    recording,
    serving,
    talk,
    undisturbed,
    wire,
    words,
)
from tests.tree import below
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from twicetold.engines import opening
from twicetold.errors import (
    Corrupt,
    CorruptDatabase,
    CorruptLog,
    DataDirectoryLocked,
    PortInUse,
    TwicetoldError,
)
from twicetold.gateway import events, live, pace
from twicetold.tenants import Tenants
from twicetold.wiring import together

pytestmark = pytest.mark.integration

Refusal = tuple[str, int, bool]  # code, close code, retryable


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("bad") / "data") as served:
        yield served


async def refused(client: Wire) -> Refusal:
    """How the server ends a connection; what it says must be of use to a person."""
    error, code = await client.refused()
    assert set(error) == {"type", "code", "message", "hint", "retryable"}
    assert error["message"].endswith("."), error
    assert error["hint"], error
    return error["code"], code, error["retryable"]


async def at_the_door(server: Served, **query: Any) -> Refusal:
    async with wire(server, **query) as client:
        return await refused(client)


# --- the request -----------------------------------------------------------------------------


async def test_parameters_that_are_not_known(server: Served) -> None:
    cases: dict[str, list[Event]] = {
        "unsupported_encoding": [{"encoding": "mp3"}, {"encoding": ""}, {"encoding": "\0" * 99}],
        "unsupported_rate": [
            {"sample_rate": "44101"},
            {"sample_rate": "-16000"},
            {"sample_rate": "16000.0"},
            {"sample_rate": "9" * 5000},
            {"sample_rate": "44100", "encoding": "mulaw"},
            {"sample_rate": ""},
        ],
        "bad_parameter": [
            {"chanels": "2"},
            {"channels": "3"},
            {"channels": "0"},
            {"channels": "two"},
            {"channels": "١"},
            {"event": "-1"},
            {"event": "9" * 100},
            {"language": "e n"},
            {"language": "../../x"},
            {"language": "x" * 36},
            {"\x1b[2J": "x"},
        ],
        "bad_identifier": [
            {"call_id": bad}
            for bad in (
                "../../etc/passwd", "a/b", "a\\b", ".hidden", "-rf", "a b", "ä", "a\0", "a\n",
                "x" * 129, "%2e%2e", "..", "a\u202eb",
            )
        ],
    }  # fmt: skip
    async with undisturbed(server, "beside-parameters"):
        for code, queries in cases.items():
            for query in queries:
                query = {"call_id": "never-begun", **query}
                assert await at_the_door(server, **query) == (code, 4400, False), query
    async with server.client() as client:
        assert (await client.get("/v1/calls/never-begun")).status_code == 404
    names = {path.name for path in below(server.data_dir)}
    assert not names & {"passwd", ".hidden", "never-begun"}


async def test_call_ids_that_are_taken(server: Served) -> None:
    sound, numbers = talk(1, 3)
    async with undisturbed(server, "beside-taken"), call(server, "taken") as client:
        assert await at_the_door(server, call_id="taken") == ("call_id_in_use", 4409, False)
        await client.play(sound)
        assert words(await client.finish()) == numbers
        await harness.settled(server, "taken")
        assert await at_the_door(server, call_id="taken") == ("call_id_used", 4409, False)
        async with server.client() as api:
            assert (await api.delete("/v1/calls/taken")).status_code == 204
        gone = ("call_deleted", 4409, False)
        assert await at_the_door(server, call_id="taken") == gone
        assert await at_the_door(server, call_id="taken", session=client.session) == gone


async def test_tokens_that_are_not_the_session_s(server: Served) -> None:
    async with undisturbed(server, "beside-tokens"), call(server, "tokens") as client:
        for token in ("wrong", "", "ä", "x" * 4000, client.session[:-1]):
            told = await at_the_door(server, call_id="tokens", session=token)
            assert told == ("unauthorized", 4401, False), token
        told = await at_the_door(server, call_id="nobody-s", session=client.session)
        assert told == ("session_lost", 4409, False)
        await client.finish()


async def test_a_call_resumes_as_it_began(server: Served) -> None:
    sound, numbers = talk(1, 6)
    async with call(server, "layout") as client:
        await client.play(sound[:64_000])
        await client.acked(client.next_seq - 1)
        client.cut()
    for other in ({"channels": 2}, {"sample_rate": 8_000}, {"encoding": "mulaw"}):
        told = await at_the_door(server, call_id="layout", session=client.session, **other)
        assert told == ("call_id_in_use", 4409, False)
    async with call(server, "layout", session=client.session) as again:
        told = await at_the_door(server, call_id="layout", session=client.session, channels=2)
        assert told == ("call_id_in_use", 4409, False)  # and takes the call from nobody
        await again.play(sound[64_000:])
        assert words(await again.finish()) == numbers
    assert await recording(server, "layout") == sound


async def test_keys(tmp_path: Path) -> None:
    known = Tenants.load(tmp_path / "data" / "tenants.toml")
    ours, theirs = known.add("ours"), known.add("theirs")
    with serving(tmp_path / "data") as server:
        async with undisturbed(server, "beside-keys", key=theirs):
            for key in ("", "tt_wrong_key", ours[:-1], ours + "x"):
                told = await at_the_door(server, call_id="private", key=key)
                assert told == ("unauthorized", 4401, False), key
            sound, numbers = talk(1, 3)
            async with call(server, "private", key=ours) as client:
                # Another tenant learns nothing of the call, whatever it has got hold of.
                told = await at_the_door(
                    server, call_id="private", key=theirs, session=client.session
                )
                assert told == ("session_lost", 4409, False)
                await client.play(sound)
                assert words(await client.finish()) == numbers
            offered = ("twicetold.v1", f"twicetold.key.{ours}")
            async with wire(server, call_id="browser", subprotocols=offered) as browser:
                assert browser.socket.subprotocol == "twicetold.v1"
                await browser.ready()
                await browser.finish()
            async with call(server, "private", key=theirs) as namesake:
                assert await namesake.finish() == []
        assert await recording(server, "private", key=ours) == sound


@pytest.mark.slow
async def test_a_key_that_is_taken_back_ends_what_it_opened(tmp_path: Path) -> None:
    known = Tenants.load(tmp_path / "data" / "tenants.toml")
    leaked = known.add("ours")
    with serving(tmp_path / "data") as server:
        sound, numbers = talk(1, 3)
        async with call(server, "leaked", key=leaked) as client:
            await client.play(sound)
            key = known.rotate("ours")
            assert await refused(client) == ("unauthorized", 4401, False)
        async with call(server, "leaked", key=key, session=client.session) as again:
            assert words(await again.finish()) == numbers


@pytest.mark.slow
async def test_a_follower_whose_key_or_ticket_is_taken_back_is_sent_away(tmp_path: Path) -> None:
    known = Tenants.load(tmp_path / "data" / "tenants.toml")
    key = known.add("ours")
    with serving(tmp_path / "data") as server:
        async with call(server, "followed", key=key), server.client(key) as api:
            wish = {"call_id": "followed", "scope": "captions", "expires_in_s": 86_400}
            ticket = (await api.post("/v1/tickets", json=wish)).json()["ticket"]
            async with asyncio.timeout(harness.PATIENCE_S), asyncio.TaskGroup() as group:
                for query in ({}, {"ticket": ticket}):
                    group.create_task(_sent_away(server, "" if query else key, query))
                await asyncio.sleep(0.5)  # both follow
                known.rotate("ours")


async def _sent_away(server: Served, key: str, query: dict[str, str]) -> None:
    async with (
        server.client(key) as api,
        api.stream("GET", "/v1/calls/followed/events", params=query) as events,
    ):
        assert events.status_code == 200
        text = "".join([piece async for piece in events.aiter_text()])
    assert text.endswith("\n\n")
    assert '"code":"unauthorized"' in text.replace(" ", "")


@pytest.mark.slow
async def test_a_server_that_has_as_many_calls_as_it_may_take(tmp_path: Path) -> None:
    with serving(tmp_path / "data", max_live_calls=2) as server:
        async with undisturbed(server, "beside-full"):
            async with call(server, "second"):
                told = await at_the_door(server, call_id="third")
                assert told == ("overloaded", 4503, True)
            async with asyncio.timeout(harness.PATIENCE_S):
                while True:
                    async with wire(server, call_id="third") as client:
                        if (await client.next())["type"] == "ready":
                            break
                        await asyncio.sleep(0.02)


# --- messages --------------------------------------------------------------------------------


def _binary(seq: int, audio: bytes) -> bytes:
    return struct.pack("<I", seq) + audio


BAD_MESSAGES: dict[str, tuple[str, list[str | bytes]]] = {
    "odd": ("odd_byte_count", [_binary(1, b"\1\2\3"), _binary(1, b"\1")]),
    "gap": ("sequence_gap", [_binary(2, bytes(640)), _binary(2**32 - 1, bytes(640))]),
    "repeat": ("sequence_repeat", [_binary(0, bytes(640))]),
    "short": ("unexpected_audio", [b"", b"\1\0\0"]),
    "large": ("message_too_large", [_binary(1, bytes(1024 * 1024))]),
    "text": (
        "unexpected_text",
        [
            "hello", "", "null", "[]", '{"type":"dance"}', '{"type":["stop"]}', '{"type":"stop"',
            '{"tipe":"stop"}', "[" * 4000, '{"a":' * 800, "9" * 4000, "x" * 5000, "x" * 900_000,
            '{"type":"\\ud800"}',
        ],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_MESSAGES)
@pytest.mark.slow
async def test_messages_that_cannot_be_used(server: Served, name: str) -> None:
    code, messages = BAD_MESSAGES[name]
    sound, numbers = talk(1, 3)
    async with undisturbed(server, f"beside-{name}"):
        for index, message in enumerate(messages):
            call_id = f"{name}-{index}"
            async with call(server, call_id) as client:
                await client.send(sound[:6400])
                await client.socket.send(message)
                assert await refused(client) == (code, 4400, False), message[:40]
            seen = {"session": client.session, "event": len(client.finals)}
            async with call(server, call_id, **seen) as again:  # what was good is kept
                await again.play(sound[6400 * again.next_seq :])
                assert words(await again.finish()) == numbers
            assert await recording(server, call_id) == sound


async def test_stereo_frames_are_whole(server: Served) -> None:
    async with call(server, "half-frame", channels=2) as client:
        await client.send(b"\1\2")
        assert await refused(client) == ("odd_byte_count", 4400, False)


async def test_a_message_that_is_beyond_words(server: Served) -> None:
    """Above 8 MiB nothing reads it: the socket itself refuses."""
    async with undisturbed(server, "beside-huge"), call(server, "huge") as client:
        with pytest.raises(ConnectionClosed) as closed:
            await asyncio.gather(client.send(bytes(9 * 1024 * 1024)), _ended(client))
        assert closed.value.rcvd is None or closed.value.rcvd.code == 1009


async def test_bytes_that_are_no_websocket(server: Served) -> None:
    async with undisturbed(server, "beside-noise"):
        async with call(server, "noise") as client:
            client.socket.transport.write(b"\xff" * 4096)
            with pytest.raises(ConnectionClosed):
                await _ended(client)
        async with call(server, "not-utf8") as client:
            await client.socket.send(b"\xff\xfe{", text=True)
            with pytest.raises(ConnectionClosed):
                await _ended(client)


async def _ended(client: Wire) -> None:
    """Raises ConnectionClosed."""
    while True:
        await client.next()


@pytest.mark.slow
async def test_messages_after_stop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "open_live", harness.slow_engine(0.2))
    sound, numbers = talk(1, 3)
    messages: dict[str, tuple[str, str | bytes]] = {
        "audio": ("unexpected_audio", _binary(3, bytes(640))),
        "text": ("unexpected_text", '{"type":"finalize"}'),
    }
    with serving(tmp_path / "data") as server:
        for name, (code, message) in messages.items():
            async with call(server, name) as client:
                await client.play(sound, 16_000)
                await client.say("stop")
                await client.socket.send(message)
                assert await refused(client) == (code, 4400, False)
            async with call(server, name, session=client.session) as again:
                await again.until("done")
            assert words(again.finals) == numbers
            assert await recording(server, name) == sound


# --- containers ------------------------------------------------------------------------------


@pytest.mark.parametrize("container", ["webm", "ogg"])
async def test_a_container_that_starts_in_its_middle(server: Served, container: str) -> None:
    stream = harness.opus(talk(1, 9)[0], container)
    async with (
        undisturbed(server, f"beside-middle-{container}"),
        call(server, f"middle-{container}", encoding=container) as client,
    ):
        await client.play(stream[len(stream) // 2 :], 2_000)
        assert await refused(client) == ("not_a_stream_start", 4400, False)


@pytest.mark.parametrize("container", ["webm", "ogg"])
async def test_a_container_that_turns_to_junk(server: Served, container: str) -> None:
    before, first_numbers = talk(1, 6)
    after, numbers = talk(500, 6)
    stream = harness.opus(before, container)
    call_id = f"junk-{container}"
    async with undisturbed(server, f"beside-{call_id}"):
        async with call(server, call_id, encoding=container) as client:
            await client.play(stream, 2_000)
            await client.until("final")
            await client.play(b"\x5a\xa5 no sound at all " * 4_000, 2_000)
            assert (await refused(client))[0] == "not_audio"
        seen = {"session": client.session, "event": len(client.finals)}
        async with call(server, call_id, encoding=container, **seen) as again:
            await again.play(harness.opus(after, container), 2_000)
            heard = words(client.finals + await again.finish())
    assert heard[:3] == first_numbers[:3]
    assert heard[-len(numbers) :] == numbers


async def test_the_other_container_is_told_so(server: Served) -> None:
    async with call(server, "wrong-container", encoding="webm") as client:
        await client.play(harness.opus(talk(1, 3)[0], "ogg"), 2_000)
        assert await refused(client) == ("not_a_stream_start", 4400, False)


# --- pace ------------------------------------------------------------------------------------


@pytest.mark.slow
async def test_a_client_that_sends_nothing(tmp_path: Path) -> None:
    sound, numbers = talk(1, 3)
    with serving(tmp_path / "data", idle_timeout_s=0.6) as server:
        async with call(server, "idle") as client:
            await client.play(sound[:16_000])
            assert await refused(client) == ("idle_timeout", 4400, True)
        async with call(server, "idle", session=client.session) as again:
            await again.play(sound[16_000:])
            assert words(await again.finish()) == numbers


@pytest.mark.slow
async def test_a_client_that_is_too_fast(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "_MOST_AHEAD_S", 3.0)
    monkeypatch.setattr(live, "_MOST_PUSHED_BACK_S", 0.5)
    with serving(tmp_path / "data") as server:
        async with undisturbed(server, "beside-fast"), call(server, "fast") as client:
            began = asyncio.get_running_loop().time()
            sending = asyncio.create_task(client.play(talk(1, 600)[0]))
            told = await refused(client)
            took_s = asyncio.get_running_loop().time() - began
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
        assert told == ("too_fast", 4400, False)
        acked = max(event["seq"] + 1 for event in client.seen if event["type"] == "ack")
        assert acked * 0.2 <= took_s + 3.0 + 0.4, "expected the socket to push back"


async def test_a_new_call_may_catch_up_with_its_age(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its client had no server for so long: what it kept comes at once, and is not too fast."""
    monkeypatch.setattr(pace, "_MOST_AHEAD_S", 3.0)
    monkeypatch.setattr(live, "_MOST_PUSHED_BACK_S", 0.5)
    sound, numbers = talk(1, 60)
    length_s = len(sound) / (2 * RATE)
    with serving(tmp_path / "data") as server:
        asked_at = time.time()
        async with call(server, "kept", age_s=math.ceil(length_s)) as client:
            await client.play(sound)
            assert words(await client.finish()) == numbers
        async with server.client() as api:
            began = (await api.get("/v1/calls/kept")).json()["started_at"]
        assert began == pytest.approx(asked_at - math.ceil(length_s), abs=2.0)


@pytest.mark.slow
async def test_a_client_that_is_pushed_back_is_not_silent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would like to send: it is not idle, and nobody has finished speaking."""
    monkeypatch.setattr(pace, "_MOST_AHEAD_S", 0.1)
    monkeypatch.setattr(live, "_TICK_S", 0.1)
    sound, numbers = talk(1, 16, group=16)
    half = int(1.31 * RATE) * 2
    with serving(tmp_path / "data", finalize_after_s=0.3, idle_timeout_s=0.6) as server:
        async with call(server, "pushed-back") as client:
            await client.play(sound, half)
            (final,) = await client.finish()
        assert words([final]) == numbers


@pytest.mark.slow
async def test_a_client_that_does_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its captions wait in the log, not in memory; others have theirs."""
    _unbraked(monkeypatch)
    apps = _with_small_buffers(monkeypatch)
    sound, numbers = talk(1, 2_400, 8_000, group=3, pause_s=0.2)
    with serving(tmp_path / "data", min_silence_ms=100) as server:
        query = f"{server.live_url}?call_id=unread&sample_rate=8000"
        narrow = socket.socket()
        narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        narrow.connect(("127.0.0.1", int(server.url.rsplit(":", 1)[1])))
        async with connect(query, sock=narrow, max_queue=1, ping_interval=None) as unread:
            client = Wire(unread)
            await client.ready()
            most = 0
            for at in range(0, len(sound), 16_000):
                await client.send(sound[at : at + 16_000])
                (app,) = apps
                most = max(most, len(app.state.live_tasks))
            await client.say("stop")
            async with undisturbed(server, "beside-unread"):
                pass
            assert most <= 3, "expected acks to wait for each other"
            ((reader,),) = app.state.captions._readers.values()
            async with asyncio.timeout(harness.PATIENCE_S):
                while not reader._waiting:
                    await asyncio.sleep(0.02)
            await asyncio.sleep(0.2)  # and more comes
            assert len(reader._waiting) <= 256
            assert not client.finals
            await client.until("done")  # and now it reads
        assert words(client.finals) == numbers
        assert [final["event"] for final in client.finals] == list(range(1, 801))


@pytest.mark.slow
async def test_a_client_that_never_reads_is_let_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the reason, and with nothing of it left behind."""
    _unbraked(monkeypatch)
    monkeypatch.setattr(live, "_MOST_UNREAD_S", 1.5)
    monkeypatch.setattr(live, "_LAST_WORDS_S", 0.1)
    refused: list[str] = []
    refuse = live.Connection.refuse

    async def noted(connection: live.Connection, error: TwicetoldError) -> None:
        refused.append(error.code)
        await refuse(connection, error)

    monkeypatch.setattr(live.Connection, "refuse", noted)
    apps = _with_small_buffers(monkeypatch)
    sound, _ = talk(1, 1_200, 8_000, group=3, pause_s=0.2)
    with serving(tmp_path / "data", min_silence_ms=100) as server:
        query = f"{server.live_url}?call_id=unread&sample_rate=8000"
        narrow = socket.socket()
        narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        narrow.connect(("127.0.0.1", int(server.url.rsplit(":", 1)[1])))
        async with connect(
            query, sock=narrow, max_queue=1, ping_interval=None, close_timeout=0.1
        ) as unread:
            client = Wire(unread)
            await client.ready()
            for at in range(0, len(sound), 16_000):
                await client.send(sound[at : at + 16_000])
            (app,) = apps
            async with asyncio.timeout(harness.PATIENCE_S):
                while app.state.live_calls:
                    await asyncio.sleep(0.02)
        assert refused == ["slow_reader"]
        async with undisturbed(server, "after-unread"):
            pass


@pytest.mark.slow
async def test_a_follower_that_never_reads_is_let_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "_MOST_UNREAD_S", 1.0)
    apps = _with_small_buffers(monkeypatch)
    sound, numbers = talk(1, 2_400, 8_000, group=3, pause_s=0.2)
    _unbraked(monkeypatch)
    with serving(tmp_path / "data", min_silence_ms=100) as server:
        async with call(server, "followed", sample_rate=8000) as speaker:
            with socket.socket() as deaf:
                deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                host = server.url.removeprefix("http://")
                deaf.connect(("127.0.0.1", int(host.rsplit(":", 1)[1])))
                deaf.sendall(
                    f"GET /v1/calls/followed/events HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()
                )
                ((_, readers),) = apps[0].state.captions._readers.items()
                async with asyncio.timeout(harness.PATIENCE_S):
                    while len(readers) < 2:
                        await asyncio.sleep(0.02)
                    await speaker.play(sound)
                    while len(readers) > 1:
                        await asyncio.sleep(0.02)
            assert words(await speaker.finish()) == numbers


def _unbraked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client may send as fast as it is read, however far behind the live pass is."""
    monkeypatch.setattr(pace, "_MOST_AHEAD_S", 1e6)
    monkeypatch.setattr(pace, "_MOST_UNHEARD_S", 1e6)


def _with_small_buffers(monkeypatch: pytest.MonkeyPatch) -> list[FastAPI]:
    """Of the kernel, so that a little fills them; the app of the server that starts next."""
    apps: list[FastAPI] = []
    bind, create_app = together.bind, together.create_app

    def bound(host: str, port: int) -> socket.socket:
        listening = bind(host, port)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        return listening

    def created(platform: Any, metrics: Any) -> FastAPI:
        apps.append(create_app(platform, metrics))
        return apps[-1]

    monkeypatch.setattr(together, "bind", bound)
    monkeypatch.setattr(together, "create_app", created)
    return apps


# --- a server that must not start --------------------------------------------------------------


async def test_two_servers_on_one_directory_or_port(server: Served, tmp_path: Path) -> None:
    port = int(server.url.rsplit(":", 1)[1])
    cases: list[tuple[type[TwicetoldError], Event]] = [
        (DataDirectoryLocked, {"data_dir": server.data_dir}),
        (PortInUse, {"data_dir": tmp_path / "data", "port": port}),
    ]
    async with undisturbed(server, "beside-second-server"):
        for kind, settings in cases:
            with pytest.raises(kind) as refusal, serving(**settings):
                pass
            assert str(settings.get("port", server.data_dir)) in refusal.value.message
            assert refusal.value.hint


@pytest.mark.slow
async def test_damaged_files_are_left_alone(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    with serving(data_dir) as server:
        async with call(server, "unfinished") as client:
            await client.play(talk(1, 9)[0])
            await client.acked(client.next_seq - 1)
            client.cut()
    log = max(data_dir.glob("log/**/*"), key=lambda path: path.stat().st_size)
    databases = sorted(data_dir.glob("*.sqlite3"))
    assert len(databases) == 5
    for path, kind in [(log, CorruptLog), *((database, CorruptDatabase) for database in databases)]:
        whole = path.read_bytes()
        path.write_bytes(_damaged(whole))
        before = _contents(data_dir, path)
        with pytest.raises(Corrupt) as refusal, serving(data_dir):
            pass
        assert isinstance(refusal.value, kind)
        assert str(path) in refusal.value.message
        assert refusal.value.hint
        assert _contents(data_dir, path) == before
        path.write_bytes(whole)
    sound, numbers = talk(1, 9)
    with serving(data_dir) as server:  # mended, it goes on where it was
        async with call(server, "unfinished", session=client.session) as again:
            await again.play(sound[6400 * again.next_seq :])
            assert words(await again.finish()) == numbers
        assert await recording(server, "unfinished") == sound


def _damaged(whole: bytes) -> bytes:
    """The same size, with its first third and a bit overwritten."""
    return whole[:64] + b"\x5a" * (len(whole) // 3) + whole[64 + len(whole) // 3 :]


def _contents(data_dir: Path, damaged: Path) -> dict[str, object]:
    """Bytes; of databases that are whole their rows, as opening one may tidy up in it."""
    contents: dict[str, object] = {}
    for path in data_dir.rglob("*"):
        if path.suffix == ".sqlite3" and path != damaged:
            with contextlib.closing(sqlite3.connect(path)) as database:
                rows = list(database.iterdump())
            contents[str(path)] = [row for row in rows if "_fts_" not in row]
        elif path.is_file() and not path.name.endswith(("lock", "-shm", "-wal")):
            contents[str(path)] = path.read_bytes()
    return contents
