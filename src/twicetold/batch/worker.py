"""The batch worker: leases jobs, keeps the lease while it works, and says how each one ended."""

from __future__ import annotations

import asyncio
import contextlib
import time
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog
from obstore.store import LocalStore

from twicetold.batch.attempt import Attempt, Carriers, RecordingReplaced
from twicetold.batch.checkpoints import clear_checkpoints
from twicetold.batch.enriching import NOTHING, Enriching
from twicetold.batch.job import (
    BatchSettings,
    FileState,
    failure_of,
    identify,
    wait_before_retry_s,
)
from twicetold.batch.kits import BatchEngines, Kit
from twicetold.broker import Broker
from twicetold.choice.chain import TRIES, Chain, Member
from twicetold.errors import EngineFailed, EngineHostDied, LeaseLost, TwicetoldError, Unavailable
from twicetold.queue import Job, Lease, Queue
from twicetold.storage import local_path
from twicetold.transcripts import Status, Transcripts
from twicetold.webhooks import NOBODY, Announcer

log = structlog.get_logger()

# An attempt also ends when its process is killed, which is seldom the job's fault: only a
# job that has outlived so many more attempts than are allowed to fail is taken for the cause.
_DEATHS_FORGIVEN = 50
_MORE_TRIES = 12  # of the engine that is wanted, while a stand-in's transcript serves
_LONGEST_PROVISIONAL_S = 6 * 3600.0


@dataclass(slots=True)
class WorkDone:
    """What a process's batch workers have done, one after another."""

    finished: int = 0  # jobs
    failed: int = 0  # jobs that were given up
    audio_s: float = 0.0  # in the finished ones


