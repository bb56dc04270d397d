"""The session store in a real Redis, under the contract, and what only Redis promises."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from itertools import count
from pathlib import Path

import pytest
import redis
from structlog.testing import capture_logs

pytest.register_assert_rewrite("tests.contracts.sessions_contract")

from tests.carriers.redis_server import RedisServer, needs_redis  # noqa: E402
from tests.contracts.sessions_contract import (  # noqa: E402
    KEY,
    LONG_S,
    OpenSessions,
    SessionsContract,
    final,
    record,
)

from twicetold.errors import CorruptDatabase, SettingError, SwapLost, Unavailable  # noqa: E402
from twicetold.sessions import Changes, State, redis_rewriting  # noqa: E402
from twicetold.sessions.fields import LATER  # noqa: E402
from twicetold.sessions.redis import RedisSessions  # noqa: E402
from twicetold.speech.identity import CallKey  # noqa: E402

pytestmark = [pytest.mark.contracts, needs_redis()]
_FRESH = count()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with RedisServer(tmp_path_factory.mktemp("redis")) as running:
        yield running


@asynccontextmanager
async def fresh(server: RedisServer) -> AsyncIterator[RedisSessions]:
    store = RedisSessions(f"{server.url}?prefix=fresh-{next(_FRESH)}", "tests")
    try:
        yield store
    finally:
        await store.aclose()


class TestRedisSessions(SessionsContract):
    @pytest.fixture
    def open_sessions(self, server: RedisServer) -> OpenSessions:
        return lambda: fresh(server)

    async def test_two_stores_on_one_server_compare_with_each_other(
        self, server: RedisServer
    ) -> None:
        async with fresh(server) as first:
            second = RedisSessions(f"{server.url}?prefix={first._address.prefix}", "tests")
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


async def test_more_calls_at_once_than_connections_wait_their_turn(server: RedisServer) -> None:
    async with fresh(server) as store:
        keys = [CallKey("acme", f"call-{number}") for number in range(400)]
        await asyncio.gather(*(store.create(record(key), LONG_S) for key in keys))
        await asyncio.gather(*(store.swap(key, {"epoch": 1}, {"next_seq": 9}) for key in keys))
        assert {one.next_seq for one in await store.unfinished()} == {9}
        with client(server) as asking:
            assert asking.info("clients")["connected_clients"] <= 33


async def test_a_full_server_refuses_new_calls_and_lets_those_that_run_end(tmp_path: Path) -> None:
    server = RedisServer(tmp_path)
    server.start()
    store = RedisSessions(server.url, "tests")
    second = CallKey("acme", "call-2")
    try:
        await store.start()
        for key in (KEY, second):
            await store.create(record(key), LONG_S)
        with client(server) as asking:
            used = asking.info("memory")["used_memory"]
            for number in range(40):
                asking.set(f"others:{number}", b"\0" * 100_000)
            asking.config_set("maxmemory", used + 1_000_000)
        third = CallKey("acme", "call-3")
        with pytest.raises(Unavailable, match="is full and takes no new calls") as full:
            await store.create(record(third), LONG_S)
        assert "CONFIG SET maxmemory" in full.value.hint
        with pytest.raises(Unavailable, match="is full"):
            await store.check()
        await store.start()  # what runs in it goes on, and may be removed
        await store.swap(KEY, {"owner": 0}, {"add_final": final(1), "next_seq": 5, "lease_s": 9})
        await store.swap(KEY, {}, {"trim_finals": 1, "state": State.CLOSED, "recorded": True})
        assert (await store.coordination.beat("live", "a", 6.0, ["0"]))[1] == {"0"}
        with client(server) as asking:
            for number in range(40):
                asking.delete(f"others:{number}")
            asking.config_set("maxmemory", 1)
            await store.remove(KEY)
            await store.remove(second)
            assert not asking.keys("twicetold:call:*")
            asking.config_set("maxmemory", used + 1_000_000)
        await store.create(record(third), LONG_S)
        assert await store.unfinished() == [record(third)]
        await store.check()
    finally:
        await store.aclose()
        server.kill()


async def test_what_is_left_of_a_finished_call_is_small(server: RedisServer) -> None:
    async with fresh(server) as store:
        await store.create(record(adaptation=("1.25," * 40, None), redaction="{}" * 500), LONG_S)
        for event in range(1, 30):
            await store.swap(KEY, {"owner": 0}, {"add_final": final(event, "word " * 100)})
        computed = '{"%s": 1.5}' % ("a long name" * 9)
        over: Changes = {
            "state": State.CLOSED,
            "adaptation": (),
            "computed": computed,
            "redaction": "",
        }
        await store.swap(KEY, {}, over)
        await store.swap(KEY, {}, {"recorded": True})
        assert len((await store.load(KEY) or record()).finals) == 29
        await store.swap(KEY, {}, {"trim_finals": 29, "computed": ""})
        kept = await store.load(KEY)
        assert kept == record(state=State.CLOSED, event=29, recorded=True, adaptation=())
        with client(server) as asking:
            assert asking.memory_usage(store._hash(KEY)) < 700
            assert asking.object("encoding", store._hash(KEY)) == b"listpack"


async def test_records_of_before_fields_came_go_on(server: RedisServer) -> None:
    async with fresh(server) as store:
        made = record(cuts=(5, 0), heard_ms=6, computed='{"counter": 1.5}', redaction="{}")
        await store.create(made, LONG_S)
        with client(server) as asking:
            assert asking.hdel(store._hash(KEY), *LATER) == len(LATER) == 4
        assert await store.load(KEY) == record()
        await store.swap(KEY, {"owner": 0}, {"cuts": (7, 0), "heard_ms": 8})
        assert await store.unfinished() == [record(cuts=(7, 0), heard_ms=8)]


async def test_a_key_that_holds_something_else_is_named(server: RedisServer) -> None:
    async with fresh(server) as store:
        whole, part, foreign = (CallKey("acme", name) for name in ("whole", "part", "foreign"))
        for key in (whole, part, foreign):
            await store.create(record(key), 0)
        with client(server) as asking:
            asking.hdel(store._hash(part), "epoch")
            asking.set(store._hash(foreign), b"\xff\xfe")
        for key in (part, foreign):
            with pytest.raises(CorruptDatabase, match=f"{store._hash(key)}"):
                await store.load(key)
        with pytest.raises(CorruptDatabase, match=f"{store._hash(foreign)}"):
            await store.swap(foreign, {"owner": 0}, {"owner": 1})
        with capture_logs() as logs:
            assert await store.unfinished() == [record(whole)]
            assert await store.sweep(0) == [record(whole)]
        assert [line["event"] for line in logs] == ["session_damaged"] * 4
        for key in (part, foreign):
            await store.remove(key)
            assert await store.load(key) is None


async def test_what_was_removed_leaves_the_servers_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_rewriting, "_EVERY_S", 0.3)
    server = RedisServer(tmp_path, "--rdbcompression", "no")
    server.start()
    store = RedisSessions(server.url, "tests")

    def kept() -> bytes:
        return b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())

    async def gone(words: bytes) -> None:
        async with asyncio.timeout(10):
            while words in kept():
                await asyncio.sleep(0.05)

    try:
        await store.start()
        for number in range(3):
            key = CallKey("acme", f"call-{number}")
            await store.create(record(key), LONG_S)
            await store.swap(key, {}, {"add_final": final(1, f"secret-{number}")})
        assert b"secret-0" in kept()
        await store.remove(CallKey("acme", "call-0"))
        await gone(b"secret-0")
        await store.remove(CallKey("acme", "call-1"))  # waits for its turn
        assert b"secret-2" in kept()
        await gone(b"secret-1")
        await store.remove(CallKey("acme", "call-2"))
        await store.aclose()  # asks at once
        await gone(b"secret-2")
    finally:
        await store.aclose()
        server.kill()


async def test_installations_keep_apart(server: RedisServer) -> None:
    url = f"{server.url}?prefix=shared"
    mine, twin, other, asking = (RedisSessions(url, name) for name in ("mine", "mine", "other", ""))
    elsewhere = RedisSessions(f"{server.url}?prefix=elsewhere", "other")
    try:
        await asking.check()  # a free one, and it stays free
        await mine.start()
        await twin.start()
        await elsewhere.start()
        for refused in (other, asking):
            with pytest.raises(SettingError, match="another installation") as told:
                await refused.start()
            assert "redis-cli -n 0 DEL shared:installation" in told.value.hint
        await mine.create(record(), 0)
        assert await twin.unfinished() == [record()]
        assert await elsewhere.unfinished() == []
        with client(server) as wiping:
            wiping.delete("shared:installation")
        await mine.check()  # wiped meanwhile: it is ours again
        with pytest.raises(SettingError):
            await other.check()
    finally:
        for each in (mine, twin, other, asking, elsewhere):
            await each.aclose()


@contextmanager
def client(server: RedisServer) -> Iterator[redis.Redis]:
    with redis.Redis(port=server.port) as asking:
        yield asking
