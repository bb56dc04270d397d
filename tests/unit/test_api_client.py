"""ApiClient against canned answers: what it asks for, and what it makes of errors."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from twicetold.client import ApiClient, ServerError
from twicetold.client import api as api_module

pytestmark = pytest.mark.unit

PROBLEM = {
    "error": {"code": "call_not_found", "message": "No call.", "hint": "List.", "retryable": False}
}
Answer = Callable[[httpx.Request], httpx.Response]


def client_of(answer: Answer, key: str | None = None) -> ApiClient:
    return ApiClient("http://server/", key, transport=httpx.MockTransport(answer))


async def test_each_verb_asks_for_the_right_thing() -> None:
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(f"{request.method} {request.url.raw_path.decode()}")
        assert request.headers["Authorization"] == "Bearer k"
        return httpx.Response(200, json={})

    async with client_of(answer, "k") as api:
        await api.calls(5, "next")
        await api.call("a/b")
        await api.transcript("c")
        await api.transcript_text("c", "draft", "srt")
        await api.search("hello world")
        await api.jobs("failed", 3)
        await api.retry("c")
        await api.delete("c")
        await api.set_outcomes("a/b", {"won": "yes"})
    assert asked == [
        "GET /v1/calls?limit=5&cursor=next",
        "GET /v1/calls/a%2Fb",
        "GET /v1/calls/c/transcript?version=best",
        "GET /v1/calls/c/transcript?version=draft&format=srt",
        "GET /v1/search?q=hello+world&limit=20",
        "GET /v1/jobs?state=failed&limit=3",
        "POST /v1/calls/c/retry",
        "DELETE /v1/calls/c",
        "PUT /v1/calls/a%2Fb/outcomes",
    ]


@pytest.mark.parametrize("body", [PROBLEM, PROBLEM["error"]])
async def test_an_error_keeps_the_servers_own_words(body: dict[str, Any]) -> None:
    async with client_of(lambda _: httpx.Response(404, json=body)) as api:
        with pytest.raises(ServerError) as caught:
            await api.call("c")
    assert caught.value.to_dict() == PROBLEM["error"]


@pytest.mark.parametrize(("status", "retryable"), [(502, True), (404, False), (429, True)])
async def test_an_answer_that_is_not_ours_is_named(status: int, retryable: bool) -> None:
    async with client_of(lambda _: httpx.Response(status, text="<html>")) as api:
        with pytest.raises(ServerError, match=str(status)) as caught:
            await api.call("c")
    assert caught.value.retryable is retryable


async def test_a_page_where_data_belongs_is_an_error() -> None:
    async with client_of(lambda _: httpx.Response(200, text="<html>")) as api:
        with pytest.raises(ServerError):
            await api.calls()


async def test_nobody_there_says_how_to_start_one() -> None:
    def answer(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    async with client_of(answer) as api:
        with pytest.raises(ServerError, match="refused") as caught:
            await api.calls()
    assert "twicetold serve" in caught.value.hint


async def test_an_upload_is_streamed_with_its_length_and_progress(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(bytes(range(256)) * 4096)
    seen: list[tuple[str, str, bytes]] = []

    async def answer(request: httpx.Request) -> httpx.Response:
        body = await request.aread()
        target = request.url.raw_path.decode()
        seen.append((target, request.headers["Content-Length"], body))
        assert "Transfer-Encoding" not in request.headers
        return httpx.Response(201, json={"call_id": "c"})

    sent: list[int] = []
    transport = httpx.MockTransport(answer)
    async with ApiClient("http://server", transport=transport) as api:
        await api.upload("c", path, language="en", on_progress=sent.append)
    assert seen == [("/v1/recordings/c?language=en", "1048576", path.read_bytes())]
    assert sent[-1] == 1_048_576
    assert sent == sorted(sent)


def stream(*events: dict[str, Any]) -> httpx.Response:
    text = "".join(f": comment\nevent: x\ndata: {json.dumps(event)}\n\n" for event in events)
    return httpx.Response(200, text=text, headers={"Content-Type": "text/event-stream"})


def final(number: int) -> dict[str, Any]:
    return {"type": "final", "event": number}


DONE = {"type": "status", "status": "done"}


async def test_following_goes_on_after_the_last_final_when_the_stream_breaks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    waits: list[float] = []

    async def no_wait(seconds: float) -> None:
        waits.append(seconds)

    monkeypatch.setattr(api_module.asyncio, "sleep", no_wait)
    after: list[str | None] = []

    def answer(request: httpx.Request) -> httpx.Response:
        after.append(request.headers.get("Last-Event-ID"))
        if len(after) == 1:
            return stream(final(1), final(2))
        if len(after) == 2:
            raise httpx.ReadError("reset")
        return stream({"type": "alive"}, final(3), DONE, {"type": "never"})

    async with client_of(answer) as api:
        events = [event async for event in api.events("c")]
    assert events == [final(1), final(2), final(3), DONE]
    assert after == [None, "2", "2"]
    assert len(waits) == 2


async def test_following_ends_with_the_servers_error() -> None:
    told = {"type": "error"} | PROBLEM["error"]
    async with client_of(lambda _: stream(final(1), told)) as api:
        with pytest.raises(ServerError, match="No call"):
            async for _ in api.events("c"):
                pass
    async with client_of(lambda _: httpx.Response(404, json=PROBLEM)) as api:
        with pytest.raises(ServerError, match="No call"):
            async for _ in api.events("c"):
                pass


async def test_following_gives_up_after_some_attempts(monkeypatch: pytest.MonkeyPatch) -> None:
    async def no_wait(seconds: float) -> None:
        assert seconds <= 5

    monkeypatch.setattr(api_module.asyncio, "sleep", no_wait)
    tries = 0

    def answer(_: httpx.Request) -> httpx.Response:
        nonlocal tries
        tries += 1
        return httpx.Response(503, text="")

    async with client_of(answer) as api:
        with pytest.raises(ServerError):
            async for _ in api.events("c"):
                pass
    assert 2 < tries < 20
