"""Words of a chunk, back on the recording's clock, as segments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from twicetold.batch.chunking import Chunk, Region
from twicetold.speech.transcript import Hypothesis, Segment, Word, mean_probability

LONGEST_SEGMENT_S = 30.0


def segments_of(chunk: Chunk, hypothesis: Hypothesis) -> list[Segment]:
    """One segment per region that has words (more where a region is very long), numbered 0."""
    by_region: list[list[Word]] = [[] for _ in chunk.regions]
    for word in sorted(hypothesis.words, key=lambda word: word.start):
        index = _region_of(chunk, (word.start + word.end) / 2)
        by_region[index].append(_placed(word, chunk.regions[index], chunk.rate))
    return [_segment(chunk.channel, part) for words in by_region if words for part in _parts(words)]


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
        probability=mean_probability(words),
    )
