"""The session store in a real Redis, under the contract, and what only Redis promises."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import redis

pytest.register_assert_rewrite("tests.contracts.sessions_contract")

from tests.contracts.redis_server import DURABLE, RedisServer, needs_redis  # noqa: E402
from tests.contracts.sessions_contract import (  # noqa: E402
    KEY,
    LONG_S,
    OpenSessions,
    SessionsContract,
    final,
    record,
)

from twicetold.errors import SettingError, SwapLost, Unavailable  # noqa: E402
from twicetold.sessions import Sessions, State  # noqa: E402
from twicetold.sessions.redis import RedisSessions  # noqa: E402

pytestmark = [pytest.mark.contracts, needs_redis()]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    running = RedisServer(tmp_path_factory.mktemp("redis"), *DURABLE)
    yield running
    running.kill()


@asynccontextmanager
async def emptied(url: str) -> AsyncIterator[RedisSessions]:
    store = RedisSessions(url)
    try:
        await store._redis.flushdb()
        yield store
    finally:
        await store.aclose()


class TestRedisSessions(SessionsContract):
    @pytest.fixture
    def open_sessions(self, server: RedisServer) -> OpenSessions:
        @asynccontextmanager
        async def fresh() -> AsyncIterator[Sessions]:
            async with emptied(server.url) as store:
                yield store

        return fresh

    async def test_two_stores_on_one_server_compare_with_each_other(
        self, server: RedisServer
    ) -> None:
        async with emptied(server.url) as first:
            second = RedisSessions(server.url)
            await first.create(record(), LONG_S)
            for epoch in range(1, 20):
                results = await asyncio.gather(
                    *(
                        each.swap(KEY, {"epoch": epoch}, {"epoch": epoch + 1})
                        for each in (first, second)
                    ),
                    return_exceptions=True,
                )
                assert sorted(map(type, results), key=repr) == [type(None), SwapLost]
            await second.aclose()


async def test_what_was_confirmed_is_there_after_a_kill(tmp_path: Path) -> None:
    server = RedisServer(tmp_path, *DURABLE)
    store = RedisSessions(server.url)
    try:
        await store.check()
        await store.create(record(), LONG_S)
        await store.swap(KEY, {"owner": 0}, {"add_final": final(1), "state": State.CLOSING})
        server.kill()
        with pytest.raises(Unavailable, match=r"Redis at 127\.0\.0\.1:\d+ does not answer"):
            await store.load(KEY)
        server.start()
        assert await store.load(KEY) == record(event=1, state=State.CLOSING, finals=(final(1),))
        assert await store.leased(KEY)
        assert await store.unfinished() == [await store.load(KEY)]
    finally:
        await store.aclose()
        server.kill()


async def test_a_change_whose_answer_was_lost_is_not_taken_for_a_rivals(
    server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with emptied(server.url) as store:
        for name in ("_create", "_swap"):
            script, lost = getattr(store, name), [True]

            async def once(script=script, lost=lost, **arguments: object) -> object:  # type: ignore[no-untyped-def]
                answer = await script(**arguments)
                if lost:
                    lost.pop()
                    raise redis.exceptions.ConnectionError("the answer was lost")
                return answer

            monkeypatch.setattr(store, name, once)
        await store.create(record(), LONG_S)
        await store.swap(KEY, {"owner": 0, "event": 0}, {"owner": 1, "add_final": final(1)})
        assert await store.load(KEY) == record(owner=1, event=1, finals=(final(1),))
        with pytest.raises(SwapLost):
            await store.swap(KEY, {"owner": 0}, {"owner": 1})


async def test_a_server_that_may_forget_is_refused_with_what_mends_it(tmp_path: Path) -> None:
    server = RedisServer(tmp_path, "--maxmemory-policy", "allkeys-lru")
    store, told = RedisSessions(server.url), RedisSessions(f"{server.url}?volatile=accepted")
    try:
        with pytest.raises(SettingError, match="appendonly is no") as refused:
            await store.check()
        commands = refused.value.hint.removeprefix("In redis-cli: ").partition(". Or")[0]
        for command in commands.split("; "):
            await store._redis.execute_command(*command.split())
            if command == "CONFIG SET maxmemory-policy noeviction":
                break
        await store.check()
        await told.check()
    finally:
        await store.aclose()
        await told.aclose()
        server.kill()


async def test_a_server_without_memory_refuses_and_keeps_what_it_has(tmp_path: Path) -> None:
    server = RedisServer(tmp_path, *DURABLE)
    store = RedisSessions(server.url)
    try:
        await store.create(record(), LONG_S)
        await store._redis.config_set("maxmemory", "1mb")
        with pytest.raises(Unavailable, match="refuses to write"):
            await store.swap(KEY, {}, {"add_final": final(1)})
        assert await store.load(KEY) == record()
    finally:
        await store.aclose()
        server.kill()


@pytest.mark.parametrize("url", ["redis://h?volatile=yes", "redis://h?db=3", "redis://h:port"])
def test_a_url_that_is_not_taken_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(SettingError) as refused:
        RedisSessions(url.replace("//", "//user:secret@"))
    assert "secret" not in str(refused.value)
