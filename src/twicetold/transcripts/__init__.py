"""The transcript store port: calls, their draft and canonical transcripts, search, usage."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from twicetold.speech.identity import CallKey
from twicetold.speech.transcript import Final, Segment
from twicetold.transcripts.usage import Usage, UsageFilter, UsageGroup, UsagePage


class Status(StrEnum):
    LIVE = "live"  # people are speaking
    RECORDED = "recorded"  # over; the canonical transcript is to come
    TRANSCRIBING = "transcribing"
    DONE = "done"  # the canonical transcript stands
    FAILED = "failed"  # the batch pass gave up; the draft (if any) stands


class Version(StrEnum):
    DRAFT = "draft"
    CANONICAL = "canonical"


@dataclass(frozen=True, slots=True)
class NewCall:
    """What is known of a call when it first appears. ``started_at`` is Unix seconds."""

    key: CallKey
    started_at: float
    channels: int
    source: str  # "live", "upload" or "drop"
    language: str
    rate: int = 0


@dataclass(frozen=True, slots=True)
class Call:
    """One call as readers see it. Times are Unix seconds, ``length_s`` audio seconds."""

    key: CallKey
    status: Status
    source: str
    language: str
    channels: int
    started_at: float
    ended_at: float | None = None
    length_s: float | None = None
    draft_engine: str | None = None
    canonical_engine: str | None = None
    has_draft: bool = False
    canonical_revision: str | None = None
    provisional: bool = False  # a stand-in has written the canonical transcript
    draft_wer: float | None = None
    draft_wer_normaliser: str | None = None
    error_code: str | None = None
    error: str | None = None
    recording: str | None = None  # object key, once the recording is complete
    sentiment: float | None = None  # -1..1, of the canonical transcript
    lead_score: float | None = None  # 0..100, of the same
    outcomes: Mapping[str, str] = field(default_factory=dict)  # what came of it, by name


@dataclass(frozen=True, slots=True)
class Revision:
    """A canonical transcript's name, where it came from, and what is known besides its words.

    ``insights`` is what JSON can hold: its shape is that of whoever found it out.
    """

    name: str
    engine: str
    language: str
    length_s: float
    channels: int
    provisional: bool = False
    sentiment: float | None = None
    lead_score: float | None = None
    insights: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Shadow:
    """What another engine heard in a call's recording, against its canonical transcript.

    Words are counted after ``normaliser``; substitutions, insertions and deletions are what makes
    the shadow's words of the canonical ones. Neither is known to be right.
    """

    key: CallKey
    engine: str
    canonical_engine: str
    revision: str  # of the canonical transcript that it was compared with
    language: str
    normaliser: str
    words: int
    canonical_words: int
    substitutions: int
    insertions: int
    deletions: int
    audio_s: float
    compute_s: float  # of the shadow's engine
    made_at: float  # Unix seconds
    pass_: str = "batch"  # or "live": the recording was played as if it were spoken
    stale: bool = False  # another canonical transcript stands by now
    draft_wer: float | None = None  # how far the call's draft is from the same transcript

    @property
    def differences(self) -> int:
        return self.substitutions + self.insertions + self.deletions

    @property
    def difference(self) -> float:
        """Differences per canonical word, as a word error rate would count them."""
        return self.differences / max(1, self.canonical_words)

    @property
    def rtfx(self) -> float | None:
        """Audio seconds for each second that the shadow's engine computed."""
        return self.audio_s / self.compute_s if self.compute_s > 0 else None


@dataclass(frozen=True, slots=True)
class ShadowPage:
    """Shadows, the newest first; ``cursor`` as in CallPage."""

    shadows: list[Shadow]
    cursor: str | None


@dataclass(frozen=True, slots=True)
class Hit:
    """One segment that a search found. ``snippet`` marks matches with U+E000 … U+E001."""

    key: CallKey
    version: Version
    number: int
    channel: int
    start: float
    end: float
    snippet: str
    started_at: float


@dataclass(frozen=True, slots=True)
class CallFilter:
    """Which calls are wanted: those that meet all that is set. Moments are Unix seconds."""

    status: Status | None = None
    source: str | None = None
    id_part: str | None = None  # text that the call's id holds, in either case
    started_after: float | None = None  # not before
    started_before: float | None = None  # earlier than


ALL_CALLS = CallFilter()


@dataclass(frozen=True, slots=True)
class CallPage:
    """Calls newest first; ``cursor`` asks for the next page, None on the last."""

    calls: list[Call]
    cursor: str | None


@dataclass(frozen=True, slots=True)
class HitPage:
    """Search results, newest call first; ``cursor`` as in CallPage."""

    hits: list[Hit]
    cursor: str | None


