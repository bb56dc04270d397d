"""Diarization in a process of its own: sound goes over in pieces, and turns come back."""

from __future__ import annotations

import asyncio
import itertools
import time
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from twicetold.enrich.apart import Apart, Died, Process
from twicetold.speech.turns import Turn

if TYPE_CHECKING:
    from twicetold.enrich.speakers import Diarization, Diarizer

T = TypeVar("T")

PIECE_S = 10.0  # of sound that make a message
MOST_S = 30.0  # that may wait here while one is on its way
_HANGS_AFTER_S = 120.0

_numbers = itertools.count(1)  # of diarizations, whatever the process


@dataclass(frozen=True, slots=True)
class DiarizerElsewhere:
    """``open`` makes the Diarizer that works there, once for each ``key``: a function of a module,
    or a partial of one. ``within_s``: what takes longer hangs."""

    name: str
    key: str
    open: Callable[[], Diarizer]
    apart: Apart
    within_s: float = _HANGS_AFTER_S

    def start(self, rate: int, sure: bool = True) -> DiarizationElsewhere:
        """Begins nothing there before there is sound for it: the first of it, where it is ``sure``
        that voices are to be told apart; else a piece."""
        return DiarizationElsewhere(self, rate, sure)

    async def prove(self) -> None:
        """Have it opened there. Raises what ``open`` raises, and EnrichmentFailed."""
        await self.apart.call(self.name, _opened, self.key, self.open)


class DiarizationElsewhere:
    """One channel of one recording. At most ``MOST_S`` of its sound wait here, and ``PIECE_S`` are
    on their way. ``accept`` may be called in a thread, while nobody calls another verb."""

    def __init__(self, diarizer: DiarizerElsewhere, rate: int, sure: bool) -> None:
        self._diarizer, self._rate = diarizer, rate
        self._enough_s = 0.0 if sure else PIECE_S  # to send something
        self._number = next(_numbers)
        self.compute_s = 0.0  # of the diarizer, there
        self._process: Process | None = None
        self._sound = bytearray()
        self._speech = array("d")
        self._sending: asyncio.Task[None] | None = None

    def accept(self, pcm: bytes, speech: Sequence[float] = ()) -> None:
        """As of a Diarization; it only gathers."""
        self._sound += pcm
        self._speech.extend(speech)

    async def hand_on(self) -> None:
        """Send what was gathered once it is enough; returns when there is room for more. Raises
        what the diarizer raises, and Died."""
        while self._sound and self._waiting_s >= self._enough_s:
            if self._sending is not None:
                if not self._sending.done() and self._waiting_s < MOST_S:
                    return
                await self._sent()
            self._send()

    async def finish(self) -> list[Turn]:
        """As of a Diarization, of all that was gathered. Raises as ``hand_on``."""
        await self._sent()
        while self._process is None or self._sound:
            self._send()
            await self._sent()
        assert self._process is not None
        turns, compute_s = await self._ask(self._process, _finish, self._number)
        self.compute_s += compute_s
        self._process = None  # there is nothing left of it there
        return turns

    def close(self) -> None:
        """Let go of what is held there, if anything is; nothing is heard of it again."""
        sending, self._sending = self._sending, None
        if sending is not None:
            sending.add_done_callback(_seen)
            sending.cancel()
        if self._process is not None:
            self._process.tell(_close, self._number)
            self._process = None
        self._sound.clear()

    @property
    def _waiting_s(self) -> float:
        return len(self._sound) / 2 / self._rate

    async def _sent(self) -> None:
        """Wait until nothing is on its way."""
        if self._sending is not None:
            # Shielded: who is cancelled here closes it, which cancels that as well.
            await asyncio.shield(self._sending)
            self._sending = None

    def _send(self) -> None:
        size = int(PIECE_S * self._rate) * 2
        self._enough_s = PIECE_S
        pcm, speech = bytes(self._sound[:size]), self._speech.tobytes()
        del self._sound[:size]
        del self._speech[:]
        self._sending = asyncio.create_task(self._over(pcm, speech))

    async def _over(self, pcm: bytes, speech: bytes) -> None:
        if self._process is None:
            try:
                await self._begin()
            except Died:  # before or while it began, with nothing of ours
                await self._begin()
        assert self._process is not None
        self.compute_s += await self._ask(self._process, _accept, self._number, pcm, speech)

    async def _begin(self) -> None:
        made = self._diarizer
        self._process = made.apart.process()
        await self._ask(self._process, _start, self._number, made.key, made.open, self._rate)

    async def _ask(self, process: Process, work: Callable[..., T], *arguments: object) -> T:
        return await process.ask(work, *arguments, within_s=self._diarizer.within_s)


def _seen(sending: asyncio.Task[None]) -> None:
    """What nobody waits for may fail."""
    if not sending.cancelled():
        sending.exception()


# --- in the other process -------------------------------------------------------------------------

_diarizers: dict[str, Diarizer] = {}
_diarizations: dict[int, Diarization] = {}


def _opened(key: str, make: Callable[[], Diarizer]) -> None:
    if key not in _diarizers:
        _diarizers[key] = make()


def _start(number: int, key: str, make: Callable[[], Diarizer], rate: int) -> None:
    _opened(key, make)
    _diarizations[number] = _diarizers[key].start(rate)


def _accept(number: int, pcm: bytes, speech: bytes) -> float:
    """The seconds that it took."""
    began = time.perf_counter()
    told = array("d")
    told.frombytes(speech)
    _diarizations[number].accept(pcm, told)
    return time.perf_counter() - began


def _finish(number: int) -> tuple[list[Turn], float]:
    """The turns, and the seconds that they took."""
    began = time.perf_counter()
    turns = _diarizations.pop(number).finish()
    return turns, time.perf_counter() - began


def _close(number: int) -> None:
    _diarizations.pop(number, None)
