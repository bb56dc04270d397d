"""Sessions in a Redis that is killed, frozen or restarted, on lines that lose answers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest
import redis
from structlog.testing import capture_logs

pytest.register_assert_rewrite("tests.contracts.sessions_contract")

from tests.carriers.line import Line  # noqa: E402
from tests.carriers.redis_server import RedisServer, needs_redis  # noqa: E402
from tests.contracts.sessions_contract import KEY, LONG_S, final, record  # noqa: E402

from twicetold.errors import CallInUse, SwapLost, Unavailable  # noqa: E402
from twicetold.sessions import State, redis_link  # noqa: E402
from twicetold.sessions.redis import RedisSessions  # noqa: E402

pytestmark = [pytest.mark.contracts, needs_redis()]
_FRESH = count()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with RedisServer(tmp_path_factory.mktemp("redis")) as running:
        yield running


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[RedisServer]:
    with RedisServer(tmp_path) as running:
        yield running


@asynccontextmanager
async def two_stores(
    server: RedisServer,
) -> AsyncIterator[tuple[Line, RedisSessions, RedisSessions]]:
    """A line that can be cut, the store at its end, and another that goes straight."""
    prefix = f"?prefix=fresh-{next(_FRESH)}"
    async with Line(server.port).open() as line:
        far = RedisSessions(f"redis://127.0.0.1:{line.port}/0{prefix}", "tests")
        near = RedisSessions(server.url + prefix, "tests")
        try:
            yield line, far, near
        finally:
            await far.aclose()
            await near.aclose()


async def test_a_swap_whose_answer_was_lost_is_not_repeated(server: RedisServer) -> None:
    async with two_stores(server) as (line, far, _):
        await far.create(record(), LONG_S)
        await far.swap(KEY, {"owner": 0}, {"takeovers": 1})  # the script is known there
        line.deaf, asked = 1, line.asked
        with pytest.raises(Unavailable, match="may have happened"):
            await far.swap(KEY, {"owner": 0, "event": 0}, {"owner": 1, "add_final": final(1)})
        assert line.asked == asked + 1
        assert await far.load(KEY) == record(owner=1, takeovers=1, event=1, finals=(final(1),))


async def test_what_another_wrote_after_a_lost_answer_stands(server: RedisServer) -> None:
    async with two_stores(server) as (line, far, near):
        await far.create(record(), LONG_S)
        await far.swap(KEY, {"epoch": 1}, {"next_seq": 1})
        line.deaf = 1
        with pytest.raises(Unavailable):
            await far.swap(KEY, {"epoch": 1}, {"epoch": 2, "gateway": "far"})
        await near.swap(KEY, {"epoch": 2}, {"epoch": 3, "gateway": "near"})
        with pytest.raises(SwapLost):  # so its writer finds out, and reads
            await far.swap(KEY, {"epoch": 1}, {"epoch": 2, "gateway": "far"})
        assert await far.load(KEY) == record(epoch=3, gateway="near", next_seq=1)


async def test_a_create_whose_answer_was_lost_is_known_by_its_token(server: RedisServer) -> None:
    async with two_stores(server) as (line, far, near):
        line.deaf = 1
        await far.create(record(), LONG_S)
        assert await near.load(KEY) == record()
        line.deaf = 1
        with pytest.raises(CallInUse):
            await far.create(record(token_hash="cd" * 32), LONG_S)
        assert await near.load(KEY) == record()


async def test_what_changes_nothing_twice_is_asked_again(server: RedisServer) -> None:
    async with two_stores(server) as (line, far, near):
        await far.start()
        await far.create(record(), LONG_S)
        coordination = far.coordination
        for ask, answer in (
            (lambda: far.load(KEY), record()),
            (lambda: far.leased(KEY), True),
            (lambda: far.sweep(0), []),
            (far.unfinished, [record()]),
            (far.check, None),
            (lambda: coordination.beat("live", "a", 6.0, ["0"]), (["a"], {"0"})),
            (lambda: coordination.advance("live", {"0": 4}), None),
            (lambda: coordination.positions("live"), {"0": 4}),
            (lambda: coordination.yield_up("live", "a", ["0"]), None),
            (lambda: coordination.leave("live", "a"), None),
            (lambda: far.remove(KEY), None),
        ):
            line.deaf = 1
            assert await ask() == answer
        assert await near.load(KEY) is None
        assert (await near.coordination.beat("live", "b", 6.0, ["0"])) == (["b"], {"0"})


async def test_a_frozen_server_is_given_up_within_the_deadline_and_good_again_after(
    own_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_link, "_DEADLINE_S", 0.7)
    monkeypatch.setattr(redis_link, "_TRY_S", 0.35)
    store, other = (RedisSessions(own_server.url, "tests") for _ in range(2))
    try:
        await store.create(record(), LONG_S)
        await store.swap(KEY, {"epoch": 1}, {"next_seq": 1})
        await other.load(KEY)
        own_server.pause()
        began = time.monotonic()
        told = await asyncio.gather(
            store.swap(KEY, {"epoch": 1}, {"epoch": 2}),
            store.load(KEY),
            other.swap(KEY, {"epoch": 1}, {"epoch": 9}),
            *(other.swap(KEY, {"epoch": 1}, {"gateway": str(number)}) for number in range(60)),
            return_exceptions=True,
        )
        assert time.monotonic() - began < 1.6
        assert all(isinstance(error, Unavailable) for error in told)
        assert "may have happened" in str(told[0])
        assert "does not answer" in str(told[1])
        assert "may have happened" not in str(told[-1])  # it waited for a connection in vain
        await asyncio.sleep(0.2)
        own_server.wake()
        # What lay in its lines when it woke came too late: whoever reads now, reads what stays.
        assert await store.load(KEY) == record(next_seq=1)
        await store.swap(KEY, {"epoch": 1}, {"epoch": 2})
        with pytest.raises(SwapLost):
            await other.swap(KEY, {"epoch": 1}, {"epoch": 2})
        with redis.Redis(port=own_server.port) as asking:
            assert asking.info("commandstats")["cmdstat_evalsha"]["calls"] > 3  # they did arrive
    finally:
        own_server.wake()
        await store.aclose()
        await other.aclose()


async def test_a_servers_clock_that_leapt_is_learnt_anew(server: RedisServer) -> None:
    async with two_stores(server) as (_, far, near):
        await near.create(record(), LONG_S)
        for leap_s in (3_600, -3_600):
            await far.swap(KEY, {"owner": 0}, {"takeovers": 1})
            far._clock._ahead_us += leap_s * 1_000_000
            await far.swap(KEY, {"owner": 0}, {"takeovers": 2})
            assert await near.load(KEY) == record(takeovers=2)


@pytest.mark.slow
async def test_reading_survives_a_restart_that_takes_two_seconds(own_server: RedisServer) -> None:
    store = RedisSessions(own_server.url, "tests")
    try:
        await store.create(record(), LONG_S)
        await store.swap(KEY, {"owner": 0}, {"add_final": final(1), "state": State.CLOSING})
        whole = record(event=1, state=State.CLOSING, finals=(final(1),))
        assert [await store.load(KEY)] * 40 == await asyncio.gather(
            *(store.load(KEY) for _ in range(40))  # every connection is in use
        )
        own_server.kill()
        reading = [asyncio.create_task(store.load(KEY)) for _ in range(40)]
        # Behind those, it finds a connection that is known to be dead, or none.
        writing = asyncio.create_task(store.swap(KEY, {"event": 1}, {"next_seq": 7}))
        await asyncio.sleep(2.0)
        await asyncio.to_thread(own_server.start)
        written = replace(whole, next_seq=7)  # by whoever came first
        assert all(found in (whole, written) for found in await asyncio.gather(*reading))
        await writing
        assert await store.leased(KEY)
        assert await store.load(KEY) == written
    finally:
        await store.aclose()


async def test_a_server_that_is_away_is_waited_for_and_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_link, "_DEADLINE_S", 0.2)
    server = RedisServer(tmp_path, password="pass")
    store = RedisSessions(server.url.replace("//", "//:pass@"), "tests")
    try:
        with capture_logs() as logs:
            starting = asyncio.create_task(store.start())
            await asyncio.sleep(0.5)
            assert not starting.done()
            await asyncio.to_thread(server.start)
            await asyncio.wait_for(starting, 5)
        assert (
            logs[0]["reason"]
            == f"Redis at 127.0.0.1:{server.port}/0 (setting sessions) does not answer: connection "
            "refused."
        )
        assert logs[0]["hint"].startswith("Is Redis running there?")
        assert "pass@" not in repr(logs)
        await store.create(record(), LONG_S)
    finally:
        await store.aclose()
        server.kill()


async def test_who_is_cancelled_leaves_the_connection_to_others(
    own_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_link, "_MOST_CONNECTIONS", 2)
    store = RedisSessions(own_server.url, "tests")
    try:
        await store.create(record(), LONG_S)
        for _ in range(5):
            own_server.pause()
            waiting = [asyncio.create_task(store.load(KEY)) for _ in range(4)]
            await asyncio.sleep(0.02)
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
            own_server.wake()
            assert await asyncio.gather(*(store.load(KEY) for _ in range(4))) == [record()] * 4
    finally:
        own_server.wake()
        await store.aclose()


async def test_what_was_confirmed_is_there_after_a_kill(own_server: RedisServer) -> None:
    store = RedisSessions(own_server.url, "tests")
    try:
        await store.create(record(), LONG_S)
        for number in range(1, 200):
            await store.swap(KEY, {"next_seq": number - 1}, {"next_seq": number})
        own_server.kill()
        own_server.start()
        assert await store.load(KEY) == record(next_seq=199)
        with redis.Redis(port=own_server.port) as asking:
            asking.flushall()
        assert await store.load(KEY) is None
    finally:
        await store.aclose()
