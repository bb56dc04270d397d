"""The job queues, each under the contract, and what only SQLite promises."""

from __future__ import annotations

import asyncio
import threading
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

    @pytest.mark.parametrize("freed_by", ["lease", "delay"])
    async def test_a_waiting_claimant_wakes_when_a_job_comes_free(
        self, tmp_path: Path, freed_by: str
    ) -> None:
        queue = SqliteQueue(tmp_path / "queue.db", lease_s=0.2 if freed_by == "lease" else 60.0)
        await queue.submit(job())
        held = await queue.claim()
        if freed_by == "delay":
            await held.retry(0.2, "engine_failed", "It died.")
        loop = asyncio.get_running_loop()
        began = loop.time()
        lease = await asyncio.wait_for(queue.claim(), SOON_S)
        assert lease.attempt == 2
        assert 0.1 < loop.time() - began < 4.0  # at its moment
        with pytest.raises(LeaseLost):
            await held.complete()
        await queue.aclose()

    async def test_a_waiting_claimant_does_not_poll(self, tmp_path: Path) -> None:
        clock = FakeClock()
        queue = SqliteQueue(tmp_path / "queue.db", clock=clock)
        claiming = [asyncio.create_task(queue.claim()) for _ in range(10)]
        await asyncio.wait(claiming, timeout=0.3)
        assert clock.asked == 1  # the head of the line, once
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
