"""A server of OpenAI's ``/chat/completions``, strict: what has no place is a ``violation``.

``answers`` says what becomes of the next requests, one each; when it is empty, the model answers as
``reply`` does. ``refuses`` names what this server does not know, as older servers do not.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

from tests.servers.speaking import KEY
from tests.servers.transcriptions import Answer, FileServer, Request

MODEL = "small-model"
_KNOWN = {
    "model", "messages", "temperature", "max_tokens", "max_completion_tokens", "response_format",
}  # fmt: skip

Reply = Callable[[str, str], Any]  # task and text in, the model's words out


def content(told: Any, *, finish_reason: str = "stop", usage: Any = None) -> Answer:
    """An answer in which the model says ``told``: a text, or JSON."""
    text = told if isinstance(told, str) or told is None else json.dumps(told)
    message = {"role": "assistant", "content": text}
    choice = {"index": 0, "message": message, "finish_reason": finish_reason}
    return Answer(body={"id": "c-1", "object": "chat.completion", "choices": [choice]} | _of(usage))


def _of(usage: Any) -> dict[str, Any]:
    return {} if usage is None else {"usage": usage}


class ChatServer(FileServer):
    path = "/v1/chat/completions"

    def __init__(self, reply: Reply) -> None:
        super().__init__()
        self.reply = reply
        self.refuses: set[str] = set()
        self.asked: list[dict[str, Any]] = []
        self.usage: Any = {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}

    @property
    def url(self) -> str:
        return super().url + "/v1"

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                request, body = await _json_request(reader)
                self.asked.append(body)
                await self._serve(request, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def transcribed(self, request: Request) -> Answer:
        """What FileServer calls for whatever is asked."""
        if request.headers.get("authorization") != f"Bearer {KEY}":
            return Answer(401, {"error": {"message": "Incorrect API key provided."}})
        body = self.asked[-1]
        if refused := self._refused(body):
            return Answer(400, {"error": {"message": f"{refused} is not supported."}})
        assert set(body) <= _KNOWN, f"unknown: {set(body) - _KNOWN}"
        assert body["model"] == MODEL
        roles = [message["role"] for message in body["messages"]]
        assert roles == ["system", "user"], roles
        assert ("max_tokens" in body) != ("max_completion_tokens" in body)
        self._check_format(body.get("response_format", {"type": "text"}))
        task, text = (message["content"] for message in body["messages"])
        return content(self.reply(task, text), usage=self.usage)

    def _refused(self, body: dict[str, Any]) -> str:
        form = body.get("response_format", {}).get("type", "")
        return next((each for each in sorted(self.refuses) if each in body or each == form), "")

    def _check_format(self, form: dict[str, Any]) -> None:
        assert form["type"] in ("json_schema", "json_object", "text"), form
        if form["type"] != "json_schema":
            return
        told = form["json_schema"]
        assert set(told) == {"name", "strict", "schema"}
        _check_schema(told["schema"])


def _check_schema(schema: dict[str, Any]) -> None:
    """As strict servers want it: every object closed, every property required."""
    if schema["type"] == "object":
        assert schema["additionalProperties"] is False
        assert set(schema["required"]) == set(schema["properties"])
        for inner in schema["properties"].values():
            _check_schema(inner)
    elif schema["type"] == "array":
        _check_schema(schema["items"])


async def _json_request(reader: asyncio.StreamReader) -> tuple[Request, dict[str, Any]]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    method, path, _ = head[0].split()
    headers = {
        name.lower(): value for name, value in (line.split(": ", 1) for line in head[1:] if line)
    }
    assert method == "POST"
    assert headers["content-type"] == "application/json"
    body = await reader.readexactly(int(headers["content-length"]))
    return Request(path, headers, {}), json.loads(body)
