"""Which engines there are, and how each one is opened. Wiring needs no other name of an engine."""

from __future__ import annotations

import asyncio
import importlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twicetold.engines import EngineInfo, Hears, StreamingTranscriber, Transcriber, VoiceActivity
from twicetold.engines.counter import COUNTER_INFO, CounterEngine, ToneActivity
from twicetold.engines.hosted import HostedEngine
from twicetold.engines.inline import Inline
from twicetold.engines.models.resolving import directory_of
from twicetold.engines.moonshine.info import MOONSHINE_INFO, moonshine_info
from twicetold.engines.null import NULL_INFO, NullEngine
from twicetold.engines.openai.info import OPENAI_INFO
from twicetold.engines.openai.info import info_of as openai_info
from twicetold.engines.options import Parsers, names, parse_options, up_to, window
from twicetold.engines.parakeet.info import PARAKEET_INFO
from twicetold.engines.pocketsphinx import POCKETSPHINX_INFO
from twicetold.engines.pool import HostPool
from twicetold.engines.realtime.info import REALTIME_INFO
from twicetold.engines.realtime.info import info_of as realtime_info
from twicetold.engines.remote import Order, Remotes
from twicetold.engines.sarvam.info import SARVAM_INFO
from twicetold.engines.sarvam.info import info_of as sarvam_info
from twicetold.engines.sherpa.info import SHERPA_INFO, sherpa_info
from twicetold.engines.silero import SileroActivity
from twicetold.engines.whisper.info import WHISPER_INFO, whisper_info
from twicetold.errors import SettingError

if TYPE_CHECKING:  # brings a WebSocket client along
    from twicetold.engines.remote.live import RemoteEngine

_EXAMPLES = {"openai": "gpt-4o-transcribe", "realtime": "gpt-4o-transcribe"}
# Numbers beyond these would take the machine's memory, or make no start at all.
_COUNTS = {"threads": up_to(1024), "together": up_to(256)}


@dataclass(frozen=True, slots=True)
class Engine:
    """How one engine is made: ``inline`` in this process, or ``hosted`` (``module:attribute``)
    in processes of its own, each of which takes ``streams_per_host`` live utterances at once
    and, of recordings, as many sounds as it hears together; or it is a server elsewhere, which
    ``remote_live`` and ``remote_batch`` (``module:factory``) reach.

    ``hosts``: how many it has where the settings say nothing; 0 means one a core.
    ``takes_model``: its name is followed by a model's, or by the directory that one lies in:
    ``NAME:MODEL``; ``describe`` reads there what the engine can do with it, where models differ.
    A remote one's model is its server's affair; ``remote_info`` is by its name. ``options``: those
    that may stand behind the model, ``NAME:MODEL?OPTION=VALUE&…``.
    """

    info: EngineInfo
    inline: Callable[[], HostedEngine] | None = None
    hosted: str = ""
    remote_live: str = ""
    remote_batch: str = ""
    remote_info: Callable[[str], EngineInfo] | None = None
    live_options: Mapping[str, object] = field(default_factory=dict)
    streams_per_host: int = 8
    hosts: int = 0
    takes_model: bool = False
    describe: Callable[[Path], EngineInfo] | None = None
    options: Parsers = field(default_factory=dict)
    start_timeout_s: float = 60.0
    live_speed: float = 1.5  # × real time of a whole sound, at which its live verb keeps up


