"""What is made of a call's words, as the server or a tenant wants it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace

from twicetold.errors import SettingError

NONE, ALL = "none", "all"
STYLES = ("label", "mask", "pseudonym")
SOUNDS = ("beep", "silence")

_NAME = re.compile(r"[a-z][a-z0-9_]*(:\S+)?")
_KIND = re.compile(r"[a-z][a-z0-9_]*")
_MOST_HOURS = 24 * 366 * 10


def parse_kinds(text: str) -> frozenset[str]:
    """Kinds of personal data, separated by commas; "" and ``none`` are none, ``all`` stands for
    every one. Raises ValueError for one that there is not."""
    from twicetold.enrich.redaction.kinds import KINDS  # where there is none, nothing is loaded

    names = frozenset(name.strip() for name in text.split(",") if name.strip()) - {NONE}
    for name in names:
        if name != ALL and name not in KINDS:
            raise ValueError(name)
    return names


def _finders(text: str) -> tuple[str, ...]:
    from twicetold.enrich.redaction.finders import parse_finders  # as above

    return parse_finders(text)


def parse_roles(text: str) -> tuple[str, ...]:
    """Who speaks on which channel, the first one first: ``agent,customer``. Raises ValueError."""
    roles = tuple(role.strip() for role in text.split(",") if role.strip())
    for role in roles:
        if not _KIND.fullmatch(role):
            raise ValueError(role)
    return roles


def parse_hours(text: str) -> float | None:
    """Hours; "" is for good. Raises ValueError."""
    if not text.strip():
        return None
    hours = float(text)
    if not 0.0 <= hours <= _MOST_HOURS:
        raise ValueError(text)
    return hours


def _named(text: str) -> str:
    if text and not _NAME.fullmatch(text):
        raise ValueError(text)
    return text


def _one_of(*names: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text and text not in names:
            raise ValueError(text)
        return text

    return parse


def _path(text: str) -> str:
    if "\0" in text:
        raise ValueError(text)
    return text


@dataclass(frozen=True, slots=True)
class Enrichment:
    """The settings of these names, or where one tenant's differ from the server's."""

    speakers: str | None = None
    channel_roles: str | None = None
    redact: str | None = None
    redact_with: str | None = None
    redact_style: str | None = None
    redact_sound: str | None = None
    keep_original_h: str | None = None
    sentiment: str | None = None
    lead_rubric: str | None = None
    rules: str | None = None

    def over(self, others: Enrichment) -> Enrichment:
        """These, and where they say nothing the others."""
        told = {name: value for name, value in self.told().items() if value is not None}
        return replace(others, **told)

    def told(self) -> dict[str, str | None]:
        return {item.name: getattr(self, item.name) for item in fields(self)}

    @property
    def kinds(self) -> frozenset[str]:
        """Of personal data, to be removed; none where redaction is off."""
        return parse_kinds(self.redact or "")

    @property
    def redacts(self) -> bool:
        return bool(self.kinds)

    @property
    def finders(self) -> tuple[str, ...]:
        """Of personal data, besides our own."""
        return _finders(self.redact_with or "")

    @property
    def style(self) -> str:
        return self.redact_style or STYLES[0]

    @property
    def sound(self) -> str:
        return self.redact_sound or SOUNDS[0]

    @property
    def roles(self) -> tuple[str, ...]:
        return parse_roles(self.channel_roles or "")

    @property
    def keep_original_s(self) -> float | None:
        """How long a recording stays once its redacted one is there; None: for good."""
        hours = parse_hours(self.keep_original_h or "")
        return None if hours is None else hours * 3600.0


NO_ENRICHMENT = Enrichment()
EnrichmentOf = Callable[[str], Enrichment]  # a tenant's, by its name
ENRICHMENT_NAMES = tuple(item.name for item in fields(Enrichment))


def checked_enrichment(told: Mapping[str, object], where: str) -> Enrichment:
    """From a file or a command line. Raises SettingError, which names what is wrong."""
    for name, value in told.items():
        parse, shape = _SHAPES[name]
        try:
            if not isinstance(value, str):
                raise ValueError(type(value).__name__)  # noqa: TRY004 - one kind for all wrong values
            parse(value)
        except ValueError:
            shape = _kinds_there_are() if name == "redact" else shape
            raise SettingError(f"{where}: {name} got {value!r}; it takes {shape}.") from None
    return Enrichment(**told)  # type: ignore[arg-type]


def _kinds_there_are() -> str:
    from twicetold.enrich.redaction.kinds import KINDS

    return f"{ALL}, {NONE}, or some of: {', '.join(KINDS)}"


_SHAPES: Mapping[str, tuple[Callable[[str], object], str]] = {
    "speakers": (_named, "a way to tell speakers apart, such as: auto, channels, none"),
    "channel_roles": (parse_roles, "who speaks on each channel, such as: agent,customer"),
    "redact": (
        parse_kinds,
        "kinds of personal data, such as: all, or phone, card_number; or none",
    ),
    "redact_with": (
        _finders,
        "presidio, and a model for names: spacy:NAME or gliner:NAME",
    ),
    "redact_style": (_one_of(*STYLES), ", ".join(STYLES)),
    "redact_sound": (_one_of(*SOUNDS), " or ".join(SOUNDS)),
    "keep_original_h": (parse_hours, "hours, such as 0 or 720; nothing: for good"),
    "sentiment": (_one_of("vader", "llm", NONE), "vader, llm or none"),
    "lead_rubric": (_path, "a rubric's file, default, or none"),
    "rules": (_path, "a file of phrase rules, default, or none"),
}
