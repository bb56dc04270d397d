"""A kill at every numbered step of the live pass, over many processes.

``python -m benchmarks chaos_steps [--broker kafka|rabbitmq]``: one cluster whose processes carry
the traps of ``deadly``. For each step three calls are spoken (one stereo; a fourth that lasts
over a minute where the step needs more than one part); whoever reaches the armed step first dies
there and is started again, and the calls are compared with what was sent.
"""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.chaos_calls import CallLog, make_call, speak, verdict
from benchmarks.chaos_one import STEPS, STEPS_OF_LONG_CALLS
from benchmarks.cluster import Cluster, Role, Shape, cluster, keep_logs
from benchmarks.common import save

DELIVERY_STEPS = ("delivery.after_listen", "delivery.after_draft", "close.after_part")
ALL_STEPS = (*STEPS, *DELIVERY_STEPS, *STEPS_OF_LONG_CALLS)
_SECONDS, _LONG_SECONDS = 9.0, 66.0
_DIED_WITHIN_S = 120.0


async def undertaker(role: Role, over: asyncio.Event, deaths: list[str]) -> None:
    """Start a role again whenever it has killed itself."""
    finished = asyncio.create_task(over.wait())
    while not over.is_set():
        assert role.process is not None
        dying = asyncio.create_task(role.process.wait())
        await asyncio.wait([dying, finished], return_when=asyncio.FIRST_COMPLETED)
        if dying.done() and not over.is_set():
            deaths.append(role.name)
            await role.start()
        dying.cancel()
    finished.cancel()


async def one_step(house: Cluster, traps: Path, step: str, number: int) -> dict[str, Any]:
    """Arm the step, speak, and see who died and what became of the calls."""
    over, deaths = asyncio.Event(), list[str]()
    watching = [asyncio.create_task(undertaker(role, over, deaths)) for role in house.roles]
    armed = traps / step
    armed.touch()
    seconds = _LONG_SECONDS if step in STEPS_OF_LONG_CALLS else _SECONDS
    firsts = [1 + 10_000 * number + 1_000 * each for each in range(3)]
    logs = await asyncio.gather(
        *(_spoken(house, f"step-{number}-{n}", first, seconds) for n, first in enumerate(firsts))
    )
    result = await verdict(house.url, logs)
    async with asyncio.timeout(_DIED_WITHIN_S):
        while armed.exists():  # noqa: ASYNC110 - another process removes it
            await asyncio.sleep(0.1)
    over.set()
    await asyncio.gather(*watching)
    for role in house.roles:
        await role.until_ready()
    return {"step": step, "died": deaths, **result}


async def _spoken(house: Cluster, name: str, first: int, seconds: float) -> CallLog:
    """A call, begun again under another name where its gateway died before it said ready."""
    while True:
        log = make_call(name, first, seconds, stereo=name.endswith("-0"))
        await speak(house.url, log)
        if log.begun:
            return log
        name = f"again-{name}"


async def all_steps(broker: str, steps: tuple[str, ...]) -> list[dict[str, Any]]:
    results = []
    with tempfile.TemporaryDirectory() as directory:
        traps = Path(directory) / "traps"
        traps.mkdir()
        deadly = ("-m", "benchmarks.deadly", str(traps))
        program = dict.fromkeys(("gateway", "live", "record"), deadly)
        async with cluster(Path(directory), broker, shape=Shape(2, 2, 2, 1), program=program) as h:
            for number, step in enumerate(steps):
                try:
                    results.append(await one_step(h, traps, step, number))
                except (TimeoutError, RuntimeError) as error:
                    results.append({"step": step, "errors": [f"{type(error).__name__}: {error}"]})
                    (traps / step).unlink(missing_ok=True)
                print({k: v for k, v in results[-1].items() if v}, flush=True)
            if any(each["errors"] or each["wrong_calls"] for each in results):
                keep_logs(h.logs, f"steps-{broker}")
    return results


def run(broker: str = "kafka", step: str | None = None) -> dict[str, Any]:
    steps = asyncio.run(all_steps(broker, (step,) if step else ALL_STEPS))
    bad = [each["step"] for each in steps if each["errors"] or each.get("wrong_calls")]
    figures = {"broker": broker, "steps": steps, "failed": bool(bad), "bad_steps": bad}
    save(f"chaos_steps-{broker}", figures)
    return figures
