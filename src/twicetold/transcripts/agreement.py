"""How far a call's draft is from its canonical transcript: computed by whichever closes second."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping

from twicetold.errors import SwapLost
from twicetold.speech.identity import CallKey
from twicetold.speech.scoring import (
    Errors,
    channel_errors,
    distance,
    normalise,
    normaliser_name,
)
from twicetold.speech.transcript import Segment
from twicetold.transcripts import Transcripts, Version


async def settle_draft_wer(transcripts: Transcripts, key: CallKey) -> float | None:
    """Compute and store the draft's word error rate against the canonical transcript.

    None, and nothing stored, while either is missing or not complete: whoever completes
    the other one calls again. Both doing so at once is harmless. Channels are scored
    apart. Raises CallDeleted.
    """
    call = await transcripts.call(key)
    if call is None or call.ended_at is None or not call.has_draft:
        return None
    if call.canonical_revision is None:
        return None
    try:
        draft = await _texts(transcripts, key, Version.DRAFT)
        canonical = await _texts(transcripts, key, Version.CANONICAL)
    except SwapLost:  # it was replaced under our eyes: whoever did that settles it
        return None
    wer = await asyncio.to_thread(_error_rate, canonical, draft, call.language)
    await transcripts.set_draft_wer(key, wer, normaliser_name(call.language))
    return wer


async def _texts(transcripts: Transcripts, key: CallKey, version: Version) -> dict[int, str]:
    return await said_on_channels(transcripts.segments(key, version))


async def said_on_channels(segments: AsyncIterator[Segment]) -> dict[int, str]:
    """What was said on each channel."""
    said: defaultdict[int, list[str]] = defaultdict(list)
    async for segment in segments:
        said[segment.channel].append(segment.text)
    return {channel: " ".join(texts) for channel, texts in said.items()}


def differences(
    reference: Mapping[int, str], hypothesis: Mapping[int, str], language: str
) -> tuple[Errors, int]:
    """What makes the hypothesis of the reference, and the hypothesis's words, both normalised;
    channels apart. Computes: run it in a thread."""
    said = {channel: normalise(text, language) for channel, text in reference.items()}
    heard = {channel: normalise(text, language) for channel, text in hypothesis.items()}
    return channel_errors(said, heard), sum(map(len, heard.values()))


def _error_rate(
    reference: Mapping[int, str], hypothesis: Mapping[int, str], language: str
) -> float:
    """Errors per reference word over all channels, in memory linear in the words."""
    errors = words = 0
    for channel in sorted(reference.keys() | hypothesis.keys()):
        said = normalise(reference.get(channel, ""), language)
        heard = normalise(hypothesis.get(channel, ""), language)
        errors += distance(said, heard)
        words += len(said)
    return errors / max(1, words)
