"""Engine ``auto``: the best one whose model is on this machine and that keeps up, measured."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from twicetold.choice.wishes import AUTO, Use, parse_wishes
from twicetold.cli.console import note
from twicetold.engines import Sound
from twicetold.errors import BadParameter, SettingError, TwicetoldError

if TYPE_CHECKING:
    from twicetold.config import Settings

_BATCH_SPEED = 1.0  # × real time; what waits in the queue is not lost
_TRIES = 2  # the first one makes room for itself


@dataclass(frozen=True, slots=True)
class Candidate:
    """An engine that could be had; ``needed`` is how many × real time it must transcribe."""

    name: str
    rank: int
    size_bytes: int
    needed: float


async def with_engines_chosen(
    settings: Settings, measured: Collection[Use] = tuple(Use)
) -> Settings:
    """The settings with each ``auto`` in them replaced by an engine's name. Says which and why.

    What is not ``measured``, as another process does it, is the best that is here. Raises
    SettingError where none is.
    """
    changes: dict[str, str] = {}
    for use in Use:
        wishes = parse_wishes(getattr(settings, use.value) or "")
        if any(wish.name == AUTO for wish in wishes):
            best = await _best(use, settings, measured=use in measured)
            chosen = [replace(wish, name=best) if wish.name == AUTO else wish for wish in wishes]
            changes[use.value] = ", ".join(dict.fromkeys(str(wish) for wish in chosen))
    return replace(settings, **changes)  # type: ignore[arg-type]


async def _best(use: Use, settings: Settings, *, measured: bool) -> str:
    passed_over: list[str] = []
    for candidate in candidates(use, settings):
        if not measured:
            return candidate.name
        try:
            speed = await speed_of(candidate.name, use, settings)
        except TwicetoldError as error:
            passed_over.append(f"{candidate.name} does not start: {error}")
            continue
        if speed >= candidate.needed:
            why = "".join(f"; {each}" for each in passed_over)
            note(f"{use.value} auto: {candidate.name}, {speed:.1f} × real time{why}")
            return candidate.name
        needs = f"it needs {candidate.needed:g}"
        passed_over.append(f"{candidate.name} is too slow here ({speed:.1f} × real time, {needs})")
    raise SettingError(
        f"{use.value} auto found no engine for {settings.language} that keeps up on this machine"
        + "".join(f"; {each}" for each in passed_over)
        + ".",
        "Get a model: twicetold models list. Or name the engine yourself.",
    )


def candidates(use: Use, settings: Settings) -> list[Candidate]:
    """Engines of this house for the server's language, the best first: that makes fewer errors on
    the whole, and of one engine's models the largest."""
    from twicetold.parts import engines_here

    found = []
    for here in engines_here(settings):
        if not (here.info.live if use is Use.LIVE else here.info.batch):
            continue
        try:
            here.info.spoken(settings.language)
        except BadParameter:
            continue
        needed = here.live_speed if use is Use.LIVE else _BATCH_SPEED
        found.append(Candidate(here.name, here.info.rank, here.size_bytes, needed))
    return sorted(found, key=lambda each: (-each.rank, -each.size_bytes, each.name))


async def speed_of(name: str, use: Use, settings: Settings) -> float:
    """How many times faster than real time an engine hears a sample, one sound at a time."""
    from twicetold.parts import open_batch, open_live

    note(f"{use.value} auto: measuring {name}")
    options = {"hosts": 1, "timeout_s": settings.engine_timeout_s}
    sound = await _sample()
    language = settings.language
    costs: list[float] = []
    if use is Use.LIVE and not _has_batch(name, settings):
        live = await open_live(name, **options, models_dir=settings.models_path)  # type: ignore[arg-type]
        try:
            for _ in range(_TRIES):
                began = time.perf_counter()
                stream = await live.start_stream(sound.rate, live.info.spoken(language))
                await stream.accept(sound.pcm)
                await stream.finish()
                costs.append(time.perf_counter() - began)
        finally:
            await live.aclose()
        return sound.seconds / min(costs)
    batch = await open_batch(name, **options, niceness=0, models_dir=settings.models_path)  # type: ignore[arg-type]
    try:
        for _ in range(_TRIES):
            began = time.perf_counter()
            await batch.transcribe([sound], batch.info.spoken(language))
            costs.append(time.perf_counter() - began)
    finally:
        await batch.aclose()
    return sound.seconds / min(costs)


def _has_batch(name: str, settings: Settings) -> bool:
    from twicetold.parts import engine_info

    return engine_info(name, settings.models_path).batch


async def _sample() -> Sound:
    """Speech that comes with the package, or noise where it was left out."""
    from twicetold.cli.samples import spoken_sample

    return await spoken_sample() or _noise()


def _noise() -> Sound:
    import numpy as np

    loud: Sequence[float] = np.random.default_rng(0).normal(0.0, 3_000.0, 160_000)  # type: ignore[assignment]
    return Sound(np.asarray(loud).clip(-32_768, 32_767).astype("<i2").tobytes(), 16_000)
