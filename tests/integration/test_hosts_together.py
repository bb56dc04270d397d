"""Hosts whose engine hears several calls at once, and what a poisonous one costs the others."""

from __future__ import annotations

import asyncio
import time

import pytest
from tests.integration.engine_fakes import DIE, RAISE
from tests.integration.engine_pools import fake_pool, find_the_fakes

from twicetold.engines import Expected, Sound, Stream
from twicetold.engines.pool import HostPool
from twicetold.errors import EngineFailed, EngineHostDied

pytestmark = pytest.mark.integration
QUIET = b"\0\0"


@pytest.fixture(autouse=True)
def hosts_find_the_fakes(monkeypatch: pytest.MonkeyPatch) -> None:
    find_the_fakes(monkeypatch)


async def streams(pool: HostPool, count: int) -> list[Stream]:
    return [await pool.start_stream(16_000, "en") for _ in range(count)]


async def test_what_has_come_meanwhile_is_heard_together_up_to_what_the_engine_takes() -> None:
    async with fake_pool("JointFake", streams_per_host=8) as pool:
        sounds = [QUIET * (number + 1) for number in range(7)]
        hearing = zip(await streams(pool, 7), sounds, strict=True)
        told = await asyncio.gather(*(stream.accept(sound) for stream, sound in hearing))
    texts = [each.text for each in told]
    assert [text.split()[0] for text in texts] == [str(2 * (number + 1)) for number in range(7)]
    assert max(int(text.split()[-1]) for text in texts) == 4


async def test_sounds_are_heard_together_too() -> None:
    async with fake_pool("JointFake", streams_per_host=4) as pool:
        assert (pool.parallel, pool.workers) == (4, 1)
        sounds = [Sound(QUIET * (number + 1), 16_000) for number in range(6)]
        texts = [each.text for each in await pool.transcribe(sounds, "en")]
    assert [text.split()[0] for text in texts] == ["2", "4", "6", "8", "10", "12"]
    assert max(int(text.split()[-1]) for text in texts) > 1


async def test_what_is_done_together_takes_each_its_share() -> None:
    async with fake_pool("JointFake", streams_per_host=4) as pool:
        hearing = await streams(pool, 4)
        began = time.perf_counter()
        told = await asyncio.gather(*(stream.accept(QUIET) for stream in hearing))
        passed_s = time.perf_counter() - began
    company = [int(each.text.split()[-1]) for each in told]
    assert max(company) > 1
    assert all(each.compute_s >= 0.1 / count for each, count in zip(told, company, strict=True))
    assert sum(each.compute_s for each in told) <= passed_s + 0.01  # with their beginnings


async def test_a_long_sound_has_the_longer_share_of_a_pass() -> None:
    async with fake_pool("JointFake", streams_per_host=4) as pool:
        [busy] = await streams(pool, 1)
        first = asyncio.create_task(busy.accept(QUIET))
        await asyncio.sleep(0.03)  # at work: what comes now comes together
        sounds = [Sound(QUIET * 16_000 * seconds, 16_000) for seconds in (1, 3)]
        short, long = await pool.transcribe(sounds, "en")
        await first
    assert (short.text.split()[-1], long.text.split()[-1]) == ("2", "2")
    assert 0.025 <= short.compute_s < 2 * short.compute_s < long.compute_s


async def test_a_stream_that_fails_costs_its_neighbours_nothing() -> None:
    async with fake_pool("JointFake", streams_per_host=4) as pool:
        first, *others = await streams(pool, 4)
        told = await asyncio.gather(
            first.accept(RAISE), *(other.accept(QUIET) for other in others), return_exceptions=True
        )
        assert isinstance(told[0], EngineFailed)
        assert "secret" not in told[0].message
        assert [each.text.split()[0] for each in told[1:]] == ["2", "2", "2"]  # type: ignore[union-attr]
        with pytest.raises(EngineFailed):
            await first.accept(QUIET)  # it is over
        assert (await others[0].finish()).text.split()[0] == "2"


async def test_nobody_is_blamed_for_a_death_in_company_and_the_culprit_is_found_alone() -> None:
    async with fake_pool("JointFake", streams_per_host=4) as pool:
        first, *others = await streams(pool, 4)
        warm = asyncio.create_task(others[0].accept(QUIET))
        await asyncio.sleep(0.02)  # at work: what comes now comes together
        deaths = [first.accept(DIE), *(other.accept(QUIET) for other in others[1:])]
        told = await asyncio.gather(*deaths, return_exceptions=True)
        await warm
        assert all(isinstance(each, EngineHostDied) for each in told)
        assert [each.of_another for each in told] == [True, True, True]  # type: ignore[union-attr]
        deadly, *innocent = await streams(pool, 4)
        again = await asyncio.gather(
            *(other.accept(QUIET) for other in innocent), deadly.accept(DIE), return_exceptions=True
        )
    assert [str(getattr(each, "text", each)) for each in again[:3]] == ["2 of 1"] * 3
    assert isinstance(again[3], EngineHostDied)
    assert not again[3].of_another


async def test_what_is_expected_of_one_is_told_of_no_other_though_heard_together() -> None:
    expected = [Expected(("quux",)), Expected(), Expected(("wob", "Möller")), Expected()]
    names = ["quux", "", "wob+Möller", ""]
    async with fake_pool("ExpectingJointFake", streams_per_host=8) as pool:
        opened = [await pool.start_stream(16_000, "en", None, each) for each in expected]
        told = await asyncio.gather(*(stream.accept(QUIET) for stream in opened))
        sounds = [Sound(QUIET, 16_000, each) for each in expected]
        texts = [each.text for each in [*told, *await pool.transcribe(sounds, "en")]]
    assert [text.partition(" of ")[0] for text in texts] == names * 2
    assert all(max(int(text.split()[-1]) for text in some) > 1 for some in (texts[:4], texts[4:]))


@pytest.mark.parametrize(("engine", "at_once"), [("JointFake", 4), ("FakeEngine", 1)])
async def test_of_recordings_a_host_has_as_many_as_its_engine_hears_together(
    engine: str, at_once: int
) -> None:
    """More would wait in it: recordings would be begun earlier and end later."""
    async with fake_pool(engine, hosts=2, streams_per_host=None) as pool:
        assert (pool.parallel, pool.workers) == (2 * at_once, 2)
        heard = await pool.transcribe([Sound(QUIET, 16_000)] * 9, "en")
        assert len(heard) == 9
        assert max(host.streams for host in pool._hosts) == 0
