"""Which engines there are, and how each one is opened. Wiring needs no other name of an engine."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from twicetold.engines import EngineInfo, Hears, StreamingTranscriber, Transcriber, VoiceActivity
from twicetold.engines.counter import COUNTER_INFO, CounterEngine, ToneActivity
from twicetold.engines.hosted import HostedEngine
from twicetold.engines.inline import Inline
from twicetold.engines.null import NULL_INFO, NullEngine
from twicetold.engines.pocketsphinx import POCKETSPHINX_INFO
from twicetold.engines.pool import HostPool
from twicetold.engines.silero import SileroActivity
from twicetold.errors import SettingError

BATCH_NICENESS = 19  # on a machine that does both passes, live goes first


@dataclass(frozen=True, slots=True)
class Engine:
    """How one engine is made: ``inline`` in this process, or ``hosted`` (``module:attribute``)
    in processes of its own, each of which takes ``streams_per_host`` live utterances at once.
    """

    info: EngineInfo
    inline: Callable[[], HostedEngine] | None = None
    hosted: str = ""
    live_options: Mapping[str, object] = field(default_factory=dict)
    streams_per_host: int = 8


ENGINES: dict[str, Engine] = {
    "pocketsphinx": Engine(
        POCKETSPHINX_INFO,
        hosted="twicetold.engines.pocketsphinx:PocketsphinxEngine",
        live_options={"warm": 1},
    ),
    "counter": Engine(COUNTER_INFO, inline=CounterEngine),
    "null": Engine(NULL_INFO, inline=NullEngine),
}


def engine_info(name: str) -> EngineInfo:
    """What the engine of that name can do. Raises SettingError for a name nobody has."""
    return _engine(name).info


async def open_live(name: str, *, hosts: int, timeout_s: float) -> StreamingTranscriber:
    """The engine for live calls, ready for the first; ``hosts`` 0 means one a core.

    Raises SettingError for an engine that cannot, EngineFailed for one that does not start.
    """
    engine = _engine(name)
    if not engine.info.live:
        raise SettingError(f"Engine {name!r} does not transcribe live.")
    if engine.inline is not None:
        return Inline(engine.inline())
    pool = HostPool(
        engine.hosted,
        engine.info,
        hosts=hosts or usable_cores(),
        streams_per_host=engine.streams_per_host,
        timeout_s=timeout_s,
        options=engine.live_options,
    )
    await pool.start()
    return pool


async def open_batch(name: str, *, hosts: int, timeout_s: float) -> Transcriber:
    """The engine for recordings, one sound a host at a time, giving way to live work.

    ``hosts`` and what is raised: as with ``open_live``.
    """
    engine = _engine(name)
    if not engine.info.batch:
        raise SettingError(f"Engine {name!r} does not transcribe recordings.")
    if engine.inline is not None:
        return Inline(engine.inline())
    pool = HostPool(
        engine.hosted,
        engine.info,
        hosts=hosts or usable_cores(),
        streams_per_host=1,
        niceness=BATCH_NICENESS,
        timeout_s=timeout_s,
    )
    await pool.start()
    return pool


def open_activity(info: EngineInfo) -> VoiceActivity:
    """The detector of what that engine hears, loaded on first use."""
    return ToneActivity() if info.hears is Hears.TONES else SileroActivity()


def usable_cores() -> int:
    """Cores this process may run on, which may be fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _engine(name: str) -> Engine:
    try:
        return ENGINES[name]
    except KeyError:
        known = ", ".join(ENGINES)
        raise SettingError(
            f"There is no engine {name!r}; there are {known}.",
            f"Set live_engine and batch_engine to one of {known}.",
        ) from None
