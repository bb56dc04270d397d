"""What every job queue must do. An adapter's test class inherits it and gives one fixture."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import settings
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from twicetold.errors import JobNotFound, LeaseLost
from twicetold.queue import Job, JobState, JobStatus, Lease, Queue, Tally
from twicetold.speech.identity import CallKey

LEASE_S = 60.0
SOON_S = 10.0  # long for a machine, so that a slow one does not fail; nothing waits that long
KEY = CallKey("acme", "call-1")


@dataclass(frozen=True)
class Rig:
    """An empty queue whose leases last LEASE_S, and its time."""

    queue: Queue
    another: Queue  # the same jobs, as another process has them
    pass_time: Callable[[float], Coroutine[Any, Any, None]]


OpenRig = Callable[[], AbstractAsyncContextManager[Rig]]


def job(call_id: str = "call-1", tenant: str = "acme", content: str = "c0ffee" * 10) -> Job:
    return Job(CallKey(tenant, call_id), content, f"recordings/{tenant}/{call_id}.wav", "en")


def lose(lease: Lease, verb: str) -> Awaitable[None]:
    verbs: dict[str, Callable[[], Awaitable[None]]] = {
        "extend": lambda: lease.extend(1.0, 2.0),
        "complete": lease.complete,
        "retry": lambda: lease.retry(0.0, "late", "too late"),
        "give_back": lease.give_back,
        "fail": lambda: lease.fail("late", "too late"),
    }
    return verbs[verb]()


VERBS = ("extend", "complete", "retry", "give_back", "fail")


class QueueContract:
    @pytest.fixture
    def open_rig(self) -> OpenRig:
        """Opens a new, empty queue each time; leaving the context closes it."""
        raise NotImplementedError

    @pytest.fixture
    async def rig(self, open_rig: OpenRig) -> AsyncIterator[Rig]:
        async with open_rig() as opened:
            yield opened

    @pytest.fixture
    def queue(self, rig: Rig) -> Queue:
        return rig.queue

    async def test_submit_is_idempotent_in_every_state(self, queue: Queue) -> None:
        assert await queue.submit(job())
        assert not await queue.submit(job())  # waiting
        lease = await queue.claim()
        assert not await queue.submit(job())  # leased
        await lease.fail("engine_failed", "No.")
        assert not await queue.submit(job())  # failed
        await queue.retry_failed(KEY)
        await (await queue.claim()).complete()
        assert not await queue.submit(job())  # done
        assert len(await queue.jobs()) == 1
        assert await queue.submit(job(content="another" * 9))  # another recording of the call

    async def test_claim_gives_the_job_whole(self, queue: Queue) -> None:
        await queue.submit(job())
        lease = await queue.claim()
        assert lease.job == job()
        assert lease.attempt == 1

    async def test_claim_gives_the_oldest_free_job(self, queue: Queue) -> None:
        submitted = [job(f"call-{number}") for number in range(12)]
        for one in submitted:
            await queue.submit(one)
        assert [(await queue.claim()).job for _ in submitted] == submitted

    async def test_claim_waits_for_a_job(self, queue: Queue) -> None:
        claiming = asyncio.create_task(queue.claim())
        await asyncio.wait([claiming], timeout=0.05)
        assert not claiming.done()
        await queue.submit(job())
        assert (await asyncio.wait_for(claiming, SOON_S)).job == job()

    async def test_claimants_are_served_in_the_order_they_came(self, queue: Queue) -> None:
        claiming = [asyncio.create_task(queue.claim()) for _ in range(5)]
        await asyncio.wait(claiming, timeout=0.05)
        submitted = [job(f"call-{number}") for number in range(5)]
        for one in submitted:
            await queue.submit(one)
        leases = await asyncio.wait_for(asyncio.gather(*claiming), SOON_S)
        assert [lease.job for lease in leases] == submitted

    async def test_a_claimant_that_gives_up_takes_no_job_along(self, queue: Queue) -> None:
        for rounds in range(30):  # cancelled at many moments of a claim
            await queue.submit(job())
            claiming = asyncio.create_task(queue.claim())
            for _ in range(rounds % 6):
                await asyncio.sleep(0)
            claiming.cancel()
            with pytest.raises(asyncio.CancelledError):
                await claiming
        status = await queue.job_of(KEY)
        assert status is not None
        assert (status.state, status.attempts) == (JobState.WAITING, 0)
        assert (await asyncio.wait_for(queue.claim(), SOON_S)).attempt == 1

    async def test_a_claimant_that_gives_up_does_not_hold_up_the_next(self, queue: Queue) -> None:
        first, second = (asyncio.create_task(queue.claim()) for _ in range(2))
        await asyncio.wait([first], timeout=0.05)
        first.cancel()
        await queue.submit(job())
        assert (await asyncio.wait_for(second, SOON_S)).job == job()

    async def test_two_processes_never_hold_the_same_job(self, rig: Rig) -> None:
        submitted = [job(f"call-{number}") for number in range(40)]
        for one in submitted:
            await rig.queue.submit(one)
        leases = await asyncio.gather(
            *(queue.claim() for _ in range(20) for queue in (rig.queue, rig.another))
        )
        assert sorted(lease.job.job_id for lease in leases) == sorted(
            one.job_id for one in submitted
        )
        await asyncio.gather(*(lease.complete() for lease in leases))
        assert {one.state for one in await rig.another.jobs()} == {JobState.DONE}

    async def test_extend_keeps_the_lease_and_notes_progress(self, rig: Rig) -> None:
        await rig.queue.submit(job())
        lease = await rig.queue.claim()
        for step in range(1, 4):
            await rig.pass_time(LEASE_S * 0.75)
            await lease.extend(10.0 * step, 95.5)
        status = await rig.queue.job_of(KEY)
        assert status is not None
        assert (status.state, status.attempts) == (JobState.LEASED, 1)
        assert (status.done_s, status.total_s) == (30.0, 95.5)
        await lease.extend()
        status = await rig.queue.job_of(KEY)
        assert status is not None
        assert (status.done_s, status.total_s) == (30.0, 95.5)

    @pytest.mark.parametrize("verb", VERBS)
    async def test_a_lease_that_ran_out_frees_the_job(self, rig: Rig, verb: str) -> None:
        await rig.queue.submit(job())
        late = await rig.queue.claim()
        await rig.pass_time(LEASE_S + 1)
        with pytest.raises(LeaseLost):
            await lose(late, verb)
        status = await rig.queue.job_of(KEY)
        assert status is not None
        assert status.state is JobState.WAITING
        taken = await rig.queue.claim()
        assert (taken.job, taken.attempt) == (job(), 2)

    @pytest.mark.parametrize("verb", VERBS)
    async def test_the_old_holder_cannot_touch_the_new_ones_job(self, rig: Rig, verb: str) -> None:
        await rig.queue.submit(job())
        late = await rig.queue.claim()
        await rig.pass_time(LEASE_S + 1)
        taken = await rig.another.claim()
        before = await rig.queue.job_of(KEY)
        with pytest.raises(LeaseLost):
            await lose(late, verb)
        assert await rig.queue.job_of(KEY) == before
        await taken.complete()

    @pytest.mark.parametrize("verb", VERBS)
    @pytest.mark.parametrize("ended", ["complete", "retry", "give_back", "fail"])
    async def test_a_lease_ends_once(self, queue: Queue, ended: str, verb: str) -> None:
        await queue.submit(job())
        lease = await queue.claim()
        await lose(lease, ended)
        before = await queue.job_of(KEY)
        with pytest.raises(LeaseLost):
            await lose(lease, verb)
        assert await queue.job_of(KEY) == before

    async def test_complete_keeps_the_job_as_done(self, queue: Queue) -> None:
        await queue.submit(job())
        await (await queue.claim()).retry(0.0, "engine_failed", "No.", "Try.")
        lease = await queue.claim()
        await lease.extend(50.0, 60.0)
        await lease.complete()
        status = await queue.job_of(KEY)
        assert status is not None
        assert (status.state, status.attempts) == (JobState.DONE, 2)
        assert (status.done_s, status.total_s) == (60.0, 60.0)
        assert (status.error_code, status.error, status.next_attempt_at) == (None, None, None)
        await queue.submit(job("call-2"))
        assert (await queue.claim()).job == job("call-2")

    async def test_retry_waits_and_shows_why(self, rig: Rig) -> None:
        await rig.queue.submit(job())
        fresh = await rig.queue.job_of(KEY)
        assert fresh is not None
        assert fresh.next_attempt_at is None
        await (await rig.queue.claim()).retry(30.0, "engine_failed", "It died.", "Look at it.")
        status = await rig.queue.job_of(KEY)
        assert status is not None
        assert (status.state, status.attempts) == (JobState.WAITING, 1)
        assert status.next_attempt_at == pytest.approx(fresh.submitted_at + 30.0, abs=5.0)
        shown = (status.error_code, status.error, status.hint)
        assert shown == ("engine_failed", "It died.", "Look at it.")
        await rig.queue.submit(job("younger"))
        assert (await rig.queue.claim()).job == job("younger")  # the older one is not due
        await rig.pass_time(31.0)
        lease = await rig.queue.claim()
        assert (lease.job, lease.attempt) == (job(), 2)

    async def test_retry_wakes_a_claimant(self, queue: Queue) -> None:
        await queue.submit(job())
        lease = await queue.claim()
        claiming = asyncio.create_task(queue.claim())
        await asyncio.wait([claiming], timeout=0.05)
        assert not claiming.done()
        await lease.retry(0.0, "engine_failed", "It died.")
        assert (await asyncio.wait_for(claiming, SOON_S)).attempt == 2

    async def test_a_job_that_is_given_back_is_as_it_was(self, rig: Rig) -> None:
        await rig.queue.submit(job())
        await (await rig.queue.claim()).retry(0.0, "engine_failed", "It died.", "Look at it.")
        before = await rig.queue.job_of(KEY)
        await (await rig.queue.claim()).give_back()
        assert await rig.queue.job_of(KEY) == before
        lease = await rig.another.claim()
        assert (lease.job, lease.attempt) == (job(), 2)

    async def test_fail_parks_the_job_until_it_is_retried_by_hand(self, rig: Rig) -> None:
        await rig.queue.submit(job())
        await (await rig.queue.claim()).fail("not_audio", "It is a picture.", "Send sound.")
        await rig.pass_time(LEASE_S * 10)
        status = await rig.queue.job_of(KEY)
        assert status is not None
        shown = (status.state, status.error_code, status.error, status.hint)
        assert shown == (JobState.FAILED, "not_audio", "It is a picture.", "Send sound.")
        claiming = asyncio.create_task(rig.queue.claim())
        await asyncio.wait([claiming], timeout=0.05)
        assert not claiming.done()
        await rig.queue.retry_failed(KEY)
        assert (await asyncio.wait_for(claiming, SOON_S)).attempt == 1

    async def test_again_works_on_a_job_that_is_done_once_more(self, queue: Queue) -> None:
        await queue.submit(job())
        with pytest.raises(JobNotFound):
            await queue.again(KEY)
        await (await queue.claim()).complete()
        with pytest.raises(JobNotFound):
            await queue.retry_failed(KEY)
        await queue.again(KEY)
        lease = await queue.claim()
        assert (lease.job, lease.attempt) == (job(), 1)

    async def test_a_lease_says_how_often_its_job_was_begun_again_by_hand(
        self, queue: Queue
    ) -> None:
        await queue.submit(job())
        for generation in range(3):
            lease = await queue.claim()
            await lease.give_back()
            lease = await queue.claim()
            assert lease.generation == generation
            await lease.fail("engine_failed", "No.")
            await (queue.again if generation else queue.retry_failed)(KEY)

    async def test_again_works_on_a_failed_job_as_well(self, queue: Queue) -> None:
        await queue.submit(job())
        await (await queue.claim()).fail("broken", "It broke.", "Mend it.")
        await queue.again(KEY)
        assert (await queue.claim()).job == job()

    async def test_retry_failed_without_a_failed_job_is_not_found(self, queue: Queue) -> None:
        with pytest.raises(JobNotFound):
            await queue.retry_failed(KEY)
        await queue.submit(job())
        with pytest.raises(JobNotFound):
            await queue.retry_failed(KEY)
        await (await queue.claim()).fail("engine_failed", "No.")
        with pytest.raises(JobNotFound):
            await queue.retry_failed(CallKey("other", KEY.call_id))

    async def test_retry_failed_frees_the_newest_failed_job_alone(self, queue: Queue) -> None:
        for content in ("1" * 64, "2" * 64, "3" * 64):
            await queue.submit(job(content=content))
        for content in ("1" * 64, "2" * 64):
            lease = await queue.claim()
            assert lease.job.content == content
            await lease.fail("engine_failed", "No.")
        await queue.retry_failed(KEY)
        states = {one.job.content[0]: one.state for one in await queue.jobs()}
        assert states == {"1": JobState.FAILED, "2": JobState.WAITING, "3": JobState.WAITING}

    async def test_forget_removes_all_jobs_of_the_call(self, queue: Queue) -> None:
        others = [job("call-2"), job(tenant="other")]
        for one in (job(), job(content="2" * 64), *others):
            await queue.submit(one)
        held = await queue.claim()
        await queue.forget(KEY)
        await queue.forget(KEY)
        for verb in VERBS:
            with pytest.raises(LeaseLost):
                await lose(held, verb)
        assert await queue.job_of(KEY) is None
        assert {one.job.job_id for one in await queue.jobs()} == {one.job_id for one in others}
        assert await queue.submit(job())  # what was forgotten may come again
        with pytest.raises(LeaseLost):
            await held.complete()

    async def test_jobs_are_listed_newest_first(self, queue: Queue) -> None:
        for tenant in ("acme", "other"):
            for number in range(4):
                await queue.submit(job(f"call-{number}", tenant))
        await (await queue.claim()).complete()
        await (await queue.claim()).fail("engine_failed", "No.")
        await queue.claim()
        acme = await queue.jobs(tenant="acme")
        assert [one.job.key.call_id for one in acme] == ["call-3", "call-2", "call-1", "call-0"]
        states = [one.state for one in acme]
        assert states == [JobState.WAITING, JobState.LEASED, JobState.FAILED, JobState.DONE]
        assert [len(await queue.jobs(state=state)) for state in JobState] == [5, 1, 1, 1]
        assert await queue.jobs(tenant="acme", state=JobState.DONE) == [acme[3]]
        assert await queue.jobs(tenant="other", state=JobState.DONE) == []
        newest = await queue.jobs(limit=2)
        assert [str(one.job.key) for one in newest] == ["other/call-3", "other/call-2"]

    async def test_jobs_of_all_tenants_are_counted(self, rig: Rig) -> None:
        assert await rig.queue.tally() == Tally()
        for number in range(6):
            await rig.queue.submit(job(f"call-{number}", f"tenant-{number % 2}"))
        await (await rig.queue.claim()).complete()
        await (await rig.queue.claim()).fail("not_audio", "It is a picture.")
        await (await rig.queue.claim()).retry(LEASE_S * 10, "engine_failed", "It died.")
        await rig.queue.claim()
        await rig.pass_time(LEASE_S / 2)
        tally = await rig.another.tally()  # as any process sees it
        assert (tally.waiting, tally.running, tally.failed) == (3, 1, 1)
        assert tally.waited_s == pytest.approx(LEASE_S / 2, abs=5.0)
        await rig.queue.claim()
        await rig.queue.claim()
        tally = await rig.queue.tally()  # what waits is not due yet
        assert (tally.waiting, tally.running, tally.waited_s) == (1, 3, 0.0)
        await rig.pass_time(LEASE_S * 2)  # all leases have run out, one of them half a lease ago
        tally = await rig.queue.tally()
        assert (tally.waiting, tally.running, tally.failed) == (4, 0, 1)
        assert tally.waited_s == pytest.approx(LEASE_S * 1.5, abs=5.0)

    @pytest.mark.parametrize("ended", ["complete", "fail"])
    async def test_when_a_job_ended_is_kept(self, rig: Rig, ended: str) -> None:
        await rig.queue.submit(job())
        await rig.pass_time(1000.0)
        await lose(await rig.queue.claim(), ended)
        await rig.pass_time(500.0)
        status = await rig.another.job_of(KEY)
        assert status is not None
        assert status.ended_at == pytest.approx(status.submitted_at + 1000.0, abs=5.0)

    async def test_a_job_that_is_tried_again_has_not_ended(self, rig: Rig) -> None:
        await rig.queue.submit(job())
        await (await rig.queue.claim()).fail("engine_failed", "No.")
        await rig.queue.retry_failed(KEY)
        (waiting,) = await rig.queue.jobs()
        lease = await rig.queue.claim()
        (leased,) = await rig.queue.jobs()
        assert (waiting.ended_at, leased.ended_at) == (None, None)
        await rig.pass_time(LEASE_S / 2)
        await lease.complete()
        (status,) = await rig.queue.jobs()
        assert status.ended_at == pytest.approx(status.submitted_at + LEASE_S / 2, abs=5.0)

    async def test_job_of_gives_the_calls_newest_job(self, queue: Queue) -> None:
        assert await queue.job_of(KEY) is None
        await queue.submit(job())
        await queue.submit(job(content="2" * 64))
        await queue.submit(job("call-2"))
        status = await queue.job_of(KEY)
        assert status is not None
        assert status.job == job(content="2" * 64)

    @pytest.mark.slow
    def test_it_behaves_as_its_model_does(self, open_rig: OpenRig) -> None:
        run_state_machine_as_test(
            partial(QueueMachine, open_rig),  # type: ignore[arg-type]  # it takes any factory
            settings=settings(max_examples=20, stateful_step_count=40, deadline=None),
        )


_JOBS = [job("a"), job("a", content="2" * 64), job("b"), job("a", tenant="other")]
_KEYS = st.sampled_from(sorted({one.key for one in _JOBS}))
_DELAYS = st.sampled_from([0.0, 20.0, 100.0])


@dataclass
class _Known:
    """A job as the model knows it; ``free_at`` counts on the model's clock."""

    number: int
    status: JobStatus
    free_at: float | None
    holder: Lease | None = None

    def change(self, state: JobState, free_at: float | None, **fields: Any) -> None:
        self.holder = None
        self.free_at = free_at
        self.status = replace(self.status, state=state, **fields)


