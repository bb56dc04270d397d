"""What the engine can do with a model, read from the model's files without loading it."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from twicetold.engines import EngineInfo
from twicetold.engines.whisper.language import ENOUGH_S
from twicetold.errors import SettingError
from twicetold.speech.language import primary_language

_NAMES = (
    "af am ar as az ba be bg bn bo br bs ca cs cy da de el en es et eu fa fi fo fr gl gu ha haw he "
    "hi hr ht hu hy id is it ja jw ka kk km kn ko la lb ln lo lt lv mg mi mk ml mn mr ms mt my ne "
    "nl nn no oc pa pl ps pt ro ru sa sd si sk sl sn so sq sr su sv sw ta te tg th tk tl tr tt uk "
    "ur uz vi yi yo yue zh"
)
_LANGUAGES = _NAMES.split()

# Whisper's name of a language, where BCP 47 has another (too).
_OWN_NAMES = {"jv": "jw", "nb": "no"}

_VOCABULARIES = ("vocabulary.json", "vocabulary.txt")
_NEEDED = ("model.bin", "tokenizer.json")
_LANGUAGE_TOKEN = re.compile(r"<\|([a-z]{2,3})\|>")


def _tags(names: Sequence[str]) -> tuple[str, ...]:
    others = [tag for tag, own in _OWN_NAMES.items() if own in names]
    return tuple(sorted([*names, *others]))


WHISPER_INFO = EngineInfo(
    name="whisper",
    model="whisper",
    languages=_tags(_LANGUAGES),
    live=True,
    batch=True,
    word_times=True,
    # In steps of 20 ms, but from what the decoder attended to: a pause may count to either word.
    # With no true model was it measured.
    time_error_s=0.5,
    rank=4,
    vocabulary=True,
    language_after_s=ENOUGH_S,
    good_for=(
        "99 languages, with punctuation; words with times and probabilities. Takes faster-whisper "
        "and a model of 75 MB to 3 GB; beyond the small ones it wants a GPU."
    ),
)


def own_name(language: str) -> str:
    """Whisper's name for a BCP 47 tag's language."""
    spoken = primary_language(language)
    return _OWN_NAMES.get(spoken, spoken)


def whisper_info(directory: Path) -> EngineInfo:
    """The engine with the model in that directory. Raises SettingError: see ``check_files``."""
    check_files(directory)
    return replace(WHISPER_INFO, model=directory.name, languages=_tags(_languages_in(directory)))


def check_files(directory: Path) -> None:
    """Nothing that is missing may be looked for on the network, which faster-whisper would do.

    Raises SettingError: which file is missing, and the command that gets it.
    """
    missing = [name for name in _NEEDED if not (directory / name).is_file()]
    if not any((directory / name).is_file() for name in _VOCABULARIES):
        missing.append(_VOCABULARIES[0])
    if missing:
        raise SettingError(
            f"The Whisper model in {directory} lacks {', '.join(missing)}.",
            "Get it whole, in CTranslate2's layout: twicetold models pull NAME, or hf download "
            f"Systran/faster-whisper-NAME --local-dir {directory}. The names: docs/engines.md.",
        )


def _languages_in(directory: Path) -> list[str]:
    """A vocabulary with an empty token is a multilingual one's: that is CTranslate2's mark too."""
    try:
        if "" not in _vocabulary(directory):
            return ["en"]
        told = json.loads((directory / "tokenizer.json").read_text(encoding="utf-8"))
        tokens = [token["content"] for token in told["added_tokens"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SettingError(
            f"The vocabulary of the Whisper model in {directory} cannot be read "
            f"({type(error).__name__}).",
            "Get its files again; docs/engines.md has the command.",
        ) from error
    names = {match[1] for token in tokens if (match := _LANGUAGE_TOKEN.fullmatch(token))}
    return sorted(names.intersection(_LANGUAGES))


def _vocabulary(directory: Path) -> list[str]:
    path = directory / _VOCABULARIES[0]
    if path.is_file():
        tokens = json.loads(path.read_text(encoding="utf-8"))
        return tokens if isinstance(tokens, list) else []
    text = (directory / _VOCABULARIES[1]).read_text(encoding="utf-8")
    return text.removesuffix("\n").split("\n")
