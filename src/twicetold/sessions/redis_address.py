"""Which Redis a URL means. No error quotes the URL or its cause: either may hold the password."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from twicetold.errors import SettingError

_HINT = (
    "It is redis://USER:PASSWORD@HOST:6379/0 (rediss:// for TLS; user, password, port and number "
    "may be left out). Percent-encode what is no letter or digit in a password: / is %2F, "
    "# is %23, ? is %3F, @ is %40, [ is %5B, ] is %5D, % is %25."
)
_PREFIX = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}")


@dataclass(frozen=True, slots=True)
class Address:
    """One database of one server. ``prefix`` begins every key of ours in it; ``volatile``: it may
    lose calls, and that is accepted."""

    host: str
    port: int
    database: int
    username: str | None
    password: str | None = field(repr=False)
    tls: bool
    prefix: str
    volatile: bool

    def __str__(self) -> str:
        """For people and logs."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"Redis at {host}:{self.port}/{self.database}"


def parsed(url: str) -> Address:
    """The address of ``redis[s]://[user:password@]host[:port][/n][?prefix=…][&volatile=accepted]``.
    Raises SettingError."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise SettingError("sessions got a URL that cannot be taken apart.", _HINT) from None
    if parts.scheme not in ("redis", "rediss") or not host:
        raise SettingError("sessions got a URL of Redis that names no host.", _HINT)
    if parts.fragment or not re.fullmatch(r"/?|/\d{1,9}", parts.path):
        raise SettingError("sessions got a URL of Redis whose path is no database number.", _HINT)
    prefix, volatile = _parameters(parts)
    return Address(
        host=host,
        port=6379 if port is None else port,
        database=int(parts.path[1:] or 0),
        username=_plain(parts.username),
        password=_plain(parts.password),
        tls=parts.scheme == "rediss",
        prefix=prefix,
        volatile=volatile,
    )


def _parameters(parts: SplitResult) -> tuple[str, bool]:
    found = parse_qs(parts.query, keep_blank_values=True)
    prefixes, volatile = found.pop("prefix", ["twicetold"]), found.pop("volatile", [])
    if found or volatile not in ([], ["accepted"]):
        raise SettingError(
            "sessions=redis:// takes no parameters but prefix=NAME and volatile=accepted.", _HINT
        )
    if len(prefixes) != 1 or not _PREFIX.fullmatch(prefixes[0]):
        raise SettingError(
            "sessions=redis:// got a prefix that is none.",
            "It takes up to 32 letters, digits, '.', '_' or '-', beginning with a letter or a "
            "digit.",
        )
    return prefixes[0], bool(volatile)


def _plain(part: str | None) -> str | None:
    return unquote(part) if part else None
