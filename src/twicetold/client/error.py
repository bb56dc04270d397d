"""What a server said no with, as an exception of the client."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Self

from twicetold.errors import TwicetoldError


class ServerError(TwicetoldError):
    """A server's refusal; ``code``, ``hint`` and ``retryable`` are the server's own."""

    def __init__(self, code: str, message: str, hint: str = "", *, retryable: bool = False) -> None:
        super().__init__(message, hint)
        # Constants of a class elsewhere, here each instance has what the server sent.
        self.__dict__.update(code=code, retryable=retryable)

    @classmethod
    def from_body(cls, body: Mapping[str, Any]) -> Self:
        """From ``{code, message, hint, retryable}``, as every protocol of ours sends it."""
        return cls(
            str(body.get("code", "error")),
            str(body.get("message", "The server gave no reason.")),
            str(body.get("hint", "")),
            retryable=bool(body.get("retryable", False)),
        )


def server_error(status: int, content: bytes) -> ServerError:
    """From an HTTP answer, also one that a proxy in between gave."""
    try:
        body = json.loads(content)
    except ValueError:
        body = None
    if isinstance(body, dict) and isinstance(body.get("error"), dict):
        body = body["error"]
    if isinstance(body, dict) and "code" in body:
        return ServerError.from_body(body)
    return ServerError(
        f"http_{status}",
        f"The server answered with HTTP status {status}.",
        "Is this the address of a Twicetold server?",
        retryable=status in (408, 429) or status >= 500,
    )
