"""Roles as processes of their own: what they need, what they say, and how they hand over."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import time
import uuid
from pathlib import Path
from typing import Any

import pytest
from tests.carriers.kafka_server import KafkaServer, needs_kafka
from tests.carriers.process import free_port
from tests.integration import live_harness as harness
from tests.integration.live_harness import RATE, call, talk, words
from tests.integration.roles_harness import Role, installation
from tests.tree import below

from twicetold.cli.checks import CHECKS, examined
from twicetold.config import Settings

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]

WORKERS = (("worker", "live"), ("worker", "record"), ("worker", "batch"))


async def test_a_role_alone_needs_a_broker_that_processes_share(tmp_path: Path) -> None:
    async with installation(tmp_path, "file://") as product:
        role = await product.start("worker", "live")
        assert await role.process.wait() == 1
        (said,) = map(json.loads, role.log.splitlines())  # all that a log collector gets
        assert (said["event"], said["code"]) == ("ended", "bad_setting")
        assert said["reason"].startswith("broker got file://")
        assert "kafka://" in said["hint"]
        assert "twicetold serve" in said["hint"]
        assert not product.data_dir.exists()


@needs_kafka()  # its client, that is; no server
@pytest.mark.slow
async def test_while_the_broker_is_away_a_role_is_up_and_not_ready(tmp_path: Path) -> None:
    nobody = f"kafka://me:secret@127.0.0.1:{free_port()}/away"
    no_redis = f"redis://:secret@127.0.0.1:{free_port()}/0"
    async with installation(tmp_path, nobody) as product:
        gateway = await product.start("gateway")
        of_its_own = ("--set", f"sessions={no_redis}", "--data-dir", str(tmp_path / "other"))
        worker = await product.start("worker", "record", *of_its_own)
        for role, carrier, scheme in ((gateway, "broker", "kafka"), (worker, "sessions", "redis")):
            assert (await role.ask("/healthz")).status_code == 200
            assert b"process_resident_memory_bytes" in (await role.ask("/metrics")).content
            reason = (await _waiting(role, carrier))[carrier]
            assert reason.startswith(f"Waits for {scheme}")
            assert ("127.0.0.1" in reason) == (role is not gateway)  # which anybody may ask
        refused = await gateway.ask("/v1/calls")
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "unavailable")
        assert int(refused.headers["retry-after"]) > 0
        assert await asyncio.gather(gateway.end(), worker.end(signal.SIGINT)) == [0, 0]
        for role in product.roles:
            assert "Traceback" not in role.log
            assert "secret" not in role.log


@needs_kafka()  # its client, that is; no server
@pytest.mark.slow
async def test_roles_that_keep_calls_in_different_places_do_not_come_together(
    tmp_path: Path,
) -> None:
    async with installation(tmp_path, f"kafka://127.0.0.1:{free_port()}") as product:
        gateway = await product.start("gateway")
        await gateway.ask("/healthz")
        worker = await product.start("worker", "record", "--set", "sessions=redis://:secret@host")
        assert await worker.process.wait() == 1
        said = json.loads(worker.log.splitlines()[-1])
        assert said["reason"].startswith("sessions is redis://host:6379/0")
        assert f"but sqlite:// for gateway, process {gateway.pid}." in said["reason"]
        assert "--config" in said["hint"]
        assert "secret" not in worker.log


async def _waiting(role: Role, carrier: str) -> dict[str, str]:
    """Its reasons, once it has come as far as the carrier."""
    while True:
        answer = await role.ask("/readyz")
        assert answer.status_code == 503
        reasons: dict[str, str] = answer.json()["reasons"]
        if carrier in reasons:
            return reasons
        await asyncio.sleep(0.05)


@needs_kafka()
@pytest.mark.slow
async def test_a_call_through_roles_of_their_own(tmp_path: Path, kafka: KafkaServer) -> None:
    """A call's gateway is asked to stop in the middle of it: its client goes on at another."""
    broker = f"{kafka.url}/roles-{uuid.uuid4().hex[:8]}?partitions=4"
    async with installation(tmp_path, broker) as product:
        commands = (("gateway",), ("gateway",), *WORKERS)
        roles = await asyncio.gather(*(product.start(*command) for command in commands))
        lines = await asyncio.gather(*(role.ready() for role in roles))
        assert lines[2] == f"Twicetold live worker is ready; health at {roles[2].url}\n"
        first, second, live, record, _ = roles
        sound, numbers = talk(1, 30)
        half = len(sound) // 6400 // 2 * 6400
        async with call(product.served(first), "handed-over") as client:
            await client.play(sound[:half])
            await client.acked(client.next_seq - 1)
            told = (client.finals or [await client.until("final")])[-1]
            assert (await _figures(first))["twicetold_gateway_live_calls"] == 1
            assert (await _figures(live))["twicetold_live_calls"] == 1
            first.process.send_signal(signal.SIGTERM)
            assert await client.last_code() == 1012
        assert await first.process.wait() == 0
        began = time.monotonic()
        there = product.served(second)
        async with call(there, "handed-over", session=client.session, event=told["event"]) as again:
            assert time.monotonic() - began < 2.0  # than which its lease is longer
            at = again.next_seq * 6400
            assert at == half  # all that was acknowledged, and no more
            await again.play(sound[at:])
            await again.finish()
        before = [final for final in client.finals if final["event"] <= told["event"]]
        assert words(before + again.finals) == numbers
        assert await harness.recording(there, "handed-over") == sound
        assert await harness.transcript(there, "handed-over", "canonical") == numbers
        await _a_deleted_call_leaves_nothing(product.data_dir, there)
        assert (await _figures(record))["twicetold_record_lag_seconds"] >= 0
        await _serve_is_refused_beside(product, roles[1:])
        assert await asyncio.gather(*(role.end() for role in roles[1:])) == [0] * 4
        for role in roles:
            assert "Traceback" not in role.log
            assert '"level": "error"' not in role.log, role.log
    assert list((product.data_dir / "processes").iterdir()) == []


