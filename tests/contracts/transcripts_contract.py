"""What every transcript store does. Adapters inherit the suite and give it a ``store``, whose
prices are PRICES."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from dataclasses import replace
from typing import Any

import pytest

from twicetold.errors import BadParameter, CallDeleted, CallNotFound, SwapLost
from twicetold.speech.identity import CallKey
from twicetold.speech.transcript import Final, Segment, Word
from twicetold.transcripts import (
    Call,
    CallFilter,
    Hit,
    NewCall,
    Revision,
    Shadow,
    Status,
    Transcripts,
    Version,
)
from twicetold.transcripts.prices import Prices
from twicetold.transcripts.usage import Usage, UsageFilter, UsageGroup, UsageLine

KEY = CallKey("acme", "call-1")
OTHER = CallKey("other", "call-1")  # the same call id, another tenant
DAY_1, DAY_2 = 1_795_172_400.0, 1_795_258_800.0  # 2026-11-20 and -21, 11:00 UTC
PRICES = Prices.parse(
    "careful=0.1/audio_min, careful@cuda=0.5/audio_min+0.25/compute_s,"
    " llm:small=2/m_tokens_in+10/m_tokens_out"
)
REVISION = Revision("r1", "careful", "en", length_s=9.5, channels=2)


def new_call(key: CallKey = KEY, started_at: float = 1000.0, source: str = "live") -> NewCall:
    return NewCall(key, started_at, channels=2, source=source, language="en", rate=16000)


def final(event: int, text: str, *, start: float | None = None, channel: int = 0) -> Final:
    begin = float(event) if start is None else start
    pieces = text.split()
    words = tuple(
        Word(begin + 0.1 * index, begin + 0.1 * (index + 1), word, 0.5 if index else None)
        for index, word in enumerate(pieces)
    )
    return Final(event, channel, event, begin, begin + 0.1 * len(pieces), text, words)


def segment(number: int, text: str, *, start: float | None = None, channel: int = 0) -> Segment:
    made = Segment.from_final(final(number, text, start=start, channel=channel))
    return replace(made, speaker="S1")


async def stream(segments: Iterable[Segment]) -> AsyncIterator[Segment]:
    for one in segments:
        yield one


async def read(store: Transcripts, key: CallKey, version: Version) -> list[Segment]:
    return [one async for one in store.segments(key, version)]


async def seen(store: Transcripts, key: CallKey = KEY) -> Call:
    call = await store.call(key)
    assert call is not None
    return call


async def texts(store: Transcripts, key: CallKey, version: Version) -> list[str]:
    return [one.text for one in await read(store, key, version)]


def a_shadow(key: CallKey = KEY, revision: str = "r1", engine: str = "other") -> Shadow:
    return Shadow(
        key=key,
        engine=engine,
        canonical_engine="careful",
        revision=revision,
        language="en",
        normaliser="whisper-english",
        words=9,
        canonical_words=10,
        substitutions=2,
        insertions=1,
        deletions=2,
        audio_s=9.5,
        compute_s=1.9,
        made_at=1234.5,
    )


async def shadow_texts(store: Transcripts, key: CallKey = KEY) -> list[str]:
    return [one.text async for one in store.shadow_segments(key)]


async def save_both(store: Transcripts, key: CallKey, shadowed: str = "shadowed words") -> None:
    """A call with a canonical transcript and a shadow of it."""
    await store.begin_call(new_call(key))
    await store.save_canonical(key, REVISION, stream([segment(1, "canonical words")]))
    await store.save_shadow(key, a_shadow(key), stream([segment(1, shadowed)]))


async def lines(store: Transcripts, *group: UsageGroup | str) -> list[UsageLine]:
    by = [UsageGroup(each) for each in group]
    return list((await store.usage(UsageFilter("acme"), by)).lines)


def plain(hit: Hit) -> str:
    return hit.snippet.replace("\ue000", "").replace("\ue001", "")


class TranscriptsContract:
    # --- a call's row ---------------------------------------------------------

    async def test_begin_call_makes_the_row(self, store: Transcripts) -> None:
        assert await store.call(KEY) is None
        await store.begin_call(new_call())
        call = await store.call(KEY)
        assert call is not None
        assert (call.key, call.status, call.source) == (KEY, Status.LIVE, "live")
        assert (call.language, call.channels, call.started_at) == ("en", 2, 1000.0)
        assert not call.has_draft
        assert call.canonical_revision is None
        assert await store.call(OTHER) is None

    async def test_begin_call_leaves_a_call_that_is_there(self, store: Transcripts) -> None:
        await store.begin_call(new_call())
        await store.end_call(KEY, 1010.0, 10.0, "quick")
        before = await store.call(KEY)
        await store.begin_call(new_call(started_at=5.0, source="upload"))
        assert await store.call(KEY) == before

    async def test_begin_call_of_a_file_is_recorded_from_the_first(
        self, store: Transcripts
    ) -> None:
        await store.begin_call(new_call(source="upload"))
        call = await store.call(KEY)
        assert call is not None
        assert call.status is Status.RECORDED

    async def test_end_call_tells_of_the_draft(self, store: Transcripts) -> None:
        await store.begin_call(new_call())
        await store.end_call(KEY, 1010.0, 10.0, "quick")
        call = await store.call(KEY)
        assert call is not None
        assert (call.status, call.ended_at, call.length_s) == (Status.RECORDED, 1010.0, 10.0)
        assert (call.draft_engine, call.has_draft) == ("quick", True)

    async def test_end_call_does_not_undo_a_later_status(self, store: Transcripts) -> None:
        await store.begin_call(new_call())
        await store.set_status(KEY, Status.TRANSCRIBING)
        await store.end_call(KEY, 1010.0, 10.0, "quick")
        call = await store.call(KEY)
        assert call is not None
        assert call.status is Status.TRANSCRIBING

    async def test_set_status_keeps_and_clears_the_error(self, store: Transcripts) -> None:
        await store.begin_call(new_call())
        await store.set_status(KEY, Status.FAILED, "not_audio", "The file holds no sound.")
        call = await store.call(KEY)
        assert call is not None
        assert (call.status, call.error_code) == (Status.FAILED, "not_audio")
        assert call.error == "The file holds no sound."
        await store.set_status(KEY, Status.TRANSCRIBING)
        call = await store.call(KEY)
        assert call is not None
        assert (call.error_code, call.error) == (None, None)

    async def test_set_recording_keeps_a_length_that_is_known(self, store: Transcripts) -> None:
        await store.begin_call(new_call())
        await store.end_call(KEY, 1010.0, 10.0, "quick")
        await store.set_recording(KEY, "recordings/acme/call-1.wav", None)
        call = await store.call(KEY)
        assert call is not None
        assert (call.recording, call.length_s) == ("recordings/acme/call-1.wav", 10.0)
        await store.set_recording(KEY, "recordings/acme/call-1.wav", 10.5)
        call = await store.call(KEY)
        assert call is not None
        assert call.length_s == 10.5

    async def test_writing_verbs_want_a_call_that_was_begun(self, store: Transcripts) -> None:
        with pytest.raises(CallNotFound):
            await store.save_draft(KEY, [final(1, "hello")])
        with pytest.raises(CallNotFound):
            await store.end_call(KEY, 1.0, 1.0, "quick")
        with pytest.raises(CallNotFound):
            await store.set_recording(KEY, "x", None)
        with pytest.raises(CallNotFound):
            await store.set_status(KEY, Status.DONE)
        with pytest.raises(CallNotFound):
            await store.set_draft_wer(KEY, 0.1, "n")
        with pytest.raises(CallNotFound):
            await store.set_outcomes(KEY, {"next_step": "demo"})
        with pytest.raises(CallNotFound):
            await store.save_canonical(KEY, REVISION, stream([segment(1, "hello")]))
        assert await read(store, KEY, Version.DRAFT) == []

    # --- the draft ------------------------------------------------------------

    async def test_save_draft_is_idempotent_by_event(self, store: Transcripts) -> None:
        await store.begin_call(new_call())
        await store.save_draft(KEY, [final(1, "good morning"), final(2, "hello")])
        await store.save_draft(KEY, [final(2, "hello there"), final(3, "goodbye")])
        assert await store.draft_finals(KEY) == [
            final(1, "good morning"),
            final(2, "hello there"),
            final(3, "goodbye"),
        ]
        assert await store.draft_finals(KEY, after_event=2) == [final(3, "goodbye")]
        call = await store.call(KEY)
        assert call is not None
        assert call.has_draft
        assert (await store.search("acme", "hello")).hits[0].number == 2

    async def test_a_failed_final_stays_marked(self, store: Transcripts) -> None:
        await store.begin_call(new_call())
        failed = replace(final(1, ""), failed=True)
        await store.save_draft(KEY, [failed])
        assert await store.draft_finals(KEY) == [failed]
        assert await read(store, KEY, Version.DRAFT) == [Segment.from_final(failed)]

    async def test_segments_of_the_draft_are_its_finals(self, store: Transcripts) -> None:
        await store.begin_call(new_call())
        await store.save_draft(KEY, [final(1, "one"), final(2, "two", start=0.5, channel=1)])
        assert await read(store, KEY, Version.DRAFT) == [
            Segment.from_final(final(2, "two", start=0.5, channel=1)),
            Segment.from_final(final(1, "one")),
        ]

    # --- the canonical transcript ----------------------------------------------

    async def test_save_canonical_takes_the_drafts_place(self, store: Transcripts) -> None:
        await store.begin_call(new_call())
        await store.save_draft(KEY, [final(1, "ello")])
        await store.end_call(KEY, 1010.0, 10.0, "quick")
        await store.set_status(KEY, Status.TRANSCRIBING)
        spoken = [segment(1, "hello"), segment(2, "goodbye", channel=1)]
        await store.save_canonical(KEY, REVISION, stream(spoken))
        assert await read(store, KEY, Version.CANONICAL) == spoken
        assert await texts(store, KEY, Version.DRAFT) == ["ello"], "both stay readable"
        call = await store.call(KEY)
        assert call is not None
        assert (call.status, call.canonical_revision) == (Status.DONE, "r1")
        assert (call.canonical_engine, call.length_s) == ("careful", 9.5)

    async def test_save_canonical_again_removes_what_stood_before(self, store: Transcripts) -> None:
        await store.begin_call(new_call())
        await store.save_canonical(KEY, REVISION, stream([segment(1, "before")]))
        await store.set_draft_wer(KEY, 0.25, "some")
        for name in ("r2", "r2"):  # a finished job that is done again has the same name
            after = stream([segment(1, "after"), segment(2, "more")])
            await store.save_canonical(KEY, replace(REVISION, name=name), after)
            assert await texts(store, KEY, Version.CANONICAL) == ["after", "more"]
        assert (await store.search("acme", "before")).hits == []
        assert len((await store.search("acme", "after")).hits) == 1
        call = await store.call(KEY)
        assert call is not None
        assert call.canonical_revision == "r2"
        assert call.draft_wer is None, "it was measured against another text"

    async def test_save_canonical_shows_nothing_before_its_end(self, store: Transcripts) -> None:
        await store.begin_call(new_call())
        await store.save_canonical(KEY, REVISION, stream([segment(1, "before")]))
        looks: list[tuple[list[str], int]] = []

        async def looking() -> AsyncIterator[Segment]:
            for number in range(1, 1002):
                if number % 250 == 1:
                    hits = (await store.search("acme", "newly")).hits
                    looks.append((await texts(store, KEY, Version.CANONICAL), len(hits)))
                yield segment(number, "newly")

        await store.save_canonical(KEY, replace(REVISION, name="r2"), looking())
        assert looks == [(["before"], 0)] * 5
        assert len(await texts(store, KEY, Version.CANONICAL)) == 1001

    async def test_save_canonical_that_raises_leaves_what_stood(self, store: Transcripts) -> None:
        await store.begin_call(new_call())
        await store.save_canonical(KEY, REVISION, stream([segment(1, "before")]))

        async def breaking() -> AsyncIterator[Segment]:
            for number in range(1, 500):
                yield segment(number, "broken")
            raise RuntimeError("the engine died")

        with pytest.raises(RuntimeError, match="the engine died"):
            await store.save_canonical(KEY, replace(REVISION, name="r2"), breaking())
        assert await texts(store, KEY, Version.CANONICAL) == ["before"]
        assert (await store.search("acme", "broken")).hits == []
        call = await store.call(KEY)
        assert call is not None
        assert call.canonical_revision == "r1"

    async def test_save_canonical_that_is_cancelled_leaves_what_stood(
        self, store: Transcripts
    ) -> None:
        await store.begin_call(new_call())
        reached = asyncio.Event()

        async def stalling() -> AsyncIterator[Segment]:
            for number in range(1, 500):
                yield segment(number, "stalled")
            reached.set()
            await asyncio.Event().wait()

        task = asyncio.create_task(store.save_canonical(KEY, REVISION, stalling()))
        await reached.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await texts(store, KEY, Version.CANONICAL) == []
        await store.save_canonical(KEY, REVISION, stream([segment(1, "again")]))
        assert await texts(store, KEY, Version.CANONICAL) == ["again"]

    async def test_of_two_attempts_at_once_the_later_wins(self, store: Transcripts) -> None:
        await store.begin_call(new_call())
        entered, go_on = asyncio.Event(), asyncio.Event()

        async def slow() -> AsyncIterator[Segment]:
            yield segment(1, "late")
            entered.set()
            await go_on.wait()
            yield segment(2, "late")

        task = asyncio.create_task(store.save_canonical(KEY, REVISION, slow()))
        await entered.wait()
        await store.save_canonical(KEY, replace(REVISION, name="r2"), stream([segment(1, "new")]))
        go_on.set()
        with pytest.raises(SwapLost):
            await task
        assert await texts(store, KEY, Version.CANONICAL) == ["new"]

    async def test_what_is_known_besides_the_words_comes_with_them(
        self, store: Transcripts
    ) -> None:
        await store.begin_call(new_call())
        assert await store.insights(KEY) is None
        known = replace(
            REVISION, sentiment=-0.25, lead_score=71.0, insights={"metrics": {"silence_s": 2.5}}
        )
        await store.save_canonical(KEY, known, stream([segment(1, "hello")]))
        call = await store.call(KEY)
        assert call is not None
        assert (call.sentiment, call.lead_score) == (-0.25, 71.0)
        assert await store.insights(KEY) == {"metrics": {"silence_s": 2.5}}
        await store.save_canonical(KEY, replace(REVISION, name="r2"), stream([]))
        assert await store.insights(KEY) == {}
        await store.bury(KEY)
        assert await store.insights(KEY) is None

    async def test_what_was_removed_judged_and_told_apart_is_kept(self, store: Transcripts) -> None:
        stands_in = Word(1.0, 2.5, "[PHONE]", redacted="phone")
        said = Word(2.5, 2.9, "yes", 0.5, speaker="A")
        kept = Segment(
            1, 0, 1.0, 2.9, "[PHONE] yes", (stands_in, said), "S2", 0.5, sentiment=0.4, safe=True
        )
        await store.begin_call(new_call())
        await store.save_canonical(KEY, REVISION, stream([kept]))
        assert await read(store, KEY, Version.CANONICAL) == [kept]

    async def test_a_final_says_whether_redaction_has_been_over_it(
        self, store: Transcripts
    ) -> None:
        await store.begin_call(new_call())
        await store.save_draft(KEY, [final(1, "open"), replace(final(2, "safe"), safe=True)])
        assert [one.safe for one in await store.draft_finals(KEY)] == [False, True]
        assert [one.safe for one in await read(store, KEY, Version.DRAFT)] == [False, True]

    async def test_search_leaves_out_what_redaction_has_not_been_over(
        self, store: Transcripts
    ) -> None:
        await store.begin_call(new_call())
        told = [segment(1, "the number"), replace(segment(2, "the number too"), safe=True)]
        await store.save_canonical(KEY, REVISION, stream(told))
        assert len((await store.search("acme", "number")).hits) == 2
        [hit] = (await store.search("acme", "number", safe_only=True)).hits
        assert hit.number == 2

    async def test_a_canonical_transcript_may_be_empty(self, store: Transcripts) -> None:
        await store.begin_call(new_call())
        await store.save_draft(KEY, [final(1, "imagined")])
        await store.save_canonical(KEY, REVISION, stream([]))
        assert await read(store, KEY, Version.CANONICAL) == []
        assert (await store.search("acme", "imagined")).hits == []
        call = await store.call(KEY)
        assert call is not None
        assert (call.status, call.canonical_revision) == (Status.DONE, "r1")

    async def test_segments_come_by_start_channel_number_however_many(
        self, store: Transcripts
    ) -> None:
        await store.begin_call(new_call())
        spoken = [
            segment(number, f"w{number}", start=float(number * 7919 % 40), channel=number % 3)
            for number in range(1, 1001)
        ]
        await store.save_canonical(KEY, REVISION, stream(spoken))
        found = await read(store, KEY, Version.CANONICAL)
        assert found == sorted(spoken, key=lambda one: (one.start, one.channel, one.number))

    async def test_segments_of_a_replaced_transcript_are_never_mixed(
        self, store: Transcripts
    ) -> None:
        await store.begin_call(new_call())
        many = [segment(number, "old") for number in range(1, 1001)]
        await store.save_canonical(KEY, REVISION, stream(many))
        found: list[str] = []

        async def replaced_while_read() -> None:
            async for one in store.segments(KEY, Version.CANONICAL):
                if not found:
                    renewed = stream([replace(old, text="new") for old in many])
                    await store.save_canonical(KEY, replace(REVISION, name="r2"), renewed)
                found.append(one.text)

        with pytest.raises(SwapLost):
            await replaced_while_read()
        assert set(found) == {"old"}

    async def test_segments_of_an_unknown_call_are_none(self, store: Transcripts) -> None:
        assert await read(store, KEY, Version.DRAFT) == []
        assert await read(store, KEY, Version.CANONICAL) == []
        assert await store.draft_finals(KEY) == []

    async def test_set_draft_wer(self, store: Transcripts) -> None:
        await store.begin_call(new_call())
        await store.set_draft_wer(KEY, 0.125, "whisper-english")
        call = await store.call(KEY)
        assert call is not None
        assert (call.draft_wer, call.draft_wer_normaliser) == (0.125, "whisper-english")

    # --- what came of it ------------------------------------------------------

    async def test_set_outcomes_takes_the_place_of_what_was_said_before(
        self, store: Transcripts
    ) -> None:
        for key in (KEY, OTHER):
            await store.begin_call(new_call(key))
            assert (await seen(store, key)).outcomes == {}
        await store.set_outcomes(KEY, {"next_step": "demo", "größe": "groß"})
        assert (await seen(store)).outcomes == {"next_step": "demo", "größe": "groß"}
        assert (await store.calls("acme")).calls == [await seen(store)]
        assert (await seen(store, OTHER)).outcomes == {}
        await store.set_outcomes(KEY, {"won": "no"})
        assert (await seen(store)).outcomes == {"won": "no"}
        await store.begin_call(new_call())
        await store.save_canonical(KEY, REVISION, stream([segment(1, "hello")]))
        assert (await seen(store)).outcomes == {"won": "no"}
        await store.set_outcomes(KEY, {})
        assert (await seen(store)).outcomes == {}

    async def test_outcomes_go_with_their_call(self, store: Transcripts) -> None:
        await store.begin_call(new_call())
        await store.set_outcomes(KEY, {"next_step": "demo"})
        await store.bury(KEY)
        assert await store.call(KEY) is None

    async def test_rescore_changes_score_and_insights_together(self, store: Transcripts) -> None:
        for key in (KEY, OTHER):
            await store.begin_call(new_call(key))
            known = replace(REVISION, sentiment=0.5, lead_score=20.0, insights={"lead": "old"})
            await store.save_canonical(key, known, stream([segment(1, "hello")]))
        before = await seen(store)
        told = {"next_step": "demo"}
        assert await store.rescore(before, 50.0, {"lead": "neu, größer"}, told)
        assert await seen(store) == replace(before, lead_score=50.0, outcomes=told)
        assert await store.insights(KEY) == {"lead": "neu, größer"}
        assert await texts(store, KEY, Version.CANONICAL) == ["hello"]
        assert (await seen(store, OTHER)).lead_score == 20.0
        assert await store.insights(OTHER) == {"lead": "old"}

    async def test_rescore_is_of_what_was_seen_or_not_done(self, store: Transcripts) -> None:
        await store.begin_call(new_call())
        assert not await store.rescore(await seen(store), 50.0, {}, {})
        assert await store.insights(KEY) is None
        known = replace(REVISION, lead_score=20.0, insights={"lead": "old"})
        await store.save_canonical(KEY, known, stream([]))
        other_outcomes = await seen(store)
        await store.set_outcomes(KEY, {"won": "yes"})
        other_revision = await seen(store)
        assert not await store.rescore(other_outcomes, 50.0, {"lead": "late"}, {})
        await store.save_canonical(KEY, replace(known, name="r2"), stream([]))
        assert not await store.rescore(other_revision, 50.0, {"lead": "late"}, {})
        assert (await seen(store)).lead_score == 20.0
        assert (await seen(store)).outcomes == {"won": "yes"}
        assert await store.insights(KEY) == {"lead": "old"}

    # --- lists ----------------------------------------------------------------

    async def test_calls_are_newest_first_page_by_page(self, store: Transcripts) -> None:
        for number in range(7):
            key = CallKey("acme", f"c{number}")
            await store.begin_call(new_call(key, started_at=float(number // 2)))
        await store.begin_call(new_call(OTHER, started_at=99.0))
        found: list[str] = []
        cursor: str | None = None
        pages = 0
        while pages == 0 or cursor is not None:
            page = await store.calls("acme", limit=3, cursor=cursor)
            found += [call.key.call_id for call in page.calls]
            cursor, pages = page.cursor, pages + 1
        assert found == ["c6", "c5", "c4", "c3", "c2", "c1", "c0"]
        assert pages == 3

    async def test_calls_has_no_cursor_after_the_last_page(self, store: Transcripts) -> None:
        for number in range(4):
            await store.begin_call(new_call(CallKey("acme", f"c{number}")))
        first = await store.calls("acme", limit=2)
        assert first.cursor is not None
        assert (await store.calls("acme", limit=2, cursor=first.cursor)).cursor is None

    async def test_calls_that_begin_between_pages_disturb_nothing(self, store: Transcripts) -> None:
        for number in range(4):
            await store.begin_call(new_call(CallKey("acme", f"c{number}"), started_at=number))
        first = await store.calls("acme", limit=2)
        await store.begin_call(new_call(CallKey("acme", "newer"), started_at=50.0))
        rest = await store.calls("acme", limit=2, cursor=first.cursor)
        assert [call.key.call_id for call in rest.calls] == ["c1", "c0"]

    async def test_calls_by_id_and_time(self, store: Transcripts) -> None:
        for number, name in enumerate(["Billing-1", "billing_2", "50%", "other"]):
            await store.begin_call(new_call(CallKey("acme", name), started_at=100.0 + number))

        async def ids(**only: Any) -> list[str]:
            page = await store.calls("acme", only=CallFilter(**only))
            return [call.key.call_id for call in page.calls]

        assert await ids(id_part="BILL") == ["billing_2", "Billing-1"]
        assert await ids(id_part="%") == ["50%"]
        assert await ids(id_part="_") == ["billing_2"]
        assert await ids(id_part="nowhere") == []
        assert await ids(started_after=101.0, started_before=103.0) == ["50%", "billing_2"]
        assert await ids(started_after=101.0, id_part="g-1") == []

    async def test_calls_by_status_and_source(self, store: Transcripts) -> None:
        await store.begin_call(new_call(CallKey("acme", "a")))
        await store.begin_call(new_call(CallKey("acme", "b"), source="upload"))
        await store.begin_call(new_call(CallKey("acme", "c"), source="upload"))
        await store.set_status(CallKey("acme", "c"), Status.FAILED)
        found = await store.calls("acme", only=CallFilter(Status.RECORDED, "upload"))
        assert [call.key.call_id for call in found.calls] == ["b"]
        assert len((await store.calls("acme", only=CallFilter(source="upload"))).calls) == 2
        assert len((await store.calls("acme", only=CallFilter(Status.LIVE))).calls) == 1

    @pytest.mark.parametrize(
        "foreign", ["", "x", "💥", "bm90IGpzb24", "W10", "WyJjYWxscyIsMV0", "A" * 5000, "e30="]
    )
    async def test_a_foreign_cursor_is_refused(self, store: Transcripts, foreign: str) -> None:
        with pytest.raises(BadParameter):
            await store.calls("acme", cursor=foreign)
        with pytest.raises(BadParameter):
            await store.search("acme", "hello", cursor=foreign)

    async def test_a_cursor_of_another_list_is_refused(self, store: Transcripts) -> None:
        for number in range(2):
            await store.begin_call(new_call(CallKey("acme", f"c{number}")))
        page = await store.calls("acme", limit=1)
        assert page.cursor is not None
        with pytest.raises(BadParameter):
            await store.search("acme", "hello", cursor=page.cursor)

    async def test_a_limit_below_one_is_refused(self, store: Transcripts) -> None:
        with pytest.raises(BadParameter):
            await store.calls("acme", limit=0)
        with pytest.raises(BadParameter):
            await store.search("acme", "hello", limit=-1)

    # --- search ---------------------------------------------------------------

    async def _spoken(self, store: Transcripts, *spoken: str, key: CallKey = KEY) -> None:
        await store.begin_call(new_call(key))
        finals = [final(event, text) for event, text in enumerate(spoken, 1)]
        await store.save_draft(key, finals)

    async def test_search_finds_all_words_in_one_segment(self, store: Transcripts) -> None:
        await self._spoken(store, "my phone is broken", "the phone works", "broken glass")
        page = await store.search("acme", "Broken PHONE")
        assert [(hit.key, hit.number, hit.version) for hit in page.hits] == [
            (KEY, 1, Version.DRAFT)
        ]
        hit = page.hits[0]
        assert hit.snippet == "my \ue000phone\ue001 is \ue000broken\ue001"
        assert (hit.channel, hit.start, hit.end, hit.started_at) == (0, 1.0, 1.4, 1000.0)
        assert page.cursor is None

    async def test_search_knows_phrases_and_prefixes(self, store: Transcripts) -> None:
        await self._spoken(store, "order number nine", "number the order", "reordering now")

        async def numbers(query: str) -> list[int]:
            return [hit.number for hit in (await store.search("acme", query)).hits]

        assert await numbers('"order number"') == [1]
        assert await numbers("order number") == [1, 2]
        assert await numbers("reord*") == [3]
        assert await numbers("reord") == []
        assert await numbers('"order num"*') == [1]
        assert await numbers('"number the" ord*') == [2]

    async def test_search_ignores_accents(self, store: Transcripts) -> None:
        await self._spoken(store, "ein Café in Zürich")
        assert len((await store.search("acme", "cafe zurich")).hits) == 1

    @pytest.mark.parametrize(
        "query",
        [
            "hello AND", "OR", "NOT hello", "NEAR(hello there)", 'text:hello', '"hello', 'a"b"c"',
            "hello)", "(", "^hello", "{text}: hello", "- hello", "hello -there", "*", "**", '""',
            '"" hello', '"*"*', "+", "hello + there", "'; DROP TABLE calls; --", "\\",
            "hello\0there", "\ud800", "%", "¿?", "e-mail", "a.b@c.de", "don't", "<b>", "\ue000",
            "--- hello",
        ],
    )  # fmt: skip
    async def test_search_never_fails_on_what_people_type(
        self, store: Transcripts, query: str
    ) -> None:
        await self._spoken(store, "hello there don't e-mail a.b@c.de")
        await store.search("acme", query)

    async def test_search_takes_operators_for_words(self, store: Transcripts) -> None:
        await self._spoken(store, "this or that", "this", "not that")
        assert [hit.number for hit in (await store.search("acme", "this OR that")).hits] == [1]
        assert [hit.number for hit in (await store.search("acme", "NOT that")).hits] == [3]
        assert [hit.number for hit in (await store.search("acme", "--- not")).hits] == [3]

    async def test_search_without_a_word_finds_nothing(self, store: Transcripts) -> None:
        await self._spoken(store, "hello")
        for query in ("", "  ", "?!", '""'):
            assert (await store.search("acme", query)).hits == []

    async def test_search_refuses_a_novel(self, store: Transcripts) -> None:
        with pytest.raises(BadParameter):
            await store.search("acme", "word " * 1000)
        with pytest.raises(BadParameter):
            await store.search("acme", "a " * 100)

    async def test_search_reads_the_best_version_only(self, store: Transcripts) -> None:
        await self._spoken(store, "a draft mistake")
        assert [hit.version for hit in (await store.search("acme", "mistake")).hits] == [
            Version.DRAFT
        ]
        await store.save_canonical(KEY, REVISION, stream([segment(1, "a graph, miss Jake")]))
        assert (await store.search("acme", "mistake")).hits == []
        assert [hit.version for hit in (await store.search("acme", "graph")).hits] == [
            Version.CANONICAL
        ]
        await store.save_draft(KEY, [final(2, "a late mistake")])
        assert (await store.search("acme", "mistake")).hits == []

    async def test_search_stays_within_the_tenant(self, store: Transcripts) -> None:
        await self._spoken(store, "secret word")
        await self._spoken(store, "secret word", key=OTHER)
        await self._spoken(store, "secret word", key=CallKey("other", "call-2"))
        assert [hit.key for hit in (await store.search("acme", "secret")).hits] == [KEY]
        assert {hit.key.tenant for hit in (await store.search("other", "secret")).hits} == {"other"}
        assert (await store.search("third", "secret")).hits == []

    async def test_search_pages_through_newest_calls_first(self, store: Transcripts) -> None:
        for name, started_at in (("old", 1.0), ("new", 3.0), ("mid", 2.0), ("twin", 2.0)):
            key = CallKey("acme", name)
            await store.begin_call(new_call(key, started_at=started_at))
            finals = [final(1, "yes", start=5.0), final(2, "yes", start=1.0), final(3, "no")]
            await store.save_draft(key, finals)
        found: list[tuple[str, int]] = []
        cursor: str | None = None
        pages = 0
        while pages == 0 or cursor is not None:
            page = await store.search("acme", "yes", limit=3, cursor=cursor)
            found += [(hit.key.call_id, hit.number) for hit in page.hits]
            assert {plain(hit) for hit in page.hits} == {"yes"}
            cursor, pages = page.cursor, pages + 1
        assert found == [
            (name, number) for name in ("new", "twin", "mid", "old") for number in (2, 1)
        ]
        assert pages == 3

    async def test_search_shows_a_piece_of_a_long_segment(self, store: Transcripts) -> None:
        await self._spoken(store, "before " * 200 + "needle" + " after" * 200)
        snippet = (await store.search("acme", "needle")).hits[0].snippet
        assert "\ue000needle\ue001" in snippet
        assert len(snippet) < 300

    # --- usage ----------------------------------------------------------------

    async def test_audio_counts_once_and_computing_for_every_attempt(
        self, store: Transcripts
    ) -> None:
        first = Usage(KEY, "batch", "careful", 60.0, 4.0, attempt="1", at=DAY_1)
        await store.record_usage(replace(first, audio_s=0.0, compute_s=3.0))  # as it grew
        await store.record_usage(replace(first, audio_s=0.0))
        await store.record_usage(first)
        await store.record_usage(replace(first, attempt="2", compute_s=9.0, at=DAY_2))
        [line] = await lines(store, UsageGroup.PASS)
        assert line == UsageLine({UsageGroup.PASS: "batch"}, 1, 2, 60.0, 13.0, line.cost)
        by_day = await lines(store, UsageGroup.DAY)
        assert [(each.group[UsageGroup.DAY], each.audio_s, each.compute_s) for each in by_day] == [
            ("2026-11-20", 60.0, 4.0),  # audio stays on the day on which it was first heard
            ("2026-11-21", 0.0, 9.0),
        ]

    async def test_a_part_of_an_attempt_has_its_own_row_and_is_no_attempt(
        self, store: Transcripts
    ) -> None:
        used = Usage(KEY, "batch", "careful", 60.0, 4.0, attempt="1", at=DAY_1)
        part = replace(used.part("redact"), engine="enrichment", model="redact", compute_s=0.5)
        for _ in range(2):  # told again, it takes the place of what was told
            await store.record_usage(used, part)
        [line] = await lines(store, UsageGroup.PASS)
        assert (line.passes, line.attempts, line.audio_s, line.compute_s) == (1, 1, 60.0, 4.5)
        by = await lines(store, UsageGroup.ENGINE, UsageGroup.MODEL)
        told = [(*each.group.values(), each.attempts, each.audio_s, each.compute_s) for each in by]
        assert told == [("careful", "", 1, 60.0, 4.0), ("enrichment", "redact", 0, 0.0, 0.5)]
        await store.bury(KEY)
        assert await lines(store, UsageGroup.ENGINE, UsageGroup.MODEL) == by

    async def test_tokens_of_a_language_model_are_counted_apart_and_have_their_price(
        self, store: Transcripts
    ) -> None:
        used = Usage(KEY, "batch", "careful", 60.0, 4.0, attempt="1", at=DAY_1)
        asked = replace(used.part("llm"), engine="llm", model="small", device="remote")
        for tokens in ((9_000, 100), (30_000, 2_000), (9_000, 100)):  # as it grew, and told late
            read, written = tokens
            await store.record_usage(used, replace(asked, tokens_in=read, tokens_out=written))
        again = replace(used, attempt="2", audio_s=0.0).part("llm")
        again = replace(again, engine="llm", model="large", tokens_in=500, tokens_out=7)
        await store.record_usage(again)
        by = await lines(store, UsageGroup.ENGINE, UsageGroup.MODEL)
        told = [(*each.group.values(), each.tokens_in, each.tokens_out) for each in by]
        assert told == [
            ("careful", "", 0, 0),
            ("llm", "large", 500, 7),
            ("llm", "small", 30_000, 2_000),
        ]
        assert [each.cost for each in by] == [
            pytest.approx(0.1),
            0.0,
            pytest.approx(0.03 * 2 + 0.002 * 10),  # see PRICES
        ]
        [line] = await lines(store, UsageGroup.PASS)
        assert (line.passes, line.attempts, line.audio_s, line.compute_s) == (1, 1, 60.0, 4.0)
        assert (line.tokens_in, line.tokens_out) == (30_500, 2_007)
        await store.bury(KEY)
        assert await lines(store, UsageGroup.ENGINE, UsageGroup.MODEL) == by

    async def test_tokens_of_a_call_are_added_up_over_attempts(self, store: Transcripts) -> None:
        assert await store.tokens(KEY) == 0
        used = Usage(KEY, "batch", "careful", 60.0, 4.0, at=DAY_1)
        for key, attempt, read in ((KEY, "1-a", 7), (KEY, "1-b", 20), (KEY, "2-a", 300)):
            part = replace(used, key=key, attempt=attempt).part("llm")
            await store.record_usage(replace(part, engine="llm", tokens_in=read, tokens_out=read))
        other = replace(used, key=OTHER, attempt="1-a", tokens_in=9_000)
        await store.record_usage(other)
        assert await store.tokens(KEY) == 2 * 327
        assert await store.tokens(KEY, "1-") == 2 * 27
        assert await store.tokens(KEY, "%") == 0
        await store.bury(KEY)
        assert await store.tokens(KEY) == 0

    async def test_of_usage_that_is_told_together_all_stands_or_nothing(
        self, store: Transcripts
    ) -> None:
        await store.bury(OTHER)
        used = Usage(KEY, "batch", "careful", 60.0, 4.0, at=DAY_1)
        with pytest.raises(CallDeleted):
            await store.record_usage(used, replace(used, key=OTHER))
        assert await lines(store, UsageGroup.PASS) == []

    async def test_audio_is_of_the_engine_that_heard_it_last(self, store: Transcripts) -> None:
        stand_in = Usage(KEY, "batch", "quick", 60.0, 1.0, attempt="1", at=DAY_1)
        await store.record_usage(stand_in)
        await store.record_usage(replace(stand_in, engine="careful", compute_s=5.0, attempt="2"))
        found = {each.group[UsageGroup.ENGINE]: each for each in await lines(store, "engine")}
        assert (found["quick"].audio_s, found["quick"].compute_s) == (0.0, 1.0)
        assert (found["careful"].audio_s, found["careful"].compute_s) == (60.0, 5.0)

    async def test_what_is_told_late_or_again_takes_nothing_away(self, store: Transcripts) -> None:
        used = Usage(KEY, "batch", "careful", 60.0, 4.0, attempt="1", at=DAY_1)
        await store.record_usage(used)
        before = await lines(store, *UsageGroup)
        await store.record_usage(replace(used, audio_s=0.0, compute_s=2.0))
        await store.record_usage(used)
        assert await lines(store, *UsageGroup) == before

    async def test_usage_costs_what_it_cost_then(self, store: Transcripts) -> None:
        used = Usage(KEY, "batch", "careful", 60.0, 4.0, attempt="1", device="cuda", at=DAY_1)
        await store.record_usage(used)
        await store.record_usage(replace(used, pass_="live", engine="free"))
        [batch, live] = await lines(store, UsageGroup.PASS)
        assert batch.cost == pytest.approx(0.5 + 4 * 0.25)  # see PRICES
        assert live.cost == 0.0

    async def test_usage_is_of_the_tenant_and_days_that_were_asked_for(
        self, store: Transcripts
    ) -> None:
        for key, at in ((KEY, DAY_1), (KEY, DAY_2), (OTHER, DAY_1)):
            await store.record_usage(Usage(key, "live", "quick", 6.0, 1.0, attempt=str(at), at=at))
        first = UsageFilter("acme", "2026-11-20", "2026-11-20")
        [line] = (await store.usage(first, [UsageGroup.DAY])).lines
        assert line.compute_s == 1.0
        everybody = (await store.usage(UsageFilter(), [UsageGroup.TENANT])).lines
        assert [each.group[UsageGroup.TENANT] for each in everybody] == ["acme", "other"]
        nobody = await store.usage(UsageFilter("third"), [UsageGroup.DAY])
        assert (nobody.lines, nobody.total.audio_s, nobody.cursor) == ([], 0.0, None)

    async def test_usage_comes_in_pages_with_the_sum_of_all(self, store: Transcripts) -> None:
        for number in range(7):
            key = CallKey("acme", f"call-{number}")
            await store.record_usage(Usage(key, "live", f"e{number % 2}", 6.0, 1.0, at=DAY_1))
        by = [UsageGroup.ENGINE, UsageGroup.CALL]
        seen: list[str] = []
        cursor, pages = None, 0
        while pages == 0 or cursor is not None:
            page = await store.usage(UsageFilter("acme"), by, 3, cursor)
            assert page.total.audio_s == 42.0
            seen += [line.group[UsageGroup.CALL] for line in page.lines]
            cursor, pages = page.cursor, pages + 1
        assert seen == [f"call-{n}" for n in (0, 2, 4, 6, 1, 3, 5)]
        assert pages == 3
        page = await store.usage(UsageFilter("acme"), by, 3)
        with pytest.raises(BadParameter):
            await store.usage(UsageFilter("acme"), [UsageGroup.CALL], 3, page.cursor)

    async def test_usage_outlives_its_call_without_its_name(self, store: Transcripts) -> None:
        gone, stays = KEY, CallKey("acme", "call-2")
        for key in (gone, stays):
            await store.begin_call(new_call(key))
            await store.record_usage(Usage(key, "batch", "careful", 60.0, 4.0, at=DAY_1))
        before = (await store.usage(UsageFilter("acme"), [UsageGroup.DAY])).lines
        for _ in range(2):  # a deletion may be repeated
            await store.bury(gone)
        assert (await store.usage(UsageFilter("acme"), [UsageGroup.DAY])).lines == before
        named = await lines(store, UsageGroup.CALL)
        assert [each.group[UsageGroup.CALL] for each in named] == ["", "call-2"]
        await store.bury(stays)
        assert (await store.usage(UsageFilter("acme"), [UsageGroup.DAY])).lines == before

    # --- burial ---------------------------------------------------------------

    async def test_bury_removes_everything_and_nothing_else(self, store: Transcripts) -> None:
        for key in (KEY, OTHER, CallKey("acme", "call-2")):
            await self._spoken(store, "some words", key=key)
            await store.save_canonical(key, REVISION, stream([segment(1, "some words")]))
        assert not await store.buried(KEY)
        await store.bury(KEY)
        assert await store.buried(KEY)
        assert await store.call(KEY) is None
        assert await read(store, KEY, Version.DRAFT) == []
        assert await read(store, KEY, Version.CANONICAL) == []
        assert await store.draft_finals(KEY) == []
        assert [hit.key.call_id for hit in (await store.search("acme", "some")).hits] == ["call-2"]
        assert not await store.buried(OTHER)
        assert await texts(store, OTHER, Version.CANONICAL) == ["some words"]
        assert len((await store.search("other", "some")).hits) == 1

    async def test_every_writing_verb_refuses_a_buried_call(self, store: Transcripts) -> None:
        await store.begin_call(new_call())
        seen = await store.call(KEY)
        assert seen is not None
        await store.bury(KEY)
        with pytest.raises(CallDeleted):
            await store.set_outcomes(KEY, {"next_step": "demo"})
        with pytest.raises(CallDeleted):
            await store.rescore(seen, 1.0, {}, {})
        with pytest.raises(CallDeleted):
            await store.begin_call(new_call())
        with pytest.raises(CallDeleted):
            await store.save_draft(KEY, [final(1, "hello")])
        with pytest.raises(CallDeleted):
            await store.end_call(KEY, 1.0, 1.0, "quick")
        with pytest.raises(CallDeleted):
            await store.set_recording(KEY, "x", None)
        with pytest.raises(CallDeleted):
            await store.set_status(KEY, Status.DONE)
        with pytest.raises(CallDeleted):
            await store.save_canonical(KEY, REVISION, stream([segment(1, "hello")]))
        with pytest.raises(CallDeleted):
            await store.set_draft_wer(KEY, 0.1, "n")
        with pytest.raises(CallDeleted):
            await store.record_usage(Usage(KEY, "live", "quick", 1.0, 1.0))

    async def test_bury_may_be_repeated_and_may_come_first(self, store: Transcripts) -> None:
        await store.bury(KEY)
        await store.bury(KEY)
        assert await store.buried(KEY)
        with pytest.raises(CallDeleted):
            await store.begin_call(new_call())

    async def test_a_burial_is_unfinished_until_it_is_said_to_be_finished(
        self, store: Transcripts
    ) -> None:
        assert await store.unfinished_burials() == []
        for key in (KEY, OTHER, KEY):
            await store.bury(key)
        assert sorted(await store.unfinished_burials()) == sorted([KEY, OTHER])
        for _ in range(2):
            await store.finish_burial(KEY)
        assert await store.unfinished_burials() == [OTHER]
        assert await store.buried(KEY)
        await store.bury(KEY)  # deleted once more: there may be something to erase again
        assert KEY in await store.unfinished_burials()

    async def test_bury_stops_a_running_save_canonical(self, store: Transcripts) -> None:
        await store.begin_call(new_call())

        async def burying() -> AsyncIterator[Segment]:
            yield segment(1, "hello")
            await store.bury(KEY)
            yield segment(2, "hello")

        with pytest.raises(CallDeleted):
            await store.save_canonical(KEY, REVISION, burying())
        assert await read(store, KEY, Version.CANONICAL) == []
        assert (await store.search("acme", "hello")).hits == []

    async def test_bury_stops_a_running_reader(self, store: Transcripts) -> None:
        await store.begin_call(new_call())
        await store.save_draft(KEY, [final(event, "word") for event in range(1, 1001)])

        async def buried_while_read() -> None:
            async for one in store.segments(KEY, Version.DRAFT):
                if one.number == 1:
                    await store.bury(KEY)

        with pytest.raises(CallDeleted):
            await buried_while_read()

    # --- shadows --------------------------------------------------------------

    async def test_a_shadow_is_kept_beside_the_transcript(self, store: Transcripts) -> None:
        await save_both(store, KEY)
        assert await store.shadow(KEY) == a_shadow()
        [kept] = [one async for one in store.shadow_segments(KEY)]
        assert kept == segment(1, "shadowed words")
        assert await texts(store, KEY, Version.CANONICAL) == ["canonical words"]
        assert await texts(store, KEY, Version.DRAFT) == []
        call = await store.call(KEY)
        assert call is not None
        assert (call.canonical_engine, call.canonical_revision) == ("careful", "r1")

    async def test_a_shadow_is_never_found_by_search(self, store: Transcripts) -> None:
        await save_both(store, KEY)
        assert (await store.search("acme", "shadowed")).hits == []
        assert len((await store.search("acme", "canonical")).hits) == 1

    async def test_a_call_without_a_shadow_has_none(self, store: Transcripts) -> None:
        assert await store.shadow(KEY) is None
        await store.begin_call(new_call())
        assert await store.shadow(KEY) is None
        assert await shadow_texts(store) == []
        assert (await store.shadows("acme")).shadows == []

    async def test_a_later_shadow_takes_the_place_of_the_one_before(
        self, store: Transcripts
    ) -> None:
        await save_both(store, KEY)
        newer = a_shadow(engine="newer")
        many = [segment(number, f"word{number}") for number in range(1, 451)]
        await store.save_shadow(KEY, newer, stream(many))
        assert await store.shadow(KEY) == newer
        assert await shadow_texts(store) == [one.text for one in many]
        assert (await store.shadows("acme")).shadows == [newer]

    async def test_a_shadow_that_breaks_off_leaves_what_stood(self, store: Transcripts) -> None:
        await save_both(store, KEY)

        async def breaking() -> AsyncIterator[Segment]:
            for number in range(450):
                yield segment(number, "broken")
            raise RuntimeError("the engine died")

        with pytest.raises(RuntimeError):
            await store.save_shadow(KEY, a_shadow(engine="newer"), breaking())
        assert await store.shadow(KEY) == a_shadow()
        assert await shadow_texts(store) == ["shadowed words"]

    async def test_a_shadow_is_stale_once_its_transcript_was_replaced(
        self, store: Transcripts
    ) -> None:
        await save_both(store, KEY)
        second = replace(REVISION, name="r2")
        await store.save_canonical(KEY, second, stream([segment(1, "mended words")]))
        assert await store.shadow(KEY) == replace(a_shadow(), stale=True)
        assert await shadow_texts(store) == ["shadowed words"]
        await store.save_shadow(KEY, a_shadow(revision="r2"), stream([]))
        assert await store.shadow(KEY) == a_shadow(revision="r2")

    async def test_shadows_are_the_tenants_own_newest_first(self, store: Transcripts) -> None:
        keys = [CallKey("acme", f"call-{number}") for number in range(7)]
        for key in [*keys, OTHER]:
            await save_both(store, key)
        found: list[CallKey] = []
        cursor: str | None = None
        while True:
            page = await store.shadows("acme", limit=3, cursor=cursor)
            assert len(page.shadows) <= 3
            found += [shadow.key for shadow in page.shadows]
            cursor = page.cursor
            if cursor is None:
                break
        assert found == keys[::-1]
        assert [one.key for one in (await store.shadows("other")).shadows] == [OTHER]
        with pytest.raises(BadParameter):
            await store.shadows("acme", cursor="x")

    async def test_bury_takes_the_shadow_along(self, store: Transcripts) -> None:
        for key in (KEY, OTHER):
            await save_both(store, key)
        await store.bury(KEY)
        assert await store.shadow(KEY) is None
        assert await shadow_texts(store) == []
        assert (await store.shadows("acme")).shadows == []
        assert await shadow_texts(store, OTHER) == ["shadowed words"]
        with pytest.raises(CallDeleted):
            await store.save_shadow(KEY, a_shadow(), stream([]))

    async def test_shadows_of_both_passes_stand_side_by_side(self, store: Transcripts) -> None:
        await save_both(store, KEY)
        live = replace(a_shadow(), pass_="live", engine="quick")
        for said in ("first", "second"):
            await store.save_shadow(KEY, live, stream([segment(1, said)]))
        assert await store.shadow(KEY) == a_shadow()
        assert await store.shadow(KEY, "live") == live
        assert await shadow_texts(store) == ["shadowed words"]
        assert [one.text async for one in store.shadow_segments(KEY, "live")] == ["second"]
        assert (await store.shadows("acme")).shadows == [live, a_shadow()]

    async def test_a_shadow_shows_how_far_the_draft_is(self, store: Transcripts) -> None:
        await save_both(store, KEY)
        await store.set_draft_wer(KEY, 0.25, "whisper-english")
        assert await store.shadow(KEY) == replace(a_shadow(), draft_wer=0.25)

    async def test_a_shadow_of_no_call_is_refused(self, store: Transcripts) -> None:
        with pytest.raises(CallNotFound):
            await store.save_shadow(KEY, a_shadow(), stream([segment(1, "words")]))
