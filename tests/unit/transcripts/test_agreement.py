"""The draft's word error rate, settled by whoever comes second."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from twicetold.errors import SwapLost
from twicetold.speech.identity import CallKey
from twicetold.speech.scoring import BASIC_NORMALISER, NORMALISER
from twicetold.speech.transcript import Segment
from twicetold.transcripts import Call, Status, Version
from twicetold.transcripts.agreement import settle_draft_wer

pytestmark = pytest.mark.unit

KEY = CallKey("acme", "call-1")
CLOSED = Call(
    KEY,
    Status.DONE,
    source="live",
    language="en",
    channels=2,
    started_at=1.0,
    ended_at=9.0,
    has_draft=True,
    canonical_revision="r1",
)


class FakeTranscripts:
    """One call; ``said`` is what was said per version, as (channel, text)."""

    def __init__(self, call: Call | None, **said: list[tuple[int, str]]) -> None:
        self._call, self._said = call, said
        self.stored: list[tuple[float, str]] = []
        self.replaced = False

    async def call(self, key: CallKey) -> Call | None:
        return self._call

    async def segments(self, key: CallKey, version: Version) -> AsyncIterator[Segment]:
        for number, (channel, text) in enumerate(self._said[version]):
            yield Segment(number, channel, float(number), number + 1.0, text)
        if self.replaced:
            raise SwapLost("replaced")

    async def set_draft_wer(self, key: CallKey, wer: float, normaliser: str) -> None:
        self.stored.append((wer, normaliser))


async def test_channels_are_scored_apart():
    transcripts = FakeTranscripts(
        CLOSED,
        canonical=[(0, "Good morning."), (1, "Hello there, my friend")],
        draft=[(1, "hello there"), (0, "good morning"), (1, "my fiend")],
    )
    assert await settle_draft_wer(transcripts, KEY) == pytest.approx(1 / 6)
    assert transcripts.stored == [(pytest.approx(1 / 6), NORMALISER)]


async def test_the_normaliser_is_the_languages():
    german = replace(CLOSED, language="de")
    transcripts = FakeTranscripts(german, canonical=[(0, "Guten Tag")], draft=[(0, "guten tag")])
    assert await settle_draft_wer(transcripts, KEY) == 0.0
    assert transcripts.stored == [(0.0, BASIC_NORMALISER)]


@pytest.mark.parametrize(
    "call",
    [
        None,
        replace(CLOSED, ended_at=None),
        replace(CLOSED, has_draft=False),
        replace(CLOSED, canonical_revision=None),
    ],
)
async def test_whoever_comes_first_leaves_it_to_the_other(call):
    transcripts = FakeTranscripts(call, canonical=[(0, "hello")], draft=[(0, "hello")])
    assert await settle_draft_wer(transcripts, KEY) is None
    assert transcripts.stored == []


async def test_a_transcript_that_is_replaced_meanwhile_is_left_to_who_replaced_it():
    transcripts = FakeTranscripts(CLOSED, canonical=[(0, "hello")], draft=[(0, "hello")])
    transcripts.replaced = True
    assert await settle_draft_wer(transcripts, KEY) is None
    assert transcripts.stored == []


async def test_words_against_silence_all_count():
    transcripts = FakeTranscripts(CLOSED, canonical=[(0, "one two")], draft=[])
    assert await settle_draft_wer(transcripts, KEY) == 1.0
    transcripts = FakeTranscripts(CLOSED, canonical=[], draft=[])
    assert await settle_draft_wer(transcripts, KEY) == 0.0
