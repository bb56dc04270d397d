"""One attempt at one job, from the lease to the canonical transcript."""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, replace

import structlog
from obstore.store import LocalStore

from twicetold.batch.checkpoints import StoredCheckpoints
from twicetold.batch.covering import CoverSound
from twicetold.batch.enriching import NOTHING, Enriching
from twicetold.batch.job import BatchSettings, Identity, identify, unchanged
from twicetold.batch.kits import Kit
from twicetold.batch.pipeline import run_stages, stages
from twicetold.batch.plan import plan_hash, spoken_language
from twicetold.batch.stages import Publish
from twicetold.batch.transcript import Progress, Transcript
from twicetold.broker import Broker, Topic
from twicetold.engines import NOTHING_EXPECTED, Expected
from twicetold.enrich.leads import LEAD
from twicetold.errors import CallDeleted, LeaseLost, TwicetoldError
from twicetold.queue import ENDED, Job, Lease, Queue
from twicetold.speech import events
from twicetold.speech.transcript import Segment
from twicetold.storage import local_path
from twicetold.transcripts import Call, NewCall, Revision, Status, Transcripts
from twicetold.transcripts.agreement import settle_draft_wer
from twicetold.transcripts.outcomes import settle_outcomes
from twicetold.transcripts.usage import ENRICHMENT, LANGUAGE_MODEL, Usage
from twicetold.webhooks import NOBODY, Announcer

log = structlog.get_logger()


class RecordingReplaced(Exception):
    """The bytes under the recording's name are no longer those that the job is about."""


@dataclass(frozen=True, slots=True)
class Carriers:
    """Where jobs come from and results go."""

    queue: Queue
    transcripts: Transcripts
    store: LocalStore
    broker: Broker


