"""Requests over HTTP, repeated with growing pauses where that may help."""

from __future__ import annotations

import asyncio
import email.utils
import json
import random
import time
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from typing import Any, TypeVar

import httpx
import structlog

from twicetold.engines.remote.limits import MOST_ANSWER_BYTES
from twicetold.engines.remote.telling import refusal, told, worth_again
from twicetold.errors import EngineFailed

_log = structlog.get_logger()

_ATTEMPTS = 5
_FIRST_DELAY_S, _LONGEST_DELAY_S = 0.5, 20.0
_LONGEST_RETRY_AFTER_S = 60.0
_CONNECT_S = 10.0

Reason = Callable[[Any], tuple[str, str]]
Form = Mapping[str, str | Sequence[str]]
T = TypeVar("T")


async def all_of(questions: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """The answers, in order. Where one fails the others are given up, and its error is raised."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(question) for question in questions]
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from None
    return [task.result() for task in tasks]


class Requests:
    """Posts WAV files to ``url``, ``most`` at once.

    ``names``: of the settings that hold address and key; ``timeout_s``: a server may be silent for
    so long, and take twice as long for all of an answer; ``reason``: the words and the code in the
    body of an error.
    """

    def __init__(
        self,
        engine: str,
        url: str,
        headers: Mapping[str, str],
        names: tuple[str, str],
        reason: Reason,
        *,
        secret: str | None,
        most: int,
        timeout_s: float,
    ) -> None:
        self._engine, self._url, self._names = engine, url, names
        self._reason, self._secret = reason, secret
        self._places, self._timeout_s = asyncio.Semaphore(most), timeout_s
        self._client = httpx.AsyncClient(
            headers={"User-Agent": "twicetold", **headers},
            timeout=httpx.Timeout(timeout_s, connect=min(_CONNECT_S, timeout_s)),
            limits=httpx.Limits(max_connections=most, max_keepalive_connections=most),
        )

    async def post(self, wav: bytes, form: Form, private: Sequence[str] = ()) -> dict[str, Any]:
        """The JSON object that is answered. ``private``: what of the form is in no error, though
        the server quotes it. Raises EngineRefused, or EngineFailed after the last attempt."""
        self.check_open()
        async with self._places:
            delay_s = _FIRST_DELAY_S
            for attempt in range(1, _ATTEMPTS + 1):
                failure, wait_s = await self._once(wav, form, private)
                if isinstance(failure, dict):
                    return failure
                if not failure.retryable or attempt == _ATTEMPTS:
                    raise failure
                wait_s = max(wait_s, delay_s * random.uniform(0.5, 1.0))
                _log.warning(
                    "remote_engine_retried", engine=self._engine, error=failure.message,
                    attempt=attempt, wait_s=round(wait_s, 2),
                )  # fmt: skip
                await asyncio.sleep(wait_s)
                delay_s = min(2 * delay_s, _LONGEST_DELAY_S)
        raise AssertionError("the last attempt raises")

    def check_open(self) -> None:
        if self._client.is_closed:
            raise EngineFailed("The engine has been closed.")

    async def aclose(self) -> None:
        await self._client.aclose()

    async def _once(
        self, wav: bytes, form: Form, private: Sequence[str]
    ) -> tuple[dict[str, Any] | EngineFailed, float]:
        """One attempt: its answer or what went wrong, and how long the server asks us to wait."""
        try:
            async with asyncio.timeout(2 * self._timeout_s):
                answer, content = await self._answer(wav, form)
        except (httpx.TimeoutException, TimeoutError):
            return EngineFailed(f"The server of engine {self._engine} did not answer in time."), 0.0
        except httpx.TransportError as error:
            what = f"cannot be reached ({type(error).__name__})"
            hint = f"Look at {self._names[0]}, and whether that server runs."
            return EngineFailed(f"The server of engine {self._engine} {what}.", hint), 0.0
        except httpx.DecodingError:
            return EngineFailed(f"The server of engine {self._engine} answered garbage."), 0.0
        if content is None:
            most = f"more than {MOST_ANSWER_BYTES:,} bytes"
            return EngineFailed(f"The server of engine {self._engine} answered {most}."), 0.0
        body = _json_of(content)
        if answer.is_success and isinstance(body, dict):
            return body, 0.0
        return self._refusal(answer, body, private), _retry_after_s(answer)

    async def _answer(self, wav: bytes, form: Form) -> tuple[httpx.Response, bytes | None]:
        """The answer with its content; None where that is too long, of which no more is read."""
        files, content = {"file": ("sound.wav", wav, "audio/wav")}, bytearray()
        async with self._client.stream("POST", self._url, data=dict(form), files=files) as answer:
            async for piece in answer.aiter_bytes():
                content += piece
                if len(content) > MOST_ANSWER_BYTES:
                    return answer, None
            return answer, bytes(content)

    def _refusal(self, answer: httpx.Response, body: Any, private: Sequence[str]) -> EngineFailed:
        url, key = self._names
        if answer.is_success:
            return EngineFailed(f"The server of engine {self._engine} answered no JSON object.")
        words, code = self._reason(body)
        status = answer.status_code
        if code == "insufficient_quota":  # a 429 that no waiting mends
            status = 402
        return refusal(self._engine, status, told(words, self._secret, private), url=url, key=key)


def _json_of(content: bytes) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None


def _retry_after_s(answer: httpx.Response) -> float:
    """What the server asks for, in seconds or as a date, within reason."""
    given = answer.headers.get("retry-after", "")
    if not worth_again(answer.status_code) or not given:
        return 0.0
    try:
        wait_s = float(given)
    except ValueError:
        try:
            wait_s = email.utils.parsedate_to_datetime(given).timestamp() - time.time()
        except ValueError:
            return 0.0
    return min(max(0.0, wait_s), _LONGEST_RETRY_AFTER_S) if wait_s == wait_s else 0.0
