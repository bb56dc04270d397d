"""What the engine can do, for whoever does not load it."""

from __future__ import annotations

from dataclasses import replace

from twicetold.engines import EngineInfo

OPENAI_INFO = EngineInfo(
    name="openai",
    model="",
    languages=("*",),
    live=False,
    batch=True,
    word_times=True,
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
    return replace(
        OPENAI_INFO,
        model=model,
        chosen=True,
        word_times=not tells_no_times(model),
        vocabulary="diarize" not in model,  # those refuse a prompt
    )


def tells_no_times(model: str) -> bool:
    """Whether it refuses ``verbose_json``."""
    return model.startswith("gpt-")
