"""Real words through deaths: ``python -m benchmarks chaos_words [--broker kafka|rabbitmq]``.

Three calls of two minutes, made of the sample calls, both sides of each, through two live workers
with pocketsphinx, of which the one that has more of them is killed (``kill -9``) five times, 20 s
apart. At the same time the same sound goes undisturbed through one ``twicetold serve``. The words
of the one are laid beside those of the other. They may differ inside utterances that were under
way at a kill, for another worker begins those anew; every such difference is listed, and one
anywhere else fails the run.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.chaos_calls import MESSAGE_S, CallLog
from benchmarks.clips import SAMPLES, channels_of
from benchmarks.cluster import Cluster, Role, Shape, cluster, keep_logs
from benchmarks.common import save
from benchmarks.faults_common import figure, spoken
from benchmarks.servers import Server

CALLS = (("billing", "delivery"), ("delivery", "internet"), ("internet", "billing"))
KILLS, FIRST_AFTER_S, BETWEEN_S = 5, 12.0, 20.0
_EDGE_S = 0.35  # by which the ends of an utterance may differ
_HEARD_AFTER_S = 1.5  # its last sound an utterance is still under way for so long
Span = tuple[float, float]


@dataclass(frozen=True)
class Heard:
    """One channel of one call: words with their times, and utterances, in seconds."""

    words: list[tuple[str, float, float]]
    utterances: list[Span]


def long_call(names: tuple[str, ...], run: str) -> CallLog:
    """Sample calls, one after another, as they are spoken in that run; each ends in quiet."""
    sound = b""
    for name in names:
        sides = channels_of(SAMPLES / f"{name}.stereo.flac")
        sound += np.stack(sides, axis=1).astype("<i2").tobytes() + bytes(4 * 16_000)
    return CallLog(f"{names[0]}-{run}", sound, [[], []])


def heard(log: CallLog, channel: int) -> Heard:
    finals = [final for final in log.finals if final["channel"] == channel]
    words = [(w["text"], w["start"], w["end"]) for final in finals for w in final["words"]]
    return Heard(words, [(final["start"], final["end"]) for final in finals])


def under_way(log: CallLog, channel: int, before: list[Span], kills: list[float]) -> list[Span]:
    """Utterances that had begun at a kill and whose final had not come: as they were heard then,
    or ``before``, undisturbed."""
    finals = [
        ((final["start"], final["end"]), heard_at)
        for final, heard_at in zip(log.finals, log.heard_at, strict=True)
        if final["channel"] == channel
    ]
    ends = [(span, _sent_at(log, span[1]) + _HEARD_AFTER_S) for span in before]
    found = [
        span
        for span, over_at in finals + ends
        if any(_sent_at(log, span[0]) <= kill <= over_at for kill in kills)
    ]
    return [(start - _EDGE_S, end + _EDGE_S) for start, end in found]


def _sent_at(log: CallLog, second: float) -> float:
    return log.sent_at[min(len(log.sent_at) - 1, int(second / MESSAGE_S))]


def differences(before: Heard, after: Heard, spans: list[Span]) -> list[dict[str, Any]]:
    """What differs in the words, where, and whether that was under way at a kill."""
    told = []
    texts = [[word[0] for word in each.words] for each in (before, after)]
    for kind, a, b, c, d in SequenceMatcher(None, *texts, autojunk=False).get_opcodes():
        if kind == "equal":
            continue
        words = before.words[a:b] + after.words[c:d]
        at: Span = (min(word[1] for word in words), max(word[2] for word in words))
        inside = all(_covered(word[1], word[2], spans) for word in words)
        told.append(
            {
                "at_s": [round(second, 2) for second in at],
                "undisturbed": " ".join(texts[0][a:b]),
                "killed": " ".join(texts[1][c:d]),
                "under_way_at_a_kill": inside,
            }
        )
    return told


def _covered(start: float, end: float, spans: list[Span]) -> bool:
    return any(first <= (start + end) / 2 <= last for first, last in spans)


async def killer(house: Cluster, kills: list[float]) -> list[str]:
    """Kill the worker that has more calls, five times; notes when."""
    victims = []
    await asyncio.sleep(FIRST_AFTER_S)
    for _ in range(KILLS):
        began = time.monotonic()
        victim = await _busier(house.of("live"))
        await victim.kill()
        kills.append(time.monotonic())
        victims.append(victim.name)
        await victim.start()
        await victim.until_ready()
        await asyncio.sleep(max(0.0, began + BETWEEN_S - time.monotonic()))
    return victims


async def _busier(workers: list[Role]) -> Role:
    calls = [await figure(worker, "twicetold_live_calls") for worker in workers]
    return workers[int(np.nanargmax(calls))]


async def undisturbed(directory: Path) -> list[CallLog]:
    """The same calls through one process that nobody kills."""
    settings = {"live_hosts": "1", "batch_engine": "null"}
    server = Server(directory, engine="pocketsphinx", settings=settings)
    await server.start()
    try:
        logs = [long_call(names, "calm") for names in CALLS]
        async with spoken(server.url, logs):
            await asyncio.sleep(0)
    finally:
        await server.stop()
    return logs


async def measure(broker: str) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as directory:
        async with cluster(
            Path(directory), broker, shape=Shape(2, 2, 1, 0), engine="pocketsphinx", live_hosts="1"
        ) as house:
            logs, kills = [long_call(names, "killed") for names in CALLS], list[float]()
            speaking = asyncio.create_task(undisturbed(Path(directory) / "calm"))
            try:
                async with spoken(house.url, logs):
                    victims = await killer(house, kills)
                calm = await speaking
            except BaseException:
                keep_logs(house.logs, f"chaos_words-{broker}")
                raise
            figures = _compared(calm, logs, kills)
            if figures["wrong"]:
                figures["logs"] = str(keep_logs(house.logs, f"chaos_words-{broker}"))
    return {"broker": broker, "kills": victims, **figures}


def _compared(calm: list[CallLog], logs: list[CallLog], kills: list[float]) -> dict[str, Any]:
    wrong = [f"{log.call_id}: {log.error or 'no done'}"
             for log in (*calm, *logs) if log.error or not log.done]  # fmt: skip
    inside, words = [], 0
    for before, after in zip(calm, logs, strict=True):
        events = [final["event"] for final in after.finals]
        if events != list(range(1, len(events) + 1)):
            wrong.append(f"{after.call_id}: finals {events}")
        for channel in range(after.channels):
            was, became = heard(before, channel), heard(after, channel)
            words += len(was.words)
            spans = under_way(after, channel, was.utterances, kills)
            for each in differences(was, became, spans):
                place = {"call": after.call_id, "channel": channel, **each}
                (inside if each["under_way_at_a_kill"] else wrong).append(place)
    return {
        "words": words,
        "differences_under_way": inside,
        "wrong": wrong,
        "failed": bool(wrong),
        "most_lag_told_s": max(log.most_lag_s for log in logs),
    }


def run(broker: str = "kafka") -> dict[str, Any]:
    figures = asyncio.run(measure(broker))
    save(f"chaos_words-{broker}", figures)
    return figures
