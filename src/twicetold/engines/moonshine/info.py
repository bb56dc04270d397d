"""What the engine can do, for whoever does not load it."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from twicetold.engines import EngineInfo
from twicetold.engines.models.catalogue import in_catalogue
from twicetold.engines.moonshine.files import files_of

MOONSHINE_INFO = EngineInfo(
    name="moonshine",
    model="small-streaming-en",
    languages=("*",),
    live=True,
    batch=True,
    word_times=True,
    rank=3,
    good_for=(
        "captions with punctuation on a CPU, one language a model: English, German, Spanish, "
        "Arabic, Japanese, Chinese, Vietnamese, Tagalog. Takes moonshine-voice and a model of 45 "
        "to 270 MB."
    ),
)

_NAME = re.compile(r"(?:tiny|base|small|medium)-streaming-([a-z]{2})")


def moonshine_info(directory: Path) -> EngineInfo:
    """The engine with the model in that directory. No file says which language it knows: its
    name, or that of a folder above it, does, as they are published (``tiny-streaming-en``); any
    other counts as knowing what it is named for in the settings.

    Raises SettingError, EngineFailed: see ``files_of``.
    """
    files = files_of(directory)
    return replace(
        MOONSHINE_INFO,
        model=directory.name,
        languages=_languages(directory.absolute()),
        word_times=files.looking,
    )


def _languages(directory: Path) -> tuple[str, ...]:
    known = in_catalogue("moonshine", directory.name)
    if known is not None:
        return known.languages
    named = (_NAME.fullmatch(name) for name in reversed(directory.parts[-3:]))
    found = next((match[1] for match in named if match), None)
    return (found,) if found else MOONSHINE_INFO.languages
