"""The job queues, each under the contract, and what only SQLite promises."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path

import pytest

pytest.register_assert_rewrite("tests.contracts.queue_contract")

from tests.contracts.queue_contract import (  # noqa: E402
    KEY,
    LEASE_S,
    SOON_S,
    OpenRig,
    QueueContract,
    Rig,
    job,
)

from twicetold.errors import LeaseLost, Unavailable  # noqa: E402
from twicetold.queue import JobState  # noqa: E402
from twicetold.queue.sqlite import SqliteQueue  # noqa: E402
from twicetold.queue.sqlite_rows import tally  # noqa: E402

pytestmark = pytest.mark.contracts


@pytest.fixture(autouse=True)
def no_second_look(monkeypatch: pytest.MonkeyPatch) -> None:
    """A wake-up that is missed shows, where the look each few seconds would hide it."""
    monkeypatch.setattr("twicetold.queue.sqlite._LONGEST_WAIT_S", 3600.0)


class FakeClock:
    """Unix seconds that stand still until they are moved; counts who asks, and can hold them."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0
        self.asked = 0
        self.held, self.let_go = threading.Event(), threading.Event()
        self.let_go.set()

    def __call__(self) -> float:
        self.asked += 1
        self.held.set()
        assert self.let_go.wait(SOON_S)
        return self.now

    def hold(self) -> None:
        """Whoever asks from now on waits until ``let_go`` is set; ``held`` says that one does."""
        self.held.clear()
        self.let_go.clear()


CLAIMER = """
import asyncio, os, sys
from pathlib import Path
from twicetold.queue.sqlite import SqliteQueue

async def main():
    queue = SqliteQueue(Path(sys.argv[1]), lease_s=600.0)
    sys.stdin.read(1)
    while True:
        lease = await queue.claim()
        os.write(1, f"{lease.job.key.call_id} {lease.attempt}\\n".encode())
        if lease.job.key.call_id != "last":
            await lease.complete()

asyncio.run(main())
"""


