"""What is removed, and what stands there instead."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from twicetold.enrich.redaction.kinds import KINDS
from twicetold.enrich.redaction.turns import Mark
from twicetold.errors import SettingError

STYLES = ("label", "mask", "pseudonym")
MASK = "****"
_ALL = "all"
_TAG_DIGITS = 6


@dataclass(frozen=True, slots=True)
class Policy:
    """``kinds`` go; ``style`` says what for. ``key`` is the tenant's, for pseudonyms. ``finders``
    are those that others made (`finders.finders_of`)."""

    kinds: frozenset[str] = frozenset(name for name, kind in KINDS.items() if kind.default)
    style: str = "label"
    key: bytes = b""
    finders: tuple[str, ...] = ()

    def wanted(self, mark: Mark) -> Mark | None:
        """The mark under the kind by which it goes; None: it stays."""
        if mark.also in self.kinds:
            return replace(mark, kind=mark.also)
        return mark if mark.kind in self.kinds else None

    def stand_in(self, kind: str, value: str) -> str:
        """``[PHONE]``, ``****`` or ``[PHONE-3f9a2c]``: the first 24 bits of HMAC-SHA-256 over kind
        and value, so that one tenant's same values look the same, and no other's do."""
        if self.style == "mask":
            return MASK
        label = KINDS[kind].label
        if self.style == "label":
            return f"[{label}]"
        told = f"{kind}\0{normal(value)}".encode("utf-8", "surrogatepass")
        tag = hmac.new(self.key, told, hashlib.sha256).hexdigest()[:_TAG_DIGITS]
        return f"[{label}-{tag}]"


def normal(value: str) -> str:
    """One form for all ways of saying a value."""
    spoken = re.sub(r"\b(dot|point|period)\b", ".", value.lower())
    spoken = re.sub(r"\bunderscore\b", "_", re.sub(r"\bat\b", "@", spoken))
    return re.sub(r"[^a-z0-9@_]", "", spoken)


def checked_policy(
    kinds: Iterable[str] = (_ALL,),
    style: str = "label",
    key: bytes = b"",
    finders: tuple[str, ...] = (),
    *,
    named: tuple[str, str] = ("redact", "redact_style"),
) -> Policy:
    """A policy from settings; ``all`` stands for every kind. ``named``: what kinds and style are
    called where they come from.

    Raises SettingError: an unknown kind or style, or pseudonyms without a key.
    """
    names = frozenset(kinds)
    unknown = sorted(names - KINDS.keys() - {_ALL})
    if unknown:
        raise SettingError(
            f"{named[0]} got {unknown[0]!r}; it takes {_ALL}, or some of: {', '.join(KINDS)}."
        )
    if style not in STYLES:
        raise SettingError(f"{named[1]} got {style!r}; it takes {', '.join(STYLES)}.")
    if style == "pseudonym" and not key:
        raise SettingError("redact_style pseudonym needs a key, and there is none.")
    return Policy(frozenset(KINDS) if _ALL in names else names, style, key, finders)
