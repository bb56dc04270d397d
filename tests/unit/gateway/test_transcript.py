"""Which version of a transcript is given, and what is said where there is none."""

from __future__ import annotations

from dataclasses import replace

import pytest

from twicetold.errors import TranscriptNotFound, TranscriptNotReady, TwicetoldError
from twicetold.gateway.transcript import Wanted, _choose
from twicetold.speech.identity import CallKey
from twicetold.transcripts import Call, Status, Version

pytestmark = pytest.mark.unit

CALL = Call(CallKey("tenant", "c-1"), Status.LIVE, "live", "en", channels=1, started_at=0.0)


@pytest.mark.parametrize("wanted", list(Wanted))
def test_what_there_is_is_given(wanted: Wanted) -> None:
    both = replace(CALL, status=Status.DONE, has_draft=True, canonical_revision="1")
    expected = Version.DRAFT if wanted is Wanted.DRAFT else Version.CANONICAL
    assert _choose(both, wanted) is expected


@pytest.mark.parametrize(
    ("source", "status", "kind", "message", "hint"),
    [
        ("live", Status.LIVE, TranscriptNotReady, "has no draft yet", "first caption"),
        ("live", Status.RECORDED, TranscriptNotReady, "is over and has no draft", "canonical"),
        ("live", Status.DONE, TranscriptNotFound, "is done and has no draft", "version=best"),
        ("live", Status.FAILED, TranscriptNotFound, "its batch pass failed", "/c-1/retry"),
        ("upload", Status.DONE, TranscriptNotFound, "was not live", "version=best"),
        ("upload", Status.FAILED, TranscriptNotFound, "was not live", "version=best"),
    ],
)
def test_a_draft_that_is_not_there(
    source: str, status: Status, kind: type[TwicetoldError], message: str, hint: str
) -> None:
    revision = "1" if status is Status.DONE else None
    call = replace(CALL, source=source, status=status, canonical_revision=revision)
    with pytest.raises(kind, match=message) as refused:
        _choose(call, Wanted.DRAFT)
    assert hint in refused.value.hint
    assert "wait" not in refused.value.hint


@pytest.mark.parametrize("wanted", [Wanted.BEST, Wanted.CANONICAL])
def test_a_canonical_transcript_that_is_not_there(wanted: Wanted) -> None:
    with pytest.raises(TranscriptNotReady, match="yet") as later:
        _choose(replace(CALL, status=Status.TRANSCRIBING), wanted)
    assert "'done'" in later.value.hint
    with pytest.raises(TranscriptNotReady) as failed:
        _choose(replace(CALL, status=Status.FAILED), wanted)
    assert "POST /v1/calls/c-1/retry" in failed.value.hint