class QueueMachine(RuleBasedStateMachine):
    """The queue against a list of jobs; every lease ever given is kept and tried again."""

    leases: Bundle[Lease] = Bundle("leases")

    def __init__(self, open_rig: OpenRig) -> None:
        super().__init__()
        self._open_rig = open_rig
        self._runner = asyncio.Runner()
        self._now = 0.0
        self._known: dict[str, _Known] = {}
        self._number = 0

    @initialize()
    def open(self) -> None:
        self._context = self._open_rig()
        self._rig = self._runner.run(self._context.__aenter__())
        self._queues = [self._rig.queue, self._rig.another]

    def teardown(self) -> None:
        self._runner.run(self._context.__aexit__(None, None, None))
        self._runner.close()

    @rule(one=st.sampled_from(_JOBS), through=st.integers(0, 1))
    def submit(self, one: Job, through: int) -> None:
        new = self._runner.run(self._queues[through].submit(one))
        assert new == (one.job_id not in self._known)
        if new:
            self._number += 1
            status = JobStatus(one, JobState.WAITING, 0, 0.0)
            self._known[one.job_id] = _Known(self._number, status, self._now)

    @rule(target=leases, through=st.integers(0, 1))
    def claim(self, through: int) -> Any:
        free = [one for one in self._known.values() if self._is_free(one)]
        if not free:
            with pytest.raises(TimeoutError):
                self._runner.run(_claim_at_once(self._queues[through]))
            return multiple()
        lease = self._runner.run(asyncio.wait_for(self._queues[through].claim(), SOON_S))
        oldest = min(free, key=lambda one: one.number)
        assert lease.job == oldest.status.job
        attempts = oldest.status.attempts + 1
        assert lease.attempt == attempts
        oldest.change(JobState.LEASED, self._now + LEASE_S, attempts=attempts)
        oldest.holder = lease
        return lease

    @rule(seconds=st.sampled_from([10.0, 30.0, LEASE_S, 100.0]))
    def pass_time(self, seconds: float) -> None:
        self._runner.run(self._rig.pass_time(seconds))
        self._now += seconds

    @rule(lease=leases, done_s=st.sampled_from([1.0, 7.5]))
    def extend(self, lease: Lease, done_s: float) -> None:
        held = self._try(lease, lease.extend(done_s, 90.0))
        if held is not None:
            held.free_at = self._now + LEASE_S
            held.status = replace(held.status, done_s=done_s, total_s=90.0)

    @rule(lease=leases)
    def complete(self, lease: Lease) -> None:
        held = self._try(lease, lease.complete())
        if held is not None:
            no_error = {"error_code": None, "error": None, "hint": None}
            held.change(JobState.DONE, None, done_s=held.status.total_s, **no_error)

    @rule(lease=leases)
    def give_back(self, lease: Lease) -> None:
        held = self._try(lease, lease.give_back())
        if held is not None:
            held.change(JobState.WAITING, self._now, attempts=held.status.attempts - 1)

    @rule(lease=leases, delay_s=_DELAYS)
    def retry(self, lease: Lease, delay_s: float) -> None:
        held = self._try(lease, lease.retry(delay_s, "engine_failed", "It died.", "Look."))
        if held is not None:
            error = {"error_code": "engine_failed", "error": "It died.", "hint": "Look."}
            held.change(JobState.WAITING, self._now + delay_s, **error)

    @rule(lease=leases)
    def fail(self, lease: Lease) -> None:
        held = self._try(lease, lease.fail("not_audio", "A picture.", "Send sound."))
        if held is not None:
            error = {"error_code": "not_audio", "error": "A picture.", "hint": "Send sound."}
            held.change(JobState.FAILED, None, **error)

    @rule(key=_KEYS)
    def retry_failed(self, key: CallKey) -> None:
        failed = [one for one in self._of(key) if one.status.state is JobState.FAILED]
        if not failed:
            with pytest.raises(JobNotFound):
                self._runner.run(self._rig.queue.retry_failed(key))
            return
        self._runner.run(self._rig.queue.retry_failed(key))
        newest = max(failed, key=lambda one: one.number)
        no_error = {"error_code": None, "error": None, "hint": None}
        newest.change(JobState.WAITING, self._now, attempts=0, **no_error)

    @rule(key=_KEYS)
    def forget(self, key: CallKey) -> None:
        self._runner.run(self._rig.queue.forget(key))
        for one in self._of(key):
            del self._known[one.status.job.job_id]

    @invariant()
    def agrees(self) -> None:
        if not hasattr(self, "_rig"):
            return
        expected = sorted(self._known.values(), key=lambda one: -one.number)
        for queue in self._queues:
            seen = self._runner.run(queue.jobs())
            no_times = {"submitted_at": 0.0, "next_attempt_at": None, "ended_at": None}
            shown = [replace(one, **no_times) for one in seen]  # type: ignore[arg-type]
            assert shown == [self._shown(one) for one in expected]
            delayed = [one.next_attempt_at is not None for one in seen]
            assert delayed == [self._is_delayed(one) for one in expected]
            ended = [one.ended_at is not None for one in seen]
            assert ended == [one.free_at is None for one in expected]
            self._agrees_on_the_tally(self._runner.run(queue.tally()))
        for key in {one.key for one in _JOBS}:
            newest = max(self._of(key), key=lambda one: one.number, default=None)
            status = self._runner.run(self._rig.queue.job_of(key))
            assert (status and status.job) == (newest and newest.status.job)

    def _agrees_on_the_tally(self, tally: Tally) -> None:
        states = [self._shown(one).state for one in self._known.values()]
        counts = [states.count(s) for s in (JobState.WAITING, JobState.LEASED, JobState.FAILED)]
        assert [tally.waiting, tally.running, tally.failed] == counts
        free = [one.free_at or 0.0 for one in self._known.values() if self._is_free(one)]
        waited_s = self._now - min(free, default=self._now)
        assert tally.waited_s == pytest.approx(waited_s, abs=5.0)

    def _try(self, lease: Lease, verb: Any) -> _Known | None:
        """Run a verb; the job, if the model says that the lease holds, or LeaseLost seen."""
        one = self._known.get(lease.job.job_id)
        if one is None or one.holder is not lease or self._is_free(one):
            with pytest.raises(LeaseLost):
                self._runner.run(verb)
            return None
        self._runner.run(verb)
        return one

    def _of(self, key: CallKey) -> list[_Known]:
        return [one for one in self._known.values() if one.status.job.key == key]

    def _is_free(self, one: _Known) -> bool:
        return one.free_at is not None and one.free_at <= self._now

    def _is_delayed(self, one: _Known) -> bool:
        return one.status.state is JobState.WAITING and not self._is_free(one)

    def _shown(self, one: _Known) -> JobStatus:
        return replace(one.status, state=JobState.WAITING) if self._is_free(one) else one.status


async def _claim_at_once(queue: Queue) -> Lease:
    return await asyncio.wait_for(queue.claim(), 0.01)