class Attempt:
    """Works on a leased job. Writes nothing for a call whose tombstone stands."""

    def __init__(
        self,
        carriers: Carriers,
        kit: Kit,
        lease: Lease,
        settings: BatchSettings,
        *,
        provisional: bool = False,
        expected: Expected = NOTHING_EXPECTED,
        enriching: Enriching = NOTHING,
        published: Callable[[Job], Awaitable[None]] | None = None,
        announcer: Announcer = NOBODY,
    ) -> None:
        """``provisional``: by a stand-in; the job goes on once its transcript is published.
        ``expected``: by the job's tenant. ``enriching``: what is made of the words before they are
        published. ``published`` is told of any other transcript, perhaps twice; ``announcer`` of
        every one."""
        self.progress = Progress()
        # Attempts at one recording, between one beginning by hand and the next, share a budget.
        self._begun = f"{lease.job.content[:16]}-{lease.generation}-"
        self._id, self._began = self._begun + secrets.token_hex(8), time.time()
        self._counted: dict[str, float] = {}  # seconds by stage; "": of the engine
        self._tokens = (0, 0)  # noted so far
        self._transcript: Transcript | None = None
        self._carriers, self._kit, self._provisional = carriers, kit, provisional
        self._told, self._announcer = published, announcer
        tools = kit.tools
        self._lease, self._job, self._settings = lease, lease.job, settings
        self._key = lease.job.key
        self._path = local_path(carriers.store, lease.job.recording)
        self._language = spoken_language(lease.job.language, tools.engine.info)
        self._expected, self._enriching = expected, enriching
        self._plan = plan_hash(
            tools.engine.info, tools.activity, self._language, settings.chunking, expected
        )
        self._checkpoints = StoredCheckpoints(
            carriers.store, self._key, lease.job.content, self._plan, self._allowed
        )

    async def run(self) -> None:
        """Through to a completed job.

        Raises CallDeleted, LeaseLost, RecordingReplaced, and whatever is wrong with the
        recording, the engine or the machine.
        """
        try:
            await self._run()
        finally:
            with contextlib.suppress(TwicetoldError):  # deleted; or else what was told before
                await self.count()

    async def _run(self) -> None:
        await self._allowed()
        # Of what stands already the recording may be gone, where only the redacted one is kept.
        if not self._published(await self._carriers.transcripts.call(self._key)):
            identity = await identify(self._path)
            if identity.content != self._job.content:
                raise RecordingReplaced
            await self._begin()
            await self._transcribe(identity)
        await self._finish()

    async def tell(self, status: Status) -> None:
        """Let those who follow the call know; they may be out of reach, the job goes on."""
        done_s, total_s = self.progress.done_s, self.progress.total_s
        news = events.Status(self._key.call_id, status, round(done_s, 3), round(total_s, 3))
        with contextlib.suppress(TwicetoldError):
            caption = events.Caption.of(news).to_bytes()
            await self._carriers.broker.publish(Topic.CAPTIONS, self._key, caption)

    async def count(self, audio_s: float = 0.0) -> None:
        """Note what this attempt has used so far. A killed one has used what was noted last."""
        spent, asked = self._spent(), self._asked()
        rows = [
            self._usage(stage, seconds, audio_s if not stage else 0.0)
            for stage, seconds in spent.items()
            if seconds != self._counted.get(stage, 0.0) or (audio_s and not stage)
        ]
        if asked is not None:
            rows.append(asked)
        if rows:
            await self._carriers.transcripts.record_usage(*rows)
            self._counted = spent
            self._tokens = (asked.tokens_in, asked.tokens_out) if asked else self._tokens

    def _spent(self) -> dict[str, float]:
        """Seconds of this attempt's own by stage; "": of the engine."""
        if self._transcript is None:
            return {"": 0.0}
        return {"": self._transcript.spent_s, **self._transcript.enriched.seconds}

    def _usage(self, stage: str, seconds: float, audio_s: float) -> Usage:
        info, compute_s = self._kit.info, round(seconds, 6)
        if not stage:
            used = replace(self._used, audio_s=audio_s, compute_s=compute_s)
            return used.by(info.label, info.device)
        part = self._used.part(stage)
        return replace(part, engine=ENRICHMENT, model=stage, device="cpu", compute_s=compute_s)

    def _asked(self) -> Usage | None:
        """Tokens of this attempt's own; None where all are noted."""
        asked = self._enriching.asked
        if asked is None or asked.tokens == self._tokens:
            return None
        read, written = asked.tokens
        part = self._used.part(LANGUAGE_MODEL)
        part = replace(part, engine=LANGUAGE_MODEL, model=asked.model, device="remote")
        return replace(part, tokens_in=read, tokens_out=written)

    @property
    def _used(self) -> Usage:
        return Usage(self._key, "batch", "", 0.0, 0.0, attempt=self._id, at=self._began)

    @property
    def redacts(self) -> bool:
        """Whether its checkpoints hold what nobody may read."""
        return self._enriching.redacts

    async def _allowed(self) -> None:
        """Whether anything may be written: raises CallDeleted, and LeaseLost where another has
        brought the job to its end, and cleared up after it, while this attempt slept."""
        if await self._carriers.transcripts.buried(self._key):
            raise CallDeleted(f"The call {self._key.call_id} was deleted.")
        found = await self._carriers.queue.job_of(self._key)
        if found is not None and found.job.job_id == self._job.job_id and found.state in ENDED:
            raise LeaseLost(f"The job of {self._key.call_id} has ended.")

    async def _begin(self) -> None:
        transcripts = self._carriers.transcripts
        call = await transcripts.call(self._key)
        if call is None:  # a job that nobody announced still gets a row that shows it
            row = NewCall(self._key, time.time(), 0, "drop", self._language)
            await transcripts.begin_call(row)
        await transcripts.set_status(self._key, Status.TRANSCRIBING)
        await self.tell(Status.TRANSCRIBING)

    def _published(self, call: Call | None) -> bool:
        """Whether an attempt before this one came to its end, but not to the queue."""
        standing = call.canonical_revision if call is not None else None
        return standing is not None and standing.startswith(self._revision_prefix)

    @property
    def _revision_prefix(self) -> str:
        return f"{self._job.content[:16]}-{self._plan[:16]}-{self._enriching.name}-"

    async def _transcribe(self, identity: Identity) -> None:
        async def publish(transcript: Transcript, segments: AsyncIterator[Segment]) -> None:
            await self._publish(transcript, self._while_ours(segments, identity))

        if (asked := self._enriching.asked) is not None:
            before = await self._carriers.transcripts.tokens(self._key, self._begun)
            asked.spent_before(before)
        transcript = Transcript(
            self._path, self._language, self._checkpoints, self.progress, self._outcomes
        )
        self._transcript = transcript
        steps = stages(
            self._kit.tools,
            self._kit.places,
            self._settings.chunking,
            Publish(publish),
            self._expected,
            self._enriching,
            self._cover(),
        )
        await run_stages(steps, transcript)

    async def _outcomes(self) -> Mapping[str, str]:
        call = await self._carriers.transcripts.call(self._key)
        return {} if call is None else call.outcomes

    def _cover(self) -> CoverSound | None:
        """What writes the recording without what was removed from its words."""
        if not self._enriching.cover:
            return None
        decoder, store = self._kit.tools.decoder, self._carriers.store
        return CoverSound(decoder, store, self._key, self._enriching.cover, self._allowed)

    async def _publish(self, transcript: Transcript, segments: AsyncIterator[Segment]) -> None:
        transcripts, engine = self._carriers.transcripts, self._kit.info.label
        length_s = transcript.length_s
        await transcripts.set_recording(self._key, self._job.recording, length_s)
        await self.count(length_s)
        # Each attempt's revision has a name of its own: one that was left half-written stays apart.
        name = self._revision_prefix + secrets.token_hex(4)
        insights = transcript.known.insights if transcript.known is not None else {}
        revision = Revision(
            name,
            engine,
            self._language,
            length_s,
            transcript.channels,
            self._provisional,
            insights.get("sentiment", {}).get("score"),
            insights.get(LEAD, {}).get("score"),
            insights,
        )
        await transcripts.save_canonical(self._key, revision, segments)

    async def _while_ours(
        self, segments: AsyncIterator[Segment], identity: Identity
    ) -> AsyncIterator[Segment]:
        """The segments; at their end, when only the switch is left, see that it is ours to make."""
        async for segment in segments:
            yield segment
        if not await unchanged(self._path, identity):
            raise RecordingReplaced
        await self._lease.extend(self.progress.done_s, self.progress.total_s)

    async def _finish(self) -> None:
        """What follows the switch; each step may be done twice."""
        transcripts = self._carriers.transcripts
        # Those that came after the score was made, and found no transcript to be counted in; before
        # whoever waits for the end reads the score.
        await settle_outcomes(transcripts, self._key, self._enriching.rescored)
        await transcripts.set_status(self._key, Status.DONE)
        if self._provisional:  # another compares, and clears away what it has finished
            await self._announcer.done(self._key, self._revision_prefix)
            if self.redacts:  # but for words with all that was removed from them
                await self._checkpoints.clear()
            return await self.tell(Status.DONE)
        await settle_draft_wer(transcripts, self._key)
        await self._announcer.done(self._key, self._revision_prefix)
        await self._checkpoints.clear()
        if self._told is not None:
            await self._told(self._job)
        await self._lease.complete()
        return await self.tell(Status.DONE)