class Transcripts(Protocol):
    """Every writing verb raises CallDeleted where the call's tombstone stands."""

    async def begin_call(self, call: NewCall) -> None:
        """Make the call's row; one that is there already stays as it is."""

    async def save_draft(self, key: CallKey, finals: Iterable[Final]) -> None:
        """Add finals to the draft; an event that is there already is replaced (idempotent)."""

    async def end_call(self, key: CallKey, ended_at: float, length_s: float, engine: str) -> None:
        """The live pass is over and its draft complete; status becomes ``recorded``
        unless a later one stands. ``draft_engine`` becomes the engines that its finals name, the
        busiest first, or ``engine`` where none does."""

    async def set_recording(self, key: CallKey, recording: str, length_s: float | None) -> None:
        """The recording is complete and lies under that object key."""

    async def set_status(
        self, key: CallKey, status: Status, code: str | None = None, error: str | None = None
    ) -> None: ...

    async def save_canonical(
        self, key: CallKey, revision: Revision, segments: AsyncIterator[Segment]
    ) -> None:
        """Store a revision and make it the call's canonical transcript in one step, at the end.

        Until then, and if anything raises on the way, readers see what stood before. The revision
        that stood before is removed. Segments are read one at a time.
        """

    async def set_draft_wer(self, key: CallKey, wer: float, normaliser: str) -> None: ...

    async def set_outcomes(self, key: CallKey, outcomes: Mapping[str, str]) -> None:
        """Say what came of the call, in the place of all that was said before."""

    async def rescore(
        self,
        seen: Call,
        lead_score: float,
        insights: Mapping[str, Any],
        outcomes: Mapping[str, str],
    ) -> bool:
        """Put another lead score, the insights with its reasons, and the outcomes that it counts,
        in the place of those of the canonical transcript, all at once. False, and nothing done,
        where that transcript or the call's outcomes are not those of ``seen`` any more."""

    async def call(self, key: CallKey) -> Call | None: ...

    async def calls(
        self,
        tenant: str,
        limit: int = 50,
        cursor: str | None = None,
        only: CallFilter = ALL_CALLS,
    ) -> CallPage:
        """Raises BadParameter for a cursor that is not one of ours."""

    def segments(self, key: CallKey, version: Version) -> AsyncIterator[Segment]:
        """All segments, by start time, a bounded number in memory; empty where there are none."""

    async def insights(self, key: CallKey) -> dict[str, Any] | None:
        """What came with the canonical transcript that stands; None while none does."""

    async def draft_finals(self, key: CallKey, after_event: int = 0) -> list[Final]:
        """The draft's finals after an event, by event (``utterance`` as saved)."""

    async def save_shadow(
        self, key: CallKey, shadow: Shadow, segments: AsyncIterator[Segment]
    ) -> None:
        """Keep another engine's text beside the call's transcripts, in one step at the end; the
        call's shadow of that pass before it is removed. It is no version of the transcript:
        neither ``segments`` nor ``search`` finds it."""

    async def shadow(self, key: CallKey, pass_: str = "batch") -> Shadow | None: ...

    async def shadows(self, tenant: str, limit: int = 50, cursor: str | None = None) -> ShadowPage:
        """A tenant's shadows. Raises BadParameter for a cursor that is not one of ours."""

    def shadow_segments(self, key: CallKey, pass_: str = "batch") -> AsyncIterator[Segment]:
        """As ``segments``, of the call's shadow of that pass."""

    async def search(
        self,
        tenant: str,
        query: str,
        limit: int = 20,
        cursor: str | None = None,
        *,
        safe_only: bool = False,
    ) -> HitPage:
        """Segments of the best version of each call that hold all words of ``query``; with
        ``safe_only`` such as redaction has been over
        ("…" for a phrase, a trailing * for a prefix; anything else is plain text)."""

    async def record_usage(self, *usage: Usage) -> None:
        """Note what attempts used, all or nothing, at the price of the moment. What is told again
        of the same attempt takes the place of what it had told, if it is more."""

    async def usage(
        self,
        only: UsageFilter,
        group: Sequence[UsageGroup],
        limit: int = 100,
        cursor: str | None = None,
    ) -> UsagePage:
        """Sums, by what they are asked for; deleted calls are in them. An attempt's computing
        counts on the day on which the attempt began, a call's audio on the day of the first that
        heard it to its end, with the engine of the last. Raises BadParameter for a cursor of
        another list."""

    async def tokens(self, key: CallKey, attempts: str = "") -> int:
        """How many a language model has read and written for the call, by attempts whose names
        begin so. 0 for a call that is not there."""

    async def bury(self, key: CallKey) -> None:
        """Set the tombstone and remove all rows of the call; their pages are given back. What it
        used stays in the sums, without its name.

        The burial counts as unfinished until ``finish_burial``, as what other stores hold of
        the call is still to be erased.
        """

    async def buried(self, key: CallKey) -> bool: ...

    async def unfinished_burials(self) -> list[CallKey]:
        """Buried calls of all tenants of which other stores may still hold something."""

    async def finish_burial(self, key: CallKey) -> None:
        """Nothing of the call is left anywhere; the tombstone stays. May be repeated."""

    async def aclose(self) -> None: ...
