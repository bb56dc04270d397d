"""The shadow worker: hears recordings with another engine when nothing else is to be done.

One recording and one step of it at a time, with one engine open; each step waits until no job is
at work or could be. What goes wrong is counted and parked in the shadows' queue: nobody else has to
do with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

import structlog
from obstore.store import LocalStore

from twicetold.batch.job import BatchSettings, failure_of, identify, wait_before_retry_s
from twicetold.batch.plan import spoken_language
from twicetold.batch.shadow_hearing import OneEngine, Opened, ShadowHeard
from twicetold.batch.shadow_orders import PASSES, ShadowsDone, missing, wanted_for
from twicetold.choice.policy import Policy
from twicetold.choice.wishes import Use
from twicetold.errors import (
    BadParameter,
    CallDeleted,
    EngineFailed,
    EngineNotAllowed,
    LeaseLost,
    SwapLost,
    TwicetoldError,
    Unavailable,
)
from twicetold.queue import Job, Lease, Queue
from twicetold.speech.identity import CallKey
from twicetold.speech.scoring import normaliser_name
from twicetold.speech.transcript import Segment
from twicetold.storage import local_path
from twicetold.transcripts import Call, Shadow, Transcripts, Version
from twicetold.transcripts.agreement import differences, said_on_channels
from twicetold.transcripts.usage import Usage

log = structlog.get_logger()

_ATTEMPTS = 3  # also of those that ended with their process
_LOOK_AGAIN_S = 1.0

# By tenant and language: all of it where that tenant's words are not redacted.
Redacted = Callable[[str, str, Sequence[Segment]], Awaitable[list[Segment]]]


@dataclass(frozen=True, slots=True)
class ShadowCarriers:
    """``orders`` are the shadows' own queue, ``jobs`` those of the canonical transcripts."""

    orders: Queue
    jobs: Queue
    transcripts: Transcripts
    store: LocalStore


class _TakenBack(Exception):
    """The tenant does not want the engine any more, or does not allow it."""


class _Replaced(Exception):
    """The recording is no longer the order's."""


