"""What the engine can do, for whoever does not load it."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from twicetold.engines import EngineInfo
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
    published = (_NAME.fullmatch(name) for name in reversed(directory.absolute().parts[-3:]))
    named = next((match for match in published if match), None)
    return replace(
        MOONSHINE_INFO,
        model=named[0] if named else directory.name,
        languages=(named[1],) if named else MOONSHINE_INFO.languages,
        word_times=files.looking,
    )
