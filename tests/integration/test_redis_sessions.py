"""The product with its running calls in Redis."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis as redis_client  # noqa: N813 - the fixture's name is taken
from tests.carriers.redis_server import RedisServer, needs_redis
from tests.integration import live_harness as harness
from tests.integration.live_harness import call, serving, talk, words

from twicetold.cli.checks import CHECKS, examined
from twicetold.config import Settings
from twicetold.sessions import redis_link

pytestmark = [pytest.mark.integration, needs_redis()]


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    with RedisServer(tmp_path / "redis") as server:
        yield server


@pytest.mark.slow
async def test_a_client_resumes_on_the_next_server(tmp_path: Path, redis: RedisServer) -> None:
    sound, numbers = talk(1, 24)
    half = len(sound) // 4 * 2
    with serving(tmp_path / "data", sessions=redis.url) as server:
        async with call(server, "resumed") as client:
            await client.play(sound[:half])
            await client.acked(client.next_seq - 1)
            client.cut()
    with serving(tmp_path / "data", sessions=redis.url) as server:
        async with call(server, "resumed", session=client.session, event=0) as again:
            await again.play(sound[half:])
            assert words(await again.finish()) == numbers


@pytest.mark.slow
async def test_redis_is_killed_under_a_running_call(tmp_path: Path, redis: RedisServer) -> None:
    sound, numbers = talk(1, 48)
    third = len(sound) // 6 * 2
    with serving(tmp_path / "data", sessions=redis.url) as server:
        async with call(server, "shaken") as client:
            await client.play(sound[:third])
            await client.acked(client.next_seq - 1)
            redis.kill()
            playing = asyncio.create_task(client.play(sound[third : 2 * third]))
            await asyncio.sleep(1.0)
            await asyncio.to_thread(redis.start)
            await playing
            await client.play(sound[2 * third :])
            assert words(await client.finish()) == numbers
        await harness.settled(server, "shaken")
        assert await harness.transcript(server, "shaken", "canonical") == numbers


async def test_a_server_waits_for_redis_and_is_not_ready_without(
    tmp_path: Path, redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_link, "_DEADLINE_S", 1.0)
    redis.kill()
    opening = contextlib.ExitStack()
    starting = asyncio.create_task(
        asyncio.to_thread(opening.enter_context, serving(tmp_path / "data", sessions=redis.url))
    )
    await asyncio.sleep(0.4)
    assert not starting.done()
    await asyncio.to_thread(redis.start)
    server = await starting
    with opening:
        async with server.client() as client:
            assert (await client.get("/readyz")).status_code == 200
            redis.kill()
            told = await client.get("/readyz")
            assert told.status_code == 503
            assert told.json()["reasons"] == {"sessions": "redis does not answer."}
            assert "127.0.0.1" not in told.text
            await asyncio.to_thread(redis.start)
            assert (await client.get("/readyz")).status_code == 200


async def test_doctor_tries_redis_and_takes_nothing(
    tmp_path: Path, redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def found(url: str, state: str) -> str:
        settings = Settings(data_dir=tmp_path / "data", sessions=url)
        finding = await examined("sessions", CHECKS["sessions"], settings)
        assert finding.state == state
        return f"{finding.detail} {finding.remedy}"

    assert await found("sqlite://", "ok") == "in the data directory "
    assert f"Redis at 127.0.0.1:{redis.port}/0 keeps" in await found(redis.url, "ok")
    assert "may lose running calls" in await found(f"{redis.url}?volatile=accepted", "ok")
    with redis_client(port=redis.port) as asking:
        assert asking.keys() == []
        asking.config_set("appendfsync", "everysec")
        asking.set("others:installation", "somebody")
    assert "CONFIG SET appendfsync always" in await found(redis.url, "broken")
    other = f"{redis.url}?prefix=others&volatile=accepted"
    assert "another installation" in await found(other, "broken")
    monkeypatch.setattr(redis_link, "_DEADLINE_S", 0.1)  # nobody is there to be slow
    away = await found("redis://:secret@127.0.0.1:1/0", "broken")
    assert "Redis at 127.0.0.1:1/0 (setting sessions) does not answer: connection refused" in away
    assert "Is Redis running there?" in away
    assert "secret" not in away
    assert not (tmp_path / "data").exists()
