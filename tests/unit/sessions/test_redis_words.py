"""What a refusal of Redis is called. The answers are those of Redis 7.0, and of its kin."""

from __future__ import annotations

import pytest
from redis import exceptions
from redis._parsers.base import BaseParser

from twicetold.errors import Unavailable
from twicetold.sessions.redis_words import refusal

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("answer", "words", "kind"),
    [
        ("NOAUTH Authentication required.", "another user or password", "mend"),
        ("WRONGPASS invalid username-password pair or user is disabled.", "another user", "mend"),
        ("ERR invalid password", "another user or password", "mend"),
        ("LOADING Redis is loading the dataset in memory", "still reading", "passing"),
        (
            "OOM allow-oom flag is not set on the script, can not run it when used memory > "
            "'maxmemory'",
            "full",
            "full",
        ),
        ("READONLY You can't write against a read only replica.", "replica", "mend"),
        ("NOPERM this user has no permissions to run the 'role' command", "not let", "mend"),
        ("MISCONF Redis is configured to save RDB snapshots, but", "disk", "other"),
        (
            "WRONGTYPE Operation against a key holding the wrong kind of value script: ab",
            "something else",
            "foreign",
        ),
        ("BUSY Redis is busy running a script.", "busy", "passing"),
        ("ERR DB index is out of range", "no database of that number", "mend"),
        ("ERR unknown command 'EVAL', with args beginning with: 'x'", "not know", "mend"),
        ("DENIED Redis is running in protected mode because", "protected mode", "mend"),
        ("MOVED 3999 127.0.0.1:6381", "cluster", "mend"),
        ("CROSSSLOT Keys in request don't hash to the same slot", "cluster", "mend"),
        ("CLUSTERDOWN Hash slot not served", "cluster", "mend"),
        ("ERR something new", "refuses: something new.", "other"),
        ("lower case 'secret words'", "refuses: lower case.", "other"),
    ],
)
def test_each_answer_has_words(answer: str, words: str, kind: str) -> None:
    told = refusal("Redis at host:1/0", BaseParser.parse_error(answer))
    assert isinstance(told, Unavailable)
    assert told.message.startswith("Redis at host:1/0 ")
    assert words in told.message
    assert told.kind == kind
    assert told.retryable


def test_a_server_without_tls_is_called_so() -> None:
    error = exceptions.ConnectionError("Error 1 connecting to h:1. [SSL: WRONG_VERSION_NUMBER]")
    told = refusal("Redis at h:1/0 (setting sessions)", error)
    assert told.message == "Redis at h:1/0 (setting sessions) does not answer in TLS."
    assert "redis://" in told.hint


def test_what_was_sent_is_not_told_again() -> None:
    answer = "ERR unknown command 'EVALSHA', with args beginning with: 'secret words'"
    told = refusal("Redis", BaseParser.parse_error(answer))
    assert "secret" not in told.message + told.hint
    odd = refusal("Redis", exceptions.InvalidResponse("Protocol Error: b'secret'"))
    assert "does not answer as Redis does" in odd.message
    assert "secret" not in odd.message + odd.hint
