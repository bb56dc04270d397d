"""What the engine can do, for whoever does not load it."""

from __future__ import annotations

from dataclasses import replace

from twicetold.engines import EngineInfo
from twicetold.engines.remote import primary

LIVE_MODEL, BATCH_MODEL = "saaras:v3-realtime", "saaras:v3"

_LANGUAGES = "en hi bn kn ml mr or pa ta te gu as ur ne kok ks sd sa sat mni brx mai doi"

SARVAM_INFO = EngineInfo(
    name="sarvam",
    model=BATCH_MODEL,
    languages=tuple(_LANGUAGES.split()),
    live=True,
    batch=True,
    word_times=False,
    remote=True,
    rank=4,
    good_for=(
        "22 Indian languages and English as spoken there, by Sarvam's servers. Times of words are "
        "guessed within the stretches that they tell."
    ),
)


def info_of(model: str, default: str = BATCH_MODEL) -> EngineInfo:
    """With that model, or with ``default`` where none was named."""
    return replace(SARVAM_INFO, model=model or default, chosen=bool(model))


def tag_of(language: str, *, unknown: str, odia: str) -> str:
    """Sarvam's tag of a language, all of India; ``unknown`` and ``odia``, as Sarvam's endpoints do
    not call them the same."""
    spoken = primary(language)
    if not spoken:
        return unknown
    return odia if spoken in ("or", "od") else f"{spoken}-IN"
