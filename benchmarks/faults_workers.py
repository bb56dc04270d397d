"""Faults of live workers and of what they hear: stopped, fed with music, their engine killed."""

from __future__ import annotations

import asyncio
import signal
import time

import numpy as np

from benchmarks import sounds
from benchmarks.chaos_calls import RATE, CallLog, make_call, verdict
from benchmarks.clips import pcm16
from benchmarks.cluster import Cluster
from benchmarks.common import summary
from benchmarks.failover import delays_s
from benchmarks.faults_common import (
    Figures,
    Positions,
    figure,
    ordinary,
    said,
    spoken,
    undisturbed,
)
from benchmarks.poisonous import POISON

CALLS, STOPPED_S = 20, 60.0
FAILOVER_S = 12.0  # so long may the final of speech near the death take
NEW_HOSTS_S = 12.0  # three hosts in a row die and are replaced
MUSIC_LONGEST_S = 10.0  # its max_utterance_s
_CALLS = "twicetold_live_calls"


# --- stopped and woken --------------------------------------------------------------------


async def worker_stopped(house: Cluster) -> Figures:
    """One of two live workers stops for a minute, then wakes."""
    logs = [make_call(f"s-{n}", 1 + 20_000 * n, 105) for n in range(CALLS)]
    victim, other = house.of("live")
    async with spoken(house.url, logs):
        await asyncio.sleep(12)
        before = {role.name: await figure(role, _CALLS) for role in (victim, other)}
        victim.send(signal.SIGSTOP)
        stopped = time.monotonic()
        await asyncio.sleep(STOPPED_S - 5)
        during = await figure(other, _CALLS)
        await asyncio.sleep(5)
        victim.send(signal.SIGCONT)
        woken = time.monotonic()
        await asyncio.sleep(20)
        after = {role.name: await figure(role, _CALLS) for role in (victim, other)}
    result = await verdict(house.url, logs)
    near = summary(delays_s(logs, stopped - 5, stopped + 10))
    wrong = [f"{name}: {result[name]}" for name in ("errors", "wrong_calls") if result[name]]
    if during < CALLS:
        wrong.append(f"{other.name} had {during:.0f} of {CALLS} calls")
    if not near["n"] or near["max"] > FAILOVER_S + 5:
        wrong.append(f"a final took {near['max']:.1f} s when the worker stopped")
    awake = summary(delays_s(logs, woken + 3, woken + 30))
    if not awake["n"] or awake["max"] > FAILOVER_S:
        wrong.append(f"a final took {awake['max']:.1f} s after it woke")
    return {
        "verdict": result,
        "calls_before": before,
        "calls_of_the_other_meanwhile": during,
        "calls_after_it_woke": after,
        "final_s_of_speech_near_the_stop": near,
        "final_s_meanwhile": summary(delays_s(logs, stopped + 15, woken)),
        "final_s_after_it_woke": awake,
        "most_lag_told_s": max(log.most_lag_s for log in logs),
        "taken_over": said(house, "live", "call_taken_over"),
        "partitions_lost": said(house, "live", "partitions_lost"),
        "wrong": wrong,
    }


# --- music --------------------------------------------------------------------------------


async def music(house: Cluster) -> Figures:
    """A minute of loud music without a word, much longer than an utterance may be."""
    logs = ordinary("talks", 4, 75)
    band = [CallLog(f"music-{n}", _music(n + 1), [[]]) for n in range(2)]
    positions, began = Positions(house), time.monotonic()
    async with positions.watched(), spoken(house.url, logs + band):
        await asyncio.sleep(10)
    figures, wrong = await undisturbed(house, logs, began, began + 70)
    theirs, more = await undisturbed(house, band, began, began + 70)
    wrong += [f"of the music, {each}" for each in more if "took" not in each]
    still_s = positions.standstill_s(0, began + 5, began + 60)
    if still_s > MUSIC_LONGEST_S + 5:
        wrong.append(f"the partition stood still for {still_s} s")
    return {
        **figures,
        "music": theirs["verdict"],
        "music_s": len(band[0].sound) / (2 * RATE),
        "longest_utterance_s": MUSIC_LONGEST_S,
        "position_stood_still_s": still_s,
        "wrong": wrong,
    }


def _music(seed: int) -> bytes:
    """A band on two instruments, with never a pause that ends an utterance."""
    pieces = [sound for name, sound in sounds.music(RATE, seed) if name.endswith("band -15 dBFS")]
    carpet = 0.02 * np.sin(2 * np.pi * 330 * np.arange(len(pieces[0])) / RATE)
    return b"".join(pcm16(np.clip(piece + carpet, -1, 1)).tobytes() for piece in pieces[:2])


# --- an utterance that kills its engine's host --------------------------------------------


async def poison(house: Cluster) -> Figures:
    """All calls share one engine host, which one utterance kills whenever it is tried."""
    logs = ordinary("bystander", 5, 60)
    deadly = make_call("deadly", POISON - 9, 60)
    began = time.monotonic()
    async with spoken(house.url, [*logs, deadly]):
        await asyncio.sleep(10)
    figures, wrong = await undisturbed(house, logs, began, began + 60, NEW_HOSTS_S)
    failed_beside = sum(bool(final.get("failed")) for log in logs for final in log.finals)
    if failed_beside:
        wrong.append(f"{failed_beside} finals of bystanders are marked failed")
    result = await verdict(house.url, [deadly], within_s=5)
    lost = _utterance_of(deadly, str(POISON))
    failed = [final for final in deadly.finals if final.get("failed")]
    heard = [word["text"] for final in deadly.finals for word in final["words"]]
    if len(failed) != 1:
        wrong.append(f"{len(failed)} finals of the deadly call are marked failed, not 1")
    if heard != [each for each in deadly.numbers[0] if each not in lost]:
        wrong.append("the rest of the deadly call is not whole")
    if result["canonical_wrong"] or result["canonical_missing"] or result["audio_bytes_lost"]:
        wrong.append("the recording or the canonical transcript of the deadly call is not whole")
    return {
        **figures,
        "deadly": result,
        "failed_finals": [[final["start"], final["end"]] for final in failed],
        "hosts_died": said(house, "live", "engine host ended"),
        "utterances_retried": said(house, "live", "utterance_retried"),
        "wrong": wrong,
    }


def _utterance_of(log: CallLog, number: str) -> list[str]:
    """The four integers that are spoken as one with that one."""
    at = log.numbers[0].index(number) // 4 * 4
    return log.numbers[0][at : at + 4]
