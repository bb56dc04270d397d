"""The product with its running calls in Redis."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.contracts.redis_server import DURABLE, RedisServer, needs_redis
from tests.integration import live_harness as harness
from tests.integration.live_harness import call, serving, talk, words

pytestmark = [pytest.mark.integration, needs_redis()]


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    (tmp_path / "redis").mkdir()
    server = RedisServer(tmp_path / "redis", *DURABLE)
    yield server
    server.kill()


async def test_a_call_is_told_twice(tmp_path: Path, redis: RedisServer) -> None:
    sound, numbers = talk(1, 9)
    with serving(tmp_path / "data", sessions=redis.url) as server:
        async with call(server, "told") as client:
            await client.play(sound)
            assert words(await client.finish()) == numbers
        assert await harness.transcript(server, "told", "canonical") == numbers


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


async def test_redis_is_killed_under_a_running_call(tmp_path: Path, redis: RedisServer) -> None:
    sound, numbers = talk(1, 48)
    third = len(sound) // 6 * 2
    with serving(tmp_path / "data", sessions=redis.url) as server:
        async with call(server, "shaken") as client:
            await client.play(sound[:third])
            await client.acked(client.next_seq - 1)
            redis.kill()
            await asyncio.sleep(1.0)
            redis.start()
            client.cut()
        await asyncio.sleep(0.5)
        async with call(server, "shaken", session=client.session, event=0) as again:
            await again.play(sound[third:])
            assert words(await again.finish()) == numbers
        assert await harness.transcript(server, "shaken", "canonical") == numbers
