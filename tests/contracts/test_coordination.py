"""Where consumers are coordinated, each store under the contract."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path

import pytest

pytest.register_assert_rewrite("tests.contracts.coordination_contract")

from tests.carriers.redis_server import RedisServer, needs_redis  # noqa: E402
from tests.contracts.coordination_contract import (  # noqa: E402
    LIVE,
    LONG_S,
    CoordinationContract,
    OpenCoordination,
)

from twicetold.broker import Coordination  # noqa: E402
from twicetold.sessions.sqlite import SqliteSessions  # noqa: E402

pytestmark = pytest.mark.contracts
_FRESH = count()


class TestSqliteCoordination(CoordinationContract):
    @pytest.fixture
    def open_coordination(self, tmp_path: Path) -> OpenCoordination:
        numbers = count()

        @asynccontextmanager
        async def fresh() -> AsyncIterator[Coordination]:
            sessions = SqliteSessions(tmp_path / f"sessions-{next(numbers)}.db")
            try:
                yield sessions.coordination
            finally:
                await sessions.aclose()

        return fresh

    async def test_the_stores_clock_counts(self, tmp_path: Path) -> None:
        now = 1_000.0
        sessions = SqliteSessions(tmp_path / "sessions.db", clock=lambda: now)
        store = sessions.coordination
        await store.beat(LIVE, "a", 6.0, ["0"])
        now = 1_005.9
        assert await store.beat(LIVE, "b", 6.0, ["0"]) == (["a", "b"], set())
        now = 1_006.0
        assert await store.beat(LIVE, "b", 6.0, ["0"]) == (["b"], {"0"})
        await sessions.aclose()

    async def test_processes_share_the_file(self, tmp_path: Path) -> None:
        both = [SqliteSessions(tmp_path / "sessions.db") for _ in range(2)]
        await both[0].coordination.beat(LIVE, "a", LONG_S, ["0"])
        await both[0].coordination.advance(LIVE, {"0": 3})
        assert (await both[1].coordination.beat(LIVE, "b", LONG_S, ["0"]))[1] == set()
        assert await both[1].coordination.positions(LIVE) == {"0": 3}
        for each in both:
            await each.aclose()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with RedisServer(tmp_path_factory.mktemp("redis")) as running:
        yield running


@needs_redis()
class TestRedisCoordination(CoordinationContract):
    @pytest.fixture
    def open_coordination(self, server: RedisServer) -> OpenCoordination:
        from twicetold.sessions.redis import RedisSessions

        @asynccontextmanager
        async def fresh() -> AsyncIterator[Coordination]:
            sessions = RedisSessions(f"{server.url}?prefix=fresh-{next(_FRESH)}", "tests")
            try:
                yield sessions.coordination
            finally:
                await sessions.aclose()

        return fresh
