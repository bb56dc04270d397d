"""How a recording is to be transcribed, as a name: plans never share checkpoints."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, replace

from twicetold.batch.chunking import CHUNKER_VERSION, ChunkingSettings
from twicetold.engines import NOTHING_EXPECTED, EngineInfo, Expected, VoiceActivity


def plan_hash(
    info: EngineInfo,
    activity: VoiceActivity,
    language: str,
    settings: ChunkingSettings,
    expected: Expected = NOTHING_EXPECTED,
) -> str:
    """32 hex digits that differ where the words or the chunks' bounds could differ."""
    plan: dict[str, object] = {
        "engine": info.name,
        "model": info.model,
        "hears": info.hears,
        "frame_s": activity.frame_s,
        "language": language,
        "chunking": asdict(chunking_for(settings, info)),
        "chunker": CHUNKER_VERSION,
    }
    if info.vocabulary and expected.terms:
        plan["terms"] = expected.terms
    if info.language_after_s and language == "auto":  # one for each channel
        plan["languages"] = [info.language_after_s, expected.languages]
    return hashlib.sha256(json.dumps(plan, sort_keys=True).encode()).hexdigest()[:32]


def chunking_for(settings: ChunkingSettings, info: EngineInfo) -> ChunkingSettings:
    """With chunks as long as the engine wants them, where it does."""
    if not info.chunk_s:
        return settings
    return replace(settings, chunk_s=info.chunk_s, chunk_bytes=info.chunk_bytes)


def spoken_language(wanted: str, info: EngineInfo) -> str:
    """The language to ask the engine for: ``auto`` is settled where it knows one only."""
    if wanted == "auto" and len(info.languages) == 1 and info.languages[0] != "*":
        return info.languages[0]
    return wanted
