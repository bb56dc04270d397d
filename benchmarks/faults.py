"""Single faults and what becomes of them: ``python -m benchmarks faults [--broker NAME]``.

Each meets a small cluster of its own beside ordinary ``counter`` calls, and says what went wrong
(``wrong``: nothing should), what was measured, and the peak memory of every role against what it
had when it was ready. ``--step NAME`` runs one alone; the logs of one that failed are kept.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks import faults_carriers as carriers
from benchmarks import faults_clients as clients
from benchmarks import faults_speed as speed
from benchmarks import faults_workers as workers
from benchmarks.cluster import Cluster, Shape, cluster, keep_logs
from benchmarks.common import save
from benchmarks.faults_common import MOST_GROWN_MB, Figures, memory_mb

MOST_S = 240.0
_POISONOUS = {"live": ("-m", "benchmarks.poisonous")}


@dataclass(frozen=True)
class Fault:
    """What is done, and the cluster that it is done to."""

    work: Callable[[Cluster], Awaitable[Figures]]
    options: dict[str, Any] = field(default_factory=dict)  # of ``cluster``
    kafka: dict[str, str] | None = None  # properties of its server


_EXPIRING: dict[str, Any] = {
    "partitions": 1, "abandon_after_s": "20", "prepare": carriers.short_streams,
}  # fmt: skip

FAULTS = {
    "never_reads": Fault(
        clients.never_reads, {"partial_interval_ms": "50", "abandon_after_s": "15"}
    ),
    "worker_stopped": Fault(workers.worker_stopped),
    "music": Fault(
        workers.music, {"partitions": 1, "max_utterance_s": str(workers.MUSIC_LONGEST_S)}
    ),
    "stalls": Fault(clients.stalls, {"partitions": 1}),
    "catches_up": Fault(speed.catches_up, {"partitions": 1, "abandon_after_s": "5"}),
    "poison": Fault(workers.poison, {"partitions": 1, "live_hosts": "1", "program": _POISONOUS}),
    "redis_wiped": Fault(carriers.redis_wiped, {"abandon_after_s": "15"}),
    "retention_live": Fault(carriers.retention_live, _EXPIRING, carriers.KAFKA_KEEPS),
    "retention_record": Fault(carriers.retention_record, _EXPIRING, carriers.KAFKA_KEEPS),
    "broker_away": Fault(carriers.broker_away),
    "broker_hangs": Fault(carriers.broker_hangs),
    "redis_away": Fault(carriers.redis_away),
    "redis_hangs": Fault(carriers.redis_hangs),
}


async def met(name: str, broker: str) -> Figures:
    """One fault on a cluster of its own."""
    fault, began = FAULTS[name], time.monotonic()
    options = {"shape": Shape(2, 2, 1, 1), **fault.options}
    if broker == "kafka":
        options["broker_options"] = fault.kafka
    with tempfile.TemporaryDirectory() as directory:
        async with cluster(Path(directory), broker, **options) as house:
            ready = memory_mb(house)
            try:
                async with asyncio.timeout(MOST_S):
                    figures = await fault.work(house)
            except Exception as error:  # noqa: BLE001 - told, and the next fault is met
                figures = {"wrong": [f"{type(error).__name__}: {error}"]}
            peaks = memory_mb(house)
            grown = {each: round(peaks[each] - ready.get(each, 0.0), 1) for each in peaks}
            figures["wrong"] += [
                f"{each} grew by {mb} MB" for each, mb in grown.items() if mb > MOST_GROWN_MB
            ]
            if figures["wrong"]:
                figures["logs"] = str(keep_logs(house.logs, f"faults-{broker}-{name}"))
    took_s = round(time.monotonic() - began, 1)
    return {**figures, "peak_memory_mb": peaks, "grown_mb": grown, "took_s": took_s}


def run(broker: str = "kafka", step: str | None = None) -> dict[str, Any]:
    if step is not None and step not in FAULTS:
        sys.exit(f"There is no fault {step}; there are {', '.join(FAULTS)}.")
    results = {}
    for name in [step] if step else FAULTS:
        results[name] = asyncio.run(met(name, broker))
        print(f"{name}: {results[name]['wrong'] or 'as promised'}", flush=True)
    bad = [name for name, figures in results.items() if figures["wrong"]]
    figures = {"broker": broker, "faults": results, "failed": bool(bad), "bad_faults": bad}
    save(f"faults-{broker}-{step}" if step else f"faults-{broker}", figures)
    return figures
