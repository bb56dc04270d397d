"""Rows of the SQLite transcript store, and the nouns they stand for."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from twicetold.speech.identity import CallKey
from twicetold.speech.transcript import Final, Segment, Word, mean_probability
from twicetold.transcripts import Call, Status
from twicetold.transcripts.sqlite_schema import DRAFT_REVISION

CALL_COLUMNS = (
    "tenant, call_id, status, source, language, channels, started_at, ended_at, length_s,"
    " draft_engine, canonical_engine, has_draft, canonical_revision, draft_wer,"
    " draft_wer_normaliser, error_code, error, recording, provisional,"
    " sentiment, lead_score, outcomes"
)

SEGMENT_COLUMNS = (
    "number, channel, start_s, end_s, text, words, speaker, probability, failed, engine,"
    " sentiment, safe"
)

FINAL_COLUMNS = "number, channel, utterance, start_s, end_s, text, words, failed, engine, safe"

INSERT_SEGMENT = (
    "INSERT INTO segments (tenant, call_id, revision, number, channel, utterance, start_s, end_s,"
    " text, words, speaker, probability, failed, engine, sentiment, safe)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)

UPSERT_SEGMENT = (
    INSERT_SEGMENT + " ON CONFLICT (tenant, call_id, revision, number) DO UPDATE SET"
    " channel = excluded.channel, utterance = excluded.utterance, start_s = excluded.start_s,"
    " end_s = excluded.end_s, text = excluded.text, words = excluded.words,"
    " probability = excluded.probability, failed = excluded.failed,"
    " engine = excluded.engine, safe = excluded.safe"
)


def call_of(row: Sequence[Any]) -> Call:
    """A row of ``CALL_COLUMNS``."""
    return Call(
        key=CallKey(row[0], row[1]),
        status=Status(row[2]),
        source=row[3],
        language=row[4],
        channels=row[5],
        started_at=row[6],
        ended_at=row[7],
        length_s=row[8],
        draft_engine=row[9],
        canonical_engine=row[10],
        has_draft=bool(row[11]),
        canonical_revision=row[12],
        draft_wer=row[13],
        draft_wer_normaliser=row[14],
        error_code=row[15],
        error=row[16],
        recording=row[17],
        provisional=bool(row[18]),
        sentiment=row[19],
        lead_score=row[20],
        outcomes=json.loads(row[21]),
    )


def outcomes_json(outcomes: Mapping[str, str]) -> str:
    """The same for the same outcomes, so that they can be compared as they are kept."""
    return json.dumps(dict(outcomes), sort_keys=True, separators=(",", ":"))


def row_of_final(key: CallKey, final: Final) -> tuple[Any, ...]:
    return (
        *key,
        DRAFT_REVISION,
        final.event,
        final.channel,
        final.utterance,
        final.start,
        final.end,
        final.text,
        _words_json(final.words),
        None,
        mean_probability(final.words),
        final.failed,
        final.engine,
        None,
        final.safe,
    )


def row_of_segment(key: CallKey, revision: int, segment: Segment) -> tuple[Any, ...]:
    return (
        *key,
        revision,
        segment.number,
        segment.channel,
        0,
        segment.start,
        segment.end,
        segment.text,
        _words_json(segment.words),
        segment.speaker,
        segment.probability,
        segment.failed,
        segment.engine,
        segment.sentiment,
        segment.safe,
    )


def segment_of(row: Sequence[Any]) -> Segment:
    """A row of ``SEGMENT_COLUMNS``."""
    return Segment(
        number=row[0],
        channel=row[1],
        start=row[2],
        end=row[3],
        text=row[4],
        words=_words(row[5]),
        speaker=row[6],
        probability=row[7],
        failed=bool(row[8]),
        engine=row[9],
        sentiment=row[10],
        safe=bool(row[11]),
    )


def final_of(row: Sequence[Any]) -> Final:
    """A row of ``FINAL_COLUMNS``."""
    return Final(
        event=row[0],
        channel=row[1],
        utterance=row[2],
        start=row[3],
        end=row[4],
        text=row[5],
        words=_words(row[6]),
        failed=bool(row[7]),
        engine=row[8],
        safe=bool(row[9]),
    )


def _words_json(words: Sequence[Word]) -> str:
    """Words as short lists, without rounding: ``[start, end, text, probability]``, and what few
    words have behind it."""
    return json.dumps([_listed(word) for word in words], ensure_ascii=False, separators=(",", ":"))


def _listed(word: Word) -> list[Any]:
    listed = [word.start, word.end, word.text, word.probability]
    return [*listed, word.redacted, word.speaker] if word.redacted or word.speaker else listed


def _words(stored: str) -> tuple[Word, ...]:
    return tuple(Word(*word) for word in json.loads(stored))