ENGINES: dict[str, Engine] = {
    "pocketsphinx": Engine(
        POCKETSPHINX_INFO,
        hosted="twicetold.engines.pocketsphinx:PocketsphinxEngine",
        live_options={"warm": 1},
    ),
    "counter": Engine(COUNTER_INFO, inline=CounterEngine),
    "null": Engine(NULL_INFO, inline=NullEngine),
    # One host, whose threads share the weights; gigabytes take their time to be read.
    "parakeet": Engine(
        PARAKEET_INFO,
        hosted="twicetold.engines.parakeet.engine:ParakeetEngine",
        streams_per_host=64,
        hosts=1,
        takes_model=True,
        start_timeout_s=300.0,
        options={"device": str, **_COUNTS, "window_s": window},
        live_speed=10.0,  # an utterance is decoded again from its beginning
    ),
    "whisper": Engine(
        WHISPER_INFO,
        hosted="twicetold.engines.whisper.engine:WhisperEngine",
        streams_per_host=64,
        hosts=1,
        takes_model=True,
        describe=whisper_info,
        start_timeout_s=300.0,
        options={
            **dict.fromkeys(("device", "compute", "prompt", "hotwords"), str),
            **_COUNTS,
            "beam": up_to(100),
            "languages": names,
            "tick_s": float,
        },
        live_speed=4.0,  # a window costs the same however little is in it
    ),
    # One host a core, each of one thread; every live utterance has a copy of the model to itself.
    "moonshine": Engine(
        MOONSHINE_INFO,
        hosted="twicetold.engines.moonshine.engine:MoonshineEngine",
        streams_per_host=4,
        takes_model=True,
        describe=moonshine_info,
        start_timeout_s=120.0,
        options={"threads": _COUNTS["threads"], "tokens_per_s": up_to(100)},
        live_speed=8.0,  # the words of an utterance are decoded again from its beginning
    ),
    "sherpa": Engine(
        SHERPA_INFO,
        hosted="twicetold.engines.sherpa.engine:SherpaEngine",
        streams_per_host=64,
        takes_model=True,
        describe=sherpa_info,
        start_timeout_s=120.0,
        options=_COUNTS,
    ),
    "realtime": Engine(
        REALTIME_INFO,
        remote_live="twicetold.engines.realtime.live:open_live",
        takes_model=True,
        remote_info=realtime_info,
    ),
    "openai": Engine(
        OPENAI_INFO,
        remote_batch="twicetold.engines.openai.batch:open_batch",
        takes_model=True,
        remote_info=openai_info,
    ),
    "sarvam": Engine(
        SARVAM_INFO,
        remote_live="twicetold.engines.sarvam.live:open_live",
        remote_batch="twicetold.engines.sarvam.batch:open_batch",
        remote_info=sarvam_info,
    ),
}


def rank_of(label: str) -> int:
    """How good the engine of a label is, the first where it is a list of several; 0 for one that
    is not known here."""
    engine = ENGINES.get(label.split(",")[0].partition(":")[0])
    return engine.info.rank if engine else 0


def engine_info(name: str, models_dir: Path | None = None) -> EngineInfo:
    """What the engine of that name can do. ``models_dir``: where models named in it lie (None:
    directories alone are understood). Raises SettingError, for a missing model ModelMissing."""
    return _chosen(name, models_dir).info


def require_pass(name: str, info: EngineInfo, *, live: bool) -> None:
    """Raises SettingError, with the engines that would do, for one without that pass."""
    if info.live if live else info.batch:
        return
    able = [
        other
        for other, engine in ENGINES.items()
        if (engine.info.live if live else engine.info.batch) and engine.info.hears == info.hears
    ]
    raise SettingError(
        f"Engine {name!r} does not transcribe {'live' if live else 'recordings'}.",
        f"Those that do: {', '.join(able)}.",
    )


async def open_live(
    name: str,
    *,
    hosts: int,
    timeout_s: float,
    niceness: int = 0,
    models_dir: Path | None = None,
    remotes: Remotes | None = None,
) -> StreamingTranscriber:
    """The engine for live calls, ready for the first; ``hosts`` 0 means one a core, ``models_dir``
    is as with ``engine_info``, ``remotes``: where remote engines are.

    Raises SettingError for an engine that cannot, EngineFailed for one that does not start.
    """
    chosen, info = await asyncio.to_thread(_read, name, models_dir)
    engine = chosen.engine
    require_pass(name, engine.info, live=True)
    if engine.remote_live:
        order = Order(chosen.model, remotes or Remotes(), timeout_s)
        remote: RemoteEngine = _factory(engine.remote_live)(order)
        await remote.start()
        return remote
    if engine.inline is not None:
        return Inline(engine.inline())
    pool = HostPool(
        engine.hosted,
        info,
        hosts=hosts or engine.hosts or usable_cores(),
        streams_per_host=engine.streams_per_host,
        niceness=niceness,
        timeout_s=timeout_s,
        start_timeout_s=engine.start_timeout_s,
        options={**engine.live_options, **chosen.arguments},
    )
    await pool.start()
    return pool


