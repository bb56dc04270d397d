"""The JSON of the HTTP API, as OpenAPI describes it. Times are Unix seconds, lengths seconds."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from twicetold.errors import hint_of
from twicetold.queue import JobState, JobStatus
from twicetold.transcripts import Call, Hit, HitPage, Status, Version

_MATCH_START, _MATCH_END = "\ue000", "\ue001"

_CALL_EXAMPLE = {
    "call_id": "call-7f3a",
    "status": "done",
    "source": "live",
    "language": "en",
    "channels": 2,
    "started_at": 1795170000.0,
    "ended_at": 1795170131.5,
    "length_s": 131.4,
    "draft_engine": "pocketsphinx",
    "canonical_engine": "pocketsphinx",
    "has_draft": True,
    "has_recording": True,
    "canonical_revision": "5e0c71",
    "draft_wer": 0.083,
    "draft_wer_normaliser": "whisper-english",
    "error_code": None,
    "error": None,
    "error_hint": None,
}
_SEGMENT_EXAMPLE = {
    "number": 1,
    "channel": 0,
    "speaker": None,
    "start": 0.42,
    "end": 1.9,
    "text": "good morning",
    "probability": 0.91,
    "words": [
        {"start": 0.42, "end": 0.8, "text": "good", "probability": 0.93},
        {"start": 0.8, "end": 1.9, "text": "morning", "probability": 0.89},
    ],
}


def _example(example: dict[str, Any]) -> ConfigDict:
    return ConfigDict(json_schema_extra={"examples": [example]})


class Problem(BaseModel):
    """What is wrong, for a person and for a program."""

    code: str = Field(description="Stable; programs decide by it.")
    message: str = Field(description="A sentence for the person who meets it.")
    hint: str = Field(description="What to do about it.")
    retryable: bool = Field(description="Whether the same request may succeed later.")


class ErrorBody(BaseModel):
    """Every error of every route."""

    model_config = _example(
        {
            "error": {
                "code": "call_not_found",
                "message": "There is no call 'call-7f3a'.",
                "hint": "List the calls with GET /v1/calls.",
                "retryable": False,
            }
        }
    )
    error: Problem


_Responses = dict[int | str, dict[str, Any]]

ERRORS: _Responses = {"default": {"model": ErrorBody, "description": "Any error."}}


class CallBody(BaseModel):
    """One call."""

    model_config = _example(_CALL_EXAMPLE)

    call_id: str
    status: Status
    source: Literal["live", "upload", "drop"]
    language: str
    channels: int
    started_at: float
    ended_at: float | None
    length_s: float | None
    draft_engine: str | None
    canonical_engine: str | None
    has_draft: bool
    has_recording: bool
    canonical_revision: str | None
    provisional: bool = Field(
        False, description="A stand-in wrote the canonical transcript; its engine is tried again."
    )
    draft_wer: float | None = Field(
        description="Word error rate of the draft against the canonical transcript."
    )
    draft_wer_normaliser: str | None
    sentiment: float | None = Field(None, description="How it went, from -1 to 1.")
    lead_score: float | None = Field(None, description="By the tenant's rubric, from 0 to 100.")
    outcomes: dict[str, str] = Field({}, description="What came of it, by name, as it was told.")
    error_code: str | None
    error: str | None
    error_hint: str | None = Field(description="What to do about the error.")

    @classmethod
    def of(cls, call: Call) -> Self:
        return cls(
            call_id=call.key.call_id,
            status=call.status,
            source=call.source,  # type: ignore[arg-type]  # the store's text
            language=call.language,
            channels=call.channels,
            started_at=call.started_at,
            ended_at=call.ended_at,
            length_s=call.length_s,
            draft_engine=call.draft_engine,
            canonical_engine=call.canonical_engine,
            has_draft=call.has_draft,
            has_recording=call.recording is not None,
            canonical_revision=call.canonical_revision,
            provisional=call.provisional,
            draft_wer=call.draft_wer,
            draft_wer_normaliser=call.draft_wer_normaliser,
            sentiment=call.sentiment,
            lead_score=call.lead_score,
            outcomes=dict(call.outcomes),
            error_code=call.error_code,
            error=call.error,
            error_hint=None if call.error_code is None else hint_of(call.error_code),
        )


class CallsBody(BaseModel):
    """Calls, newest first. `cursor` asks for the next page; null on the last."""

    model_config = _example({"calls": [_CALL_EXAMPLE], "cursor": None})

    calls: list[CallBody]
    cursor: str | None


class WordBody(BaseModel):
    start: float
    end: float
    text: str
    probability: float | None = None
    redacted: str | None = Field(
        None, description="The kind of what was removed here; text stands in."
    )
    speaker: str | None = Field(None, description="The engine's own label of who said it.")


class SegmentBody(BaseModel):
    """Timed text of one channel."""

    number: int
    channel: int
    speaker: str | None
    start: float
    end: float
    text: str
    probability: float | None
    words: list[WordBody]
    failed: bool = False
    engine: str = ""
    sentiment: float | None = Field(None, description="From -1 to 1, where it was judged.")
    safe: bool | None = Field(None, description="Redaction has been over it.")


class TranscriptBody(BaseModel):
    """One version of a call's transcript, whole."""

    model_config = _example(
        {
            "call_id": "call-7f3a",
            "version": "canonical",
            "revision": "5e0c71",
            "engine": "pocketsphinx",
            "language": "en",
            "length_s": 131.4,
            "segments": [_SEGMENT_EXAMPLE],
        }
    )
    call_id: str
    version: Version
    revision: str = Field(description="Changes whenever the text does.")
    engine: str | None
    language: str
    length_s: float | None
    segments: list[SegmentBody]


