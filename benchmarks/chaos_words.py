"""Real words through deaths: ``python -m benchmarks chaos_words [--broker kafka|rabbitmq]``.

Three sample calls, both sides of each, through two live workers with pocketsphinx: once
undisturbed, then again while the worker that has more of them is killed (``kill -9``) five times,
each time once the last victim is ready again. The words of the second run are laid beside those
of the first. They may differ inside utterances that were under way at a kill, for another worker
begins those anew; every such difference is listed, and one anywhere else fails the run.
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

CALLS = ("billing", "delivery", "internet")
KILLS, FIRST_AFTER_S, BETWEEN_S = 5, 5.0, 9.0
_EDGE_S = 0.35  # by which the ends of an utterance may differ
_HEARD_AFTER_S = 1.5  # its last sound an utterance is still under way for so long
Span = tuple[float, float]


@dataclass(frozen=True)
class Heard:
    """One channel of one call: words with their times, and utterances, in seconds."""

    words: list[tuple[str, float, float]]
    utterances: list[Span]


def sample_call(name: str, run: str) -> CallLog:
    """A sample call as it is spoken in that run; a second of quiet ends it."""
    sides = channels_of(SAMPLES / f"{name}.stereo.flac")
    sound = np.stack(sides, axis=1).astype("<i2").tobytes() + bytes(4 * 16_000)
    return CallLog(f"{name}-{run}", sound, [[] for _ in sides])


def heard(log: CallLog, channel: int) -> Heard:
    finals = [final for final in log.finals if final["channel"] == channel]
    words = [(w["text"], w["start"], w["end"]) for final in finals for w in final["words"]]
    return Heard(words, [(final["start"], final["end"]) for final in finals])


def under_way(log: CallLog, spans: list[Span], kills: list[float]) -> list[Span]:
    """Of these utterances, the ones that had begun and were not over at a kill."""
    found = []
    for start, end in spans:
        first, last = (
            log.sent_at[min(len(log.sent_at) - 1, int(second / MESSAGE_S))]
            for second in (start, end)
        )
        if any(first <= kill <= last + _HEARD_AFTER_S for kill in kills):
            found.append((start - _EDGE_S, end + _EDGE_S))
    return found


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


async def measure(broker: str) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as directory:
        async with cluster(
            Path(directory), broker, shape=Shape(2, 2, 1, 0), engine="pocketsphinx", live_hosts="1"
        ) as house:
            calm = [sample_call(name, "calm") for name in CALLS]
            async with spoken(house.url, calm):
                await asyncio.sleep(0)
            logs, kills = [sample_call(name, "killed") for name in CALLS], list[float]()
            async with spoken(house.url, logs):
                victims = await killer(house, kills)
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
            spans = under_way(after, was.utterances + became.utterances, kills)
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
