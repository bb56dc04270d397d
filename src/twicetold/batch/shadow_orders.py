"""Which recordings a shadow engine is to hear: ordered as each canonical transcript comes to stand.

Orders lie in a queue of their own: however many there are, no job waits behind one.
"""

from __future__ import annotations

from dataclasses import dataclass

import structlog

from twicetold.choice.policy import Policy
from twicetold.choice.wishes import Use
from twicetold.errors import BadParameter, EngineNotAllowed
from twicetold.queue import Job, JobState, Queue
from twicetold.transcripts import Call, Transcripts

log = structlog.get_logger()

MOST_WAITING = 1000
PASSES = {Use.SHADOW: "batch", Use.SHADOW_LIVE: "live"}


@dataclass(slots=True)
class ShadowsDone:
    """What has come of shadows in one process."""

    made: int = 0
    failed: int = 0  # given up, or not even ordered
    left_out: int = 0  # of calls that were to have one: too many wait, or it may not hear them
    audio_s: float = 0.0  # in those that were made
    compute_s: float = 0.0


class ShadowOrders:
    """Told of each published transcript; whatever goes wrong here, its job does not notice."""

    def __init__(
        self,
        queue: Queue,
        transcripts: Transcripts,
        policy: Policy,
        done: ShadowsDone,
        most_waiting: int = MOST_WAITING,
    ) -> None:
        self._queue, self._transcripts, self._policy = queue, transcripts, policy
        self._done, self._most_waiting = done, most_waiting

    async def published(self, job: Job) -> None:
        """Order the call's shadows, where its tenant wants any. May be repeated; raises nothing."""
        try:
            await self._order(job)
        except Exception as error:  # noqa: BLE001 - the job goes on without it
            self._done.failed += 1
            log.warning("shadow_not_ordered", call=str(job.key), error=type(error).__name__)

    async def _order(self, job: Job) -> None:
        await self._policy.learn(job.key.tenant)
        wanted = wanted_for(job, self._policy, self._done)
        call = await self._transcripts.call(job.key) if wanted else None
        if call is None:
            return
        for use, name in wanted:
            if await missing(self._transcripts, call, use, self._policy.info(name).label):
                break
        else:
            return
        if (await self._queue.tally()).waiting >= self._most_waiting:
            self._done.left_out += 1
            log.warning("shadow_left_out", call=str(job.key), code="too_many_wait")
        elif not await self._queue.submit(job):
            await self._order_again(job)

    async def _order_again(self, job: Job) -> None:
        """The same recording has had an order before; one that waits will do."""
        order = await self._queue.job_of(job.key)
        if order is None or order.state in (JobState.DONE, JobState.FAILED):
            await self._queue.forget(job.key)
            await self._queue.submit(job)


def wanted_for(job: Job, policy: Policy, done: ShadowsDone) -> list[tuple[Use, str]]:
    """The shadow engines for a call; one that may not hear it is counted as left out."""
    wanted: list[tuple[Use, str]] = []
    for use in PASSES:
        try:
            name = policy.shadow(use, *job.key, job.language)
        except (EngineNotAllowed, BadParameter) as refusal:
            done.left_out += 1
            log.warning("shadow_left_out", call=str(job.key), code=refusal.code)
            continue
        if name is not None:
            wanted.append((use, name))
    return wanted


async def missing(transcripts: Transcripts, call: Call, use: Use, label: str) -> bool:
    """Whether the call lacks that engine's shadow of the canonical transcript that stands. Of the
    engine that wrote it there is nothing to compare."""
    if use is Use.SHADOW and label == call.canonical_engine:
        return False
    shadow = await transcripts.shadow(call.key, PASSES[use])
    if shadow is None:
        return True
    return (shadow.revision, shadow.engine) != (call.canonical_revision, label)
