"""Engine hosts, real processes: load, failure, death of the child and of the parent."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import uvloop
from tests.integration.engine_fakes import DIE, HANG, RAISE
from tests.integration.engine_pools import FAKES, fake_pool, find_the_fakes

from twicetold.engines import Sound
from twicetold.engines.connection import HostPlan, HostProcess
from twicetold.engines.counter import COUNTER_INFO, render
from twicetold.engines.pool import HostPool
from twicetold.errors import EngineFailed, EngineHostDied, OddByteCount

pytestmark = pytest.mark.integration

SOON_S = 10.0


@pytest.fixture(autouse=True)
def hosts_find_the_fakes(monkeypatch: pytest.MonkeyPatch) -> None:
    find_the_fakes(monkeypatch)


async def host_of(stream: object) -> int:
    """The process that a fake stream lives in."""
    hypothesis = await stream.accept(b"\0\0")  # type: ignore[attr-defined]
    return int(hypothesis.adaptation)


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] == "Z"


def count(folder: Path) -> int:
    return len(list(folder.iterdir()))


async def until(condition: object, within_s: float = SOON_S) -> None:
    deadline = time.monotonic() + within_s
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline, "it did not come to pass"
        await asyncio.sleep(0.01)


async def test_a_stream_in_a_host_reads_what_the_audio_carries() -> None:
    pool = HostPool(
        "twicetold.engines.counter:CounterEngine", COUNTER_INFO, hosts=1, streams_per_host=2
    )
    await pool.start()
    stream = await pool.start_stream(8000, "en")
    pcm, middle = render(41, 3, 8000), 4000  # 250 ms: one burst, and a part of the next
    first = await stream.accept(pcm[:middle])
    last = await stream.accept(pcm[middle:])
    assert (first.text, last.text) == ("41", "41 42 43")
    assert await stream.finish() == last
    await pool.aclose()


async def test_an_answer_tells_how_long_the_engine_was_at_work_for_it_and_no_other() -> None:
    """Slices of two streams come in turn: neither has the other's time in its own."""
    async with fake_pool(options={"slice_s": 0.05}, streams_per_host=2) as pool:
        short, long = [await pool.start_stream(16_000, "en") for _ in range(2)]
        began = time.perf_counter()
        told = await asyncio.gather(short.accept(bytes(8192)), long.accept(bytes(3 * 8192)))
        passed_s = time.perf_counter() - began
        ended = await short.finish()
        [sound] = await pool.transcribe([Sound(bytes(8192), 16_000)], "en")
    assert told[0].compute_s >= 0.05
    assert told[1].compute_s >= 0.15
    assert told[0].compute_s + told[1].compute_s <= passed_s + 0.01  # with their beginnings
    assert 0.0 < ended.compute_s < told[0].compute_s
    assert sound.compute_s >= 0.05


async def test_start_leaves_the_loop_free() -> None:
    longest = 0.0

    async def watch() -> None:
        nonlocal longest
        while True:
            before = time.perf_counter()
            await asyncio.sleep(0)
            longest = max(longest, time.perf_counter() - before)

    watcher = asyncio.create_task(watch())
    async with fake_pool(hosts=2) as pool:
        assert len(pool.pids) == 2
    watcher.cancel()
    assert longest < 1.0, "the loop stood still while a host started"


async def test_streams_spread_over_the_hosts() -> None:
    async with fake_pool(hosts=2) as pool:
        streams = [await pool.start_stream(16000, "en") for _ in range(4)]
        pids = [await host_of(stream) for stream in streams]
        assert sorted(pids.count(pid) for pid in pool.pids) == [2, 2]
        for stream in streams:
            await stream.aclose()


async def test_start_stream_waits_for_a_place() -> None:
    async with fake_pool(streams_per_host=1) as pool:
        first = await pool.start_stream(16000, "en")
        second = asyncio.create_task(pool.start_stream(16000, "en"))
        cancelled = asyncio.create_task(pool.start_stream(16000, "en"))
        await first.accept(b"\0\0")
        assert not second.done()
        cancelled.cancel()
        await first.aclose()
        await (await second).aclose()
        third = await asyncio.wait_for(pool.start_stream(16000, "en"), SOON_S)
        await third.finish()
        await asyncio.wait_for(pool.start_stream(16000, "en"), SOON_S)


async def test_a_killed_host_is_replaced_and_other_streams_do_not_notice() -> None:
    async with fake_pool(hosts=2) as pool:
        one, other = [await pool.start_stream(16000, "en") for _ in range(2)]
        victim, survivor = await host_of(one), await host_of(other)
        os.kill(victim, signal.SIGKILL)
        with pytest.raises(EngineHostDied):
            await one.accept(b"\0\0")
        assert await host_of(other) == survivor
        await until(lambda: len(pool.pids) == 2)
        assert victim not in pool.pids
        again = await pool.start_stream(16000, "en")
        assert await host_of(again) != victim
        await one.aclose()


