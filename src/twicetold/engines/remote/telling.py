"""What may be told of a server's refusal: enough to mend it, and nothing that is secret."""

from __future__ import annotations

import re
from collections.abc import Sequence
from http import HTTPStatus

from twicetold.errors import EngineFailed, EngineRefused

_MOST_LETTERS = 200
_MOST_READ = 10_000  # enough that what a cut there leaves of something private is not told
# Keys as their makers write them, and whatever follows the words that introduce one.
_KEYLIKE = re.compile(
    r"(?i)\b(?:sk|pk|rk)[-_]\S+|\b(bearer\s+|key[:=]?\s+)\S+|[A-Za-z0-9_\-*]{40,}"
)
_ESCAPES = re.compile(r"\\|&#?\w+;|%[0-9A-Fa-f]{2}")  # \u00f6, &ouml;, %C3%B6
_AGAIN = {
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.CONFLICT,
    HTTPStatus.TOO_EARLY,
    HTTPStatus.TOO_MANY_REQUESTS,
}
_HINTS = {
    HTTPStatus.UNAUTHORIZED: "Look at the key in the settings: {key}.",
    HTTPStatus.FORBIDDEN: "Look at the key in the settings, and at what it may do: {key}.",
    HTTPStatus.NOT_FOUND: "Look at the address in the settings and at the model's name: {url}.",
}


def worth_again(status: int) -> bool:
    """Whether the same request may succeed later."""
    return status in _AGAIN or status >= HTTPStatus.INTERNAL_SERVER_ERROR


def told(reason: object, secret: str | None = None, private: Sequence[str] = ()) -> str:
    """A server's words, short, on one line, without the key or anything that looks like one, and
    without what is ``private``: nothing, where that may stand in it in another writing."""
    text = " ".join(reason[:_MOST_READ].split()) if isinstance(reason, str) else ""
    text = text.encode("utf-8", "replace").decode()
    if private and _ESCAPES.search(text):
        return ""
    if secret:
        text = text.replace(secret, "***")
    for each in sorted(private, key=len, reverse=True):
        text = re.sub(rf"(?<!\w){re.escape(each)}(?!\w)", "***", text, flags=re.IGNORECASE)
    text = _KEYLIKE.sub(lambda found: (found[1] or "") + "***", text)
    return text if len(text) <= _MOST_LETTERS else text[:_MOST_LETTERS] + "…"


def code_of(value: object) -> str:
    """A server's error code, where it is one: a word, never a sentence somebody may have said."""
    text = str(value) if isinstance(value, str | int) else ""
    return text if re.fullmatch(r"[A-Za-z0-9_.-]{1,48}", text) else "unnamed"


def refusal(engine: str, status: int, reason: str, *, url: str, key: str) -> EngineFailed:
    """The error for an HTTP status: EngineRefused where the same request will not do later.

    ``url`` and ``key`` name the settings.
    """
    words = f": {reason.rstrip('.')}" if reason else ""
    message = f"The server of engine {engine} answered {status}{words}."
    if worth_again(status):
        return EngineFailed(message)
    hint = _HINTS.get(HTTPStatus(status)) if status in set(HTTPStatus) else None
    return EngineRefused(message, hint.format(url=url, key=key) if hint else None)
