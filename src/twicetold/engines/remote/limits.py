"""What is taken from a server, however much it says: nobody speaks faster than that."""

from __future__ import annotations

from twicetold.errors import EngineFailed

MOST_ANSWER_BYTES = 16 * 1024 * 1024  # of an answer to a request, decompressed

_MOST_LETTERS, _MOST_LETTERS_A_S = 10_000, 100


def check_length(text: str, seconds: float) -> None:
    """Raises EngineFailed for more text than is said in so much sound."""
    if len(text) > _MOST_LETTERS + _MOST_LETTERS_A_S * seconds:
        raise EngineFailed("The server of the engine answered more text than anybody says.")


def storable(text: str) -> str:
    """Without halves of characters, which JSON can name (``\\ud800``) and nothing can store."""
    return text.encode("utf-8", "replace").decode() if not text.isascii() else text
