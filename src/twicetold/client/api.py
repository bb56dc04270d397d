"""The HTTP API from Python: calls, transcripts, search, jobs, uploads."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import httpx

from twicetold.client.error import ServerError, server_error

_UPLOAD_PIECE_BYTES = 256 * 1024
_SILENCE_S = 60.0  # the server says every 5 s that it is still there
_STREAM_ATTEMPTS = 6
_OVER = ("done", "failed")
_TIMEOUT = httpx.Timeout(30.0, connect=5.0)


class ApiClient:
    """A server's HTTP API. Every verb raises ServerError where it refuses or is not there."""

    def __init__(
        self,
        url: str,
        key: str | None = None,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """``url``: the server's address. ``transport``: how to reach it, if not as usual."""
        self.url = url.replace("ws://", "http://").replace("wss://", "https://").rstrip("/")
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._http = httpx.AsyncClient(
            base_url=self.url, headers=headers, timeout=_TIMEOUT, transport=transport
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._http.aclose()

    async def calls(self, limit: int = 50, cursor: str | None = None) -> dict[str, Any]:
        """``{calls, cursor}``, newest first; give ``cursor`` back for the next page."""
        return await self._json("GET", "/v1/calls", params=_given(limit=limit, cursor=cursor))

    async def call(self, call_id: str) -> dict[str, Any]:
        return await self._json("GET", _call(call_id))

    async def transcript(self, call_id: str, version: str = "best") -> dict[str, Any]:
        """The transcript as data; ``version`` is best, draft or canonical."""
        return await self._json("GET", f"{_call(call_id)}/transcript", params={"version": version})

    async def transcript_text(self, call_id: str, version: str, form: str) -> str:
        """The transcript as txt, srt, vtt or json text."""
        parameters = {"version": version, "format": form}
        response = await self._send("GET", f"{_call(call_id)}/transcript", params=parameters)
        return response.text

    async def search(
        self, query: str, limit: int = 20, cursor: str | None = None
    ) -> dict[str, Any]:
        """``{hits, cursor}``; a snippet is ``{text, matches}``, matches [from, to) in it."""
        parameters = _given(q=query, limit=limit, cursor=cursor)
        return await self._json("GET", "/v1/search", params=parameters)

    async def usage(
        self,
        group: str = "day",
        first_day: str | None = None,
        last_day: str | None = None,
        limit: int = 1000,
        cursor: str | None = None,
    ) -> dict[str, Any]:
        """``{from, to, currency, rows, total, cursor}``; days are UTC's, both included."""
        days = {"from": first_day, "to": last_day}
        parameters = _given(group=group, limit=limit, cursor=cursor, **days)
        return await self._json("GET", "/v1/usage", params=parameters)

    async def jobs(self, state: str | None = None, limit: int = 100) -> dict[str, Any]:
        return await self._json("GET", "/v1/jobs", params=_given(state=state, limit=limit))

    async def retry(self, call_id: str, *, again: bool = False) -> None:
        """Free the call's failed job; ``again`` also one that is done."""
        await self._send("POST", f"{_call(call_id)}/retry{'?again=true' if again else ''}")

    async def delete(self, call_id: str) -> None:
        """Remove all that is kept of a call, for good."""
        await self._send("DELETE", _call(call_id))

    async def set_outcomes(self, call_id: str, outcomes: Mapping[str, str]) -> dict[str, Any]:
        """Say what came of a call, in the place of what was said before: ``{outcomes, counted,
        lead_score}``."""
        return await self._json("PUT", f"{_call(call_id)}/outcomes", json=dict(outcomes))

    async def upload(
        self,
        call_id: str,
        path: Path,
        *,
        language: str | None = None,
        on_progress: Callable[[int], None] | None = None,
    ) -> dict[str, Any]:
        """Send a finished recording; ``on_progress`` is told the bytes sent so far."""
        size = (await asyncio.to_thread(path.stat)).st_size
        return await self._json(
            "PUT",
            f"/v1/recordings/{quote(call_id, safe='')}",
            params=_given(language=language),
            content=_pieces(path, on_progress),
            headers={"Content-Length": str(size), "Content-Type": "application/octet-stream"},
            timeout=httpx.Timeout(300.0, connect=5.0),
        )

    async def events(self, call_id: str, after: int = 0) -> AsyncIterator[dict[str, Any]]:
        """Follow a call: finals after an event, then what comes, until its canonical transcript
        stands or has failed. A lost connection is taken up again after the last final."""
        failures = 0
        while True:
            try:
                async for event in self._stream(call_id, after):
                    if event["type"] == "error":
                        raise ServerError.from_body(event)
                    failures, after = 0, event["event"] if event["type"] == "final" else after
                    yield event
                    if event["type"] == "status" and event["status"] in _OVER:
                        return
                raise self._unreachable("the stream ended")  # the server stops or starts again
            except ServerError as error:
                failures += 1
                if not error.retryable or failures > _STREAM_ATTEMPTS:
                    raise
            await asyncio.sleep(min(0.2 * 2**failures, 5.0))

    async def _stream(self, call_id: str, after: int) -> AsyncIterator[dict[str, Any]]:
        """The server-sent events of one connection."""
        headers = {"Last-Event-ID": str(after)} if after else {}
        timeout = httpx.Timeout(_SILENCE_S, connect=5.0)
        url = f"{_call(call_id)}/events"
        try:
            async with self._http.stream("GET", url, headers=headers, timeout=timeout) as response:
                if response.is_error:
                    raise server_error(response.status_code, await response.aread())
                async for line in response.aiter_lines():
                    if line.startswith("data:"):
                        event = json.loads(line.removeprefix("data:"))
                        if event["type"] != "alive":
                            yield event
        except httpx.TransportError as error:
            raise self._unreachable(str(error) or type(error).__name__) from error

    async def _json(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        response = await self._send(method, path, **options)
        try:
            body: dict[str, Any] = response.json()
        except ValueError:
            raise server_error(response.status_code, response.content) from None
        return body

    async def _send(self, method: str, path: str, **options: Any) -> httpx.Response:
        try:
            response = await self._http.request(method, path, **options)
        except httpx.TransportError as error:
            raise self._unreachable(str(error) or type(error).__name__) from error
        if response.is_error:
            raise server_error(response.status_code, response.content)
        return response

    def _unreachable(self, reason: str) -> ServerError:
        return ServerError(
            "connection_lost",
            f"No answer from {self._http.base_url.netloc.decode()}: {reason}.",
            "Is the server running? Start one with 'twicetold serve', or name another with --url.",
            retryable=True,
        )


def _call(call_id: str) -> str:
    return f"/v1/calls/{quote(call_id, safe='')}"


def _given(**parameters: str | int | None) -> dict[str, str | int]:
    return {name: value for name, value in parameters.items() if value is not None}


async def _pieces(path: Path, on_progress: Callable[[int], None] | None) -> AsyncIterator[bytes]:
    sent = 0
    file = await asyncio.to_thread(path.open, "rb")
    try:
        while piece := await asyncio.to_thread(file.read, _UPLOAD_PIECE_BYTES):
            yield piece
            sent += len(piece)
            if on_progress is not None:
                on_progress(sent)
    finally:
        file.close()
