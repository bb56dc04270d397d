"""Stages of enrichment: in order, each kept, left out where they fail, unless they fail closed."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import pytest

from twicetold.batch.checkpoints import FinishedChunk, KeptChunks
from twicetold.batch.enriching import FAILED, Enrich, Enriching
from twicetold.batch.transcript import Transcript
from twicetold.engines.counter import COUNTER_INFO
from twicetold.enrich.steps import Facts, Known, Packed, Step, apply_packed
from twicetold.errors import EnrichmentFailed, SettingError
from twicetold.speech.transcript import Segment

pytestmark = pytest.mark.unit

SAID = (Segment(0, 0, 1.0, 2.0, "one"), Segment(0, 0, 3.0, 4.0, "two"))


@dataclass(frozen=True)
class Marks:
    """Appends its name to every text."""

    name: str
    settings: str = ""
    closed: bool = False
    error: Exception | None = None

    def apply(self, known: Known, facts: Facts) -> Known:
        if self.error is not None:
            raise self.error
        marked = tuple(replace(each, text=f"{each.text} {self.name}") for each in known.segments)
        return Known(marked, {**known.insights, self.name: facts.language})


@dataclass
class StageChunks(KeptChunks):
    """Keeps what stages made as well, as a store would."""

    stages: dict[tuple[str, str], Packed] = field(default_factory=dict)

    async def load_stage(self, stage: str, settings: str) -> Packed | None:
        return self.stages.get((stage, settings))

    async def save_stage(self, stage: str, settings: str, made: Packed) -> None:
        self.stages[stage, settings] = Packed.from_bytes(made.body)


@dataclass
class Applied:
    """Applies here, and notes what."""

    names: list[str] = field(default_factory=list)

    async def __call__(self, step: Step, packed: Packed, facts: Facts) -> Packed:
        self.names.append(step.name)
        return apply_packed(step, packed, facts)


async def a_transcript(chunks: KeptChunks | None = None) -> Transcript:
    checkpoints = chunks or StageChunks()
    await checkpoints.save(0, FinishedChunk(0, 10, 0.1, SAID))
    return Transcript(Path("call.raw"), "en", checkpoints, chunk_counts={0: 1}, channels=1)


async def enriched(transcript: Transcript, *steps: Step, applied: Applied | None = None):
    enriching = Enriching(steps, applied or Applied())
    await Enrich(enriching, COUNTER_INFO).run(transcript)
    return [segment async for segment in transcript.segments()]


async def test_steps_come_one_after_the_other_and_segments_are_numbered():
    segments = await enriched(await a_transcript(), Marks("first"), Marks("second"))
    assert [each.text for each in segments] == ["one first second", "two first second"]
    assert [each.number for each in segments] == [1, 2]


async def test_a_step_that_fails_is_left_out_and_that_is_told():
    transcript = await a_transcript()
    broken = Marks("broken", error=ValueError("quotes what was said"))
    unusable = Marks("rules", error=SettingError("rules.yaml line 3 ..."))
    segments = await enriched(transcript, Marks("first"), broken, unusable, Marks("last"))
    assert [each.text for each in segments] == ["one first last", "two first last"]
    assert transcript.known is not None
    assert transcript.known.insights[FAILED] == [
        {"stage": "broken", "code": "internal_error"},
        {"stage": "rules", "code": "bad_setting"},
    ]


async def test_a_step_that_fails_closed_ends_the_pass():
    transcript = await a_transcript()
    closed = Marks("redact", closed=True, error=EnrichmentFailed("The process died."))
    with pytest.raises(EnrichmentFailed):
        await enriched(transcript, Marks("first"), closed, Marks("last"))
    assert transcript.known is None


async def test_what_a_step_made_is_not_made_again():
    chunks, applied = StageChunks(), Applied()
    broken = Marks("second", error=ValueError("first time"))
    await enriched(await a_transcript(chunks), Marks("first"), broken, applied=applied)
    segments = await enriched(
        await a_transcript(chunks), Marks("first"), Marks("second"), applied=applied
    )
    assert applied.names == ["first", "second", "second"]
    assert segments[0].text == "one first second"


async def test_other_settings_make_it_anew_and_all_behind_it():
    chunks, applied = StageChunks(), Applied()
    await enriched(await a_transcript(chunks), Marks("first"), Marks("second"), applied=applied)
    await enriched(
        await a_transcript(chunks), Marks("first", "other"), Marks("second"), applied=applied
    )
    assert applied.names == ["first", "second", "first", "second"]


@dataclass(frozen=True)
class Tells:
    """Says which outcomes it was told."""

    name: str
    settings: str = ""
    closed: bool = False

    def apply(self, known: Known, facts: Facts) -> Known:
        return known.with_insight(self.name, dict(facts.outcomes))


async def test_the_lead_score_alone_is_told_what_came_of_the_call_and_is_made_anew_for_it():
    chunks, applied = StageChunks(), Applied()
    steps = (Marks("redact"), Tells("rules"), Tells("lead"), Tells("last"))
    for outcomes in ({}, {}, {"next_step": "demo"}, {"next_step": "visit"}, {"next_step": "demo"}):
        transcript = await a_transcript(chunks)
        transcript.outcomes = partial(_told, outcomes)
        await enriched(transcript, *steps, applied=applied)
        assert transcript.known is not None
        assert transcript.known.insights["lead"] == outcomes
        assert transcript.known.insights["rules"] == transcript.known.insights["last"] == {}
    redacted, *others = applied.names
    assert (redacted, others) == ("redact", ["rules", *["lead", "last"] * 3])


async def _told(outcomes: dict[str, str]) -> dict[str, str]:
    return outcomes


@pytest.mark.parametrize(
    ("language", "found", "told"),
    [
        ("en", {}, "en"),
        ("auto", {}, "auto"),
        ("auto", {0: "en", 1: "en"}, "en"),
        ("auto", {0: "en", 1: "de"}, "mul"),
    ],
)
async def test_the_language_is_the_one_that_was_found(language, found, told):
    transcript = await a_transcript()
    transcript.language, transcript.languages = language, found
    await enriched(transcript, Marks("first"))
    assert transcript.known is not None
    assert transcript.known.insights["first"] == told


def test_its_name_differs_with_its_steps():
    names = {
        Enriching(steps).name
        for steps in ((), (Marks("a"),), (Marks("a", "x"),), (Marks("a"), Marks("b")))
    }
    assert len(names) == 4


def test_its_name_differs_with_what_is_heard_in_place_of_what_was_removed():
    steps = (Marks("redact"),)
    names = {Enriching(steps, cover=cover).name for cover in ("", "beep", "silence")}
    assert len(names) == 3


async def test_seconds_of_stages_are_of_who_computed_them():
    """One that finds a stage's result has not computed it: who did has told that already."""
    chunks, steps = StageChunks(), (Marks("first"), Marks("second"))
    first = await a_transcript(chunks)
    await enriched(first, *steps)
    assert set(first.enriched.seconds) == {"first", "second"}
    assert all(0.0 < seconds < 1.0 for seconds in first.enriched.seconds.values())
    resumed = await a_transcript(chunks)
    await enriched(resumed, *steps, Marks("third"))
    assert set(resumed.enriched.seconds) == {"third"}