class WaveformBody(BaseModel):
    """Peaks over the recording's length at even distances, a list for each channel, 0 to 1."""

    model_config = _example(
        {"call_id": "call-7f3a", "length_s": 131.4, "channels": [[0.0, 0.412, 0.38]]}
    )
    call_id: str
    length_s: float
    channels: list[list[float]]


class JobBody(BaseModel):
    """The canonical transcript in the making."""

    model_config = _example(
        {
            "call_id": "call-7f3a",
            "job_id": "default/call-7f3a/9f86d081884c7d659a2feaa0c55ad015",
            "state": "failed",
            "attempts": 4,
            "submitted_at": 1795170140.2,
            "next_attempt_at": None,
            "ended_at": 1795170391.7,
            "error_code": "engine_failed",
            "error": "The engine gave no answer within 30 s.",
            "hint": "See the server's log.",
            "done_s": 60.0,
            "total_s": 131.4,
        }
    )
    call_id: str
    job_id: str
    state: JobState
    attempts: int
    submitted_at: float
    next_attempt_at: float | None
    ended_at: float | None = Field(description="Since when it is done or failed.")
    error_code: str | None
    error: str | None
    hint: str | None
    done_s: float = Field(description="Audio seconds transcribed so far.")
    total_s: float = Field(description="Audio seconds in all; 0 while unknown.")

    @classmethod
    def of(cls, status: JobStatus) -> Self:
        return cls(
            call_id=status.job.key.call_id,
            job_id=status.job.job_id,
            state=status.state,
            attempts=status.attempts,
            submitted_at=status.submitted_at,
            next_attempt_at=status.next_attempt_at,
            ended_at=status.ended_at,
            error_code=status.error_code,
            error=status.error,
            hint=status.hint,
            done_s=status.done_s,
            total_s=status.total_s,
        )


class JobsBody(BaseModel):
    """Jobs, newest first."""

    jobs: list[JobBody]


