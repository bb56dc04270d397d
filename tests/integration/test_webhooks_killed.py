"""A server that is killed while it tells of a call tells it again, under the same id; and the whole
way from a recording to its webhook, by the product as its user starts it."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import pytest
from tests.integration.roles_harness import installation
from tests.integration.webhook_receiver import never, receiving, status

from twicetold.engines.counter import render
from twicetold.speech.wav import wav_head
from twicetold.webhooks import COMPLETED
from twicetold.webhooks.sqlite import SqliteOutbox

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]

RATE = 8000


@pytest.mark.slow
async def test_a_killed_server_tells_it_again(tmp_path: Path) -> None:
    given = {"webhook_networks": "127.0.0.0/8"}
    async with installation(tmp_path, "file://", **given) as product, receiving(never) as receiver:
        outbox = SqliteOutbox(product.data_dir / "webhooks.sqlite3")
        await outbox.add("default", receiver.url, [COMPLETED])
        await outbox.aclose()
        role = await product.start("serve")
        await role.ready()
        pcm = render(0, 20, RATE)
        there = product.data_dir / "store" / "recordings" / "default" / "call-1.wav"
        await asyncio.to_thread(there.parent.mkdir, parents=True, exist_ok=True)
        await asyncio.to_thread(there.write_bytes, wav_head(RATE, 1, len(pcm)) + pcm)
        await receiver.had(1, within_s=30)
        await role.end(signal.SIGKILL)

        receiver.answer = status(200)
        again = await product.start("serve")
        await again.ready()
        await receiver.had(2, within_s=30)
        async with asyncio.timeout(20):
            while True:
                told = (await again.ask("/v1/webhooks/deliveries")).json()["deliveries"]
                if [each["state"] for each in told] == ["delivered"]:
                    break
                await asyncio.sleep(0.05)
    first, second = receiver.requests
    assert first.body == second.body
    assert first.headers["webhook-id"] == second.headers["webhook-id"] == told[0]["event_id"]
    event = second.event
    assert (event["type"], event["tenant"], event["call_id"]) == (
        "call.completed",
        "default",
        "call-1",
    )
    assert (event["data"]["status"], event["data"]["engine"]) == ("done", "counter")
    assert event["data"]["length_s"] == pytest.approx(len(pcm) / 2 / RATE)