async def test_a_host_that_dies_over_a_request_fails_all_its_streams() -> None:
    async with fake_pool() as pool:
        one, other = [await pool.start_stream(16000, "en") for _ in range(2)]
        with pytest.raises(EngineHostDied):
            await one.accept(DIE)
        with pytest.raises(EngineHostDied):
            await other.finish()
        fresh = await asyncio.wait_for(pool.start_stream(16000, "en"), SOON_S)
        await fresh.finish()


async def test_who_shares_a_host_is_not_taken_for_the_one_it_died_of() -> None:
    async with fake_pool(options={"slice_s": 0.02}) as pool:
        deadly, long, idle = [await pool.start_stream(16000, "en") for _ in range(3)]
        catching_up = asyncio.create_task(long.accept(bytes(8192 * 200)))
        await asyncio.sleep(0.1)  # it has had a turn or two
        with pytest.raises(EngineHostDied) as of_its_own:
            await deadly.accept(DIE)
        with pytest.raises(EngineHostDied) as beside:
            await catching_up
        with pytest.raises(EngineHostDied) as later:
            await idle.accept(b"\0\0")
    assert not of_its_own.value.of_another
    assert beside.value.of_another
    assert later.value.of_another


async def test_a_host_that_hangs_over_one_stream_is_not_the_fault_of_another() -> None:
    async with fake_pool(timeout_s=0.5) as pool:
        one, other = [await pool.start_stream(16000, "en") for _ in range(2)]
        hanging = asyncio.create_task(one.accept(HANG))
        await asyncio.sleep(0)
        with pytest.raises(EngineHostDied) as beside:
            await other.accept(b"\0\0")
        with pytest.raises(EngineHostDied) as of_its_own:
            await hanging
    assert beside.value.of_another
    assert not of_its_own.value.of_another


async def test_a_stopped_host_counts_as_dead_after_the_timeout() -> None:
    async with fake_pool(timeout_s=0.3) as pool:
        stream = await pool.start_stream(16000, "en")
        with pytest.raises(EngineHostDied, match=r"did not answer within 0\.3 s"):
            await asyncio.wait_for(stream.accept(HANG), SOON_S)
        fresh = await asyncio.wait_for(pool.start_stream(16000, "en"), SOON_S)
        await fresh.finish()


@pytest.mark.slow
async def test_long_work_that_goes_on_is_no_hang() -> None:
    async with fake_pool(timeout_s=1.6, options={"slice_s": 0.3}) as pool:
        stream = await pool.start_stream(16000, "en")
        hypothesis = await stream.accept(bytes(8192 * 8))
        assert hypothesis.text == str(8192 * 8)


async def test_a_long_request_leaves_turns_to_the_other_streams() -> None:
    async with fake_pool(options={"slice_s": 0.05}) as pool:
        long, short = [await pool.start_stream(16000, "en") for _ in range(2)]
        catching_up = asyncio.create_task(long.accept(bytes(8192 * 20)))
        await asyncio.sleep(0.1)
        await short.accept(b"\0\0")
        assert not catching_up.done()
        assert (await catching_up).text == str(8192 * 20)


async def test_what_an_engine_raises_ends_its_stream_alone_and_tells_no_words() -> None:
    async with fake_pool(streams_per_host=2) as pool:
        one, other = [await pool.start_stream(16000, "en") for _ in range(2)]
        pid = await host_of(other)
        with pytest.raises(EngineFailed, match="KeyError") as raised:
            await one.accept(RAISE)
        assert "secret" not in str(raised.value)
        with pytest.raises(EngineFailed):
            await one.finish()
        assert await host_of(other) == pid
        await asyncio.wait_for(pool.start_stream(16000, "en"), SOON_S)


async def test_an_answer_that_nobody_waits_for_is_dropped() -> None:
    async with fake_pool(streams_per_host=1, options={"slice_s": 0.1}) as pool:
        stream = await pool.start_stream(16000, "en")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(stream.accept(bytes(100)), 0.02)
        with pytest.raises(EngineFailed, match="one request at a time"):
            await stream.accept(bytes(2))
        await stream.aclose()
        await stream.aclose()
        fresh = await asyncio.wait_for(pool.start_stream(16000, "en"), SOON_S)
        assert (await fresh.accept(bytes(6))).text == "6"


async def test_half_a_sample_is_refused() -> None:
    async with fake_pool() as pool:
        stream = await pool.start_stream(16000, "en")
        with pytest.raises(OddByteCount):
            await stream.accept(b"\0")


