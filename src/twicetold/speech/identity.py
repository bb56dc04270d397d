"""Whose call it is: tenant and call id, validated before they touch a path or a key."""

from __future__ import annotations

import re
from typing import NamedTuple

from twicetold.errors import BadIdentifier, BadParameter

_IDENTIFIER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}\Z")

DEFAULT_TENANT = "default"


def check_identifier(value: str, name: str) -> str:
    """Return ``value`` if it may name a tenant or a call; raise BadIdentifier if not."""
    if not _IDENTIFIER.match(value):
        shown = value[:40].encode("unicode_escape").decode("ascii")
        raise BadIdentifier(f"{name} '{shown}' is not a valid identifier.")
    return value


def check_language(value: str) -> str:
    """Return ``value`` if it is a language tag (BCP 47) or ``auto``; raise BadParameter if not."""
    parts = value.split("-")
    if value and len(value) <= 35 and all(part.isascii() and part.isalnum() for part in parts):
        return value
    shown = value[:40].encode("unicode_escape").decode("ascii")
    takes = "It takes a tag such as en, de or pt-BR, or auto."
    raise BadParameter(f"language got {shown!r}.", takes)


class CallKey(NamedTuple):
    """The name of a call everywhere: storage keys, rows, broker keys."""

    tenant: str
    call_id: str

    @classmethod
    def checked(cls, tenant: str, call_id: str) -> CallKey:
        """A key of validated parts. Raises BadIdentifier."""
        return cls(check_identifier(tenant, "tenant"), check_identifier(call_id, "call_id"))

    def __str__(self) -> str:
        return f"{self.tenant}/{self.call_id}"
