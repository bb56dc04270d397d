"""What the engine can do, for whoever does not load it."""

from __future__ import annotations

from dataclasses import replace

from twicetold.engines import EngineInfo

REALTIME_INFO = EngineInfo(
    name="realtime",
    model="",
    languages=("*",),
    live=True,
    batch=False,
    word_times=False,
    remote=True,
    rank=4,
    good_for=(
        "Captions by a server elsewhere: vLLM's /v1/realtime (Voxtral), OpenAI's realtime "
        "transcription and its equals. Times of words are guessed."
    ),
)


def info_of(model: str) -> EngineInfo:
    return replace(REALTIME_INFO, model=model, chosen=True)
