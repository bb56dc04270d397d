"""What the engine can do, for whoever does not load it."""

from __future__ import annotations

from dataclasses import replace

from twicetold.engines import EngineInfo

# OpenAI takes 1,400 s, and 25 MB, in which voices that are known come too.
_MOST_S, _MOST_BYTES = 1_350.0, 22_000_000

OPENAI_INFO = EngineInfo(
    name="openai",
    model="",
    languages=("*",),
    live=False,
    batch=True,
    word_times=True,
    time_error_s=0.5,  # mostly Whisper's; see there
    remote=True,
    rank=5,
    vocabulary=True,
    good_for=(
        "Transcripts by a server elsewhere that answers /v1/audio/transcriptions: OpenAI, vLLM, "
        "speaches, another Twicetold."
    ),
)


def info_of(model: str) -> EngineInfo:
    """With that model; those of the gpt family tell no times."""
    info = replace(OPENAI_INFO, model=model, chosen=True, word_times=not tells_no_times(model))
    if not diarizes(model):
        return info
    # Labels of speakers are certain within one answer: few and long chunks. And no prompt is taken.
    return replace(info, vocabulary=False, chunk_s=_MOST_S, chunk_bytes=_MOST_BYTES, in_order=True)


def diarizes(model: str) -> bool:
    """Whether it tells speakers, in ``diarized_json``."""
    return "diarize" in model


def tells_no_times(model: str) -> bool:
    """Whether it refuses ``verbose_json``."""
    return model.startswith("gpt-")
