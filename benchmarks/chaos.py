"""Promises while everything dies: ``python -m benchmarks chaos [--broker kafka|rabbitmq|file]``.

Three gateways, three live workers, two recorders, a batch worker, a broker and Redis, and twenty
callers that speak one ``counter`` call after another (their audio carries integers; four callers
are stereo). Again and again a random process is killed (``kill -9``), or stopped for 40 s and
woken, or the broker or Redis is restarted; each time after 5 s, or once the last victim is ready
again, if that is later. Some more overlap; and once a process is killed while the database of
transcripts is held as by one that was stopped in the midst of writing, for 40 s at least. Then
every call is compared with what was sent: recording, captions, draft and canonical transcript.
``--broker file`` is one process (``chaos_one``). The seed decides who dies when; the logs of a run
that failed are kept.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import signal
import sqlite3
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks import chaos_one
from benchmarks.chaos_calls import CallLog, make_call, speak, verdict
from benchmarks.cluster import Cluster, Role, cluster, keep_logs
from benchmarks.common import peak_memory_mb, save

LINES, STEREO_LINES = 20, 4
CALL_S = 60.0
STOPPED_S = 40.0
MOST_MEMORY_MB = 400  # of any role, whatever it is put through
LEAST_BETWEEN_S = 5.0
_BAD = ("audio_bytes_lost", "words_lost", "words_doubled", "finals_out_of_order", "draft_wrong",
        "canonical_wrong", "canonical_missing")  # fmt: skip


async def line(number: int, url: str, over: asyncio.Event, seed: int) -> list[CallLog]:
    """One caller: calls one after another until the killing is over."""
    logs: list[CallLog] = []
    chance = random.Random(seed * 1_000 + number)
    await asyncio.sleep(chance.uniform(0, 3))
    while not over.is_set():
        first = 1 + 20_000 * number + 400 * len(logs)
        seconds = chance.uniform(0.5, 1.5) * CALL_S
        call_id = f"chaos-{number}-{len(logs)}"
        logs.append(make_call(call_id, first, seconds, stereo=number < STEREO_LINES))
        await speak(url, logs[-1])
    return logs


class Reaper:
    """Chooses who dies and how; ``told`` remembers, by the second."""

    def __init__(self, house: Cluster, seed: int) -> None:
        self._house, self._chance = house, random.Random(seed)
        self._began = time.monotonic()
        self.told: list[str] = []
        self.recovery_s: list[float] = []
        self.memory_mb: dict[str, float] = {}

    async def strike(self) -> None:
        """One victim, from its death until it is ready again."""
        draw = self._chance.random()
        role = self._chance.choice(self._house.roles)
        if draw < 0.06:
            await self._restart("broker", self._house.broker)
        elif draw < 0.12:
            await self._restart("redis", self._house.redis)
        elif draw < 0.32:
            await self._stop(role)
        else:
            await self._kill(role)

    async def run(self, strikes: int, overlapping: int) -> None:
        for _ in range(strikes):
            started = time.monotonic()
            await self.strike()
            self.recovery_s.append(time.monotonic() - started)
            await asyncio.sleep(max(0.0, started + LEAST_BETWEEN_S - time.monotonic()))
        pairs = [self._together() for _ in range(overlapping // 2)]
        for pair in pairs:
            await pair
            await asyncio.sleep(LEAST_BETWEEN_S)
        await self._held()

    async def _held(self) -> None:
        """A process is killed, and starts again, while nobody can write transcripts."""
        database = Path(self._house.settings["data_dir"]) / "transcripts.sqlite3"
        with contextlib.closing(await asyncio.to_thread(_holding, database)):
            print("          transcripts are held", flush=True)
            began = time.monotonic()
            await self._kill(self._chance.choice(self._house.roles))
            await asyncio.sleep(max(0.0, began + STOPPED_S - time.monotonic()))

    async def _together(self) -> None:
        one, other = self._chance.sample(self._house.roles, 2)
        await asyncio.gather(self._stop(one), self._kill(other))

    def weigh(self, role: Role) -> None:
        """The most that any of its processes has taken."""
        taken = round(peak_memory_mb(role.pid), 1)
        self.memory_mb[role.name] = max(taken, self.memory_mb.get(role.name, 0.0))

    async def _kill(self, role: Role) -> None:
        self._tell("kill", role.name)
        self.weigh(role)
        await role.kill()
        await role.start()
        await role.until_ready()

    async def _stop(self, role: Role) -> None:
        self._tell("stop", role.name)
        role.send(signal.SIGSTOP)
        await asyncio.sleep(STOPPED_S)
        role.send(signal.SIGCONT)
        await role.until_ready()

    async def _restart(self, name: str, carrier: Any) -> None:
        self._tell("restart", name)
        await self._house.restart_carrier(carrier)
        for role in self._house.roles:
            await role.until_ready()

    def _tell(self, what: str, whom: str) -> None:
        self.told.append(f"{time.monotonic() - self._began:7.1f} s {what} {whom}")
        print(self.told[-1], flush=True)


def _holding(database: Path) -> sqlite3.Connection:
    """Lets go when it is closed. Blocks while somebody writes."""
    db = sqlite3.connect(database, isolation_level=None, timeout=60, check_same_thread=False)
    db.execute("BEGIN IMMEDIATE")
    return db


async def storm(broker: str, strikes: int, overlapping: int, seed: int) -> dict[str, Any]:
    """All of it, once."""
    with tempfile.TemporaryDirectory() as directory:
        async with cluster(Path(directory), broker) as house:
            over = asyncio.Event()
            reaper = Reaper(house, seed)
            lines = [
                asyncio.create_task(line(number, house.url, over, seed)) for number in range(LINES)
            ]
            try:
                await reaper.run(strikes, overlapping)
            except BaseException:
                keep_logs(house.logs, f"chaos-{broker}-{seed}")
                raise
            finally:
                over.set()
            spoken = [log for logs in await asyncio.gather(*lines) for log in logs]
            # A gateway that dies before it has said ready leaves its clients without calls: with
            # all lines beginning at once, a third of them, or half where another is away.
            logs = [log for log in spoken if log.begun]
            result = await verdict(house.url, logs)
            for role in house.roles:
                reaper.weigh(role)
            memory = reaper.memory_mb
            bearable = sum(LINES // 2 if "gateway" in told else 1 for told in reaper.told)
            failed = len(logs) < LINES or len(spoken) - len(logs) > bearable
            failed = failed or bool(result["errors"]) or any(result[name] for name in _BAD)
            failed = failed or max(memory.values()) > MOST_MEMORY_MB
            if failed:
                (house.logs / "strikes.log").write_text("\n".join(reaper.told) + "\n")
                result["logs"] = str(keep_logs(house.logs, f"chaos-{broker}-{seed}"))
    return {
        "broker": broker, "failed": failed, "seed": seed,
        "strikes": len(reaper.told), "told": reaper.told,
        "calls_not_begun": len(spoken) - len(logs),
        "most_lag_s": max((log.most_lag_s for log in logs), default=0.0),
        "peak_memory_mb": memory, **result,
    }  # fmt: skip


def run(
    broker: str = "kafka", strikes: int = 100, overlapping: int = 10, seed: int = 1
) -> dict[str, Any]:
    if broker == "file":
        return chaos_one.run()
    figures = asyncio.run(storm(broker, strikes, overlapping, seed))
    save(f"chaos-{broker}", figures)
    return figures
