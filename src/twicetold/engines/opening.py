"""Several engines opened at once, each with the health that all share who use it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeVar

import structlog

from twicetold.choice.chain import Member
from twicetold.choice.health import Health
from twicetold.engines import EngineInfo, Sound, StreamingTranscriber, Transcriber
from twicetold.engines.pool import HostPool
from twicetold.engines.registry import open_batch, open_live
from twicetold.engines.remote import Remotes
from twicetold.errors import EngineFailed, EngineHostDied, TwicetoldError
from twicetold.speech.transcript import Hypothesis

log = structlog.get_logger()


class Closing(Protocol):
    @property
    def info(self) -> EngineInfo: ...

    async def aclose(self) -> None: ...


T = TypeVar("T", bound=Closing)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Names of engines, the most wanted first: the server's, and those of tenants besides."""

    server: tuple[str, ...]
    tenants: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys((*self.server, *self.tenants)))

    def can_do_without(self, name: str, error: Exception) -> bool:
        """Not without the first; without another of the server's where it is away, and not where
        a person has set it wrongly; what is wrong with a tenant's costs nobody else anything."""
        if not isinstance(error, TwicetoldError) or name in self.server[:1]:
            return False
        return name not in self.server or isinstance(error, EngineFailed | EngineHostDied)


async def open_all(wanted: Wanted, opened: Callable[[str], Awaitable[T]]) -> dict[str, Member[T]]:
    """The engines that are wanted, but for those that one can do without, which are told in the
    log; else none, and the first that could not be opened raises."""
    names = list(wanted)
    results = await asyncio.gather(*(opened(name) for name in names), return_exceptions=True)
    members: dict[str, Member[T]] = {}
    failure: BaseException | None = None
    for name, result in zip(names, results, strict=True):
        if not isinstance(result, BaseException):
            members[name] = Member(result)
        elif isinstance(result, Exception) and wanted.can_do_without(name, result):
            log.warning("engine_not_open", engine=name, reason=str(result))
        else:
            failure = failure or result
    if failure is not None:
        await close_all(members)
        raise failure
    return members


class NotOpen:
    """A Transcriber in the place of one that could not be opened, so that whoever steps in for it
    is known as a stand-in."""

    parallel = workers = 1

    def __init__(self, info: EngineInfo) -> None:
        self.info = info

    async def transcribe(self, sounds: Sequence[Sound], language: str) -> list[Hypothesis]:
        raise EngineFailed(
            f"Engine {self.info.label} could not be opened when the worker started.",
            "The worker's log says why; start it again once that is mended.",
        )

    async def aclose(self) -> None:
        """Nothing is held."""


async def close_all(members: Mapping[str, Member[T]]) -> None:
    await asyncio.gather(*(member.engine.aclose() for member in members.values()))


def healths_of(members: Mapping[str, Member[Any]]) -> dict[str, Health]:
    return {member.label: member.health for member in members.values()}


def guarded_by(engines: Mapping[str, object]) -> dict[str, Mapping[str, int]]:
    """What the guards of those did that run in hosts, by reason; it is counted on."""
    return {
        label: engine.guarded for label, engine in engines.items() if isinstance(engine, HostPool)
    }


@dataclass(frozen=True, slots=True)
class OpenLive:
    """The live pass's engines by name: for what is spoken, and for hearing it again."""

    streaming: Mapping[str, Member[StreamingTranscriber]]
    again: Mapping[str, Member[Transcriber]]

    @classmethod
    async def of(
        cls,
        streaming: Wanted,
        again: Wanted,
        *,
        hosts: int,
        timeout_s: float,
        models_dir: Path | None = None,
        remotes: Remotes | None = None,
    ) -> OpenLive:
        """Raises what ``open_live`` and ``open_batch`` raise, with nothing left open."""
        live = partial(
            open_live, hosts=hosts, timeout_s=timeout_s, models_dir=models_dir, remotes=remotes
        )
        first = await open_all(streaming, live)
        try:
            batch = partial(
                open_batch,
                hosts=hosts,
                timeout_s=timeout_s,
                niceness=0,
                models_dir=models_dir,
                remotes=remotes,
            )
            return cls(first, await open_all(again, batch))
        except BaseException:
            await close_all(first)
            raise

    def healths(self) -> dict[str, dict[str, Health]]:
        """By what they are for, then by their labels."""
        return {"live": healths_of(self.streaming), "live_final": healths_of(self.again)}

    def guarded(self) -> dict[str, Mapping[str, Mapping[str, int]]]:
        """As ``healths``; see ``guarded_by``."""
        return {
            "live": guarded_by({each.label: each.engine for each in self.streaming.values()}),
            "live_final": guarded_by({each.label: each.engine for each in self.again.values()}),
        }

    async def aclose(self) -> None:
        await close_all(self.streaming)
        await close_all(self.again)
