"""Alerts of the rules that come along, in a call of two channels that nobody has set up."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.integration import live_harness as harness
from tests.integration.live_harness import RATE, Served, call, serving
from tests.integration.webhook_receiver import receiving

from twicetold.engines import EngineInfo, Stream, opening
from twicetold.engines.counter import CounterEngine, render
from twicetold.engines.inline import Inline
from twicetold.parts import webhooks_kept
from twicetold.speech.transcript import Hypothesis
from twicetold.webhooks import ALERT

pytestmark = pytest.mark.integration

AGENT = ["thank", "you", "for", "calling", "how", "can", "I", "help", "you"]
CUSTOMER = ["I", "want", "to", "cancel", "my", "contract", "please"]


class Reading:
    """Engine ``counter``, whose integers are words of a list."""

    def __init__(self, words: Sequence[str]) -> None:
        self._inner, self._words = Inline(CounterEngine()), words

    @property
    def info(self) -> EngineInfo:
        return self._inner.info

    async def start_stream(
        self, rate: int, language: str, adaptation: str | None = None, *_: Any
    ) -> ReadingStream:
        inner = await self._inner.start_stream(rate, language, adaptation)
        return ReadingStream(inner, self._words)

    async def aclose(self) -> None:
        await self._inner.aclose()


class ReadingStream:
    def __init__(self, inner: Stream, words: Sequence[str]) -> None:
        self._inner, self._words = inner, words

    async def accept(self, pcm: bytes) -> Hypothesis:
        return self._read(await self._inner.accept(pcm))

    async def finish(self) -> Hypothesis:
        return self._read(await self._inner.finish())

    async def aclose(self) -> None:
        await self._inner.aclose()

    def _read(self, heard: Hypothesis) -> Hypothesis:
        words = (replace(word, text=self._words[int(word.text)]) for word in heard.words)
        return replace(heard, words=tuple(words))


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    async def opened(*_args: Any, **_options: Any) -> Reading:
        return Reading([*AGENT, *CUSTOMER])

    monkeypatch.setattr(opening, "open_live", opened)
    with serving(tmp_path, rules="default", webhook_networks="127.0.0.1") as served:
        yield served


def talk() -> bytes:
    """The agent on the left, then the customer on the right."""
    left = render(0, len(AGENT), RATE, group=20, pause_s=0.9)
    right = render(len(AGENT), len(CUSTOMER), RATE, group=20, pause_s=0.9)
    return harness.stereo(left, bytes(len(left)) + right)


async def followed(server: Served, call_id: str) -> AsyncIterator[dict[str, Any]]:
    """What another who follows the call is told."""
    path = f"/v1/calls/{call_id}/events"
    async with server.client() as client, client.stream("GET", path) as told:
        assert told.status_code == 200
        async for line in told.aiter_lines():
            if line.startswith("data:"):
                yield json.loads(line.removeprefix("data:"))


async def alerts_and_done(server: Served, call_id: str) -> list[dict[str, Any]]:
    found = []
    async for event in followed(server, call_id):
        if event["type"] == "alert":
            found.append(event)
        elif event["type"] == "done":
            break
    return found


async def test_the_default_rules_alert_followers_and_webhooks_in_a_stereo_call(
    server: Served,
) -> None:
    async with receiving() as receiver:
        async with webhooks_kept(server.data_dir) as outbox:
            await outbox.add("default", receiver.url, (ALERT,))
        async with call(server, "stereo", channels=2) as client:
            following = asyncio.create_task(alerts_and_done(server, "stereo"))
            await client.play(talk(), 12_800)
            finals = await client.finish()
        async with asyncio.timeout(20):
            to_follower = await following
        to_client = [event for event in client.seen if event["type"] == "alert"]
        await receiver.had(1)
    [final] = [each for each in finals if each["channel"] == 1]
    [alert] = to_client
    assert to_follower == [alert]
    assert (alert["rule"], alert["category"]) == ("wants to cancel", "cancellation")
    assert (alert["event"], alert["channel"]) == (final["event"], 1)
    assert "reason" in alert["suggestion"]
    [request] = receiver.requests
    told = request.event
    assert (told["type"], told["call_id"]) == (ALERT, "stereo")
    assert told["data"] == {name: value for name, value in alert.items() if name != "type"}
