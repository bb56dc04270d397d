"""Faults of carriers: Redis wiped, retention that runs out, the broker or Redis away."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import time
from typing import Any

import httpx
import numpy as np
import redis
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourceType,
)
from tests.carriers.rabbitmq_server import RabbitServer

from benchmarks.chaos_calls import RATE, CallLog, make_call, speak, verdict
from benchmarks.cluster import Cluster
from benchmarks.faults_common import PREFIX, Figures, ordinary, said, spoken, told_lag, undisturbed

AWAY_S = 20.0
LEAST_LAG_TOLD_S = 5.0
RETENTION_S, SEGMENT_S = 15, 4
STOPPED_S = 45.0
KAFKA_KEEPS = {"log.retention.check.interval.ms": "1000", "log.segment.delete.delay.ms": "1000"}
_SETTLED_WITHIN_S = 90.0


# --- Redis wiped ----------------------------------------------------------------------------


async def redis_wiped(house: Cluster) -> Figures:
    """Every record vanishes in the middle of five calls; five others begin afterwards."""
    logs, later = ordinary("wiped", 5, 60), ordinary("later", 5, 25, first=300_001)
    speaking = [asyncio.create_task(speak(house.url, log, retry_for_s=60)) for log in logs]
    await asyncio.sleep(20)
    await asyncio.to_thread(_wipe, house)
    wiped = time.monotonic()
    await asyncio.sleep(1)
    async with spoken(house.url, later):
        told_within_s = await _until_over(speaking, wiped)
    figures, wrong = await undisturbed(house, later, wiped, time.monotonic())
    ends = [log.error.split(":")[0] for log in logs]
    if any("session_lost" not in log.error for log in logs):
        wrong.append(f"clients were told {ends}")
    kept = [await _kept(house, log) for log in logs]
    wrong += [f"{log.call_id}: {each['wrong']}" for log, each in zip(logs, kept, strict=True)
              if each["wrong"]]  # fmt: skip
    return {
        **figures,
        "told": [log.error for log in logs],
        "told_within_s": told_within_s,
        "kept": kept,
        "wrong": wrong,
    }


def _wipe(house: Cluster) -> None:
    client = redis.Redis.from_url(house.redis.url)
    client.flushall()
    client.close()


async def _until_over(speaking: list[asyncio.Task[None]], since: float) -> float:
    await asyncio.gather(*speaking)
    return round(time.monotonic() - since, 1)


async def _kept(house: Cluster, log: CallLog) -> Figures:
    """What became of a call whose record vanished: its sound so far, and the words in it."""
    deadline = time.monotonic() + _SETTLED_WITHIN_S
    call: Figures = {}
    async with httpx.AsyncClient(base_url=house.url, timeout=30) as client:
        while time.monotonic() < deadline and call.get("status") not in ("done", "failed"):
            call = (await client.get(f"/v1/calls/{log.call_id}")).json()
            await asyncio.sleep(0.5)
        audio = (await client.get(f"/v1/calls/{log.call_id}/audio")).content[44:]
        canonical = await words_of(client, log, "canonical")
        draft = await words_of(client, log, "draft")
    frame = 2 * log.channels
    wrong = []
    if call.get("status") != "done":
        wrong.append(f"it is {call.get('status')}")
    if not audio or audio != log.sound[: len(audio)]:
        wrong.append("its recording is not what was said")
    if len(audio) < frame * log.acked_samples:
        wrong.append("its recording lacks acknowledged sound")
    for channel, numbers in enumerate(log.numbers):
        heard = [text for text, _ in canonical[channel]]
        if heard != numbers[: len(heard)] or len(heard) < len(draft[channel]):
            wrong.append("its canonical transcript lacks words")
    return {
        "recorded_s": round(len(audio) / frame / RATE, 2),
        "acknowledged_s": round(log.acked_samples / RATE, 2),
        "canonical_words": [len(each) for each in canonical],
        "finals_heard": len(log.finals),
        "draft_words": [len(each) for each in draft],
        "wrong": wrong,
    }


async def words_of(
    client: httpx.AsyncClient, log: CallLog, version: str
) -> list[list[tuple[str, float]]]:
    """Per channel, the words of a transcript and when they begin."""
    answer = await client.get(f"/v1/calls/{log.call_id}/transcript", params={"version": version})
    found: list[list[tuple[str, float]]] = [[] for _ in log.numbers]
    if answer.status_code == 200:
        for segment in answer.json().get("segments", []):
            found[segment["channel"]] += [(w["text"], w["start"]) for w in segment["words"]]
    return found


# --- a carrier away -------------------------------------------------------------------------


async def broker_away(house: Cluster) -> Figures:
    """The broker is killed, and starts again on the same data 20 s later."""
    return await _away(house, house.broker)


async def broker_hangs(house: Cluster) -> Figures:
    """The broker is stopped for 20 s: connections stand, and nobody answers."""
    return await _away(house, house.broker, hangs=True)


async def redis_away(house: Cluster) -> Figures:
    return await _away(house, house.redis)


async def redis_hangs(house: Cluster) -> Figures:
    return await _away(house, house.redis, hangs=True)


async def _away(house: Cluster, carrier: Any, *, hangs: bool = False) -> Figures:
    go, come = (carrier.pause, carrier.wake) if hangs else (carrier.kill, carrier.start)
    logs = ordinary("waits", 5, 60)
    async with spoken(house.url, logs):
        await asyncio.sleep(12)
        await asyncio.to_thread(go)
        await asyncio.sleep(AWAY_S)
        lag_before_its_return = told_lag(logs)
        await asyncio.to_thread(come)
        back = time.monotonic()
    result = await verdict(house.url, logs)
    wrong = [f"{name}: {result[name]}" for name in ("errors", "wrong_calls") if result[name]]
    untold = [name for name, lag_s in lag_before_its_return.items() if lag_s < LEAST_LAG_TOLD_S]
    if untold:
        wrong.append(f"not told of the lag: {untold}")
    calm = [log.call_id for log in logs if not log.lags or log.lags[-1] != 0.0]
    if calm:
        wrong.append(f"not told that the lag is over: {calm}")
    return {
        "verdict": result,
        "away_s": AWAY_S,
        "lag_told_before_its_return_s": lag_before_its_return,
        "most_lag_told_s": told_lag(logs),
        "spoken_after_its_return_s": round(time.monotonic() - back, 1),
        "wrong": wrong,
    }


# --- retention that runs out ------------------------------------------------------------------


def short_streams(broker: Any) -> None:
    """RabbitMQ: a policy for the audio streams that are to come. It lets go when a segment ends."""
    if not isinstance(broker, RabbitServer):
        return
    rules = (
        f'{{"max-age":"{RETENTION_S}s","stream-max-segment-size-bytes":200000}}',
        "--priority", "9", "--apply-to", "queues",
    )  # fmt: skip
    subprocess.run(
        ["/usr/lib/rabbitmq/bin/rabbitmqctl", "set_policy", "short", rf"^{PREFIX}\.audio\.",
         *rules],
        env=broker.environment(), check=True, capture_output=True,
    )  # fmt: skip


async def _shorten(house: Cluster) -> None:
    """Kafka: the settings of the topics of sound and finals."""
    if isinstance(house.broker, RabbitServer):
        return
    admin = AdminClient({"bootstrap.servers": house.broker.address})
    wanted = {"retention.ms": RETENTION_S * 1_000, "segment.ms": SEGMENT_S * 1_000}
    changes = [
        ConfigResource(
            ResourceType.TOPIC,
            f"{PREFIX}.{topic}",
            incremental_configs=[
                ConfigEntry(name, str(value), incremental_operation=AlterConfigOpType.SET)
                for name, value in wanted.items()
            ],
        )
        for topic in ("audio", "finals")
    ]
    for done in admin.incremental_alter_configs(changes).values():
        await asyncio.to_thread(done.result, 10)


async def _stopped(house: Cluster, kind: str, logs: list[CallLog]) -> Figures:
    """All of a kind sleep while calls go on and what they have not read expires."""
    await _shorten(house)
    async with spoken(house.url, logs):
        await asyncio.sleep(12)
        for role in house.of(kind):
            role.send(signal.SIGSTOP)
        await asyncio.sleep(STOPPED_S)
        for role in house.of(kind):
            role.send(signal.SIGCONT)
    # A group that has no position yet begins at the first message there is: only its calls
    # know that something is missing.
    told = [said(house, kind, event) for event in ("messages_expired", "sound_missing")]
    return {"stopped_s": STOPPED_S, "expired_told": sum(told)}


async def retention_live(house: Cluster) -> Figures:
    """Nobody hears for longer than the log is kept; one call ends while nobody does."""
    logs = ordinary("hole", 4, 95)
    short = make_call("hole-short", 200_001, 22)
    figures = await _stopped(house, "live", [*logs, short])
    result = await verdict(house.url, [*logs, short], within_s=30)
    wrong = []
    if not figures["expired_told"]:
        wrong.append("nobody was told that messages expired")
    for name in ("errors", "audio_bytes_lost", "words_doubled", "finals_out_of_order",
                 "canonical_wrong", "canonical_missing"):  # fmt: skip
        wrong += [f"{name}: {result[name]}"] if result[name] else []
    after = [_heard_after(log, 80.0) for log in logs]
    if not all(after):
        wrong.append(f"captions did not go on behind the hole: {after}")
    return {**figures, "verdict": result, "finals_behind_the_hole": after, "wrong": wrong}


def _heard_after(log: CallLog, second: float) -> int:
    return sum(final["start"] > second for final in log.finals)


async def retention_record(house: Cluster) -> Figures:
    """No recorder for longer than the log is kept: silence takes the place of what expired, of a
    call that ends meanwhile too; the finals come from the records."""
    logs = [*ordinary("silent", 4, 95), make_call("silent-short", 200_001, 22)]
    figures = await _stopped(house, "record", logs)
    result = await verdict(house.url, logs, within_s=60)
    wrong = [] if figures["expired_told"] else ["nobody was told that messages expired"]
    for name in ("errors", "words_lost", "words_doubled", "finals_out_of_order", "draft_wrong",
                 "canonical_missing"):  # fmt: skip
        wrong += [f"{name}: {result[name]}"] if result[name] else []
    holes = []
    async with httpx.AsyncClient(base_url=house.url, timeout=30) as client:
        for log in logs:
            audio = (await client.get(f"/v1/calls/{log.call_id}/audio")).content[44:]
            hole_s, problem = _silence(log, audio)
            holes.append(hole_s)
            words = await words_of(client, log, "canonical")
            wrong += [f"{log.call_id}: {each}" for each in (problem, _times(log, words)) if each]
    return {**figures, "verdict": result, "silence_s": holes, "wrong": wrong}


def _silence(log: CallLog, audio: bytes) -> tuple[float, str]:
    """How long the recording is silent where the call was not, and what else is wrong with it."""
    if len(audio) != len(log.sound):
        return 0.0, f"its recording is {len(audio) / len(log.sound):.3f} as long as the call"
    recorded, sent = (np.frombuffer(each, "<i2") for each in (audio, log.sound))
    differ = np.flatnonzero(recorded != sent)
    if not len(differ):
        return 0.0, "its recording is whole: nothing expired"
    first, last = int(differ[0]), int(differ[-1]) + 1
    problem = "what it recorded was never said" if recorded[first:last].any() else ""
    return round((last - first) / log.channels / RATE, 2), problem


def _times(log: CallLog, words: list[list[tuple[str, float]]]) -> str:
    """Whether each word of the canonical transcript is where the live pass heard it."""
    live = {word["text"]: word["start"] for final in log.finals for word in final["words"]}
    for text, start in (word for channel in words for word in channel):
        if text not in live or abs(live[text] - start) > 0.1:
            return f"word {text} is at {start:.2f} s and was heard at {live.get(text)}"
    return ""
