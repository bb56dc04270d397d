"""Requests to ``/chat/completions``: one question, one JSON object, or an error that says why."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import httpx
import structlog

from twicetold.enrich.llm.budget import Spending
from twicetold.errors import LlmFailed, LlmNotAllowed, LlmRefused, SettingError

_log = structlog.get_logger()

_CONNECT_S = 10.0
_MOST_BYTES: Final = 2 * 1024 * 1024
_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 5.0
_ATTEMPTS = 2
_AGAIN = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})
_FORMAT_NAMES = ("response_format", "json_schema", "json_object")
_FENCE = re.compile(r"\s*```(?:json)?\s*\n(.*?)\n\s*```\s*", re.DOTALL)


@dataclass(frozen=True, slots=True)
class LlmEndpoint:
    """``url`` up to ``/chat/completions`` (``https://host/v1``). ``allowed``: whether the tenant
    lets its words go there."""

    url: str
    model: str
    key: str = field(default="", repr=False)
    allowed: bool = False
    timeout_s: float = 60.0


class LlmClient:
    """One endpoint. Shared by calls; ``aclose`` it. Raises SettingError for an address that is
    none."""

    def __init__(self, endpoint: LlmEndpoint) -> None:
        if not endpoint.url.startswith(("http://", "https://")):
            raise SettingError(
                f"The address of the language model is {endpoint.url!r}; it begins with https://."
            )
        self.endpoint = endpoint
        self._url = f"{endpoint.url.rstrip('/')}/chat/completions"
        self._manners = _Manners()
        headers = {"User-Agent": "twicetold"}
        if endpoint.key:
            headers["Authorization"] = f"Bearer {endpoint.key}"
        timeout = httpx.Timeout(endpoint.timeout_s, connect=min(_CONNECT_S, endpoint.timeout_s))
        self._client = httpx.AsyncClient(headers=headers, timeout=timeout)

    @property
    def model(self) -> str:
        return self.endpoint.model

    async def aclose(self) -> None:
        await self._client.aclose()

    async def ask(
        self,
        task: str,
        text: str,
        *,
        name: str,
        schema: Mapping[str, Any],
        most_written: int,
        spending: Spending,
    ) -> dict[str, Any]:
        """The answer to ``task`` about ``text``, as an object of the JSON ``schema`` called
        ``name``; the schema is asked for, and to be checked by the caller.

        Raises LlmNotAllowed, LlmBudgetSpent, LlmRefused, or LlmFailed where the server hangs, is
        not there or answers something else. No error holds a word of what was said.
        """
        if not self.endpoint.allowed:
            raise LlmNotAllowed(f"The tenant does not allow the language model {self.model}.")
        prompt = task + text
        messages = [{"role": "system", "content": task}, {"role": "user", "content": text}]
        attempt = 1
        while True:
            spending.reserve(prompt, most_written)
            body = {"model": self.model, "messages": messages}
            body |= self._manners.options(name, schema, most_written)
            status, answer, wait_s = await self._post(body)
            if status < 300:
                # Whatever comes of it: tokens that are spent are spent.
                spending.book(prompt, answer.get("usage"), _text(answer))
                return _object(_content(answer), answer)
            if status in (400, 422) and self._manners.learn(answer):
                continue
            if status not in _AGAIN:
                raise LlmRefused(f"The language model's server answered {status}.")
            if attempt == _ATTEMPTS:
                raise LlmFailed(f"The language model's server answered {status}.")
            attempt += 1
            _log.warning("llm_retried", model=self.model, status=status)
            await asyncio.sleep(wait_s)

    async def _post(self, body: Mapping[str, Any]) -> tuple[int, dict[str, Any], float]:
        """Status, what was answered if that is an object, and how long to wait before trying
        again."""
        content = bytearray()
        try:
            async with asyncio.timeout(self.endpoint.timeout_s):
                async with self._client.stream("POST", self._url, json=body) as answer:
                    async for piece in answer.aiter_bytes():
                        content += piece
                        if len(content) > _MOST_BYTES:
                            raise LlmFailed("The language model's server answered far too much.")
        except (httpx.TimeoutException, TimeoutError):
            raise LlmFailed("The language model did not answer in time.") from None
        except (httpx.TransportError, httpx.DecodingError, httpx.InvalidURL) as error:
            what = type(error).__name__
            raise LlmFailed(f"The language model's server cannot be reached ({what}).") from None
        told = _json(bytes(content))
        body_ = told if isinstance(told, dict) else {}
        return answer.status_code, body_, _pause_s(answer.headers.get("retry-after", ""))


class _Manners:
    """What a server takes: servers of this interface differ, and say so when asked for too much."""

    def __init__(self) -> None:
        self._formats = ["json_schema", "json_object", ""]
        self._limit = "max_tokens"
        self._temperature = True

    def options(self, name: str, schema: Mapping[str, Any], most: int) -> dict[str, Any]:
        options: dict[str, Any] = {self._limit: most}
        if self._temperature:
            options["temperature"] = 0
        if self._formats[0] == "json_schema":
            told = {"name": name, "strict": True, "schema": schema}
            options["response_format"] = {"type": "json_schema", "json_schema": told}
        elif self._formats[0]:
            options["response_format"] = {"type": self._formats[0]}
        return options

    def learn(self, answer: Mapping[str, Any]) -> bool:
        """Whether a refusal names something that can be left out or said in another way."""
        said = json.dumps(answer.get("error", answer)).lower()
        if "max_tokens" in said and self._limit == "max_tokens":
            self._limit = "max_completion_tokens"
        elif "temperature" in said and self._temperature:
            self._temperature = False
        elif any(name in said for name in _FORMAT_NAMES) and len(self._formats) > 1:
            del self._formats[0]
        else:
            return False
        return True


def _content(answer: Mapping[str, Any]) -> str:
    """The text of an answer. Raises LlmFailed where there is none."""
    try:
        choice = answer["choices"][0]
        content = choice["message"]["content"]
    except (KeyError, IndexError, TypeError):
        raise LlmFailed("The language model's server answered something else.") from None
    if not isinstance(content, str):
        raise LlmFailed("The language model gave no answer.")
    return content


def _text(answer: Mapping[str, Any]) -> str | None:
    """As ``_content``; None where there is none."""
    with contextlib.suppress(LlmFailed):
        return _content(answer)
    return None


def _object(content: str, answer: Mapping[str, Any]) -> dict[str, Any]:
    """Raises LlmFailed for what is no JSON object."""
    if answer["choices"][0].get("finish_reason") == "length":
        raise LlmFailed("The language model's answer was cut off.")
    fenced = _FENCE.fullmatch(content)
    told = _json((fenced.group(1) if fenced else content).encode("utf-8", "replace"))
    if not isinstance(told, dict):
        raise LlmFailed("The language model answered no JSON object.")
    return told


def _json(content: bytes) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None


def _pause_s(retry_after: str) -> float:
    try:
        wait_s = float(retry_after)
    except ValueError:
        return _PAUSE_S
    return min(max(_PAUSE_S, wait_s), _LONGEST_PAUSE_S) if wait_s == wait_s else _PAUSE_S
