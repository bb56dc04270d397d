"""Engines in order of preference, as people write them: ``hi|ta=sarvam, parakeet:/models/x``."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum

from twicetold.choice.vocabulary import (
    MOST_LETTERS,
    MOST_TERM_LETTERS,
    MOST_TERMS,
    parse_languages,
    parse_vocabulary,
)
from twicetold.engines import Expected
from twicetold.errors import SettingError
from twicetold.speech.language import primary_language

_LANGUAGES = re.compile(r"([A-Za-z]{2,3}(?:\|[A-Za-z]{2,3})*)=(.*)", re.DOTALL)
_NAME = re.compile(r"[a-z][a-z0-9_-]*(:\S.*)?")
_REMOTE = re.compile(r"[a-z][a-z0-9_-]*")


AUTO = "auto"  # the best that this machine has; settled before anybody is asked for it


class Use(StrEnum):
    """What an engine is wanted for; its value is the setting that names them."""

    LIVE = "live_engine"  # partials, and finals where nobody else makes them
    LIVE_FINAL = "live_final_engine"  # hears each utterance again for its final
    BATCH = "batch_engine"
    SHADOW = "shadow_engine"  # hears recordings too, to be compared; nobody steps in for it
    SHADOW_LIVE = "shadow_live_engine"  # the same, of recordings that are played as if live


@dataclass(frozen=True, slots=True)
class Wish:
    """One engine by name (``NAME`` or ``NAME:MODEL``) and the languages it is wanted for."""

    name: str
    languages: tuple[str, ...] = ()  # primary tags; none: all that it knows

    def __str__(self) -> str:
        return f"{'|'.join(self.languages)}={self.name}" if self.languages else self.name

    def serves(self, language: str) -> bool:
        """Whether it is wanted for that language. What is to be found out (``auto``) is left to
        engines that are wanted for all."""
        return not self.languages or primary_language(language) in self.languages


def parse_wishes(text: str) -> tuple[Wish, ...]:
    """Engines from the most wanted to the last resort; "" is none.

    Raises ValueError, without words for people, where it is no such list.
    """
    return tuple(_wish(each.strip()) for each in text.split(",")) if text.strip() else ()


def _wish(text: str) -> Wish:
    limited = _LANGUAGES.fullmatch(text)
    languages = tuple(limited[1].lower().split("|")) if limited else ()
    name = limited[2].strip() if limited else text
    if not _NAME.fullmatch(name):
        raise ValueError(name)
    return Wish(name, languages)


def parse_remotes(text: str) -> frozenset[str]:
    """Names of engines, separated by commas; "" and ``none`` are none. Raises ValueError."""
    names = frozenset(name.strip() for name in text.split(",") if name.strip()) - {"none"}
    for name in names:
        if not _REMOTE.fullmatch(name):
            raise ValueError(name)
    return names


def parse_share(text: str) -> float:
    """Which share of a tenant's calls, from 0 to 1; "" is all. Raises ValueError."""
    share = float(text) if text.strip() else 1.0
    if not 0.0 <= share <= 1.0:
        raise ValueError(text)
    return share


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the server wants, or one tenant where it differs: the settings of these names; and what
    a tenant expects to be said, which the server has no setting for."""

    live_engine: str | None = None
    live_final_engine: str | None = None
    batch_engine: str | None = None
    allow_remote: str | None = None
    vocabulary: str | None = field(default=None, repr=False)
    languages: str | None = None
    shadow_engine: str | None = None
    shadow_live_engine: str | None = None
    shadow_share: str | None = None

    def over(self, others: Wishes) -> Wishes:
        """These, and where they say nothing the others."""
        told = {name: value for name, value in self.told().items() if value is not None}
        return replace(others, **told)

    def told(self) -> dict[str, str | None]:
        return {item.name: getattr(self, item.name) for item in fields(self)}

    def of(self, use: Use) -> tuple[Wish, ...]:
        return parse_wishes(getattr(self, use.value) or "")

    @property
    def remotes(self) -> frozenset[str]:
        return parse_remotes(self.allow_remote or "")

    @property
    def expected(self) -> Expected:
        return Expected(
            parse_vocabulary(self.vocabulary or ""), parse_languages(self.languages or "")
        )

    @property
    def share(self) -> float:
        """Of the calls, that shadow engines hear."""
        return parse_share(self.shadow_share or "")


WISH_NAMES = tuple(item.name for item in fields(Wishes))


def checked_wishes(told: Mapping[str, object], where: str) -> Wishes:
    """Wishes from a file or a command line. Raises SettingError, which names what is wrong."""
    for name, value in told.items():
        if name not in WISH_NAMES:
            known = ", ".join(WISH_NAMES)
            raise SettingError(f"{where} names {name!r}, which a tenant has not; it has {known}.")
        parse = _PARSERS.get(name, parse_wishes)
        try:
            if not isinstance(value, str):
                raise ValueError(type(value).__name__)  # noqa: TRY004 - one kind for all wrong values
            parse(value)
        except ValueError as error:
            got = error if name == "vocabulary" else repr(value)  # words are for nobody's log
            raise SettingError(
                f"{where}: {name} got {got}; it takes {_SHAPES.get(name, _CHAIN)}."
            ) from None
    return Wishes(**told)  # type: ignore[arg-type]


_CHAIN = "engines in order of preference, such as: hi|ta=sarvam, parakeet:/models/parakeet"
_PARSERS: Mapping[str, Callable[[str], object]] = {
    "allow_remote": parse_remotes,
    "vocabulary": parse_vocabulary,
    "languages": parse_languages,
    "shadow_share": parse_share,
}
_SHAPES = {
    "allow_remote": "names of remote engines, such as: openai, sarvam",
    "vocabulary": (
        f"words and phrases separated by commas or lines, {MOST_TERMS} at most, each of "
        f"{MOST_TERM_LETTERS} letters at most, {MOST_LETTERS} letters in all"
    ),
    "languages": "languages that calls may be in, such as: de|en",
    "shadow_share": "a number from 0 (no call) to 1 (every call), such as: 0.1",
}
