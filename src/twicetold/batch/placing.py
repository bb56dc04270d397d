"""Words of a chunk, back on the recording's clock, as segments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from twicetold.batch.chunking import Chunk, Region
from twicetold.speech.transcript import Hypothesis, Segment, Word, mean_probability

LONGEST_SEGMENT_S = 30.0
_PAUSE_S = 0.1


def segments_of(chunk: Chunk, hypothesis: Hypothesis) -> list[Segment]:
    """One segment per region that has words and, where the engine tells them, per turn of its
    speakers (more where one is very long), by start time, numbered 0."""
    by_region: list[list[Word]] = [[] for _ in chunk.regions]
    for word in sorted(hypothesis.words, key=lambda word: word.start):
        index = _region_of(chunk, (word.start + word.end) / 2)
        by_region[index].append(_placed(word, chunk.regions[index], chunk.rate))
    turns = [turn for words in by_region for turn in _turns(words)]
    segments = [_segment(chunk.channel, part) for turn in turns for part in _parts(turn)]
    return sorted(segments, key=lambda segment: segment.start)


def _region_of(chunk: Chunk, seconds: float) -> int:
    """The region that lies at that time of the chunk's PCM."""
    sample = seconds * chunk.rate
    for index, region in enumerate(chunk.regions):
        if sample < region.offset_samples + region.samples:
            return index
    return len(chunk.regions) - 1


def _placed(word: Word, region: Region, rate: int) -> Word:
    """The word on the recording's clock, within its region: a seam is no part of any word."""
    moved = word.shifted((region.start_sample - region.offset_samples) / rate)
    first, last = region.start_sample / rate, region.end_sample / rate
    start = min(max(moved.start, first), last)
    return replace(moved, start=start, end=min(max(moved.end, start), last))


def _turns(words: Sequence[Word]) -> list[list[Word]]:
    """Words in order of time, apart by who says them. Who goes on without a pause while another
    begins to talk is still in the same turn."""
    turns: list[list[Word]] = []
    latest: dict[str, list[Word]] = {}
    speaker: str | None = None
    for word in words:
        turn = latest.get(word.speaker)
        goes_on = word.speaker == speaker or (turn and word.start - turn[-1].end <= _PAUSE_S)
        if turn is not None and goes_on:
            turn.append(word)
        else:
            latest[word.speaker] = [word]
            turns.append(latest[word.speaker])
        speaker = word.speaker
    return turns


def _parts(words: Sequence[Word]) -> list[Sequence[Word]]:
    """Words that span too long a time for one segment are parted at their longest pauses."""
    if len(words) < 2 or words[-1].end - words[0].start <= LONGEST_SEGMENT_S:
        return [words]
    cut = max(
        range(1, len(words)),
        key=lambda index: (words[index].start - words[index - 1].end, -abs(len(words) / 2 - index)),
    )
    return [*_parts(words[:cut]), *_parts(words[cut:])]


def _segment(channel: int, words: Sequence[Word]) -> Segment:
    return Segment(
        number=0,
        channel=channel,
        start=words[0].start,
        end=words[-1].end,
        text=" ".join(word.text for word in words),
        words=tuple(words),
        speaker=words[0].speaker or None,
        probability=mean_probability(words),
    )