@needs_kafka()
@pytest.mark.slow
async def test_without_a_live_worker_all_say_so_and_no_word_is_lost(
    tmp_path: Path, kafka: KafkaServer
) -> None:
    broker = f"{kafka.url}/unheard-{uuid.uuid4().hex[:8]}?partitions=4"
    async with installation(tmp_path, broker, lag_notice_s=1.0) as product:
        gateway, *others = [
            await product.start(*command) for command in (("gateway",), *WORKERS[1:])
        ]
        await asyncio.gather(gateway.ready(), *(role.ready() for role in others))
        settings = Settings(data_dir=product.data_dir, broker=broker)
        found = await examined("roles", CHECKS["roles"], settings)
        assert (found.state, found.remedy) == ("missing", "twicetold worker live")
        sound, numbers = talk(1, 20)
        async with call(product.served(gateway), "unheard") as client:
            await client.play(sound)
            told = [(await client.until("lagging"))["seconds"] for _ in range(3)]
            assert told[-1] == pytest.approx(len(sound) / 2 / RATE, abs=0.1)
            figures = await _figures(gateway)
            assert figures["twicetold_gateway_lag_seconds"] == pytest.approx(told[-1], abs=0.1)
            assert figures["twicetold_gateway_lag_seconds_sum"] == pytest.approx(told[-1], abs=0.1)
            live = await product.start(*WORKERS[0])
            await live.ready()
            while (await client.until("lagging"))["seconds"]:
                pass
            assert (await _figures(gateway))["twicetold_gateway_lag_seconds"] < 1.0
            found = await examined("roles", CHECKS["roles"], settings)
            assert (found.state, found.remedy) == ("ok", "")
            await client.finish()
            assert words(client.finals) == numbers
        batch = others[1]
        async with asyncio.timeout(harness.PATIENCE_S):
            while (await _figures(batch))["twicetold_batch_finished_jobs_total"] != 1:
                await asyncio.sleep(0.05)
        assert await harness.transcript(product.served(gateway), "unheard", "canonical") == numbers
        spoken_s = (await _figures(batch))["twicetold_batch_audio_seconds_total"]
        assert spoken_s == pytest.approx(len(sound) / 2 / RATE, abs=0.01)
        for role in (gateway, batch):  # the queue is the same, whoever is asked
            page = (await role.ask("/metrics")).text
            shown = dict(re.findall(r'^twicetold_batch_jobs{state="(\w+)"} (\S+)$', page, re.M))
            assert shown == {"waiting": "0.0", "running": "0.0", "failed": "0.0"}
        assert "twicetold_batch_jobs" not in (await live.ask("/metrics")).text


async def _figures(role: Role) -> dict[str, float]:
    text = (await role.ask("/metrics")).text
    return {name: float(value) for name, value in re.findall(r"^(\w+) (\S+)$", text, re.M)}


def _named(directory: Path, name: str) -> list[Path]:
    return [path for path in below(directory) if name in path.name]


async def _a_deleted_call_leaves_nothing(data_dir: Path, server: harness.Served) -> None:
    """Also in the spool of a recorder that is another process."""
    async with call(server, "deleted-running") as client, server.client() as api:
        await client.play(talk(1, 60)[0])
        await _until(lambda: _named(data_dir / "spool", "deleted-running"))
        assert (await api.delete("/v1/calls/deleted-running")).status_code == 204
        error, code = await client.refused()
        assert (error["code"], code) == ("call_deleted", 4409)
    await _until(lambda: not _named(data_dir, "deleted-"))


async def _until(holds: Any) -> None:
    async with asyncio.timeout(harness.PATIENCE_S):
        while not holds():
            await asyncio.sleep(0.05)


async def _serve_is_refused_beside(product: Any, roles: list[Role]) -> None:
    serve = await product.start("serve", "--set", "broker=file://")
    assert await serve.process.wait() == 1
    assert all(f"process {role.pid}" in serve.log for role in roles)
