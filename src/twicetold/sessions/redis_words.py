"""What a Redis that answers means by refusing, in words for whoever can mend it."""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

from redis import exceptions

from twicetold.errors import Unavailable

Kind = Literal["mend", "full", "foreign", "passing", "other"]

PERMISSIONS = "+@read +@write +@scripting +@connection +time +info +role +config|get +bgrewriteaof"


_FULL = "The server has no room for what this takes."
_REFUSES = "A part of the server refuses to do this."


class Refused(Unavailable):
    """The server is there and did not do it: nothing was changed.

    ``kind``: a person must "mend" something; it is "full"; a key of ours holds something
    "foreign"; it is "passing", in a moment it will do it; or "other".
    """

    def __init__(self, message: str, hint: str, kind: Kind) -> None:
        super().__init__(message, hint, public=_FULL if kind == "full" else _REFUSES)
        self.kind = kind


class _Words(NamedTuple):
    mark: str  # in the server's answer, its code included
    message: str
    hint: str
    kind: Kind


_CLUSTER = "Name a server of its own: the keys of a call must lie together."
_NO_TLS = "rediss:// is for a port of Redis that speaks TLS (tls-port); without TLS: redis://."
_WORDS = (
    _Words(
        "AUTH",
        "asks for another user or password",
        "They stand in the URL: redis://:PASSWORD@HOST or redis://USER:PASSWORD@HOST, with what is "
        "no letter or digit in them percent-encoded.",
        "mend",
    ),
    _Words("LOADING", "is still reading its data", "It takes a moment.", "passing"),
    _Words(
        "OOM",
        "is full and takes no new calls",
        "Raise maxmemory (CONFIG SET maxmemory 2gb, and in redis.conf), or delete calls.",
        "full",
    ),
    _Words("READONLY", "is a replica and takes no changes", "Name the master.", "mend"),
    _Words(
        "NOPERM",
        "does not let this user do what is needed",
        f"In redis-cli: ACL SETUSER USER on >PASSWORD ~twicetold:* {PERMISSIONS}",
        "mend",
    ),
    _Words(
        "MISCONF",
        "cannot write to its disk and takes no changes",
        "Free its disk, or see its log; it goes on by itself then.",
        "other",
    ),
    _Words("WRONGTYPE", "holds something else under a key of ours", "", "foreign"),
    _Words("BUSY", "is busy with somebody's script", "SCRIPT KILL ends that.", "passing"),
    _Words(
        "DB index is out of range",
        "has no database of that number",
        "Take one below its setting 'databases' (16 as it comes), or raise that.",
        "mend",
    ),
    _Words(
        "unknown command",
        "does not know a command that is needed",
        "It must be Redis 7.0 or newer, with INFO, ROLE, EVAL and EVALSHA under these names.",
        "mend",
    ),
    _Words(
        "DENIED",
        "is in protected mode and speaks to its own machine only",
        "Give it a password (requirepass in redis.conf), and 'bind' it to a private address.",
        "mend",
    ),
    _Words("MOVED", "is part of a cluster", _CLUSTER, "mend"),
    _Words("CROSSSLOT", "is part of a cluster", _CLUSTER, "mend"),
    _Words("CLUSTERDOWN", "is part of a cluster", _CLUSTER, "mend"),
    _Words(
        "CERTIFICATE_VERIFY_FAILED",
        "shows a certificate that is not trusted here",
        "Have this machine trust who signed it: SSL_CERT_FILE may name that certificate.",
        "mend",
    ),
    _Words("WRONG_VERSION_NUMBER", "does not answer in TLS", _NO_TLS, "mend"),
    _Words("RECORD_LAYER_FAILURE", "does not answer in TLS", _NO_TLS, "mend"),
    _Words(
        "Protocol Error",
        "does not answer as Redis does",
        "Host and port in the setting must be those of Redis (6379 as it comes); its port for TLS "
        "needs rediss://.",
        "mend",
    ),
)
_CODES: tuple[tuple[type[exceptions.RedisError], str], ...] = (  # taken off the text by redis-py
    (exceptions.AuthenticationError, "AUTH"),
    (exceptions.BusyLoadingError, "LOADING"),
    (exceptions.OutOfMemoryError, "OOM"),
    (exceptions.ReadOnlyError, "READONLY"),
    (exceptions.NoPermissionError, "NOPERM"),
    (exceptions.MovedError, "MOVED"),
    (exceptions.ClusterDownError, "CLUSTERDOWN"),
    (exceptions.ClusterCrossSlotError, "CROSSSLOT"),
)


def refusal(name: str, error: exceptions.RedisError) -> Refused:
    """``error``, as the server called ``name`` answered. No more of an unknown answer is told than
    its first words: the rest may quote what was sent."""
    code = next((code for kind, code in _CODES if isinstance(error, kind)), "")
    answer = f"{code} {error}"
    for words in _WORDS:
        if words.mark in answer:
            return Refused(f"{name} {words.message}.", words.hint, words.kind)
    begins = re.split(r"[^\w ]", str(error))[0][:60].strip() or type(error).__name__
    return Refused(f"{name} refuses: {begins}.", "See its log.", "other")