class TestSqliteQueue(QueueContract):
    @pytest.fixture
    def open_rig(self, tmp_path: Path) -> OpenRig:
        numbers = count()

        @asynccontextmanager
        async def fresh() -> AsyncIterator[Rig]:
            clock = FakeClock()

            async def pass_time(seconds: float) -> None:
                clock.now += seconds

            path = tmp_path / f"queue-{next(numbers)}.db"
            queues = [SqliteQueue(path, lease_s=LEASE_S, clock=clock) for _ in range(2)]
            try:
                yield Rig(queues[0], queues[1], pass_time)
            finally:
                for queue in queues:
                    await queue.aclose()

        return fresh

    async def test_everything_is_there_after_a_restart(self, tmp_path: Path) -> None:
        clock = FakeClock()
        first = SqliteQueue(tmp_path / "queue.db", clock=clock)
        await first.submit(job("held"))
        await first.submit(job("waiting"))
        held = await first.claim()
        await held.extend(5.0, 10.0)
        await first.aclose()
        second = SqliteQueue(tmp_path / "queue.db", clock=clock)
        status = await second.job_of(held.job.key)
        assert status is not None
        assert (status.state, status.done_s) == (JobState.LEASED, 5.0)
        assert (await second.claim()).job == job("waiting")
        clock.now += 61.0
        assert (await second.claim()).job == job("held")
        await second.aclose()

    async def test_jobs_of_a_dead_server_are_free_at_once_and_that_attempt_does_not_count(
        self, tmp_path: Path
    ) -> None:
        dead = SqliteQueue(tmp_path / "queue.db")
        for name in ("failed", "first", "second"):
            await dead.submit(job(name))
        await (await dead.claim()).fail("not_audio", "It is no sound.")
        held = [await dead.claim() for _ in range(2)]
        await dead.aclose()
        queue = SqliteQueue(tmp_path / "queue.db")
        assert await queue.free_leases() == 2
        again = [await asyncio.wait_for(queue.claim(), SOON_S) for _ in range(2)]
        assert [lease.job for lease in again] == [job("first"), job("second")]
        assert [lease.attempt for lease in again] == [1, 1]
        failed = await queue.job_of(job("failed").key)
        assert failed is not None
        assert failed.state == JobState.FAILED
        await again[0].complete()
        await queue.aclose()
        assert held[0].token != again[0].token

    async def test_a_lease_that_was_freed_is_lost_and_wakes_a_claimant(
        self, tmp_path: Path
    ) -> None:
        queue = SqliteQueue(tmp_path / "queue.db")
        await queue.submit(job())
        held = await queue.claim()
        waiting = asyncio.create_task(queue.claim())
        await queue.free_leases()
        assert (await asyncio.wait_for(waiting, SOON_S)).attempt == 1
        with pytest.raises(LeaseLost):
            await held.complete()
        await queue.aclose()

    async def test_counting_reads_no_job_that_is_done(self, tmp_path: Path) -> None:
        queue = SqliteQueue(tmp_path / "queue.db")
        await queue.aclose()
        with contextlib.closing(sqlite3.connect(tmp_path / "queue.db")) as db:
            statements: list[str] = []
            db.set_trace_callback(statements.append)
            tally(db, 0.0)
            db.set_trace_callback(None)
            plans = [
                row[3] for text in statements for row in db.execute(f"EXPLAIN QUERY PLAN {text}")
            ]
        assert len(plans) == 4
        assert all("INDEX jobs_by_moment" in p or "INDEX jobs_that_failed" in p for p in plans)

    async def test_a_file_of_an_older_version_is_gone_on_with(self, tmp_path: Path) -> None:
        """It does not say when jobs ended: of those nobody knows."""
        older = SqliteQueue(tmp_path / "queue.db")
        for name in ("old", "new"):
            await older.submit(job(name))
        await (await older.claim()).fail("not_audio", "It is no sound.")
        await older.aclose()
        with contextlib.closing(sqlite3.connect(tmp_path / "queue.db")) as db:
            for column in ("ended_at", "generation"):
                db.execute(f"ALTER TABLE jobs DROP COLUMN {column}")
            db.execute("DROP INDEX jobs_that_failed")
        queue = SqliteQueue(tmp_path / "queue.db")
        assert (await queue.tally()).failed == 1
        await (await queue.claim()).complete()
        new, old = await queue.jobs()
        assert (old.state, old.ended_at) == (JobState.FAILED, None)
        assert new.ended_at is not None
        await queue.forget(job("new").key)
        assert [one.job for one in await queue.jobs()] == [job("old")]
        await queue.aclose()

    @pytest.mark.parametrize("freed_by", ["lease", "delay"])
    async def test_a_waiting_claimant_wakes_when_a_job_comes_free(
        self, tmp_path: Path, freed_by: str
    ) -> None:
        queue = SqliteQueue(tmp_path / "queue.db", lease_s=0.2 if freed_by == "lease" else 60.0)
        await queue.submit(job())
        held = await queue.claim()
        if freed_by == "delay":
            await held.retry(0.2, "engine_failed", "It died.")
        lease = await asyncio.wait_for(queue.claim(), SOON_S)
        assert lease.attempt == 2
        with pytest.raises(LeaseLost):
            await held.complete()
        await queue.aclose()

    async def test_a_waiting_claimant_does_not_poll(self, tmp_path: Path) -> None:
        clock = FakeClock()
        queue = SqliteQueue(tmp_path / "queue.db", clock=clock)
        claiming = [asyncio.create_task(queue.claim()) for _ in range(10)]
        await asyncio.wait(claiming, timeout=0.3)
        assert clock.asked <= 1  # the head of the line, once
        await queue.submit(job())
        await asyncio.wait(claiming, timeout=SOON_S, return_when=asyncio.FIRST_COMPLETED)
        assert sum(one.done() for one in claiming) == 1
        for one in claiming:
            one.cancel()
        await asyncio.gather(*claiming, return_exceptions=True)
        await queue.aclose()

    async def test_a_job_that_comes_while_a_claimant_looks_is_not_missed(
        self, tmp_path: Path
    ) -> None:
        clock = FakeClock()
        queue = SqliteQueue(tmp_path / "queue.db", clock=clock)
        await queue.submit(job("leased"))
        await queue.claim()
        clock.hold()
        repeated = asyncio.create_task(queue.submit(job("leased")))
        await asyncio.to_thread(clock.held.wait, SOON_S)
        claiming = asyncio.create_task(queue.claim())
        for _ in range(5):
            await asyncio.sleep(0)
        submitting = asyncio.create_task(queue.submit(job()))
        await asyncio.sleep(0)  # the claim and, after it, the submit now share a transaction
        clock.let_go.set()
        assert await submitting
        assert not await repeated
        assert (await asyncio.wait_for(claiming, SOON_S)).job == job()
        await queue.aclose()

    async def test_a_waiting_claimant_sees_what_another_process_submits(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("twicetold.queue.sqlite._LONGEST_WAIT_S", 0.1)
        queues = [SqliteQueue(tmp_path / "queue.db") for _ in range(2)]
        claiming = asyncio.create_task(queues[0].claim())
        await asyncio.wait([claiming], timeout=0.05)
        await queues[1].submit(job())
        assert (await asyncio.wait_for(claiming, SOON_S)).job == job()
        for queue in queues:
            await queue.aclose()

    async def test_closing_ends_the_claimants_wait(self, tmp_path: Path) -> None:
        queue = SqliteQueue(tmp_path / "queue.db")
        claiming = [asyncio.create_task(queue.claim()) for _ in range(3)]
        await asyncio.wait(claiming, timeout=0.05)
        await queue.aclose()
        results = await asyncio.wait_for(asyncio.gather(*claiming, return_exceptions=True), SOON_S)
        assert all(isinstance(result, Unavailable) for result in results)

    async def test_a_claimant_cancelled_as_the_queue_closes_is_just_cancelled(
        self, tmp_path: Path
    ) -> None:
        queue = SqliteQueue(tmp_path / "queue.db")
        await queue.submit(job())
        claiming = asyncio.create_task(queue.claim())
        await asyncio.sleep(0)
        claiming.cancel()
        await queue.aclose()
        with pytest.raises(asyncio.CancelledError):
            await claiming

    async def test_the_lease_of_another_claim_is_another(self, tmp_path: Path) -> None:
        clock = FakeClock()
        queue = SqliteQueue(tmp_path / "queue.db", clock=clock)
        await queue.submit(job())
        tokens = set()
        for _ in range(3):
            lease = await queue.claim()
            tokens.add(lease.token)
            clock.now += 61.0
        assert len(tokens) == 3
        assert (await queue.job_of(KEY)) is not None
        await queue.aclose()

    def test_processes_share_the_jobs_and_inherit_a_killed_ones(self, tmp_path: Path) -> None:
        path = tmp_path / "queue.db"
        asyncio.run(_submit_all(path, [f"call-{number}" for number in range(60)] + ["last"]))
        children = [
            subprocess.Popen(
                [sys.executable, "-c", CLAIMER, str(path)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                bufsize=0,
            )
            for _ in range(2)
        ]
        try:
            assert asyncio.run(_when_all_are_claimed(path, children)) == (60, 1)
        finally:
            for child in children:
                child.kill()
        outputs = [child.communicate()[0].decode().splitlines() for child in children]
        claims = [line for lines in outputs for line in lines]
        assert sorted(claims) == sorted([f"call-{number} 1" for number in range(60)] + ["last 1"])
        assert asyncio.run(_claim_an_hour_later(path)) == ("last", 2)


async def _submit_all(path: Path, call_ids: list[str]) -> None:
    queue = SqliteQueue(path)
    for call_id in call_ids:
        await queue.submit(job(call_id))
    await queue.aclose()


async def _when_all_are_claimed(
    path: Path, children: list[subprocess.Popen[bytes]]
) -> tuple[int, int]:
    """Start the children together; how many jobs are done and leased once none waits."""
    queue = SqliteQueue(path)
    for child in children:
        assert child.stdin is not None
        child.stdin.write(b"g")
    async with asyncio.timeout(SOON_S):
        while (counts := await _done_and_leased(queue)) != (60, 1):
            await asyncio.sleep(0.02)  # other processes: they set no event of ours
    await queue.aclose()
    return counts


async def _done_and_leased(queue: SqliteQueue) -> tuple[int, int]:
    states = [one.state for one in await queue.jobs()]
    return states.count(JobState.DONE), states.count(JobState.LEASED)


async def _claim_an_hour_later(path: Path) -> tuple[str, int]:
    queue = SqliteQueue(path, clock=lambda: time.time() + 3600.0)
    lease = await asyncio.wait_for(queue.claim(), SOON_S)
    await queue.aclose()
    return lease.job.key.call_id, lease.attempt
