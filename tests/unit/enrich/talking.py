"""Segments and finals of made-up calls, a word every 0.3 s."""

from __future__ import annotations

from twicetold.speech.transcript import Final, Segment, Word

STEP_S, WORD_S = 0.3, 0.25


def segment(
    number: int, channel: int, start: float, text: str, *, speaker: str | None = None
) -> Segment:
    words = spoken(text, start)
    return Segment(number, channel, start, words[-1].end, text, words, speaker)


def final(event: int, channel: int, start: float, text: str) -> Final:
    words = spoken(text, start)
    return Final(event, channel, event, start, words[-1].end, text, words)


def as_final(segment: Segment) -> Final:
    return Final(
        segment.number,
        segment.channel,
        segment.number,
        segment.start,
        segment.end,
        segment.text,
        segment.words,
    )


def spoken(text: str, start: float) -> tuple[Word, ...]:
    at = [start + STEP_S * index for index in range(len(text.split()))]
    return tuple(
        Word(begin, begin + WORD_S, word) for begin, word in zip(at, text.split(), strict=True)
    )
