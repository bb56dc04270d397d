"""Which Redis is taken for sessions, and what is said of one that is not."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest
import redis
from structlog.testing import capture_logs

pytest.register_assert_rewrite("tests.contracts.sessions_contract")

from tests.carriers.process import free_port  # noqa: E402
from tests.carriers.redis_server import RedisServer, needs_redis  # noqa: E402
from tests.contracts.sessions_contract import KEY, LONG_S, final, record  # noqa: E402

from twicetold.errors import SettingError, TwicetoldError, Unavailable  # noqa: E402
from twicetold.sessions import redis_link  # noqa: E402
from twicetold.sessions.redis import RedisSessions  # noqa: E402
from twicetold.sessions.redis_words import PERMISSIONS  # noqa: E402

pytestmark = [pytest.mark.contracts, needs_redis()]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with RedisServer(tmp_path_factory.mktemp("redis")) as running:
        yield running


@contextmanager
def starting(folder: Path, *options: str, password: str = "") -> Iterator[RedisServer]:
    with RedisServer(folder, *options, password=password) as running:
        yield running


@asynccontextmanager
async def store_at(url: str) -> AsyncIterator[RedisSessions]:
    store = RedisSessions(url, "tests")
    try:
        yield store
    finally:
        await store.aclose()


async def told(url: str, kind: type[TwicetoldError], words: str) -> TwicetoldError:
    """What ``check`` and, where a person must mend it, ``start`` say."""
    async with store_at(url) as store:
        with pytest.raises(kind, match=words) as refused:
            await store.check()
        if kind is SettingError:
            with pytest.raises(SettingError, match=words):
                await store.start()
    assert type(refused.value) in (kind, *kind.__subclasses__())
    return refused.value


@pytest.mark.parametrize(
    ("setting", "value", "mends"),
    [
        ("appendonly", "no", "yes"),
        ("appendfsync", "everysec", "always"),
        ("maxmemory-policy", "allkeys-lru", "noeviction"),
        ("no-appendfsync-on-rewrite", "yes", "no"),
    ],
)
async def test_a_server_that_may_forget_is_refused_with_the_lines_that_mend_it(
    server: RedisServer, setting: str, value: str, mends: str
) -> None:
    with redis.Redis(port=server.port, decode_responses=True) as asking:
        asking.config_set(setting, value)
        refused = await told(server.url, SettingError, f"may forget running calls: {setting} is")
        assert f"In redis.conf, for its next start: {setting} {mends}." in refused.hint
        (line,) = re.findall(r"CONFIG SET \S+ \w+", refused.hint)
        assert asking.execute_command(*line.split()) == "OK"
    async with store_at(server.url) as store:
        await store.check()


async def test_a_bare_server_is_told_all_at_once_and_may_be_accepted_loudly(tmp_path: Path) -> None:
    with starting(tmp_path, "--appendonly", "no", "--appendfsync", "everysec") as bare:
        refused = await told(bare.url, SettingError, "appendonly is no, appendfsync is everysec")
        assert refused.hint.count("CONFIG SET") == 2
        assert "?volatile=accepted" in refused.hint
        async with store_at(f"{bare.url}?volatile=accepted") as store:
            with capture_logs() as logs:
                await store.start()
            assert [line["event"] for line in logs] == ["running_calls_may_be_lost"]
            await store.create(record(), LONG_S)
            await store.remove(KEY)
        with redis.Redis(port=bare.port) as asking:
            assert asking.keys() == [b"twicetold:installation"]
            assert asking.info("commandstats").get("cmdstat_bgrewriteaof") is None


async def test_a_replica_is_refused(server: RedisServer, tmp_path: Path) -> None:
    with starting(tmp_path, "--replicaof", "127.0.0.1", str(server.port)) as replica:
        await told(replica.url, SettingError, "is a replica and takes no changes")
        volatile = f"{replica.url}?volatile=accepted"
        await told(volatile, SettingError, "is a replica and takes no changes")


async def test_a_cluster_is_refused(tmp_path: Path) -> None:
    options = ("--cluster-enabled", "yes", "--cluster-port", str(free_port()))
    with starting(tmp_path, *options) as cluster:
        await told(cluster.url, SettingError, "no server of its own but a cluster")
        await told(f"{cluster.url}?volatile=accepted", SettingError, "is part of a cluster")


async def test_who_may_not_come_in_is_told_where_passwords_stand(tmp_path: Path) -> None:
    password = "p/a#s?s[w]@o:r%d"
    encoded = "p%2Fa%23s%3Fs%5Bw%5D%40o%3Ar%25d"
    with starting(tmp_path, password=password) as closed:
        for user in ("", ":wrong@", "nobody:wrong@"):
            url = closed.url.replace("//", f"//{user}")
            refused = await told(url, SettingError, "asks for another user or password")
            assert "wrong" not in str(refused) + refused.hint
        async with store_at(closed.url.replace("//", f"//:{encoded}@")) as store:
            await store.start()


async def test_a_user_with_the_rights_that_are_named_is_enough(server: RedisServer) -> None:
    with redis.Redis(port=server.port, decode_responses=True) as asking:
        asking.execute_command("ACL", "SETUSER", "someone", "on", ">pass", "~twicetold:*", "+info")
        url = server.url.replace("//", "//someone:pass@")
        refused = await told(url, SettingError, "does not let this user do what is needed")
        line = refused.hint.removeprefix("In redis-cli: ")
        line = line.replace("USER on >PASSWORD", "someone on >pass")
        assert line.endswith(PERMISSIONS)
        asking.execute_command(*line.split())
        async with store_at(url) as store:
            await store.start()
            await store.create(record(), LONG_S)
            await store.swap(KEY, {"owner": 0}, {"add_final": final(1), "lease_s": 9.0})
            assert await store.leased(KEY)
            assert await store.sweep(0) == []
            assert await store.coordination.beat("live", "a", 6.0, ["0"]) == (["a"], {"0"})
            await store.coordination.advance("live", {"0": 3})
            assert await store.coordination.positions("live") == {"0": 3}
            await store.remove(KEY)
            await store.check()
        asking.execute_command("ACL", "SETUSER", "someone", "-config|get", "-bgrewriteaof")
        await told(url, SettingError, "does not say how it keeps data")
        async with store_at(f"{url}?volatile=accepted") as store:
            await store.start()
            await store.remove(KEY)


async def test_a_database_that_is_not_there(server: RedisServer) -> None:
    refused = await told(f"{server.url}/16", SettingError, "no database of that number")
    assert "'databases'" in refused.hint


async def test_what_is_no_redis_is_called_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis_link, "_DEADLINE_S", 0.3)

    async def web(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()
        writer.close()

    listening = await asyncio.start_server(web, "127.0.0.1", 0)
    async with listening:
        port = listening.sockets[0].getsockname()[1]
        url = f"redis://127.0.0.1:{port}/0"
        await told(url, SettingError, "does not answer as Redis does")
        await told(url.replace("redis:", "rediss:"), SettingError, "does not answer in TLS")


@pytest.mark.parametrize(("scheme", "other"), [("redis", "rediss://"), ("rediss", "redis://")])
async def test_what_closes_the_connection_may_want_the_other_scheme(
    monkeypatch: pytest.MonkeyPatch, scheme: str, other: str
) -> None:
    monkeypatch.setattr(redis_link, "_DEADLINE_S", 1.0)

    async def closing(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    listening = await asyncio.start_server(closing, "127.0.0.1", 0)
    async with listening:
        url = f"{scheme}://127.0.0.1:{listening.sockets[0].getsockname()[1]}/0"
        away = await told(url, Unavailable, "sessions.* does not answer: it closes")
    assert f"(then it is {other})" in away.hint


async def test_what_takes_a_connection_and_says_nothing_is_not_said_to_close_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(redis_link, "_DEADLINE_S", 0.2)
    monkeypatch.setattr(redis_link, "_TRY_S", 0.1)

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(4096):
            pass
        writer.close()

    listening = await asyncio.start_server(silent, "127.0.0.1", 0)
    async with listening:
        url = f"rediss://127.0.0.1:{listening.sockets[0].getsockname()[1]}/0"
        away = await told(url, Unavailable, r"sessions\) does not answer\.")
    assert "(then it is redis://)" in away.hint


async def test_a_server_whose_disk_fails_says_so_until_it_is_mended(tmp_path: Path) -> None:
    with (
        starting(tmp_path, "--save", "3600", "1") as failing,
        redis.Redis(port=failing.port) as asking,
    ):
        (tmp_path / "dump.rdb").mkdir()  # it cannot be replaced by a file
        asking.bgsave()
        while asking.info("persistence")["rdb_last_bgsave_status"] == "ok":
            await asyncio.sleep(0.02)
        refused = await told(failing.url, Unavailable, "cannot write to its disk")
        assert "goes on by itself" in refused.hint
        (tmp_path / "dump.rdb").rmdir()
        asking.bgsave()
        while asking.info("persistence")["rdb_last_bgsave_status"] != "ok":
            await asyncio.sleep(0.02)
        async with store_at(failing.url) as store:
            await store.check()


async def test_a_server_that_still_reads_its_data_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = ("--key-load-delay", "100")  # it looks up after each 1,024 of them
    with starting(tmp_path, *slow) as server, redis.Redis(port=server.port) as asking:
        with asking.pipeline() as many:
            for number in range(6_000):
                many.set(f"others:{number}", number)
            many.execute()
        server.kill()
        server.start()  # up, which it says of itself while it reads
        async with store_at(server.url) as store:
            with monkeypatch.context() as hasty:
                hasty.setattr(redis_link, "_DEADLINE_S", 0.4)
                with pytest.raises(Unavailable, match="is still reading its data"):
                    await store.load(KEY)
            await store.check()