class ShadowWorker:
    """One for each process that works on recordings."""

    def __init__(
        self,
        carriers: ShadowCarriers,
        opened: Opened,
        policy: Policy,
        settings: BatchSettings,
        done: ShadowsDone,
        redacted: Redacted | None = None,
    ) -> None:
        """``opened`` gives the ear of a use and an engine's name, for as long as it is used;
        ``redacted`` what may be kept of a tenant's words in a language."""
        self._redacted = redacted
        self._carriers, self._policy = carriers, policy
        self._settings, self._done = settings, done
        self._engine = OneEngine(opened)

    async def run(self) -> None:
        """Until cancelled; a recording in hand is then given back and begun anew."""
        failures = 0
        try:
            while True:
                try:
                    lease = await self._carriers.orders.claim()
                    failures = 0
                except TwicetoldError as error:
                    failures += 1
                    log.warning("shadow_claim_failed", code=error.code, error=error.message)
                    wait_s = wait_before_retry_s(failures, self._settings.retry_base_s)
                    await asyncio.sleep(wait_s)
                    continue
                await self._work(lease)
        finally:
            await self._engine.aclose()

    async def _work(self, lease: Lease) -> None:
        """One attempt to its end; only being cancelled is raised."""
        try:
            error = await self._kept(lease)
            if error is None or isinstance(error, CallDeleted):
                await lease.complete()
            elif not isinstance(error, LeaseLost):
                await self._failed(lease, error)
        except asyncio.CancelledError:
            with contextlib.suppress(TwicetoldError):  # else its lease runs out
                await lease.give_back()
            raise
        except LeaseLost:  # the call was deleted, or another worker has it
            log.info("shadow_lease_lost", call=str(lease.job.key))
        except Exception as error:  # noqa: BLE001 - no shadow's end may end the worker
            log.warning("shadow_not_concluded", call=str(lease.job.key), error=type(error).__name__)

    async def _kept(self, lease: Lease) -> Exception | None:
        """Work with the lease kept; returns what ended it, if not its success."""
        if lease.attempt > _ATTEMPTS:
            return Unavailable("The worker died each time this shadow was tried.")
        work = asyncio.create_task(self._make(lease.job))
        keeper = asyncio.create_task(self._keep(lease))
        try:
            await asyncio.wait({work, keeper}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (work, keeper):
                task.cancel()
            ended, kept = await asyncio.gather(work, keeper, return_exceptions=True)
        end = kept if isinstance(ended, asyncio.CancelledError) else ended
        return end if isinstance(end, Exception) else None

    async def _keep(self, lease: Lease) -> None:
        while True:
            await asyncio.sleep(self._settings.job_lease_s / 3)
            try:
                await lease.extend()
            except Unavailable as error:  # a busy disk: another turn comes in time
                log.warning("lease_not_extended", call=str(lease.job.key), code=error.code)

    async def _failed(self, lease: Lease, error: Exception) -> None:
        """Again later, or never: the order stays where people see it. The engine is opened
        afresh."""
        await self._engine.aclose()
        failure = failure_of(error)
        again = failure.retryable and lease.attempt < _ATTEMPTS
        log.warning("shadow_failed", call=str(lease.job.key), again=again, code=failure.code)
        if again:
            wait_s = wait_before_retry_s(lease.attempt, self._settings.retry_base_s)
            return await lease.retry(wait_s, failure.code, failure.message, failure.hint)
        self._done.failed += 1
        return await lease.fail(failure.code, failure.message, failure.hint)

    async def _make(self, job: Job) -> None:
        """What is lacking still: a transcript that was written anew meanwhile has found this order
        at work, and ordered nothing."""
        done = self._done
        for _ in range(_ATTEMPTS):
            if not await self._made_some(job, done):
                return
            done = ShadowsDone()  # what is left out was counted

    async def _made_some(self, job: Job, done: ShadowsDone) -> bool:
        """False where nothing is lacking, or the order has lost its sense: another comes with what
        took its place. The tenant is asked again whether it still wants, and allows, the engines:
        here, and before each step, for it may be hours before it is quiet."""
        made = False
        await self._policy.learn(job.key.tenant)
        for use, name in wanted_for(job, self._policy, done):
            try:
                made = await self._shadow(job, use, name) or made
            except _TakenBack:
                done.left_out += 1
                log.warning("shadow_left_out", call=str(job.key), code="taken_back")
            except _Replaced:
                return False
        return made

    async def _shadow(self, job: Job, use: Use, name: str) -> bool:
        """One of them; False where it is not missing. Raises _TakenBack, _Replaced."""
        call = await self._standing(job.key)
        label = self._policy.info(name).label
        if call is None or not await missing(self._carriers.transcripts, call, use, label):
            return False

        async def quiet() -> None:
            await self._quiet()
            if not self._wants(job, use, name):
                raise _TakenBack

        await quiet()
        path = local_path(self._carriers.store, job.recording)
        if (await identify(path)).content != job.content:
            raise _Replaced
        ear = await self._engine.ear(use, name)
        language = spoken_language(job.language, ear.info)
        expected = self._policy.expected(job.key.tenant)
        heard = await ear.hear(path, language, expected, quiet)
        if self._redacted is not None:
            may_be_kept = await self._redacted(job.key.tenant, language, heard.segments)
            heard = replace(heard, segments=may_be_kept)
        await self._compare(job.key, use, ear.info.label, heard)
        return True

    def _wants(self, job: Job, use: Use, name: str) -> bool:
        try:
            return self._policy.shadow(use, *job.key, job.language) == name
        except (EngineNotAllowed, EngineFailed, BadParameter):
            return False

    async def _standing(self, key: CallKey) -> Call | None:
        """The call, where its canonical transcript stands and is no stand-in's."""
        call = await self._carriers.transcripts.call(key)
        if call is None or call.canonical_revision is None or call.provisional:
            return None
        return call

    async def _compare(self, key: CallKey, use: Use, label: str, heard: ShadowHeard) -> None:
        """Raises SwapLost where the canonical transcript is replaced meanwhile."""
        transcripts, call = self._carriers.transcripts, await self._standing(key)
        canonical = await said_on_channels(transcripts.segments(key, Version.CANONICAL))
        now = await self._standing(key)
        if call is None or now is None or now.canonical_revision != call.canonical_revision:
            raise SwapLost("The canonical transcript was replaced while it was compared.")
        said = await said_on_channels(_each(heard.segments))
        errors, words = await asyncio.to_thread(differences, canonical, said, call.language)
        shadow = Shadow(
            key=key,
            engine=label,
            canonical_engine=call.canonical_engine or "",
            revision=call.canonical_revision or "",
            language=call.language,
            normaliser=normaliser_name(call.language),
            words=words,
            canonical_words=errors.reference_words,
            substitutions=errors.substitutions,
            insertions=errors.insertions,
            deletions=errors.deletions,
            audio_s=heard.length_s,
            compute_s=round(heard.compute_s, 3),
            made_at=time.time(),
            pass_=PASSES[use],
        )
        await transcripts.save_shadow(key, shadow, _each(heard.segments))
        await self._count(shadow)

    async def _count(self, shadow: Shadow) -> None:
        key, done, pass_ = shadow.key, self._done, f"shadow {shadow.pass_}"
        used = Usage(
            key,
            pass_,
            "",
            shadow.audio_s,
            shadow.compute_s,
            attempt=secrets.token_hex(8),
            at=shadow.made_at,
        )
        await self._carriers.transcripts.record_usage(used.by(shadow.engine))
        done.made += 1
        done.audio_s += shadow.audio_s
        done.compute_s += shadow.compute_s
        log.info("shadow_made", call=str(key), engine=shadow.engine, difference=shadow.difference)

    async def _quiet(self) -> None:
        """Until no job is at work, nor could be. Other processes have jobs too, and nothing tells
        when theirs end. Where nobody can say it, the disk is busy enough."""
        while True:
            with contextlib.suppress(Unavailable):
                jobs = await self._carriers.jobs.tally()
                if not jobs.running and not jobs.waited_s:
                    return
            await asyncio.sleep(_LOOK_AGAIN_S)


async def _each(segments: list[Segment]) -> AsyncIterator[Segment]:
    for segment in segments:
        yield segment
