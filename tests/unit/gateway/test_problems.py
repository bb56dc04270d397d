"""Every error of the tree has its HTTP status, and its JSON is what the protocols promise."""

from __future__ import annotations

import json

import pytest

from twicetold import errors
from twicetold.errors import TwicetoldError
from twicetold.gateway.problems import error_response, shown, status_of

pytestmark = pytest.mark.unit

STATUSES = {
    errors.BadParameter: 400,
    errors.BadIdentifier: 400,
    errors.UploadTooLarge: 413,
    errors.NotAudio: 415,
    errors.TruncatedAudio: 422,
    errors.Unauthorized: 401,
    errors.Forbidden: 403,
    errors.CallNotFound: 404,
    errors.TranscriptNotReady: 404,
    errors.CallUsed: 409,
    errors.SwapLost: 409,
    errors.CallDeleted: 410,
    errors.Overloaded: 503,
    errors.EngineHostDied: 503,
    errors.DiskFull: 507,
    errors.CorruptDatabase: 500,
}


def tree(kind: type[TwicetoldError] = TwicetoldError) -> list[type[TwicetoldError]]:
    below = [found for child in kind.__subclasses__() for found in tree(child)]
    return [kind, *below] if kind.__module__ == errors.__name__ else below


@pytest.mark.parametrize("kind", STATUSES)
def test_statuses(kind: type[TwicetoldError]) -> None:
    assert status_of(kind("words")) == STATUSES[kind]


@pytest.mark.parametrize("kind", tree())
def test_every_error_leaves_as_the_same_json(kind: type[TwicetoldError]) -> None:
    response = error_response(kind("words", "do this"))
    assert 400 <= response.status_code <= 507
    body = json.loads(bytes(response.body))
    assert body == {
        "error": {
            "code": kind.code,
            "message": kind.public or "words",
            "hint": kind.default_hint if kind.public else "do this",
            "retryable": kind.retryable,
        }
    }
    names_a_file = kind in (errors.CorruptDatabase, errors.CorruptLog)
    assert ("words" not in body["error"]["message"]) == names_a_file
    assert ("www-authenticate" in response.headers) == (response.status_code == 401)
    assert ("retry-after" in response.headers) == (response.status_code in (503, 507))


def test_what_was_sent_is_shown_short_and_in_ascii() -> None:
    assert shown("é\n\0\u202e") == "'\\xe9\\n\\x00\\u202e'"
    assert shown("x" * 100) == "'" + "x" * 60 + "…'"
    assert shown("\ud800") == "'\\ud800'"