async def open_batch(
    name: str,
    *,
    hosts: int,
    timeout_s: float,
    niceness: int = 0,
    models_dir: Path | None = None,
    remotes: Remotes | None = None,
) -> Transcriber:
    """The engine for recordings, giving way to live work by ``niceness``.

    ``hosts``, ``models_dir``, ``remotes`` and what is raised: as with ``open_live``.
    """
    chosen, info = await asyncio.to_thread(_read, name, models_dir)
    engine = chosen.engine
    require_pass(name, engine.info, live=False)
    if engine.remote_batch:
        order = Order(chosen.model, remotes or Remotes(), timeout_s)
        remote: Transcriber = _factory(engine.remote_batch)(order)
        return remote
    if engine.inline is not None:
        return Inline(engine.inline())
    pool = HostPool(
        engine.hosted,
        info,
        hosts=hosts or engine.hosts or usable_cores(),
        streams_per_host=None,
        niceness=niceness,
        timeout_s=timeout_s,
        start_timeout_s=engine.start_timeout_s,
        options=chosen.arguments,
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


def _factory(named: str) -> Callable[[Order], Any]:
    """What makes a remote engine, imported on use."""
    module, _, name = named.partition(":")
    factory: Callable[[Order], Any] = getattr(importlib.import_module(module), name)
    return factory


@dataclass(frozen=True, slots=True)
class _Chosen:
    """An engine as a setting names it. ``model``: its directory, or what its server calls it;
    ``said``: the options as they were written."""

    engine: Engine
    model: str = ""
    options: Mapping[str, object] = field(default_factory=dict)
    said: str = ""

    @property
    def info(self) -> EngineInfo:
        """What it can do. The options are part of the model's name: they may change words."""
        info = self._own_info()
        if info.remote:
            return replace(info, device="remote")
        if "device" in self.engine.options:
            info = replace(info, device=str(self.options.get("device", "auto")))
        return replace(info, model=f"{info.model}?{self.said}") if self.said else info

    @property
    def arguments(self) -> dict[str, object]:
        """What its factory is given."""
        return {"model": self.model, **self.options} if self.model else dict(self.options)

    def _own_info(self) -> EngineInfo:
        engine, model = self.engine, self.model
        if engine.remote_info is not None:
            return engine.remote_info(model)
        if not model:
            return engine.info
        if engine.describe is not None:
            return replace(engine.describe(Path(model)), chosen=True)
        return replace(engine.info, model=Path(model).name, chosen=True)


def _read(name: str, models_dir: Path | None) -> tuple[_Chosen, EngineInfo]:
    """As ``_chosen``, with what its model's files say of it; blocks."""
    chosen = _chosen(name, models_dir)
    return chosen, chosen.info


def _chosen(name: str, models_dir: Path | None) -> _Chosen:
    """Raises SettingError for what nobody has, ModelMissing for a model that is not there."""
    plain, colon, model = name.partition(":")
    engine = ENGINES.get(plain)
    if engine is None:
        raise SettingError(f"There is no engine {plain!r}; there are {', '.join(ENGINES)}.")
    if engine.info.remote:
        if engine.takes_model and not model:
            raise SettingError(
                f"Engine {plain} needs the name of a model, as its server calls it.",
                f"For example: {plain}:{_EXAMPLES[plain]}",
            )
        return _Chosen(engine, model)
    if engine.takes_model:
        model, _, said = model.partition("?")
        options = parse_options(plain, said, engine.options)
        return _Chosen(engine, str(directory_of(plain, model, models_dir)), options, said)
    if colon:
        raise SettingError(f"Engine {plain} brings its own model; it got {model!r}.")
    return _Chosen(engine)