async def test_sounds_go_to_all_hosts_at_once_in_order() -> None:
    async with fake_pool(hosts=2, streams_per_host=1, options={"slice_s": 0.2}) as pool:
        sounds = [Sound(bytes(2 * n), 16000) for n in range(1, 5)]
        heard = await pool.transcribe(sounds, "en")
        assert [each.text for each in heard] == ["2", "4", "6", "8"]
        assert {int(each.adaptation or 0) for each in heard} == set(pool.pids)


async def test_one_sound_that_fails_takes_no_place_away() -> None:
    async with fake_pool(streams_per_host=1) as pool:
        with pytest.raises(EngineFailed, match="KeyError"):
            await pool.transcribe([Sound(RAISE, 16000), Sound(bytes(4), 16000)], "en")
        with pytest.raises(EngineHostDied):
            await pool.transcribe([Sound(DIE, 16000)], "en")
        heard = await asyncio.wait_for(pool.transcribe([Sound(bytes(4), 16000)], "en"), SOON_S)
        assert heard[0].text == "4"


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
async def test_batch_hosts_give_way() -> None:
    async with fake_pool(niceness=19) as pool:
        (pid,) = pool.pids
        stream = await pool.start_stream(16000, "en")
        assert (await stream.finish()).adaptation == f"{pid} 19"
        assert os.sched_getscheduler(pid) == os.SCHED_BATCH


async def test_an_engine_that_refuses_says_why() -> None:
    with pytest.raises(EngineFailed, match="The model is not there") as raised:
        async with fake_pool("refuse", hosts=2):
            pass
    assert raised.value.hint == "Fetch it first."


async def test_a_host_that_dies_at_its_start_is_tried_again(tmp_path: Path) -> None:
    async with fake_pool("die_at_start", options={"marks": str(tmp_path), "times": 2}) as pool:
        await (await pool.start_stream(16000, "en")).finish()
    assert count(tmp_path) == 3


async def test_hosts_that_always_die_at_their_start_are_a_failed_engine(tmp_path: Path) -> None:
    with pytest.raises(EngineFailed, match="does not start"):
        async with fake_pool("die_at_start", options={"marks": str(tmp_path), "times": 99}):
            pass
    assert count(tmp_path) == 3


async def test_closing_ends_the_hosts_and_whoever_waits() -> None:
    async with fake_pool(streams_per_host=1) as pool:
        stream = await pool.start_stream(16000, "en")
        (pid,) = pool.pids
        busy = asyncio.create_task(stream.accept(HANG))
        waiting = asyncio.create_task(pool.start_stream(16000, "en"))
        await asyncio.sleep(0.05)
        await pool.aclose()
        assert gone(pid)
        with pytest.raises(EngineHostDied):
            await busy
        with pytest.raises(EngineFailed):
            await waiting
        with pytest.raises(EngineFailed):
            await pool.start_stream(16000, "en")


async def test_hosts_ignore_the_interrupt_meant_for_their_parent() -> None:
    async with fake_pool() as pool:
        stream = await pool.start_stream(16000, "en")
        pid = await host_of(stream)
        os.kill(pid, signal.SIGINT)
        assert await host_of(stream) == pid


PARENT = f"""
import asyncio, sys
from tests.integration.engine_fakes import FAKE_INFO, HANG
from twicetold.engines.pool import HostPool

async def main():
    pool = HostPool("{FAKES}:FakeEngine", FAKE_INFO, hosts=2, streams_per_host=1)
    await pool.start()
    sys.stdout.write(" ".join(map(str, pool.pids)) + "\\n")
    sys.stdout.flush()
    stream = await pool.start_stream(16000, "en")
    await stream.accept(HANG)

asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="a hung host outlives its parent elsewhere")
async def test_hosts_die_with_their_parent_however_it_dies() -> None:
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PARENT, stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout is not None
    pids = [int(pid) for pid in (await parent.stdout.readline()).split()]
    assert len(pids) == 2
    parent.kill()
    await parent.communicate()
    await until(lambda: all(gone(pid) for pid in pids))


async def test_a_start_that_is_given_up_while_it_connects_ends_its_host(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """uvloop does not say that a connection was lost whose making was cancelled."""
    made = HostProcess.connection_made

    async def given_up() -> int:
        launching: asyncio.Task[HostProcess]
        hosts = []

        def give_up(host: HostProcess, transport: asyncio.BaseTransport) -> None:
            made(host, transport)
            hosts.append(host.pid)
            launching.cancel()

        monkeypatch.setattr(HostProcess, "connection_made", give_up)
        with ThreadPoolExecutor(1) as spawner:
            plan = HostPlan(f"{FAKES}:FakeEngine")
            launching = asyncio.create_task(HostProcess.launch(plan, spawner))
            await asyncio.wait([launching], timeout=SOON_S)
            assert launching.cancelled(), "it waits for the end of a connection for ever"
        (pid,) = hosts
        return pid

    assert gone(await asyncio.to_thread(uvloop.run, given_up()))
