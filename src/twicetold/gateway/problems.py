"""Errors on their way out: every one leaves as ``{"error": {code, message, hint, retryable}}``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from twicetold import errors
from twicetold.errors import BadParameter, TwicetoldError

log = structlog.get_logger()

# The first class of an error's ancestry that stands here decides.
_STATUS: dict[type[BaseException], int] = {
    errors.MessageTooLarge: 413,
    errors.UploadTooLarge: 413,
    errors.UnsupportedEncoding: 415,
    errors.NotAudio: 415,
    errors.PlaylistRefused: 415,
    errors.TruncatedAudio: 422,
    errors.EmptyAudio: 422,
    errors.BadInput: 400,
    errors.Unauthorized: 401,
    errors.NotAllowed: 403,
    errors.NotFound: 404,
    errors.CallDeleted: 410,
    errors.SessionLost: 410,
    errors.Conflict: 409,
    errors.DiskFull: 507,
    errors.Unavailable: 503,
}
_RETRY_AFTER_S = "2"
_SHOWN_CHARACTERS = 60


def status_of(error: TwicetoldError) -> int:
    """The HTTP status of an error."""
    return next((_STATUS[kind] for kind in type(error).__mro__ if kind in _STATUS), 500)


def error_response(error: TwicetoldError) -> JSONResponse:
    status = status_of(error)
    headers = {}
    if status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = 'Bearer realm="twicetold"'
    if status in (HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.INSUFFICIENT_STORAGE):
        headers["Retry-After"] = _RETRY_AFTER_S
    return JSONResponse({"error": error.to_dict()}, status, headers)


def problem(
    status: int,
    code: str,
    message: str,
    hint: str = "",
    *,
    retryable: bool = False,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """An error that only HTTP knows."""
    body = {"code": code, "message": message, "hint": hint, "retryable": retryable}
    return JSONResponse({"error": body}, status, headers)


def shown(value: object) -> str:
    """What a client sent, quoted, for a message."""
    return f"'{clipped(value)}'"


def clipped(value: object) -> str:
    """What a client sent, short and in plain ASCII."""
    text = str(value)
    short = text[:_SHOWN_CHARACTERS] + ("…" if len(text) > _SHOWN_CHARACTERS else "")
    return short.encode("unicode_escape").decode("ascii").replace("\\u2026", "…")


def install(app: FastAPI) -> None:
    """Have the app answer all its errors this way."""
    app.add_exception_handler(TwicetoldError, _on_ours)
    app.add_exception_handler(RequestValidationError, _on_validation)
    app.add_exception_handler(HTTPException, _on_http)


async def _on_ours(request: Request, error: Exception) -> Response:
    assert isinstance(error, TwicetoldError)
    if status_of(error) >= HTTPStatus.INTERNAL_SERVER_ERROR:
        log.warning("request_failed", code=error.code, reason=error.message)
    return error_response(error)


async def _on_validation(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return error_response(_bad_parameter(error.errors()))


def _bad_parameter(found: Sequence[Mapping[str, Any]]) -> BadParameter:
    """The first complaint of the validator: which parameter, what it got, what it takes."""
    first = found[0]
    place = [str(part) for part in first["loc"]]
    name = ".".join(place[1:]) or "The body"
    takes = str(first["msg"]).replace("Input should be", "It takes", 1).rstrip(".") + "."
    if first["type"] == "missing":
        return BadParameter(f"{name} is missing.", "Send it; /docs says what it is.")
    if first["type"] == "extra_forbidden":
        return BadParameter(f"There is no field {shown(name)}.", "/docs says what there is.")
    if first["type"] == "value_error":  # of ours
        takes = takes.removeprefix("Value error, ")
    elif first["type"] == "json_invalid" or name == "The body":
        return BadParameter(
            "The body is not what this takes.",
            "Send JSON, with Content-Type: application/json; see /docs.",
        )
    # The name may be the client's own, as a key of an object that takes any.
    return BadParameter(f"{clipped(name)} got {shown(first.get('input'))}.", takes)


async def _on_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    what = f"{request.method} {request.url.path}"[:200]
    if error.status_code == HTTPStatus.NOT_FOUND:
        return problem(
            404, "not_found", f"There is nothing at {what}.", "/docs says what there is."
        )
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        allowed = (error.headers or {}).get("allow") or (error.headers or {}).get("Allow", "")
        return problem(
            405,
            "method_not_allowed",
            f"{what} is not possible.",
            f"It takes {allowed}." if allowed else "/docs says what there is.",
            headers=error.headers,
        )
    return error_response(
        BadParameter(
            "The request's body cannot be read.",
            "Send JSON, with Content-Type: application/json; see /docs.",
        )
    )