class BatchWorker:
    """Works on as many jobs at once as the engine has places: short recordings fill them too."""

    def __init__(
        self,
        queue: Queue,
        transcripts: Transcripts,
        store: LocalStore,
        broker: Broker,
        engines: BatchEngines,
        *,
        settings: BatchSettings,
        done: WorkDone | None = None,
        published: Callable[[Job], Awaitable[None]] | None = None,
        enriching: Callable[[str, str], Enriching] = lambda tenant, language: NOTHING,
        announcer: Announcer = NOBODY,
    ) -> None:
        """``enriching`` is what is made of a tenant's words in a language. ``published`` is told of
        each job whose canonical transcript has come to stand, ``announcer`` of how calls end."""
        self._published, self._enriching = published, enriching
        self._announcer = announcer
        self._carriers = Carriers(queue, transcripts, store, broker)
        self._engines, self._settings = engines, settings
        self._done = done or WorkDone()

    async def run(self) -> None:
        """Until cancelled; jobs in hand are then given back and go on at their last chunks."""
        jobs_at_once = self._settings.jobs_at_once or max(1, self._engines.parallel)
        async with asyncio.TaskGroup() as group:
            for _ in range(jobs_at_once):
                group.create_task(self._serve())

    async def _serve(self) -> None:
        failures = 0
        while True:
            try:
                lease = await self._carriers.queue.claim()
                failures = 0
            except TwicetoldError as error:
                failures += 1
                log.warning("claim_failed", code=error.code, error=error.message, hint=error.hint)
                await asyncio.sleep(wait_before_retry_s(failures, self._settings.retry_base_s))
                continue
            await self._work(lease)

    async def _work(self, lease: Lease) -> None:
        """One attempt to its end, whatever that is; only being cancelled is raised."""
        log.info("job_begins", call=str(lease.job.key), attempt=lease.attempt)
        began = time.perf_counter()
        try:
            await self._by_somebody(lease)
        except asyncio.CancelledError:
            await self._give_back(lease)
            raise
        except LeaseLost:
            log.info("lease_lost", call=str(lease.job.key))
        except Exception as error:  # noqa: BLE001 - no job's end may end the worker
            # The lease runs out and the job comes back by itself.
            log.warning("job_not_concluded", call=str(lease.job.key), **_described(error))
        log.info("job_ends", call=str(lease.job.key), seconds=time.perf_counter() - began)

    async def _by_somebody(self, lease: Lease) -> None:
        """By the engine that is wanted most; where that fails, by the next, for the time being."""
        try:
            await self._engines.learn(lease.job.key.tenant)
            chain = self._engines.of(lease.job.key.tenant, lease.job.language)
            member = chain.pick()
        except TwicetoldError as refusal:
            await self._conclude(lease, None, refusal)
            return
        if not chain.is_first(member) and not await self._good_enough(lease, member):
            member = chain.first
        while True:
            provisional = not chain.is_first(member)
            try:
                attempt = self._attempt(lease, member, provisional=provisional)
            except TwicetoldError as refusal:  # a setting of the tenant's is of no use
                await self._conclude(lease, None, refusal)
                return
            error = await self._run_noted(lease, attempt, member)
            other = await self._stand_in(lease, chain, member) if _of_engine(error) else None
            if other is None:
                break
            log.warning("engine_stands_in", call=str(lease.job.key), engine=other.label)
            member = other
        if error is None and provisional:
            await self._go_on_later(lease)
        if _of_engine(error) and await self._draft_serves(lease, chain):
            await self._wait_for_engine(lease, attempt, error)
        else:
            await self._conclude(lease, attempt, error)

    async def _stand_in(
        self, lease: Lease, chain: Chain[Kit], failed: Member[Kit]
    ) -> Member[Kit] | None:
        """Not for one failure alone, which the next attempt may mend."""
        if not failed.health.out and lease.attempt < TRIES:
            return None
        other = chain.after(failed)
        return other if other and await self._good_enough(lease, other) else None

    def _attempt(self, lease: Lease, member: Member[Kit], *, provisional: bool) -> Attempt:
        return Attempt(
            self._carriers,
            member.engine,
            lease,
            self._settings,
            provisional=provisional,
            expected=self._engines.expected(lease.job.key.tenant),
            enriching=self._enriching(lease.job.key.tenant, lease.job.language),
            published=self._published,
            announcer=self._announcer,
        )

    async def _run_noted(
        self, lease: Lease, attempt: Attempt, member: Member[Kit]
    ) -> Exception | None:
        """Run an attempt, and note what its end says of the engine."""
        error = await self._run_kept(lease, attempt)
        if error is None:
            member.health.worked()
        elif _of_engine(error):
            member.health.failed(lease.job.key)
        return error

    async def _good_enough(self, lease: Lease, member: Member[Kit]) -> bool:
        """Whether the words of a stand-in may stand where now the draft does, or nothing."""
        call = await self._carriers.transcripts.call(lease.job.key)
        if call is None:
            return True
        if call.canonical_revision is not None and not call.provisional:
            return False
        rank = self._engines.rank
        return call.draft_engine is None or rank(member.label) >= rank(call.draft_engine)

    async def _draft_serves(self, lease: Lease, chain: Chain[Kit]) -> bool:
        """Whether a stand-in was not good enough: meanwhile the draft is what a stand-in's words
        would be, and the engine that is wanted is tried as often."""
        if not self._settings.job_attempts <= lease.attempt < self._last_try:
            return False
        other = chain.after(chain.first)
        return other is not None and not await self._good_enough(lease, other)

    async def _wait_for_engine(
        self, lease: Lease, attempt: Attempt, error: Exception | None
    ) -> None:
        assert error is not None
        failure, key = failure_of(error), lease.job.key
        log.warning("draft_serves", call=str(key), **_described(error))
        await lease.extend()
        await self._carriers.transcripts.set_status(
            key, Status.RECORDED, failure.code, failure.message
        )
        await lease.retry(self._later_s(lease), failure.code, failure.message, failure.hint)
        await attempt.tell(Status.RECORDED)

    async def _go_on_later(self, lease: Lease) -> None:
        """A stand-in's transcript is published: the job waits for the engine that is wanted."""
        if lease.attempt >= self._last_try:
            log.warning("provisional_for_good", call=str(lease.job.key))
            await self._clear(lease)
            return await lease.complete()
        return await lease.retry(
            self._later_s(lease),
            "provisional",
            "A stand-in has transcribed it; its engine is tried again.",
            "",
        )

    @property
    def _last_try(self) -> int:
        return self._settings.job_attempts + _MORE_TRIES

    def _later_s(self, lease: Lease) -> float:
        return min(_LONGEST_PROVISIONAL_S, self._settings.provisional_base_s * 2.0**lease.attempt)

    async def _run_kept(self, lease: Lease, attempt: Attempt) -> Exception | None:
        """Run the attempt with its lease kept; returns what ended it, if not its success."""
        if lease.attempt > self._settings.job_attempts + _DEATHS_FORGIVEN:
            return Unavailable(
                "The worker died each time this job was tried.", "Look at the server's log for why."
            )
        work = asyncio.create_task(attempt.run())
        keeper = asyncio.create_task(self._keep(lease, attempt))
        try:
            await asyncio.wait({work, keeper}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (work, keeper):
                task.cancel()
            ended, kept = await asyncio.gather(work, keeper, return_exceptions=True)
        end = kept if isinstance(ended, asyncio.CancelledError) else ended
        return end if isinstance(end, Exception) else None

    async def _keep(self, lease: Lease, attempt: Attempt) -> None:
        """Extend the lease well before it runs out, and show progress about once a second."""
        settings, shown_s, extended_at = self._settings, -1.0, time.monotonic()
        tick_s = min(settings.status_every_s, settings.job_lease_s / 3)
        while True:
            await asyncio.sleep(tick_s)
            progress = attempt.progress
            moved = progress.done_s != shown_s
            if moved:
                shown_s = progress.done_s
                await attempt.tell(Status.TRANSCRIBING)
            with contextlib.suppress(TwicetoldError):  # another tick comes, and the end
                await attempt.count()
            if moved or time.monotonic() - extended_at >= settings.job_lease_s / 3:
                try:
                    await lease.extend(progress.done_s, progress.total_s)
                    extended_at = time.monotonic()
                except Unavailable as error:  # a busy disk: another tick comes in time
                    log.warning("lease_not_extended", call=str(lease.job.key), code=error.code)

    async def _conclude(
        self, lease: Lease, attempt: Attempt | None, error: Exception | None
    ) -> None:
        if attempt is None:
            assert error is not None
            await self._fail(lease, None, error)
        elif error is None:
            self._done.finished += 1
            self._done.audio_s += attempt.progress.total_s
        elif await self._carriers.transcripts.buried(lease.job.key):
            await self._drop(lease)
        elif isinstance(error, LeaseLost):
            raise error
        elif isinstance(error, RecordingReplaced):
            await self._follow_replacement(lease)
        elif isinstance(error, Unavailable) and error.busy:
            # Nothing is wrong with the job. Waiting for the lock has taken ten seconds already.
            log.warning("job_waits_for_database", call=str(lease.job.key), **_described(error))
            await lease.give_back()
        else:
            await self._fail(lease, attempt, error)

    async def _fail(self, lease: Lease, attempt: Attempt | None, error: Exception) -> None:
        """Try again later, or park the job where people see it. The row goes first: a job that
        has ended must not leave a call that looks busy for ever."""
        failure, transcripts, key = failure_of(error), self._carriers.transcripts, lease.job.key
        again = failure.retryable and lease.attempt < self._settings.job_attempts
        log.warning("job_failed", call=str(key), again=again, **_described(error))
        await lease.extend()
        status = Status.RECORDED if again else Status.FAILED
        await transcripts.set_status(key, status, failure.code, failure.message)
        if again:
            wait_s = wait_before_retry_s(lease.attempt, self._settings.retry_base_s)
            await lease.retry(wait_s, failure.code, failure.message, failure.hint)
        else:
            begun = f"/{lease.generation}" if lease.generation else ""  # each time another event
            name = lease.job.job_id + begun
            told = (failure.code, failure.message, failure.hint)
            await self._announcer.failed(key, name, *told)
            if self._redacts(lease) or (attempt is not None and attempt.redacts):
                await self._clear(lease)  # before somebody may begin anew
            await lease.fail(failure.code, failure.message, failure.hint)
            self._done.failed += 1
        if attempt is not None:
            await attempt.tell(status)

    def _redacts(self, lease: Lease) -> bool:
        """Whether what attempts have left are words that nobody may read; where nobody can say,
        they are."""
        try:
            return self._enriching(lease.job.key.tenant, lease.job.language).redacts
        except TwicetoldError:
            return True

    async def _clear(self, lease: Lease) -> None:
        """Remove what all attempts at the call have left."""
        await clear_checkpoints(self._carriers.store, lease.job.key)

    async def _drop(self, lease: Lease) -> None:
        """The call was deleted under way: leave nothing of it behind, and say nothing more."""
        await self._clear(lease)
        with contextlib.suppress(LeaseLost):
            await lease.complete()

    async def _give_back(self, lease: Lease) -> None:
        """The worker stops: the job is free again at once."""
        with contextlib.suppress(TwicetoldError):  # else its lease runs out
            await lease.give_back()

    async def _follow_replacement(self, lease: Lease) -> None:
        """Another recording lies there now: this job is over, the new bytes get their own."""
        job, settle_s = lease.job, self._settings.settle_s
        path = local_path(self._carriers.store, job.recording)
        state = await asyncio.to_thread(FileState.of, path)
        if time.time() - state.written_s < settle_s:
            message = "The recording is still being written."
            wait_s = wait_before_retry_s(lease.attempt, self._settings.retry_base_s)
            await lease.retry(max(settle_s, wait_s), "recording_changed", message)
            return
        identity = await identify(path)
        new = Job(job.key, identity.content, job.recording, job.language)
        await self._clear(lease)
        await self._carriers.queue.submit(new)
        await lease.complete()


def _of_engine(error: Exception | None) -> bool:
    """Whether the engine is to blame, and not the recording or the machine."""
    return isinstance(error, EngineFailed | EngineHostDied)


def _described(error: Exception) -> dict[str, str]:
    """For the log. The message of a foreign error stays out: it may quote anything."""
    if isinstance(error, TwicetoldError):
        return {"code": error.code, "error": error.message, "hint": error.hint}
    failure = failure_of(error)
    described = {"code": failure.code, "error": failure.message, "hint": failure.hint}
    frames = traceback.extract_tb(error.__traceback__)
    if frames:
        described["where"] = f"{frames[-1].filename}:{frames[-1].lineno}"
    return described
