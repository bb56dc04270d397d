"""Transcripts in one SQLite file: the embedded store, durable by default, no server.

Work on the tables is in ``sqlite_writes`` and ``sqlite_reads``; here it is put on the
database's threads, in pieces that bound memory and the time others wait.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import structlog

from twicetold.database import Database
from twicetold.errors import BadParameter, TwicetoldError, Unavailable
from twicetold.speech.identity import CallKey
from twicetold.speech.transcript import Final, Segment
from twicetold.transcripts import (
    ALL_CALLS,
    Call,
    CallFilter,
    CallPage,
    HitPage,
    NewCall,
    Revision,
    Shadow,
    ShadowPage,
    Status,
    Version,
)
from twicetold.transcripts import sqlite_reads as reads
from twicetold.transcripts import sqlite_shadows as shadowing
from twicetold.transcripts import sqlite_usage as using
from twicetold.transcripts import sqlite_writes as writes
from twicetold.transcripts.prices import NO_PRICES, Prices
from twicetold.transcripts.sqlite_purge import Purge
from twicetold.transcripts.sqlite_schema import LATER, OF_NEW_FILE, PRAGMAS, SCHEMA, UPGRADES
from twicetold.transcripts.sqlite_search import find, match_expression
from twicetold.transcripts.usage import Usage, UsageFilter, UsageGroup, UsagePage

log = structlog.get_logger()

_BATCH_SEGMENTS = 200


class SqliteTranscripts:
    """The Transcripts port on one file. Several processes may open it.

    Writing verbs raise CallNotFound for a call that was never begun. ``has_draft`` is true
    from the first final on, and for an ended live call that had none.
    """

    def __init__(self, path: Path, *, prices: Prices = NO_PRICES) -> None:
        """Open or make the file. ``prices``: of the engines whose usage is recorded. Raises
        CorruptDatabase, having changed nothing."""
        self._db = Database(
            path, SCHEMA, LATER, upgrades=UPGRADES, extra_pragmas=PRAGMAS, of_new_file=OF_NEW_FILE
        )
        self._prices = prices
        self._purge = Purge(self._db)

    async def begin_call(self, call: NewCall) -> None:
        await self._db.write(partial(writes.begin_call, call=call))

    async def save_draft(self, key: CallKey, finals: Iterable[Final]) -> None:
        await self._db.write(partial(writes.save_draft, key=key, finals=list(finals)))

    async def end_call(self, key: CallKey, ended_at: float, length_s: float, engine: str) -> None:
        await self._db.write(
            partial(writes.end_call, key=key, ended_at=ended_at, length_s=length_s, engine=engine)
        )

    async def set_recording(self, key: CallKey, recording: str, length_s: float | None) -> None:
        await self._db.write(
            partial(writes.set_recording, key=key, recording=recording, length_s=length_s)
        )

    async def set_status(
        self, key: CallKey, status: Status, code: str | None = None, error: str | None = None
    ) -> None:
        await self._db.write(
            partial(writes.set_status, key=key, status=status, code=code, error=error)
        )

    async def save_canonical(
        self, key: CallKey, revision: Revision, segments: AsyncIterator[Segment]
    ) -> None:
        """As the port says; status becomes ``done`` and the old draft WER is forgotten.

        Of two attempts at once the later one wins; the other raises SwapLost. Where redacted words
        take the place of others, the file holds no byte of these when it returns.
        """
        before = await self._db.read(partial(reads.call, key=key))
        safe = _Safe(segments)
        number = await self._db.write(partial(writes.open_revision, key=key))
        add = partial(writes.add_segments, key=key, revision=number)
        switch = partial(writes.switch, key=key, number=number, revision=revision)
        drop = partial(writes.drop_revision, key=key, revision=number)
        await self._save(safe.all(), add, switch, drop)
        if safe.any and before is not None and before.canonical_revision is not None:
            try:
                await self._purge.run()
            except Unavailable:  # what stands is right, and the next one makes it good
                log.warning("replaced_words_not_purged", call=str(key))

    async def set_draft_wer(self, key: CallKey, wer: float, normaliser: str) -> None:
        await self._db.write(partial(writes.set_draft_wer, key=key, wer=wer, normaliser=normaliser))

    async def set_outcomes(self, key: CallKey, outcomes: Mapping[str, str]) -> None:
        await self._db.write(partial(writes.set_outcomes, key=key, outcomes=outcomes))

    async def rescore(
        self,
        seen: Call,
        lead_score: float,
        insights: Mapping[str, Any],
        outcomes: Mapping[str, str],
    ) -> bool:
        return await self._db.write(
            partial(
                writes.rescore,
                seen=seen,
                lead_score=lead_score,
                insights=insights,
                outcomes=outcomes,
            )
        )

    async def call(self, key: CallKey) -> Call | None:
        return await self._db.read(partial(reads.call, key=key))

    async def calls(
        self,
        tenant: str,
        limit: int = 50,
        cursor: str | None = None,
        only: CallFilter = ALL_CALLS,
    ) -> CallPage:
        _check_limit(limit)
        return await self._db.read(
            partial(reads.calls, tenant=tenant, limit=limit, cursor=cursor, only=only)
        )

    async def segments(self, key: CallKey, version: Version) -> AsyncIterator[Segment]:
        """As the port says. Should the transcript be replaced while it is read, SwapLost is
        raised rather than parts of two given out; CallDeleted, should it be buried."""
        page = await self._db.read(partial(reads.first_segments, key=key, version=version))
        while True:
            for segment in page.segments:
                yield segment
            if page.is_last:
                return
            page = await self._db.read(partial(reads.next_segments, key=key, before=page))

    async def insights(self, key: CallKey) -> dict[str, Any] | None:
        return await self._db.read(partial(reads.insights, key=key))

    async def draft_finals(self, key: CallKey, after_event: int = 0) -> list[Final]:
        return await self._db.read(partial(reads.draft_finals, key=key, after_event=after_event))

    async def save_shadow(
        self, key: CallKey, shadow: Shadow, segments: AsyncIterator[Segment]
    ) -> None:
        """As the port says. Of two at once the later one wins; the other raises SwapLost."""
        number = await self._db.write(partial(shadowing.open_shadow, key=key, pass_=shadow.pass_))
        add = partial(shadowing.add_segments, key=key, number=number)
        switch = partial(shadowing.switch, key=key, number=number, shadow=shadow)
        drop = partial(shadowing.drop, key=key, number=number)
        await self._save(segments, add, switch, drop)

    async def _save(
        self,
        segments: AsyncIterator[Segment],
        add: Callable[..., None],
        switch: Callable[..., None],
        drop: Callable[..., None],
    ) -> None:
        """A batch of ``segments`` at a time, and the ``last`` of them as they come to stand."""
        try:
            batch: list[Segment] = []
            async for segment in segments:
                batch.append(segment)
                if len(batch) >= _BATCH_SEGMENTS:
                    await self._db.write(partial(add, segments=batch))
                    batch = []
            await self._db.write(partial(switch, last=batch))
        except BaseException:
            # Where even this fails, the call's next one clears up.
            with contextlib.suppress(TwicetoldError):
                await self._db.write(drop)
            raise

    async def shadow(self, key: CallKey, pass_: str = "batch") -> Shadow | None:
        return await self._db.read(partial(shadowing.shadow, key=key, pass_=pass_))

    async def shadows(self, tenant: str, limit: int = 50, cursor: str | None = None) -> ShadowPage:
        _check_limit(limit)
        return await self._db.read(
            partial(shadowing.shadows, tenant=tenant, limit=limit, cursor=cursor)
        )

    async def shadow_segments(self, key: CallKey, pass_: str = "batch") -> AsyncIterator[Segment]:
        """As the port says; SwapLost and CallDeleted as with ``segments``."""
        page = await self._db.read(partial(shadowing.first_segments, key=key, pass_=pass_))
        while True:
            for segment in page.segments:
                yield segment
            if page.is_last:
                return
            page = await self._db.read(partial(shadowing.next_segments, key=key, before=page))

    async def search(
        self,
        tenant: str,
        query: str,
        limit: int = 20,
        cursor: str | None = None,
        *,
        safe_only: bool = False,
    ) -> HitPage:
        """As the port says; a query without a word finds nothing."""
        _check_limit(limit)
        match = match_expression(query)
        if not match:
            return HitPage([], None)
        return await self._db.read(
            partial(
                find, tenant=tenant, match=match, limit=limit, cursor=cursor, safe_only=safe_only
            )
        )

    async def record_usage(self, *usage: Usage) -> None:
        await self._db.write(partial(writes.record_usage, usage=usage, prices=self._prices))

    async def usage(
        self,
        only: UsageFilter,
        group: Sequence[UsageGroup],
        limit: int = 100,
        cursor: str | None = None,
    ) -> UsagePage:
        _check_limit(limit)
        return await self._db.read_apart(
            partial(using.sums, only=only, group=group, limit=limit, cursor=cursor)
        )

    async def tokens(self, key: CallKey, attempts: str = "") -> int:
        return await self._db.read(partial(using.tokens, key=key, attempts=attempts))

    async def bury(self, key: CallKey) -> None:
        """As the port says; when it returns, the file holds no byte of the call's text.

        May be repeated, which also makes good what a killed process left behind.
        """
        await self._db.write(partial(writes.bury, key=key))
        await self._purge.run()

    async def buried(self, key: CallKey) -> bool:
        return await self._db.read(partial(reads.buried, key=key))

    async def unfinished_burials(self) -> list[CallKey]:
        return await self._db.read(reads.unfinished_burials)

    async def finish_burial(self, key: CallKey) -> None:
        await self._db.write(partial(writes.finish_burial, key=key))

    async def aclose(self) -> None:
        await self._db.aclose()


class _Safe:
    """Segments on their way, and whether one of them was redacted."""

    def __init__(self, segments: AsyncIterator[Segment]) -> None:
        self._segments, self.any = segments, False

    async def all(self) -> AsyncIterator[Segment]:
        async for segment in self._segments:
            self.any = self.any or segment.safe
            yield segment


def _check_limit(limit: int) -> None:
    if limit < 1:
        raise BadParameter(f"limit got {limit}; it takes 1 or more.")