class Snippet(BaseModel):
    """Text around what was found; `matches` are [from, to) in characters of `text`."""

    text: str
    matches: list[tuple[int, int]]

    @classmethod
    def of(cls, marked: str) -> Self:
        """From text with matches between U+E000 and U+E001."""
        text, matches = "", list[tuple[int, int]]()
        start: int | None = None
        for piece in re.split(f"([{_MATCH_START}{_MATCH_END}])", marked):
            if piece == _MATCH_START:
                start = len(text)
            elif piece == _MATCH_END:
                if start is not None:
                    matches.append((start, len(text)))
                start = None
            else:
                text += piece
        return cls(text=text, matches=matches)


class HitBody(BaseModel):
    """One segment that was found, and when it was said."""

    call_id: str
    version: Version
    number: int
    channel: int
    start: float
    end: float
    started_at: float = Field(description="When the call began.")
    snippet: Snippet

    @classmethod
    def of(cls, hit: Hit) -> Self:
        return cls(
            call_id=hit.key.call_id,
            version=hit.version,
            number=hit.number,
            channel=hit.channel,
            start=hit.start,
            end=hit.end,
            started_at=hit.started_at,
            snippet=Snippet.of(hit.snippet),
        )


class HitsBody(BaseModel):
    """What was found, newest call first."""

    model_config = _example(
        {
            "hits": [
                {
                    "call_id": "call-7f3a",
                    "version": "canonical",
                    "number": 1,
                    "channel": 0,
                    "start": 0.42,
                    "end": 1.9,
                    "started_at": 1795170000.0,
                    "snippet": {"text": "good morning", "matches": [[5, 12]]},
                }
            ],
            "cursor": None,
        }
    )
    hits: list[HitBody]
    cursor: str | None

    @classmethod
    def of(cls, page: HitPage) -> Self:
        return cls(hits=[HitBody.of(hit) for hit in page.hits], cursor=page.cursor)


class TicketScope(StrEnum):
    """What a ticket opens of its call."""

    MEDIA = "media"  # events, sound, waveform
    CAPTIONS = "captions"  # events, state, transcript; no sound


class TicketRequest(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"call_id": "call-7f3a", "scope": "captions"}]},
    )
    call_id: str = Field(description="The call that the ticket is for.")
    scope: TicketScope = Field(
        TicketScope.MEDIA,
        description="`media`: events, audio, waveform. "
        "`captions`: events, the call's state and transcript, no sound.",
    )
    expires_in_s: int = Field(300, ge=60, le=86_400, description="How long it is good for.")


class Ticket(BaseModel):
    """Append it as `?ticket=`."""

    ticket: str
    expires_in_s: int


class TenantBody(BaseModel):
    """Who the caller is; `authentication` is `key`, or `open` where there is no tenants file."""

    model_config = _example(
        {
            "tenant": "default",
            "authentication": "open",
            "version": "0.2.0",
            "language": "en",
            "max_upload_mb": 4096,
            "abandon_after_s": 60.0,
            "live_engine": "pocketsphinx",
            "batch_engine": "pocketsphinx",
        }
    )

    tenant: str
    authentication: Literal["key", "open"]
    version: str = Field(description="The server's.")
    language: str = Field(description="Language of calls that name none.")
    max_upload_mb: int = Field(description="Largest upload, in MiB.")
    abandon_after_s: float = Field(description="A call left by its client for so long ends.")
    live_engine: str
    batch_engine: str


class EngineBody(BaseModel):
    name: str
    model: str
    languages: list[str]
    word_times: bool
    remote: bool
    good_for: str


class HealthBody(BaseModel):
    """`status` is `ok`, or `unready` with a reason for each check that failed."""

    model_config = _example({"status": "ok", "reasons": {}})

    status: str
    reasons: dict[str, str] = {}


class ReadyBody(HealthBody):
    live_engine: EngineBody
    batch_engine: EngineBody


class RootBody(BaseModel):
    """What answers here, and where to go on."""

    product: str
    version: str
    links: dict[str, str]
